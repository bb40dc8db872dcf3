package hubspottest

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

func (p *Portal) mustType(name string) *objectType {
	t := p.byName[name]
	if t == nil {
		panic(fmt.Sprintf("hubspottest: the portal has no object type %q", name))
	}
	return t
}

func (p *Portal) must(objectType, id string) (*objectType, *record) {
	t := p.mustType(objectType)
	r := t.resolve(id)
	if r == nil {
		panic(fmt.Sprintf("hubspottest: %s has no record %s", objectType, id))
	}
	return t, r
}

func (p *Portal) mustProperty(t *objectType, name string) *property {
	pr := t.properties[name]
	if pr == nil {
		panic(fmt.Sprintf("hubspottest: %s has no property %q", t.name, name))
	}
	return pr
}

// plain is the unlabelled association type between two object types.
func (p *Portal) plain(from, to *objectType) *linkType {
	kinds := p.pairs[pairKey{from, to}]
	if len(kinds) == 0 {
		panic(fmt.Sprintf("hubspottest: %s and %s cannot be associated", from.name, to.name))
	}
	return kinds[0]
}

func (p *Portal) add(objectType string, properties map[string]string) string {
	return p.addAt(objectType, properties, time.Now())
}

// addAt adds a record that was made then.
func (p *Portal) addAt(objectType string, properties map[string]string, at time.Time) string {
	t := p.mustType(objectType)
	changes := t.slotValues(nil, properties)
	r := p.insert(t, at)
	p.set(t, r, changes, at)
	return r.idText()
}

// slotValues checks names and unique values.
func (t *objectType) slotValues(r *record, properties map[string]string) []slotValue {
	var out []slotValue
	for _, name := range sortedKeys(properties) {
		pr := t.properties[name]
		if pr == nil || pr.compute != nil {
			panic(fmt.Sprintf("hubspottest: %s has no property %q that can be set", t.name, name))
		}
		v := properties[name]
		if pr.email {
			v = strings.ToLower(v)
		}
		for _, k := range pr.keys(v) {
			if holder := pr.index[k]; holder != nil && holder != r {
				panic(fmt.Sprintf("hubspottest: the value of %s belongs to %s %d already", name, t.name, holder.id))
			}
		}
		out = append(out, slotValue{pr.slot, v})
	}
	return out
}

// with is a copy of the map with one more entry.
func with(m map[string]string, key, value string) map[string]string {
	out := make(map[string]string, len(m)+1)
	maps.Copy(out, m)
	out[key] = value
	return out
}

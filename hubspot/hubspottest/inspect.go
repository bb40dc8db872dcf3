package hubspottest

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// A Record is a copy of one CRM record.
type Record struct {
	Type       string // "contacts", or a custom object's name
	ID         string
	Properties map[string]string // those with a value, computed ones included
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Archived   bool
}

// A Link is an association as seen from one record.
type Link struct {
	ToID  string
	Types []int // sorted association type ids
}

// A Schema is a copy of a custom object's definition.
type Schema struct {
	ID, Name, FullyQualifiedName string
	Singular, Plural             string
	Primary                      string
	Searchable, Required         []string
	Properties                   []Property
	Groups                       []string
	AssociatedWith               []string // names of object types
}

// A Property is a copy of a property definition.
type Property struct {
	Name, Label, Type, FieldType, Group string
	NumberDisplayHint, TextDisplayHint  string
	CurrencyPropertyName                string
	Unique, Archived                    bool
	Options                             []string
}

// Record returns the record with this id, archived or not. It follows merges.
func (p *Portal) Record(objectType, id string) (Record, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.byName[objectType]
	if t == nil {
		return Record{}, false
	}
	r := t.resolve(id)
	if r == nil {
		return Record{}, false
	}
	return p.copyRecord(t, r), true
}

// Records yields the live records of a type by id. The portal may be used
// while the caller loops; a record changed meanwhile is yielded as it is then.
func (p *Portal) Records(objectType string) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for last := int64(-1); ; {
			rec, id := p.after(objectType, last)
			if id < 0 || !yield(rec) {
				return
			}
			last = id
		}
	}
}

// after returns the first live record with a greater id.
func (p *Portal) after(objectType string, id int64) (Record, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.byName[objectType]
	if t == nil {
		return Record{}, -1
	}
	i, _ := slices.BinarySearchFunc(t.order, id+1, func(r *record, id int64) int { return cmp.Compare(r.id, id) })
	for ; i < len(t.order); i++ {
		if r := t.order[i]; r.archived == 0 {
			return p.copyRecord(t, r), r.id
		}
	}
	return Record{}, -1
}

// Find returns the live records whose property has this value, by id.
func (p *Portal) Find(objectType, property, value string) []Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.byName[objectType]
	if t == nil || t.properties[property] == nil {
		return nil
	}
	pr := t.properties[property]
	if pr.index != nil {
		if r := pr.index[value]; r != nil && r.archived == 0 {
			return []Record{p.copyRecord(t, r)}
		}
		return nil
	}
	var out []Record
	for _, r := range t.order {
		if r.archived == 0 && p.value(r, pr, r.values) == value {
			out = append(out, p.copyRecord(t, r))
		}
	}
	return out
}

// Count is the number of live records of a type.
func (p *Portal) Count(objectType string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.byName[objectType]; t != nil {
		return t.live
	}
	return 0
}

// Links returns the associations of a record by the other type's name, each
// list by id.
func (p *Portal) Links(objectType, id string) map[string][]Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string][]Link)
	t := p.byName[objectType]
	if t == nil {
		return out
	}
	r := t.resolve(id)
	if r == nil {
		return out
	}
	for _, other := range p.types {
		rels := r.relatedTo(other)
		slices.SortFunc(rels, func(a, b related) int { return cmp.Compare(a.to.id, b.to.id) })
		for _, rel := range rels {
			l := Link{ToID: rel.to.idText()}
			for _, k := range rel.kinds {
				l.Types = append(l.Types, k.id)
			}
			slices.Sort(l.Types)
			out[other.name] = append(out[other.name], l)
		}
	}
	return out
}

// SchemaOf returns the definition of a custom object by name or type id.
func (p *Portal) SchemaOf(name string) (Schema, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.byName[name]
	if t == nil || !t.custom {
		return Schema{}, false
	}
	s := Schema{
		ID: t.id, Name: t.name, FullyQualifiedName: t.fullName, Singular: t.face.singular, Plural: t.face.plural,
		Primary: t.face.primary, Searchable: slices.Clone(t.face.searchable), Required: slices.Clone(t.face.required),
	}
	for _, pr := range t.slots {
		if pr.hubspot {
			continue
		}
		q := Property{
			Name: pr.Name, Label: pr.Label, Type: pr.Type, FieldType: pr.FieldType, Group: pr.GroupName,
			NumberDisplayHint: pr.NumberDisplayHint, TextDisplayHint: pr.TextDisplayHint, CurrencyPropertyName: pr.CurrencyPropertyName,
			Unique: pr.HasUniqueValue, Archived: pr.archived,
		}
		for _, o := range pr.Options {
			q.Options = append(q.Options, o.Value)
		}
		s.Properties = append(s.Properties, q)
	}
	for _, g := range t.groups {
		if !g.Archived {
			s.Groups = append(s.Groups, g.Name)
		}
	}
	for _, other := range p.types {
		if len(p.pairs[pairKey{t, other}]) > 0 {
			s.AssociatedWith = append(s.AssociatedWith, other.name)
		}
	}
	return s, true
}

func (p *Portal) copyRecord(t *objectType, r *record) Record {
	out := Record{
		Type: t.name, ID: r.idText(), Properties: make(map[string]string), Archived: r.archived != 0,
		CreatedAt: time.UnixMilli(r.created).UTC(), UpdatedAt: time.UnixMilli(r.updated).UTC(),
	}
	for _, pr := range t.slots {
		if v := p.value(r, pr, r.values); v != "" && !pr.archived {
			out.Properties[pr.Name] = v
		}
	}
	return out
}

// A Snapshot is everything the portal holds that is worth comparing: stored
// values and associations, without times and what HubSpot computes.
type Snapshot map[string]map[string]SnapshotRecord // by type name and record id

// A SnapshotRecord is one record of a snapshot.
type SnapshotRecord struct {
	Properties map[string]string
	Links      map[string][]Link
	Archived   bool
}

// Snapshot copies the portal's records.
func (p *Portal) Snapshot() Snapshot {
	p.mu.Lock()
	types := slices.Clone(p.types)
	p.mu.Unlock()
	out := make(Snapshot)
	for _, t := range types {
		p.mu.Lock()
		order := slices.Clone(t.order)
		p.mu.Unlock()
		records := make(map[string]SnapshotRecord, len(order))
		for _, r := range order {
			p.mu.Lock()
			s := SnapshotRecord{Properties: make(map[string]string), Archived: r.archived != 0}
			for _, pr := range t.slots {
				if v := r.values.get(pr.slot); v != "" {
					s.Properties[pr.Name] = v
				}
			}
			p.mu.Unlock()
			s.Links = p.Links(t.id, r.idText())
			records[r.idText()] = s
		}
		out[t.name] = records
	}
	return out
}

package hubspottest

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A record is one CRM record.
type record struct {
	id       int64
	created  int64 // Unix milliseconds
	updated  int64
	archived int64 // 0 while it lives
	values   packed
	links    []link
}

// An objectType is contacts, companies, deals or a custom object.
type objectType struct {
	id       string // "0-1", "2-4711"
	name     string // "contacts", "thnks"
	fullName string // "p62515_thnks"; equal to name for HubSpot's own
	upper    string // as messages spell it: "CONTACT"
	custom   bool
	created  time.Time
	archived bool
	hidden   bool // see [Portal.Hide]

	face     face // the definition that a PATCH changes
	oldFace  face // shown until faceFrom
	faceFrom time.Time
	listed   time.Time // from when the list shows it

	properties   map[string]*property
	slots        []*property
	groups       []propertyGroup
	defaults     []string // what a read returns when nothing is asked for
	createdDate  *property
	modifiedDate *property

	records map[int64]*record
	order   []*record       // by id; merged ones are cut out
	merged  map[int64]int64 // old id → id of the merged record
	live    int             // records that are neither archived nor merged
	lagging []lagEntry      // changes that search does not see yet
}

// face is the part of a schema that can be edited.
type face struct {
	singular, plural, description string
	primary                       string
	secondary                     []string
	searchable                    []string
	required                      []string
}

// named finds a type as requests name it: by name, a custom one by its fully
// qualified name only, or by type id.
// https://developers.hubspot.com/docs/api-reference/latest/crm/objects/custom-objects/guide
func (p *Portal) named(name string) *objectType {
	t := p.byName[name]
	if t != nil && t.custom && name == t.name {
		return nil
	}
	return t
}

// find returns the record with this id, archived ones included.
func (t *objectType) find(id string) *record {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return t.records[n]
}

// resolve is find that follows merges, as calls for a single record do.
func (t *objectType) resolve(id string) *record {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	for next, ok := t.merged[n]; ok; next, ok = t.merged[n] {
		n = next
	}
	return t.records[n]
}

// wasMerged reports whether the id belongs to a record merged away.
func (t *objectType) wasMerged(id string) bool {
	n, err := strconv.ParseInt(id, 10, 64)
	_, ok := t.merged[n]
	return err == nil && ok
}

// byValue returns the record that holds a unique value.
func (t *objectType) byValue(pr *property, value string, archived bool) *record {
	index := pr.index
	if archived {
		index = pr.archivedIndex
	}
	return index[value]
}

// insert adds a new record; ids grow, so order stays sorted.
func (p *Portal) insert(t *objectType, now time.Time) *record {
	r := &record{id: p.newID(), created: now.UnixMilli(), updated: now.UnixMilli()}
	t.records[r.id] = r
	t.order = append(t.order, r)
	t.live++
	p.remember(t, r, now, false)
	return r
}

func (p *Portal) newID() int64 {
	id := p.nextID
	p.nextID += 1 + p.rng.Int64N(9)
	return id
}

// set writes values, keeping the indexes and what search still shows.
func (p *Portal) set(t *objectType, r *record, changes []slotValue, now time.Time) {
	p.remember(t, r, now, true)
	p.stageChanges(t, r, changes, now)
	for _, c := range changes {
		if pr := t.slots[c.slot]; pr.index != nil {
			pr.unindex(r, r.values.get(c.slot))
			pr.take(r, c.value)
		}
	}
	r.values = r.values.with(changes)
	r.updated = now.UnixMilli()
}

// archive hides a record; its associations go, as in HubSpot.
func (p *Portal) archive(t *objectType, r *record, now time.Time) {
	if r.archived != 0 {
		return
	}
	r.archived = now.UnixMilli()
	t.live--
	for len(r.links) > 0 {
		p.unlink(r, r.links[len(r.links)-1])
	}
	for _, pr := range t.slots {
		if pr.index == nil {
			continue
		}
		for _, v := range pr.keys(r.values.get(pr.slot)) {
			pr.archivedIndex[v] = r
			if !p.opt.ArchivedHoldUnique && pr.index[v] == r {
				delete(pr.index, v)
			}
		}
	}
}

// restore brings an archived record back, without its associations. It fails
// when another record has taken one of its unique values.
func (p *Portal) restore(t *objectType, r *record, now time.Time) bool {
	for _, pr := range t.slots {
		for _, v := range pr.keys(r.values.get(pr.slot)) {
			if other := pr.index[v]; other != nil && other != r {
				return false
			}
		}
	}
	p.remember(t, r, now, false)
	r.archived, r.updated = 0, now.UnixMilli()
	t.live++
	for _, pr := range t.slots {
		if pr.index == nil {
			continue
		}
		v := r.values.get(pr.slot)
		pr.take(r, v)
		for _, k := range pr.keys(v) {
			if pr.archivedIndex[k] == r {
				delete(pr.archivedIndex, k)
			}
		}
	}
	return true
}

// keys are the index entries of a value: the value, or for additional e-mail
// addresses each of them.
func (pr *property) keys(value string) []string {
	switch {
	case pr.index == nil || value == "":
		return nil
	case pr.many:
		return slices.DeleteFunc(strings.Split(strings.ToLower(value), ";"), func(s string) bool { return s == "" })
	}
	return []string{value}
}

func (pr *property) take(r *record, value string) {
	for _, k := range pr.keys(value) {
		pr.index[strings.Clone(k)] = r // not a view of the packed values
	}
}

func (pr *property) unindex(r *record, value string) {
	for _, k := range pr.keys(value) {
		if pr.index[k] == r {
			delete(pr.index, k)
		}
	}
}

func (r *record) idText() string { return strconv.FormatInt(r.id, 10) }

// value is what a read shows of a property, computed ones included.
func (p *Portal) value(r *record, pr *property, from packed) string {
	if pr.compute != nil {
		if old, ok := p.stillShown(r, pr); ok {
			return old
		}
		return pr.compute(p, r, from)
	}
	return from.get(pr.slot)
}

func isoMilli(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

package hubspottest

import (
	"slices"
	"strings"
	"time"
)

// merge makes a third record of two: a's values, completed from b's. Both old
// ids resolve to it in calls for a single record, and vanish from batches.
// https://developers.hubspot.com/changelog/updated-merge-functionality-for-contacts-and-companies
func (p *Portal) merge(t *objectType, a, b *record, now time.Time) *record {
	values := make([]slotValue, 0, len(t.slots))
	for _, pr := range t.slots {
		v := a.values.get(pr.slot)
		other := b.values.get(pr.slot)
		switch {
		case pr.Name == "hs_merged_object_ids":
			v = joined(v, other, a.idText(), b.idText())
		case pr.Name == "hs_additional_emails":
			email := t.properties["email"].slot
			v = joined(v, other)
			if a.values.get(email) != "" {
				v = joined(v, b.values.get(email))
			}
		case v == "":
			v = other
		}
		values = append(values, slotValue{pr.slot, v})
	}
	links := slices.Concat(a.links, b.links)
	p.archive(t, a, now)
	p.archive(t, b, now)
	p.remove(t, a)
	p.remove(t, b)
	rec := p.insert(t, now)
	rec.created = min(a.created, b.created)
	t.merged[a.id], t.merged[b.id] = rec.id, rec.id
	p.set(t, rec, values, now)
	for _, l := range links {
		if l.kind.single && slices.ContainsFunc(rec.links, func(have link) bool { return have.kind == l.kind }) {
			continue // a's primary company stays
		}
		if l.to != a && l.to != b {
			p.associate(rec, l.to, l.kind)
		}
	}
	return rec
}

// remove takes an archived record out of the portal for good.
func (p *Portal) remove(t *objectType, old *record) {
	for _, pr := range t.slots {
		v := old.values.get(pr.slot)
		pr.unindex(old, v)
		for _, k := range pr.keys(v) {
			delete(pr.archivedIndex, k)
		}
	}
	delete(t.records, old.id)
	i := slices.Index(t.order, old)
	t.order = slices.Delete(t.order, i, i+1)
}

// joined appends values to a list in which each stands once.
func joined(list string, more ...string) string {
	var out []string
	for _, part := range append([]string{list}, more...) {
		for v := range strings.SplitSeq(part, ";") {
			if v != "" && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return strings.Join(out, ";")
}

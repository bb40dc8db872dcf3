package plan

import (
	"maps"
	"slices"
)

// Make plans one change per gift in want, sorted by transaction id. Gifts may
// come in any order and more than once; those with one id are merged with each
// other and with the journal's gift.
//
// The journal decides what exists: have holds an entry for every gift of want
// that has a record. who should hold the recipient's address of every gift that
// has no record yet. If an address is missing, no contact is linked and no
// orphan reason is set.
func Make(want []Gift, have map[string]Stored, who Directory, r Rules) Plan {
	seen := make(map[string]Gift, len(want))
	for _, g := range want {
		if other, ok := seen[g.ID]; ok {
			g = Merge(other, g)
		}
		seen[g.ID] = g
	}
	p := make(Plan, 0, len(seen))
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		stored, exists := have[id]
		p = append(p, change(seen[id], stored, exists, who, r))
	}
	return p
}

// change plans one gift.
func change(g Gift, have Stored, exists bool, who Directory, r Rules) Change {
	if _, sent := SendOf(g.ID); sent {
		g = g.lasting(have.Gift)
	} else {
		g = Merge(have.Gift, g)
	}
	c := Change{Gift: g, Have: have, ObjectID: have.ObjectID}
	if c.Skipped = skipped(have); c.Skipped != "" {
		c.Action = Skip
		c.Orphan, c.Ambiguous = have.Orphan, have.Ambiguous
		return c
	}
	c.Links, c.Orphan, c.Ambiguous, c.DealsCut = Links(g, have, who, r)
	if !exists {
		c.Action, c.Properties = Create, Properties(g)
		maps.DeleteFunc(c.Properties, func(name, _ string) bool { return slices.Contains(r.LeaveOut, name) })
		return c
	}
	c.Same = SameKnowledge(have.Gift, g)
	c.Properties, c.Reasons = r.Diff(g, have)
	return c.decided()
}

// skipped returns why a gift's record must not be written, "" where it may be.
func skipped(have Stored) string {
	switch {
	case !have.Erased.IsZero():
		return SkippedErased
	case !have.Deleted.IsZero():
		return SkippedDeleted
	}
	return ""
}

// decided returns the change of an existing record with its action set and the
// kinds of its links added to the reasons.
func (c Change) decided() Change {
	c.Reasons = slices.DeleteFunc(slices.Clone(c.Reasons), func(s string) bool { return slices.Contains(kinds, Kind(s)) })
	for _, k := range kinds {
		if has(c.Links, k) {
			c.Reasons = append(c.Reasons, string(k))
		}
	}
	c.Action = Keep
	if len(c.Properties) > 0 || len(c.Links) > 0 {
		c.Action = Update
	}
	return c
}

// Stored returns the journal entry after the change has succeeded. objectID is
// the record's id: HubSpot assigns it on Create and may return another one on
// Update if users merged the record. A skipped record stays as it was. Where
// [Rules.LeaveOut] is set, one that was written in full has [Rules.Mapping].
func (c Change) Stored(objectID string) Stored {
	s := c.Have
	if c.Action == Skip {
		return s
	}
	s.ObjectID = objectID
	s.Gift = c.Gift.Redacted()
	if _, whole := c.Properties[idProperty]; whole {
		s.Mapping = Mapping
	}
	s.Links = slices.Concat(c.Have.Links, c.Links)
	slices.SortFunc(s.Links, compareLinks)
	if HasMade(s.Links, Contact) {
		s.Former = Link{}
	}
	s.Orphan = c.Orphan
	s.Ambiguous = c.Ambiguous
	return s
}

package plan

import (
	"cmp"
	"slices"
	"time"
)

// Choose picks the contact of an address among those that a look-up found, in
// any order. Only contacts that have exactly this address count: primary before
// secondary, then the oldest, then the lowest id. The match is zero if there is
// none. It carries no deals yet.
func Choose(address string, found []Candidate) Match {
	want, ok := CanonicalEmail(address)
	if !ok {
		return Match{}
	}
	type hit struct {
		Candidate
		secondary bool
	}
	var hits []hit
	for _, c := range found {
		switch {
		case sameAddress(c.Email, want):
			hits = append(hits, hit{c, false})
		case slices.ContainsFunc(c.Additional, func(a string) bool { return sameAddress(a, want) }):
			hits = append(hits, hit{c, true})
		}
	}
	if len(hits) == 0 {
		return Match{}
	}
	best := slices.MinFunc(hits, func(a, b hit) int {
		return cmp.Or(
			compareBools(a.secondary, b.secondary),
			compareAges(a.Created, b.Created),
			CompareIDs(a.ID, b.ID),
			cmp.Compare(a.Company, b.Company),
		)
	})
	return Match{
		ID:        best.ID,
		Company:   best.Company,
		Secondary: best.secondary,
		Ambiguous: slices.ContainsFunc(hits, func(h hit) bool { return h.ID != best.ID }),
	}
}

func sameAddress(s, canonical string) bool {
	c, ok := CanonicalEmail(s)
	return ok && c == canonical
}

// compareBools orders false before true.
func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// compareAges orders the older before the younger; one of unknown age is last.
func compareAges(a, b time.Time) int {
	return cmp.Or(compareBools(a.IsZero(), b.IsZero()), a.Compare(b))
}

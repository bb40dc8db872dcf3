package sync

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// sampleSize is how many transactions of a listing are remembered.
const sampleSize = 100

// A sample says whether a complete listing is of the account that the last one was
// of which was believed: it shows at least half of some transactions that one showed.
// What is known says nothing of that, where hourly passes have copied another account's
// transactions meanwhile.
type sample struct {
	Of    int      `json:"of,omitempty"`    // how many the last believed listing showed
	Lacks []string `json:"lacks,omitempty"` // those of them that this one has not shown yet
	Own   []string `json:"own,omitempty"`   // of this one
}

// beginSample begins the sample of a listing of everything, or goes on with that of
// an earlier run.
func beginSample(r *run, name string, resumed bool) error {
	s := &r.counts.sample
	*s = sample{}
	if resumed {
		if found, err := Recall(r.journal, sampleEntry(name), s); err != nil || found {
			return err
		}
	}
	var known []string
	if _, err := Recall(r.journal, believedEntry, &known); err != nil {
		return err
	}
	have, err := r.journal.Gifts(known)
	if err != nil {
		return err
	}
	for _, id := range known {
		if g, ok := have[id]; ok && g.Gone.IsZero() {
			s.Lacks = append(s.Lacks, id)
		}
	}
	s.Of = len(s.Lacks)
	return nil
}

// add notes what a window shows.
func (s *sample) add(w *window) {
	shown := make(map[string]bool, len(w.gifts))
	for i := range w.gifts {
		shown[w.gifts[i].ID] = true
		s.Own = append(s.Own, w.gifts[i].ID)
	}
	for _, b := range w.bad {
		shown[b.id] = true
	}
	s.Lacks = slices.DeleteFunc(slices.Clone(s.Lacks), func(id string) bool { return shown[id] })
	place := func(id string) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(id)) // never fails
		return h.Sum64()
	}
	slices.SortFunc(s.Own, func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
	s.Own = slices.Clone(slices.Compact(s.Own))
	s.Own = s.Own[:min(len(s.Own), sampleSize)]
}

// smallness is how much this run has seen of the sample, and zero if that is at least
// half.
func (s *sample) smallness(r *run) smallListing {
	lacking := 0
	for _, id := range s.Lacks {
		if !r.counts.tally.has(id) { // in a second look
			lacking++
		}
	}
	if 2*lacking <= s.Of {
		return smallListing{}
	}
	return smallListing{Known: s.Of, Shown: s.Of - lacking, At: r.started}
}

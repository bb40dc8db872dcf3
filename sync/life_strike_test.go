package sync_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/simulation"
)

// What happens to the lives besides what tables name: the faults, the drifts, what
// people do and what happens at Thnks.
const (
	eventLost        = "event: lost on the way"
	eventDoubled     = "event: came twice"
	eventLate        = "event: came after a later one"
	eventStrange     = "event: of no row that Thnks shows"
	eventUnsigned    = "event: unsigned"
	eventUseless     = "event: says nothing of use"
	aheadOfTime      = "Thnks: stamp from the future"
	changedWhileRead = "Thnks: row changed while it is read"
	ruleStruck       = "HubSpot: conditional rule"
	fileLost         = "state file lost"
	brokenBeside     = "portal: broken beside others"
)

// strikes counts how often each kind of thing took effect.
type strikes struct {
	mu    sync.Mutex
	times map[string]int
}

// struck are the strikes of all histories that the model was played through.
var struck strikes

func (s *strikes) add(names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = make(map[string]int)
	}
	for _, name := range names {
		s.times[name]++
	}
}

// into adds a life's strikes to those of all.
func (s *strikes) into(all *strikes) {
	for name, n := range s.times {
		for range n {
			all.add(name)
		}
	}
}

// kinds are the names of everything that is to happen to the lives. The often ones
// strike in more than twenty of a thousand histories, the others in three to ten
// of them mostly.
func kinds() (often, seldom []string) {
	often = []string{
		simulation.BeforeCall, simulation.AfterCall, simulation.BeforeCommit, simulation.AfterCommit,
		eventLost, eventDoubled, eventLate, eventStrange, eventUnsigned, eventUseless,
		aheadOfTime, changedWhileRead, driftsDuringRun, fileLost, brokenBeside,
		uglyText, rowTouched, addedWhileRead, deletedWhileRead,
	}
	seldom = []string{ruleStruck, pageRepeated, "people: link removed", "people: link made", "people: gifts merged", "people: gift restored"}
	l := &life{model: &model{}}
	for _, w := range slices.Concat(l.edits(), l.burials(), l.happenings()) {
		if !slices.Contains(seldom, w.name) && !slices.Contains(often, w.name) {
			often = append(often, w.name)
		}
	}
	for _, f := range hubSpotFaults {
		seldom = append(seldom, f.name)
	}
	for _, f := range thnksFaults {
		seldom = append(seldom, f.name)
	}
	for _, d := range l.allDrifts() {
		seldom = append(seldom, d.name)
	}
	return often, seldom
}

// report shows the counts. A test whose faults do not happen finds nothing: of a
// thousand histories, all kinds that strike often have to have struck in one, and
// most of the others; of ten thousand, every kind.
func (s *strikes) report(t *testing.T, histories uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	often, seldom := kinds()
	all := slices.Concat(often, seldom)
	for name := range maps.Keys(s.times) {
		if !slices.Contains(all, name) {
			t.Errorf("counted, but not among the known kinds: %s", name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(s.times[b], s.times[a]), cmp.Compare(a, b)) })
	if t.Failed() {
		return
	}
	var table strings.Builder
	for _, name := range all {
		fmt.Fprintf(&table, "\n%8d  %s", s.times[name], name)
	}
	t.Logf("what took effect:%s", table.String())
	never := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return s.times[name] > 0 })
	}
	if names := never(often); len(names) > 0 && histories >= 1_000 {
		t.Errorf("in %d histories these never took effect: %q", histories, names)
	}
	most := len(seldom) / 3
	if histories >= 10_000 {
		most = 0
	}
	if names := never(seldom); len(names) > most && histories >= 1_000 {
		t.Errorf("in %d histories %d of what strikes seldom never took effect, at most %d may: %q", histories, len(names), most, names)
	}
}

// oddities are the kinds of an event that has come in.
func (l *life) oddities(ev store.Event) (names []string) {
	tx, there := l.Thnks.Transaction(ev.TransactionID)
	for name, is := range map[string]bool{
		eventDoubled:  ev.DuplicateOf != 0,
		eventLate:     slices.ContainsFunc(l.received, func(e store.Event) bool { return e.TransactionID == ev.TransactionID && e.At.After(ev.At) }),
		eventStrange:  !there || tx.VisibleAfter.After(ev.ReceivedAt),
		eventUnsigned: !ev.Signed,
		eventUseless:  ev.Effect == store.EffectListed,
	} {
		if is {
			names = append(names, name)
		}
	}
	return names
}

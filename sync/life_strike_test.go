package sync

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"thnks-hubspot-sync/store"
)

// What befalls the lives beside what tables name: the faults, the drifts, what
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

// kinds are the names of everything that is to befall the lives.
func kinds() []string {
	all := []string{
		beforeCall, afterCall, beforeCommit, afterCommit,
		eventLost, eventDoubled, eventLate, eventStrange, eventUnsigned, eventUseless,
		aheadOfTime, changedWhileRead, ruleStruck, inTheMidst, fileLost, brokenBeside,
	}
	l := &life{model: &model{}}
	for _, w := range slices.Concat(l.edits(), l.burials(), l.happenings()) {
		all = append(all, w.name)
	}
	for _, f := range hubSpotFaults {
		all = append(all, f.name)
	}
	for _, f := range thnksFaults {
		all = append(all, f.name)
	}
	for _, d := range l.allDrifts() {
		all = append(all, d.name)
	}
	return all
}

// report shows the counts. Of enough histories, every kind has to have struck in
// one: a test whose faults do not happen finds nothing.
func (s *strikes) report(t *testing.T, histories uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := kinds()
	for name := range maps.Keys(s.times) {
		if !slices.Contains(all, name) {
			t.Errorf("counted, but not among the known kinds: %s", name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(s.times[b], s.times[a]), cmp.Compare(a, b)) })
	all = slices.Compact(all)
	failed := t.Failed()
	var table strings.Builder
	for _, name := range all {
		fmt.Fprintf(&table, "\n%8d  %s", s.times[name], name)
		if s.times[name] == 0 && histories >= 10_000 && !failed {
			t.Errorf("in %d histories this never took effect: %s", histories, name)
		}
	}
	if failed {
		return
	}
	t.Logf("what took effect:%s", table.String())
}

// oddities are the kinds of an event that has come in.
func (l *life) oddities(ev store.Event) (names []string) {
	tx, there := l.thnks.Transaction(ev.TransactionID)
	for name, is := range map[string]bool{
		eventDoubled:  ev.DuplicateOf != 0,
		eventLate:     slices.ContainsFunc(l.told, func(e store.Event) bool { return e.TransactionID == ev.TransactionID && e.At.After(ev.At) }),
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

package sync

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"thnks-hubspot-sync/thnksapi"
)

// TestTallyCountsEveryTransactionOnce compares the tally with a map, for
// listings that show transactions again and again.
func TestTallyCountsEveryTransactionOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var tl tally
		model := make(map[string]outcome)
		for range rapid.IntRange(0, 3000).Draw(t, "rows") {
			id := fmt.Sprintf("T-%d", rapid.IntRange(0, 2000).Draw(t, "id"))
			e := outcome(rapid.IntRange(int(countedCreated), int(countedErased)).Draw(t, "outcome"))
			tl.add(id, e)
			if was, ok := model[id]; !ok || outweighs(e, was) {
				model[id] = e
			}
		}
		counts := [countedErased + 1]int{}
		for id, e := range model {
			counts[e]++
			if !tl.has(id) {
				t.Fatalf("%s was counted but is not known", id)
			}
		}
		if counts != tl.counts {
			t.Fatalf("counts %v, want %v", tl.counts, counts)
		}
		if tl.has("never seen") {
			t.Fatal("knows a transaction that was never counted")
		}
		rep := Report{Skipped: map[string]int{}}
		tl.report(&rep)
		if rep.Fetched != len(model) {
			t.Fatalf("fetched %d, want the %d distinct transactions", rep.Fetched, len(model))
		}
	})
}

func TestTallyCreatedThenUpdatedIsCreated(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		first, second, want outcome
	}{
		{countedCreated, countedUpdated, countedCreated},
		{countedUnchanged, countedUpdated, countedUpdated},
		{countedQuarantined, countedCreated, countedCreated},
		{countedUpdated, countedUnchanged, countedUpdated},
		{countedDeleted, countedUnchanged, countedDeleted},
	} {
		var tl tally
		tl.add("T-1", tt.first)
		tl.add("T-1", tt.second)
		if tl.counts[tt.want] != 1 {
			t.Errorf("ended as %d then %d: counts %v, want one of %d", tt.first, tt.second, tl.counts, tt.want)
		}
	}
}

// TestBadSiblingsAreCounted: recipients of one request share its row.
func TestBadSiblingsAreCounted(t *testing.T) {
	t.Parallel()
	raw := json.RawMessage(`{"recipients":[{},{}]}`)
	w := newWindow()
	row := readRow{row: thnksapi.Row{Raw: raw, Transaction: &thnksapi.Transaction{}}}
	w.addRows([]readRow{row, row}, thnksapi.SinceUpdated, contradictions)
	in := w.input(policy{})
	b := &batch{run: &run{engine: &Engine{cfg: Config{Suppressed: noSuppressed{}}}}, in: in}
	b.res = &results{run: b.run, in: &b.in, loaded: &loaded{}}
	for _, row := range w.bad {
		b.res.quarantineRow(row)
	}
	rep := Report{Skipped: map[string]int{}}
	b.run.counts.tally.report(&rep)
	if rep.Fetched != 2 {
		t.Errorf("two recipients of one request without an id: fetched %d, want 2", rep.Fetched)
	}
}

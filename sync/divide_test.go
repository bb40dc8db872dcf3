package sync

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// TestDivideLosesNothing: every row of a window is in one slice or stays, and
// versions of one gift stay together and in order. No slice is too large, what
// stays needs no call, and all slices but one make full batches of one kind.
func TestDivideLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		r := &run{Engine: &Engine{sliceGifts: rapid.IntRange(1, 6).Draw(t, "slice")}, started: now}
		w := &window{}
		b := &batch{run: r, window: w, have: make(map[string]plan.Stored), told: make(map[string][]told)}
		version := func(id string) plan.Gift {
			return plan.Gift{
				ID: id, UpdatedAt: now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "updated")) * time.Minute),
				Message: rapid.SampledFrom([]string{"thanks", "many thanks"}).Draw(t, "message"),
			}
		}
		for range rapid.IntRange(0, 30).Draw(t, "rows") {
			w.gifts = append(w.gifts, version(fmt.Sprintf("T-%02d", rapid.IntRange(0, 15).Draw(t, "id"))))
		}
		for i := range 16 {
			if id := fmt.Sprintf("T-%02d", i); rapid.Bool().Draw(t, "known") {
				b.have[id] = plan.Make([]plan.Gift{version(id)}, nil, nil, plan.Rules{Now: now})[0].Stored("1")
			}
		}
		w.rows, b.listed = len(w.gifts), len(w.gifts)
		rows := slices.Clone(w.gifts)
		if len(rows) > 0 && rapid.Bool().Draw(t, "claim") {
			g := rows[rapid.IntRange(0, len(rows)-1).Draw(t, "of")]
			w.gifts = append(w.gifts, plan.Gift{ID: g.ID, Status: plan.Redeemed})
			b.told[g.ID] = []told{{}}
		}
		known, fresh := b.plan()
		busy := make(map[string]bool)
		for _, g := range fresh {
			busy[g.ID] = true
		}
		for _, c := range b.changes {
			busy[c.Gift.ID] = busy[c.Gift.ID] || c.Action == plan.Update
		}

		rest, _ := b.divide(known, fresh)
		got, counted := make(map[string][]plan.Gift), b.window.rows
		note := func(gifts []plan.Gift) {
			for _, g := range gifts {
				got[g.ID] = append(got[g.ID], g)
			}
		}
		mixed := 0
		for i, part := range rest {
			note(part.gifts)
			counted += part.rows
			kinds, ids := make(map[bool]bool), make(map[string]bool)
			for _, g := range part.gifts {
				if !busy[g.ID] {
					t.Errorf("%s needs no call and is in a slice", g.ID)
				}
				_, known := b.have[g.ID]
				kinds[known], ids[g.ID] = true, true
			}
			if len(ids) > r.sliceGifts || len(ids) < r.sliceGifts && i < len(rest)-1 {
				t.Errorf("slice %d of %d has %d gifts, want %d", i+1, len(rest), len(ids), r.sliceGifts)
			}
			if len(kinds) > 1 {
				mixed++
			}
		}
		if mixed > 1 {
			t.Errorf("%d slices both create and update", mixed)
		}
		kept := b.window.gifts
		if len(rest) > 0 {
			for _, g := range kept {
				if busy[g.ID] {
					t.Errorf("%s needs a call and stays", g.ID)
				}
			}
			for id := range b.told {
				if busy[id] {
					t.Errorf("%s: its events stay without it", id)
				}
			}
		}
		note(kept[:b.window.rows]) // behind them are claims
		want := make(map[string][]plan.Gift)
		for _, g := range rows {
			want[g.ID] = append(want[g.ID], g)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rows are lost or out of order (-before +after):\n%s", diff)
		}
		if counted != len(rows) {
			t.Errorf("%d rows counted of %d", counted, len(rows))
		}
	})
}

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
		size := rapid.IntRange(1, 6).Draw(t, "slice")
		var in input
		for range rapid.IntRange(1, 30).Draw(t, "rows") {
			in.gifts = append(in.gifts, plan.Gift{
				ID:      fmt.Sprintf("T-%02d", rapid.IntRange(0, 15).Draw(t, "id")),
				Message: fmt.Sprint(len(in.gifts)), // tells versions apart
			})
		}
		in.count, in.newest = len(in.gifts), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		rows := slices.Clone(in.gifts)
		busy, have := make(map[string]bool), make(map[string]plan.Stored)
		for _, g := range rows {
			if _, drawn := busy[g.ID]; !drawn {
				busy[g.ID] = rapid.Bool().Draw(t, "busy")
				if !busy[g.ID] || rapid.Bool().Draw(t, "known") {
					have[g.ID] = plan.Stored{}
				}
			}
		}
		busy[rows[0].ID] = true

		kept, rest := in.split(busy, have, size)
		got, counted := make(map[string][]plan.Gift), kept.count
		note := func(gifts []plan.Gift) {
			for _, g := range gifts {
				got[g.ID] = append(got[g.ID], g)
			}
		}
		mixed := 0
		for i, part := range rest {
			note(part.gifts)
			counted += part.count
			kinds, ids := make(map[bool]bool), make(map[string]bool)
			for _, g := range part.gifts {
				if !busy[g.ID] {
					t.Errorf("%s needs no call and is in a slice", g.ID)
				}
				_, known := have[g.ID]
				kinds[known], ids[g.ID] = true, true
			}
			if len(ids) > size || len(ids) < size && i < len(rest)-1 {
				t.Errorf("slice %d of %d has %d gifts, want %d", i+1, len(rest), len(ids), size)
			}
			if len(kinds) > 1 {
				mixed++
			}
			if last := i == len(rest)-1; last != part.newest.Equal(in.newest) {
				t.Errorf("slice %d of %d is through at %v", i+1, len(rest), part.newest)
			}
		}
		if mixed > 1 {
			t.Errorf("%d slices both create and update", mixed)
		}
		for _, g := range kept.gifts {
			if busy[g.ID] {
				t.Errorf("%s needs a call and stays", g.ID)
			}
		}
		note(kept.gifts)
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

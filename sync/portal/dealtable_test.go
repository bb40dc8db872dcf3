package portal

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// TestDealTable: a table tells of each contact the deals put last with it, and says
// when it has left one out.
func TestDealTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 12).Draw(t, "most")
		table := newDealTable(most)
		deals := make(map[string]plan.OpenDeal)
		contacts := make(map[string][]string) // of deals
		full := false
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			id := fmt.Sprint(rapid.IntRange(1, 15).Draw(t, "deal"))
			switch _, known := deals[id]; {
			case rapid.IntRange(0, 3).Draw(t, "remove") == 0:
				table.remove(id)
				delete(deals, id)
				continue
			case !known && len(deals) == most:
				full = true
				table.put(plan.OpenDeal{ID: id})
				continue
			}
			deals[id] = plan.OpenDeal{
				ID: id, Stage: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "stage"), Amount: rapid.StringMatching(`[0-9]{0,5}`).Draw(t, "amount"),
				Created: time.UnixMilli(rapid.Int64Range(0, 1e13).Draw(t, "created")).UTC(),
			}
			table.put(deals[id])
			contacts[id] = nil
			for range rapid.IntRange(0, 2).Draw(t, "contacts") {
				c := fmt.Sprint(rapid.IntRange(100, 104).Draw(t, "contact"))
				table.link(id, c)
				contacts[id] = append(contacts[id], c)
			}
		}
		if full && !table.full {
			t.Fatal("a deal was left out silently")
		}
		if table.full {
			return
		}
		for c := 100; c < 105; c++ {
			var want []plan.OpenDeal
			for n := 1; n <= 15; n++ {
				if d, ok := deals[fmt.Sprint(n)]; ok && slices.Contains(contacts[d.ID], fmt.Sprint(c)) {
					want = append(want, d)
				}
			}
			if diff := cmp.Diff(want, table.of(fmt.Sprint(c))); diff != "" {
				t.Fatalf("contact %d (-want +got):\n%s", c, diff)
			}
		}
		if table.put(plan.OpenDeal{ID: "no number"}); !table.full {
			t.Fatal("a deal without a number is left out silently")
		}
	})
}

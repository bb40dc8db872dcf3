package portal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

func drawKnown(t *rapid.T) cachedMatch {
	m := cachedMatch{searched: rapid.Bool().Draw(t, "searched"), Match: plan.Match{
		ID:        rapid.StringMatching(`[0-9]{0,12}`).Draw(t, "contact"),
		Company:   rapid.StringMatching(`[0-9]{0,12}`).Draw(t, "company"),
		Secondary: rapid.Bool().Draw(t, "secondary"),
		Ambiguous: rapid.Bool().Draw(t, "ambiguous"),
	}}
	for range rapid.IntRange(0, 20).Draw(t, "deals") {
		m.Deals = append(m.Deals, plan.OpenDeal{
			ID:      rapid.StringMatching(`[0-9]{1,12}`).Draw(t, "deal"),
			Stage:   rapid.String().Draw(t, "stage"),
			Amount:  rapid.String().Draw(t, "amount"),
			Created: time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "created")).UTC(),
		})
	}
	return m
}

func TestCacheRemembersWhatWasPut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newCache([]uint64{eventPeople, RunPeople}[rapid.IntRange(0, 1).Draw(t, "size")])
		model := make(map[string]cachedMatch)
		for range rapid.IntRange(0, 50).Draw(t, "puts") {
			a := fmt.Sprintf("p%d@example.com", rapid.IntRange(0, 30).Draw(t, "address"))
			model[a] = drawKnown(t)
			c.put(a, model[a])
		}
		for a, want := range model {
			got, ok := c.get(a)
			if !ok {
				t.Fatalf("%s is forgotten", a)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(cachedMatch{})); diff != "" {
				t.Fatalf("%s: %s", a, diff)
			}
		}
		if _, ok := c.get("nobody@example.com"); ok {
			t.Fatal("knows somebody who was never put")
		}
	})
}

// TestCacheForgetsTheOldestButNeverErrs fills the ring several times over:
// what is found must be what was put.
func TestCacheForgetsTheOldestButNeverErrs(t *testing.T) {
	t.Parallel()
	c := newCache(RunPeople / 8)
	match := func(i int) cachedMatch {
		return cachedMatch{Match: plan.Match{ID: fmt.Sprint(i), Company: strings.Repeat("9", i%40)}}
	}
	const n = 90_000
	for i := range n {
		c.put(fmt.Sprintf("p%d@example.com", i), match(i))
	}
	kept := 0
	for i := range n {
		got, ok := c.get(fmt.Sprintf("p%d@example.com", i))
		if !ok {
			continue
		}
		kept++
		if want := match(i); got.ID != want.ID || got.Company != want.Company {
			t.Fatalf("p%d: got %+v, want %+v", i, got, want)
		}
	}
	if kept < 20_000 || kept == n {
		t.Errorf("%d of %d entries kept; the ring should hold some ten thousand and no more", kept, n)
	}
	if _, ok := c.get(fmt.Sprintf("p%d@example.com", n-1)); !ok {
		t.Error("the newest entry is forgotten")
	}
}

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

// bytesOf is how many bytes a cache takes.
func bytesOf(c *cache) (n int) {
	n = 8 * len(c.slots)
	for _, piece := range c.ring {
		n += len(piece)
	}
	return n
}

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

// TestCacheGrowsWithoutForgetting: up to its bound a cache remembers what a fixed
// table of that size would, and takes memory for what it holds.
func TestCacheGrowsWithoutForgetting(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 10, 40, 1000, 20_000} {
		c := newCache(RunPeople)
		for i := range n {
			c.put(fmt.Sprintf("p%d@example.com", i), cachedMatch{Match: plan.Match{ID: fmt.Sprint(i)}})
		}
		for i := range n {
			if got, ok := c.get(fmt.Sprintf("p%d@example.com", i)); !ok || got.ID != fmt.Sprint(i) {
				t.Fatalf("of %d people, %d is remembered as %q, %t", n, i, got.ID, ok)
			}
		}
		if bytes, most := bytesOf(c), 512*n+8<<10; bytes > most {
			t.Errorf("%d people take %d bytes, more than %d", n, bytes, most)
		}
	}
	if bytes := bytesOf(newCache(RunPeople)); bytes > 0 {
		t.Errorf("an empty cache takes %d bytes", bytes)
	}
}

// TestCacheAtItsBound: a cache never takes more than 40 bytes a slot, and then
// forgets as a fixed one does, which a cache that began at its bound is.
func TestCacheAtItsBound(t *testing.T) {
	t.Parallel()
	grown, fixed := newCache(eventPeople), newCache(eventPeople)
	fixed.seeds = grown.seeds
	fixed.slots = make([]uint64, eventPeople)
	for i := range fixed.room() / cachePiece {
		fixed.ring = append(fixed.ring, make([]byte, fixed.size(i)))
	}
	const n = 3 * eventPeople
	for i := range n {
		a := fmt.Sprintf("p%d@example.com", i)
		m := cachedMatch{Match: plan.Match{ID: fmt.Sprint(i), Company: strings.Repeat("9", i%40)}}
		grown.put(a, m)
		fixed.put(a, m)
	}
	for i := range n {
		a := fmt.Sprintf("p%d@example.com", i)
		_, in := grown.get(a)
		if _, want := fixed.get(a); in != want {
			t.Fatalf("%s is remembered: %t, and by a fixed cache: %t", a, in, want)
		}
	}
	if len(grown.slots) != eventPeople || bytesOf(grown) > 40*eventPeople {
		t.Errorf("the cache has %d slots and %d bytes", len(grown.slots), bytesOf(grown))
	}
}

package portal

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A table finds the contacts of an address, and says when it has left one out.
func TestAddressTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 40).Draw(t, "most")
		table := newAddressTable(most)
		want := make(map[string][]string)
		distinct := 0
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			a := fmt.Sprintf("p%d@example.com", rapid.IntRange(0, 9).Draw(t, "address"))
			id := fmt.Sprint(rapid.IntRange(1, 5).Draw(t, "contact"))
			table.add(a, id)
			if !slices.Contains(want[a], id) {
				want[a] = append(want[a], id)
				distinct++
			}
		}
		if table.full != (distinct > most) {
			t.Fatalf("full: %v, with %d of %d entries", table.full, distinct, most)
		}
		for i := range 10 {
			a := fmt.Sprintf("p%d@example.com", i)
			got := slices.Collect(table.holders(a))
			slices.Sort(want[a])
			if !table.full && !slices.Equal(got, want[a]) {
				t.Fatalf("%s: %v, want %v", a, got, want[a])
			}
			for _, id := range got {
				if !slices.Contains(want[a], id) || !table.has(a, id) {
					t.Fatalf("%s: contact %s does not have it", a, id)
				}
			}
		}
		if table.add("x@example.com", "not a number"); !table.full {
			t.Fatal("a contact without a number is left out silently")
		}
	})
}

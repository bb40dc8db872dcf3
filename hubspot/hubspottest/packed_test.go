package hubspottest

import (
	"testing"

	"pgregory.net/rapid"
)

// Packed values behave like a map in which "" and absent are the same.
func TestPackedIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := make(map[int]string)
		var d packed
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			var changes []slotValue
			for range rapid.IntRange(0, 5).Draw(t, "changes") {
				ch := slotValue{rapid.IntRange(0, 300).Draw(t, "slot"), rapid.StringN(0, 200, -1).Draw(t, "value")}
				changes = append(changes, ch)
				model[ch.slot] = ch.value
			}
			d = d.with(changes)
			for slot, want := range model {
				if got := d.get(slot); got != want {
					t.Fatalf("slot %d = %q, want %q", slot, got, want)
				}
			}
		}
		n := 0
		for rest := d; len(rest) > 0; n++ {
			_, _, rest = rest.cut()
		}
		for _, v := range model {
			if v != "" {
				n--
			}
		}
		if n != 0 {
			t.Fatalf("%d entries too many", n)
		}
	})
}

package stats

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// TestTallyIsWhatIsLeft adds, changes and removes gifts, stores the tally in
// between, and compares its report with one that is computed from what is left.
func TestTallyIsWhatIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "zone")*3600)
		o := Options{Location: zone, Now: day(1, 1).Add(time.Duration(rapid.IntRange(0, 500*24).Draw(t, "now")) * time.Hour)}
		tally, have := NewTally(zone), map[string]plan.Stored{}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			r := genCourse().Draw(t, "record")
			r.Gift.ID = fmt.Sprint(rapid.IntRange(1, 12).Draw(t, "id"))
			if was, ok := have[r.Gift.ID]; ok {
				tally.Remove(was)
				delete(have, r.Gift.ID)
			}
			if rapid.IntRange(0, 3).Draw(t, "put") > 0 {
				tally.Add(r)
				have[r.Gift.ID] = r
			}
			if rapid.IntRange(0, 5).Draw(t, "stored") == 0 {
				data, err := tally.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				tally = NewTally(zone)
				if err := tally.UnmarshalBinary(data); err != nil {
					t.Fatal(err)
				}
			}
		}
		var left []plan.Stored
		for _, r := range have {
			left = append(left, r)
		}
		want, err := Compute(records(left), o)
		if err != nil {
			t.Fatal(err)
		}
		o.Look = lookIn(have)
		got, err := tally.Report(o)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("(-computed +kept):\n%s", d)
		}
		for _, r := range left {
			tally.Remove(r)
		}
		empty := NewTally(zone)
		tally.kept.ToOpen.Minutes, tally.kept.ToRedeem.Minutes = nil, nil // only zeros are left of them
		if d := cmp.Diff(empty.kept, tally.kept, cmp.AllowUnexported(recent{}, event{}, waits{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("what is left of no gifts:\n%s", d)
		}
	})
}

func lookIn(have map[string]plan.Stored) func([]string) (map[string]plan.Stored, error) {
	return func(ids []string) (map[string]plan.Stored, error) {
		found := make(map[string]plan.Stored)
		for _, id := range ids {
			if r, ok := have[id]; ok {
				found[id] = r
			}
		}
		return found, nil
	}
}

// TestNewestEventsWear takes gifts away, mostly new ones, until it is unknown which
// are the newest: not before as many are gone as are kept in reserve.
func TestNewestEventsWear(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(reserve-activity, reserve+2*activity).Draw(t, "gifts")
		var times []time.Time // newest first
		gift := func(at time.Time) plan.Stored {
			return plan.Stored{Gift: plan.Gift{ID: at.Format(time.RFC3339), Status: plan.Sent, Times: map[plan.Status]time.Time{plan.Sent: at}}}
		}
		for i := range n {
			times = append(times, day(3, 1).Add(-time.Duration(i)*time.Minute))
		}
		tally := NewTally(time.UTC)
		for _, at := range rapid.Permutation(times).Draw(t, "order") {
			tally.Add(gift(at))
		}
		kept := slices.Clone(times[:min(n, reserve)])
		checkWorn := func() {
			if want := n > reserve && len(kept) < activity; tally.Worn() != want {
				t.Fatalf("of %d, %d are kept: worn is %v", n, len(kept), !want)
			}
		}
		checkWorn()
		for gone := 0; len(times) > 0 && !tally.Worn(); gone++ {
			if gone%10 == 0 || gone >= reserve-activity {
				got, err := tally.Report(Options{})
				if err != nil {
					t.Fatal(err)
				}
				var shown []time.Time
				for _, a := range got.RecentActivity {
					shown = append(shown, a.Time)
				}
				if d := cmp.Diff(times[:min(len(times), activity)], shown); d != "" {
					t.Fatal(d)
				}
			}
			i := rapid.IntRange(0, min(len(times), reserve)-1).Draw(t, "removed")
			tally.Remove(gift(times[i]))
			if k := slices.IndexFunc(kept, times[i].Equal); k >= 0 {
				kept = slices.Delete(kept, k, k+1)
			}
			times = slices.Delete(times, i, i+1)
			checkWorn()
		}
	})
}

// TestBrokenTally: what cannot be read is not counted on.
func TestBrokenTally(t *testing.T) {
	if err := NewTally(time.UTC).UnmarshalBinary([]byte("no tally")); err == nil {
		t.Error("read as a tally")
	}
}

package stats

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/sync/plan"
)

// A sender is shown as most of the gifts name him or her. Where as many have
// another name, the texts decide, whichever is read first.
func TestSenderAsMostGiftsSay(t *testing.T) {
	from := func(name, email string) plan.Stored {
		return plan.Stored{Gift: plan.Gift{ID: name + email, Status: plan.Sent, Sender: plan.Person{Name: name, Email: email}}}
	}
	for _, tt := range []struct {
		name string
		list []plan.Stored
		want Sender
	}{
		{"most", []plan.Stored{from("Zoe", "s@example.com"), from("Ann", "S@example.com"), from("Ann", "S@example.com")}, Sender{"Ann", "S@example.com", 3}},
		{"name", []plan.Stored{from("Zoe", "S@example.com"), from("Ann", "s@example.com")}, Sender{"Zoe", "S@example.com", 2}},
		{"address", []plan.Stored{from("Zoe", "S@example.com"), from("Zoe", "s@example.com")}, Sender{"Zoe", "s@example.com", 2}},
	} {
		backwards := slices.Clone(tt.list)
		slices.Reverse(backwards)
		for _, list := range [][]plan.Stored{tt.list, backwards} {
			rep, err := Compute(records(list), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(rep.TopSenders) != 1 || rep.TopSenders[0] != tt.want {
				t.Errorf("%s decides: %+v, want %+v", tt.name, rep.TopSenders, tt.want)
			}
		}
	}
}

// A gift whose status says nothing counts as sent where a date says that it was.
func TestSentByItsDate(t *testing.T) {
	for _, s := range []plan.Status{plan.Scheduled, plan.Unknown} {
		rep, err := Compute(records([]plan.Stored{{
			Gift: plan.Gift{ID: "1", Status: s, Times: map[plan.Status]time.Time{plan.Sent: day(1, 1)}},
		}}), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if rep.TotalSent != 1 || rep.ByMonth["2026-01"] != 1 {
			t.Errorf("%s, with a date of sending: %d sent, months %v; want one", s, rep.TotalSent, rep.ByMonth)
		}
	}
}

// A gift that is sent counts as sent where the source gives no date of it.
func TestSentWithoutDate(t *testing.T) {
	rep, err := Compute(records([]plan.Stored{{Gift: plan.Gift{ID: "1", Status: plan.Sent}}}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.TotalSent != 1 || rep.Eligible != 1 || len(rep.ByMonth) != 0 {
		t.Errorf("%d sent, %d eligible, months %v; want 1, 1 and none", rep.TotalSent, rep.Eligible, rep.ByMonth)
	}
}

func TestLagOfTheWatermark(t *testing.T) {
	at := day(3, 12)
	for _, tt := range []struct {
		watermark *time.Time
		now       time.Time
		lag       *int
	}{
		{nil, at, nil},
		{&at, at, ptr(0)},
		{&at, at.Add(-time.Hour), ptr(0)}, // a clock that went back
		{&at, at.Add(90*time.Minute + 59*time.Second), ptr(90)},
	} {
		rep, err := NewTally(time.UTC).Report(Options{Now: tt.now, Health: Health{Watermark: tt.watermark, Quarantined: 2}})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(Health{Watermark: tt.watermark, LagMinutes: tt.lag, Quarantined: 2}, rep.Health); d != "" {
			t.Error(d)
		}
	}
}

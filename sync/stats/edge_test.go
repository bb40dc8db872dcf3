package stats

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A sender is shown as on the newest gift. Where two are of one time, the texts
// decide, whichever is read first.
func TestSenderOfOneTime(t *testing.T) {
	from := func(id, name, email string, at time.Time) plan.Stored {
		return plan.Stored{Gift: plan.Gift{
			ID: id, Status: plan.Sent, Times: map[plan.Status]time.Time{plan.Sent: at}, Sender: plan.Person{Name: name, Email: email},
		}}
	}
	at, later := day(1, 1), day(1, 2)
	for _, tt := range []struct {
		name string
		a, b plan.Stored
		want Sender
	}{
		{"newer", from("1", "Zoe", "s@example.com", at), from("2", "Ann", "S@example.com", later), Sender{"Ann", "S@example.com", 2}},
		{"name", from("1", "Zoe", "S@example.com", at), from("2", "Ann", "s@example.com", at), Sender{"Zoe", "S@example.com", 2}},
		{"address", from("1", "Zoe", "S@example.com", at), from("2", "Zoe", "s@example.com", at), Sender{"Zoe", "s@example.com", 2}},
	} {
		for _, list := range [][]plan.Stored{{tt.a, tt.b}, {tt.b, tt.a}} {
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

func TestTableOfNothing(t *testing.T) {
	var out bytes.Buffer
	if err := Table(&out, Report{Portal: "acme"}, false); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "Overview") || strings.Contains(text, "By type") || strings.Contains(text, "Status") {
		t.Errorf("want the overview alone:\n%s", text)
	}
}

package stats

import (
	"testing"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

func TestFactsOfARecord(t *testing.T) {
	times := func(statuses ...plan.Status) map[plan.Status]time.Time {
		m := make(map[plan.Status]time.Time)
		for i, s := range statuses {
			m[s] = day(1, 1+i)
		}
		return m
	}
	for _, tt := range []struct {
		name                     string
		gift                     plan.Gift
		sent, eligible, redeemed bool
	}{
		{"scheduled", plan.Gift{Status: plan.Scheduled, Times: times(plan.Scheduled)}, false, false, false},
		{"unknown word", plan.Gift{Status: plan.Unknown}, false, false, false},
		{"unknown word, once delivered", plan.Gift{Status: plan.Unknown, Times: times(plan.Delivered)}, true, true, false},
		{"sent", plan.Gift{Status: plan.Sent}, true, true, false},
		{"cancelled before it was sent", plan.Gift{Status: plan.Refunded, Times: times(plan.Scheduled, plan.Refunded)}, true, true, false},
		{"undelivered", plan.Gift{Status: plan.Undelivered}, true, false, false},
		{"undelivered, then expired", plan.Gift{Status: plan.Expired, Times: times(plan.Undelivered, plan.Expired)}, true, false, false},
		{"undelivered, then opened after all", plan.Gift{Status: plan.Opened, Times: times(plan.Undelivered, plan.Opened)}, true, true, false},
		{"undelivered, redeemed after all, refunded", plan.Gift{Status: plan.Refunded, Times: times(plan.Undelivered, plan.Redeemed)}, true, true, true},
		{"redeemed, no time", plan.Gift{Status: plan.Redeemed}, true, true, true},
		{"donated", plan.Gift{Status: plan.Donated}, true, true, false},
	} {
		f := NewTally(time.UTC).read(tt.gift)
		if f.sent != tt.sent || f.eligible != tt.eligible || f.redeemed != tt.redeemed {
			t.Errorf("%s: sent %v, eligible %v, redeemed %v", tt.name, f.sent, f.eligible, f.redeemed)
		}
	}
}

// TestGiftsOfOurOwn: a gift that we send counts as what its record says, and one that
// was stopped before it was sent does not count at all, before and after it is changed.
func TestGiftsOfOurOwn(t *testing.T) {
	gift := func(id string, s plan.Status, times map[plan.Status]time.Time) plan.Stored {
		return plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: id, Status: s, Times: times, CreatedAt: day(1, 1)}}
	}
	at := map[plan.Status]time.Time{plan.Scheduled: day(1, 2)}
	scheduled, sent := gift("send-a", plan.Scheduled, at), gift("send-b", plan.Sent, map[plan.Status]time.Time{plan.Sent: day(1, 2)})
	unclear, stopped := gift("send-c", plan.Unknown, at), gift("send-d", plan.Unknown, nil)
	word := gift("T-1", plan.Unknown, nil)
	records := []plan.Stored{scheduled, sent, unclear, stopped, word}
	r, err := Compute(func(yield func(plan.Stored, error) bool) {
		for _, s := range records {
			if !yield(s, nil) {
				return
			}
		}
	}, Options{})
	if err != nil || r.TotalSent != 1 || r.ByStatus[plan.Scheduled] != 1 || r.ByStatus[plan.Sent] != 1 || r.ByStatus[plan.Unknown] != 2 {
		t.Errorf("sent %d, by status %v, %v", r.TotalSent, r.ByStatus, err)
	}
	tally := NewTally(time.UTC)
	tally.Add(scheduled)
	tally.Remove(scheduled)
	tally.Add(stopped)
	tally.Remove(stopped)
	tally.Add(scheduled)
	if r, err := tally.Report(Options{}); err != nil || r.ByStatus[plan.Scheduled] != 1 || r.ByStatus[plan.Unknown] != 0 {
		t.Errorf("by status %v, %v", r.ByStatus, err)
	}
}

package stats

import (
	"testing"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

func TestRead(t *testing.T) {
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

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestStoryOfEvents: an event is shown when it goes astray, and when it comes
// late or again after all, once each.
func TestStoryOfEvents(t *testing.T) {
	t.Parallel()
	event := func(id, status string) thnksapitest.Event {
		return thnksapitest.Event{GiftID: id, Status: status}
	}
	sent := []thnksapitest.Delivery{
		{Number: 1, Event: event("T-1", "sent"), Outcome: thnksapitest.Acknowledged},
		{Number: 2, Event: event("T-1", "sent"), Repeat: true, Outcome: thnksapitest.Queued},
		{Number: 3, Event: event("T-2", "opened"), Outcome: thnksapitest.Dropped},
		{Number: 4, Event: event("T-3", "sent"), Late: true, Outcome: thnksapitest.Queued},
	}
	s := &story{awaiting: make(map[int]bool)}
	for _, want := range [][]string{
		{"event T-2 opened is lost: the next pass finds what it said", "event T-3 sent is late: others pass it"},
		nil,
	} {
		if diff := cmp.Diff(want, s.astray(sent)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	sent[1].Outcome, sent[3].Outcome = thnksapitest.Acknowledged, thnksapitest.Acknowledged
	for _, want := range [][]string{
		{"event T-1 sent came a second time: it is known, and changes nothing", "event T-3 sent came late: it lowers nothing"},
		nil,
	} {
		if diff := cmp.Diff(want, s.astray(sent)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// TestCountsInWords: one is one, two are two.
func TestCountsInWords(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		plural(1, "gift"):    "1 gift",
		plural(2, "gift"):    "2 gifts",
		plural(0, "gift"):    "0 gifts",
		plural(1234, "gift"): "1,234 gifts",
		people(1):            "1 person",
		people(2000):         "2,000 people",
		events(nil, map[string]string{"T-1": "sent"}):                                 "1 new, 0 status changes: T-1 sent",
		events(map[string]string{"T-1": "sent"}, map[string]string{"T-1": "expired"}): "0 new, 1 status change: T-1 sent → expired",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

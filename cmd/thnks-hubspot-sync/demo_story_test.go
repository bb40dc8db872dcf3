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

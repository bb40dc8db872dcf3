package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// shownEvents is how many of a pass's events its line names.
const shownEvents = 3

// A story tells what happens in the living sandbox, step by step.
type story struct {
	b        *sandbox
	began    time.Time
	first    map[string]string // the statuses in HubSpot when it began, by transaction
	seen     map[string]string // and now
	calls    int               // to HubSpot, when it was last printed
	before   int               // and when it began
	told     int               // number of the last delivery that was planned
	awaiting map[int]bool      // numbers of those that are still to come late, or again
}

func newStory(b *sandbox) *story {
	now, calls := b.statuses(b.thnks.IDs()), b.portal.Requests().Total
	return &story{b: b, began: time.Now(), first: now, seen: now, calls: calls, before: calls, awaiting: make(map[int]bool)}
}

// tell prints what has changed in HubSpot since it last did so, and what became
// of the events that did not come as they should.
func (s *story) tell(w io.Writer, how string, sent []thnksapitest.Delivery) {
	now, calls := s.b.statuses(s.b.thnks.IDs()), s.b.portal.Requests().Total
	fmt.Fprintf(w, "%s  %s; %s, HubSpot calls %d\n", time.Now().Format(time.TimeOnly), events(s.seen, now), how, calls-s.calls)
	s.seen, s.calls = now, calls
	for _, line := range s.astray(sent) {
		fmt.Fprintf(w, "          %s\n", printable(line))
	}
}

// astray says which events are lost, late or doubled, and which of the latter have
// come since.
func (s *story) astray(sent []thnksapitest.Delivery) (lines []string) {
	for _, d := range sent {
		what := "event " + strings.TrimSpace(d.Event.GiftID+" "+d.Event.Status)
		if d.Number > s.told {
			s.told = d.Number
			switch {
			case d.Outcome == thnksapitest.Dropped:
				lines = append(lines, what+" is lost: the next pass finds what it said")
			case d.Repeat:
				s.awaiting[d.Number] = true
			case d.Late:
				s.awaiting[d.Number] = true
				lines = append(lines, what+" is late: others pass it")
			}
		}
		if d.Outcome != thnksapitest.Acknowledged || !s.awaiting[d.Number] {
			continue
		}
		delete(s.awaiting, d.Number)
		if d.Repeat {
			lines = append(lines, what+" came a second time: it is known, and changes nothing")
		} else {
			lines = append(lines, what+" came late: it lowers nothing")
		}
	}
	return lines
}

// sum prints what happened altogether.
func (s *story) sum(w io.Writer, sent []thnksapitest.Delivery) {
	var all, doubled, late, lost int
	for _, d := range sent {
		switch {
		case d.Repeat:
			doubled++
			continue
		case d.Outcome == thnksapitest.Dropped:
			lost++
		case d.Late:
			late++
		}
		all++
	}
	now := s.b.statuses(s.b.thnks.IDs())
	fmt.Fprintf(w, "\nIn %s: %s. Thnks sent %s: %d twice, %d late, %d not at all. HubSpot calls %s.\n",
		time.Since(s.began).Round(time.Second), changes(s.first, now), plural(all, "event"), doubled, late, lost,
		count(s.b.portal.Requests().Total-s.before))
}

// changes counts the gifts that are new, and those whose status changed.
func changes(before, after map[string]string) string {
	added, changed := differences(before, after)
	return fmt.Sprintf("%s new, %s", plural(len(added), "gift"), plural(len(changed), "status change"))
}

// differences names the gifts that are new, and those whose status changed, each
// with its status.
func differences(before, after map[string]string) (added, changed []string) {
	for id, now := range after {
		switch was, known := before[id]; {
		case !known:
			added = append(added, id+" "+now)
		case was != now:
			changed = append(changed, id+" "+was+" → "+now)
		}
	}
	slices.Sort(added)
	slices.Sort(changed)
	return added, changed
}

// events says how HubSpot changed with a step: "2 new, 3 status changes:
// T-003001 sent, T-000017 sent → opened, …".
func events(before, after map[string]string) string {
	added, changed := differences(before, after)
	if len(added)+len(changed) == 0 {
		return "nothing new"
	}
	named := slices.Concat(added, changed)
	if len(named) > shownEvents {
		named = append(named[:shownEvents:shownEvents], "…")
	}
	return fmt.Sprintf("%s new, %s: %s", count(len(added)), plural(len(changed), "status change"), printable(strings.Join(named, ", ")))
}

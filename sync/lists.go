package sync

import (
	"cmp"
	"context"
	"iter"
	"regexp"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// A QuarantineList is one portal's quarantine as it is shown. The records
// themselves, which hold personal data, are not in it.
type QuarantineList struct {
	Portal  string             `json:"portal"`
	Records []QuarantineRecord `json:"records"`
	Groups  []QuarantineGroup  `json:"groups"`
}

// A QuarantineRecord is a record that could not be synced.
type QuarantineRecord struct {
	Key           string    `json:"key"` // names it to a Retry
	TransactionID string    `json:"transaction_id,omitempty"`
	Class         string    `json:"class"`  // stable word to group by: unreadable, no_id, refused, …
	Reason        string    `json:"reason"` // HubSpot's own words kept
	CorrelationID string    `json:"correlation_id,omitempty"`
	Attempts      int       `json:"attempts"`
	First         time.Time `json:"first"`
	Last          time.Time `json:"last"`
}

// A QuarantineGroup is the records that could not be synced for one reason.
type QuarantineGroup struct {
	Class  string   `json:"class"`
	Reason string   `json:"reason"`
	Count  int      `json:"count"`
	Keys   []string `json:"keys"` // the first few
}

// groupKeys is how many keys a group of the quarantine shows.
const groupKeys = 5

// quarantineReader reads a quarantine. [*store.Store] is one.
type quarantineReader interface {
	Quarantine(context.Context) iter.Seq2[store.Quarantined, error]
}

// ListQuarantine lists a portal's quarantine, and groups it by class and reason.
// Reasons are one where they differ in no more than ids, numbers, addresses
// and quoted values.
func ListQuarantine(ctx context.Context, portal string, j quarantineReader) (QuarantineList, error) {
	l := QuarantineList{Portal: portal, Records: []QuarantineRecord{}, Groups: []QuarantineGroup{}}
	type kind struct{ class, reason string }
	at := make(map[kind]int)
	for q, err := range j.Quarantine(ctx) {
		if err != nil {
			return QuarantineList{}, err
		}
		l.Records = append(l.Records, QuarantineRecord{
			Key: q.Key, TransactionID: q.TransactionID, Class: q.Class, Reason: q.Reason,
			CorrelationID: q.CorrelationID, Attempts: q.Attempts, First: q.First, Last: q.Last,
		})
		k := kind{q.Class, gist(q.Reason)}
		i, ok := at[k]
		if !ok {
			i = len(l.Groups)
			at[k] = i
			l.Groups = append(l.Groups, QuarantineGroup{Class: q.Class, Reason: q.Reason})
		}
		g := &l.Groups[i]
		if g.Count++; len(g.Keys) < groupKeys {
			g.Keys = append(g.Keys, q.Key)
		}
	}
	slices.SortStableFunc(l.Groups, func(a, b QuarantineGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Reason, b.Reason))
	})
	return l, nil
}

// particular matches what differs from row to row in a reason: quoted values,
// and words with a digit or an at sign in them.
var particular = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|“[^”]*”|[^\s"'(){}\[\],:;=]*[0-9@][^\s"'(){}\[\],:;=]*`)

// gist is what reasons of one kind have in common.
func gist(reason string) string { return particular.ReplaceAllString(reason, "…") }

// An EventQuery asks for webhook events that were received.
type EventQuery struct {
	State         string `json:"state,omitempty"`          // "" for any
	TransactionID string `json:"transaction_id,omitempty"` // "" for any
	Limit         int    `json:"limit,omitempty"`          // the newest so many; 0 for all
}

// An EventList is one portal's received events as they are shown, oldest first.
// Bodies and thank-you notes, which hold personal data, are not in it.
type EventList struct {
	Portal string         `json:"portal"`
	Counts map[string]int `json:"counts"` // of all events, by state
	Events []EventRecord  `json:"events"`
}

// An EventRecord is one received event, and where it stands.
type EventRecord struct {
	Seq           uint64      `json:"seq"` // names it to a replay
	ReceivedAt    time.Time   `json:"received_at"`
	Source        string      `json:"source"` // kind of endpoint, such as gift-events
	Kind          string      `json:"kind"`   // the sender's name for it; "" when unknown
	TransactionID string      `json:"transaction_id,omitempty"`
	Status        plan.Status `json:"status,omitempty"` // that it claims
	At            time.Time   `json:"at,omitzero"`      // when that was reached
	Signed        bool        `json:"signed"`
	State         string      `json:"state"` // pending, waiting, applied, listed, duplicate, refused
	Reason        string      `json:"reason,omitempty"`
	DuplicateOf   uint64      `json:"duplicate_of,omitempty"`
	Attempts      int         `json:"attempts"`
	NextTry       time.Time   `json:"next_try,omitzero"`
	DoneAt        time.Time   `json:"done_at,omitzero"`
}

// eventLister is what listing needs of a state file. [*store.Store] is one.
type eventLister interface {
	Events(context.Context, store.EventFilter) iter.Seq2[store.Event, error]
	EventCounts() (map[store.EventState]int, int64, error)
}

// ListEvents lists the newest of the events that a query asks for.
func ListEvents(ctx context.Context, portal string, j eventLister, q EventQuery) (EventList, error) {
	l := EventList{Portal: portal, Counts: make(map[string]int), Events: []EventRecord{}}
	counts, _, err := j.EventCounts()
	if err != nil {
		return l, err
	}
	for state, n := range counts {
		l.Counts[string(state)] = n
	}
	for e, err := range j.Events(ctx, store.EventFilter{State: store.EventState(q.State), TransactionID: q.TransactionID}) {
		if err != nil {
			return l, err
		}
		l.Events = append(l.Events, EventRecord{
			Seq: e.Seq, ReceivedAt: e.ReceivedAt, Source: e.Dialect, Kind: e.Kind,
			TransactionID: e.TransactionID, Status: e.Status, At: e.At, Signed: e.Signed,
			State: string(e.State), Reason: e.Reason, DuplicateOf: e.DuplicateOf,
			Attempts: e.Attempts, NextTry: e.NextTry, DoneAt: e.DoneAt,
		})
		if n := len(l.Events); q.Limit > 0 && n >= 2*q.Limit {
			// Only the newest are wanted: the rest need not be held.
			l.Events = append(l.Events[:0], l.Events[n-q.Limit:]...)
		}
	}
	if n := len(l.Events); q.Limit > 0 && n > q.Limit {
		l.Events = l.Events[n-q.Limit:]
	}
	return l, nil
}

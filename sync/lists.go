package sync

import (
	"context"
	"iter"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// An EventQuery asks for webhook events that were received.
type EventQuery struct {
	Source        string    `json:"source,omitempty"`         // kind of endpoint, such as gift-events; "" for any
	Kind          string    `json:"kind,omitempty"`           // the sender's name for it; "" for any
	Email         string    `json:"email,omitempty"`          // of the person, in any spelling; "" for any
	State         string    `json:"state,omitempty"`          // "" for any
	TransactionID string    `json:"transaction_id,omitempty"` // "" for any
	Since         time.Time `json:"since,omitzero"`           // received then or later; zero for any time
	Limit         int       `json:"limit,omitempty"`          // the newest so many; 0 for all
}

// An EventList is one portal's received events as they are shown, oldest first.
// Of personal data it has the address of the person whom an event is about; bodies
// and thank-you notes are not in it.
type EventList struct {
	Portal string         `json:"portal"`
	Counts map[string]int `json:"counts"` // of all events, by state
	Events []EventRecord  `json:"events"`
}

// An EventRecord is one received event, and where it stands.
type EventRecord struct {
	Seq           uint64      `json:"seq"` // names it to a replay
	ReceivedAt    time.Time   `json:"received_at"`
	Source        string      `json:"source"`               // kind of endpoint, such as gift-events
	Kind          string      `json:"kind"`                 // the sender's name for it; "" when unknown
	MessageID     string      `json:"message_id,omitempty"` // the sender's, to look it up there
	TransactionID string      `json:"transaction_id,omitempty"`
	Email         string      `json:"email,omitempty"`       // of the person whom it is about
	RecordType    string      `json:"record_type,omitempty"` // contact or deal: of the records in HubSpot that it is about
	RecordIDs     []string    `json:"record_ids,omitempty"`
	Test          bool        `json:"test,omitempty"`   // a test or a demonstration
	Status        plan.Status `json:"status,omitempty"` // that it claims
	At            time.Time   `json:"at,omitzero"`      // when that was reached
	Signed        bool        `json:"signed"`
	State         string      `json:"state"` // pending, waiting, applied, listed, duplicate, refused
	Reason        string      `json:"reason,omitempty"`
	DuplicateOf   uint64      `json:"duplicate_of,omitempty"`
	Repeats       int         `json:"repeats,omitempty"` // how often it was received again
	LastRepeat    time.Time   `json:"last_repeat,omitzero"`
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
	filter := store.EventFilter{
		Dialect: q.Source, Kind: q.Kind, Email: q.Email,
		State: store.EventState(q.State), TransactionID: q.TransactionID, Since: q.Since,
	}
	if email, ok := plan.CanonicalEmail(q.Email); ok {
		filter.Email = email
	}
	for e, err := range j.Events(ctx, filter) {
		if err != nil {
			return l, err
		}
		l.Events = append(l.Events, EventRecord{
			Seq: e.Seq, ReceivedAt: e.ReceivedAt, Source: e.Dialect, Kind: e.Kind, MessageID: e.MessageID,
			TransactionID: e.TransactionID, Email: e.Email, RecordType: e.RecordType, RecordIDs: e.RecordIDs, Test: e.Test, Status: e.Status, At: e.At, Signed: e.Signed,
			State: string(e.State), Reason: e.Reason, DuplicateOf: e.DuplicateOf,
			Repeats: e.Repeats, LastRepeat: e.LastRepeat,
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

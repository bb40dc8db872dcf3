package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// An Event is one delivery of a webhook that was verified, and acknowledged
// once [Store.Receive] had kept it.
//
// Its first part says what the sender said. That never changes, but for the
// transaction and the reason, which may be found out later. Its second part is
// its life in the inbox, which [Store.Receive] begins and a [Commit] changes.
type Event struct {
	Dialect       string      // of the endpoint: gift-events, …
	Key           string      // the same for every delivery of the same event of a dialect
	Kind          string      // name of the event's type; "" when unknown
	TransactionID string      // "" when unknown
	Aliases       []string    // further ids under which the transaction may be found
	Status        plan.Status // that the event claims; "" when it claims none
	At            time.Time   // when that was reached
	Signed        bool        // false where anybody who knows a token could have said it
	ParcelStatus  string
	ParcelAt      time.Time // since when the parcel is there
	ThankYouNote  string
	Effect        Effect
	Reason        string // why the content is unknown, or why the event could not be applied
	ReceivedAt    time.Time
	Body          []byte // raw; only for [Store.Receive]: [Store.EventBody] reads it

	Seq         uint64 // given by the store, counting up
	Size        int    // of the body, bytes
	State       EventState
	DuplicateOf uint64    // the event that this one repeats; it may have expired
	Attempts    int       // how often it was worked on in vain
	NextTry     time.Time // zero for at once
	DoneAt      time.Time // when it came to its end; zero while pending or waiting
}

// An Effect is what an event is good for.
type Effect string

// The effects of events.
const (
	EffectClaim   Effect = "claim"   // it claims a status
	EffectDetail  Effect = "detail"  // it tells something else about a gift
	EffectListed  Effect = "listed"  // none: it is kept to be listed
	EffectUnknown Effect = "unknown" // nobody knows: its content is strange
)

// start is the state that an event of this effect begins with.
func (e Effect) start() EventState {
	switch e {
	case EffectClaim, EffectDetail:
		return EventPending
	case EffectListed:
		return EventListed
	case EffectUnknown:
		return EventRefused
	}
	return ""
}

// An EventState says where an event stands.
type EventState string

// The states of events. In the file they are numbers: the list below.
const (
	EventPending   EventState = "pending"   // to be worked off, from NextTry on
	EventWaiting   EventState = "waiting"   // for its transaction to appear; with a NextTry also to be worked on from then on
	EventApplied   EventState = "applied"   // what it says stands in the journal
	EventListed    EventState = "listed"    // kept to be listed
	EventDuplicate EventState = "duplicate" // a repeat, which changes nothing
	EventRefused   EventState = "refused"   // in quarantine, for its Reason
)

// eventStates are the states by their number in the file. The list may only be
// added to.
var eventStates = []EventState{"", EventPending, EventWaiting, EventApplied, EventListed, EventDuplicate, EventRefused}

// queued reports whether an event of this state is still to be worked off.
func (s EventState) queued() bool { return s == EventPending || s == EventWaiting }

// eventRetention is how long a repeat is known as one, and how long an event is
// kept after its end.
const eventRetention = 30 * 24 * time.Hour

// expired reports whether an event may go: it came to its end, and it and its
// end are old. By then its key is old too.
func (e *Event) expired(now time.Time) bool {
	last := e.ReceivedAt
	if e.DoneAt.After(last) {
		last = e.DoneAt
	}
	return !e.State.queued() && now.Sub(last) >= eventRetention
}

// ids are the ids under which the event's transaction may appear, without those
// that no gift can have.
func (e *Event) ids() []string {
	ids := slices.DeleteFunc(append([]string{e.TransactionID}, e.Aliases...), func(id string) bool { return validID(id) != nil })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// validate reports what a caller of Receive left out. Nothing in it depends on
// what a sender may write.
func (e *Event) validate() error {
	switch {
	case e.Dialect == "" || e.Key == "":
		return errors.New("inbox: an event without a dialect or key")
	case e.ReceivedAt.IsZero():
		return errors.New("inbox: an event without the time of its receipt")
	case e.Effect.start() == "":
		return fmt.Errorf("inbox: an event of no known effect: %q", string(e.Effect))
	}
	return nil
}

// repeat is what is kept of an event that repeats another: nothing personal,
// and no body.
func (e *Event) repeat(of uint64) Event {
	return Event{
		Dialect:       e.Dialect,
		Key:           e.Key,
		Kind:          e.Kind,
		TransactionID: e.TransactionID,
		Status:        e.Status,
		At:            e.At,
		Signed:        e.Signed,
		Effect:        e.Effect,
		ReceivedAt:    e.ReceivedAt,
		State:         EventDuplicate,
		DuplicateOf:   of,
		DoneAt:        e.ReceivedAt,
	}
}

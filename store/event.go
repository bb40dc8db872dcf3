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
// Its first part is what the sender said. Only TransactionID and Reason may
// change later, when more is known, and all that its body says when [Store.Replay]
// reads that again. Its second part is its state in the inbox,
// which [Store.Receive] sets and a [Commit] changes.
type Event struct {
	Dialect       string      // of the endpoint: gift-events, …
	Key           string      // the same for every delivery of the same event of a dialect
	Kind          string      // name of the event's type; "" when unknown
	MessageID     string      // that the sender gives the message, where its scheme has one
	TransactionID string      // "" when unknown
	Aliases       []string    // further ids under which the transaction may be found
	Status        plan.Status // that the event claims; "" when it claims none
	At            time.Time   // when that was reached
	Signed        bool        // false if only a token authenticates the sender
	ParcelStatus  string
	ParcelAt      time.Time // since when the parcel has this status
	ThankYouNote  string
	Email         string            // of the person whom it is about, in canonical form; "" when it names none
	RecordType    string            // of the records in HubSpot that it is about: contact, deal, …; "" for none
	RecordIDs     []string          // of these, the one that others were merged into first
	Test          bool              // a test or a demonstration, which never counts
	Properties    map[string]string // what else it says of the gift, by the name of a property
	Effect        Effect
	Reason        string // why the content is unknown, or why the event could not be applied
	ReceivedAt    time.Time
	Body          []byte // raw; only for [Store.Receive]: [Store.EventBody] reads it

	// RepeatWithin is how long after the first delivery an event with the same
	// key is a repeat; 0, and at most, 30 days. It is only for [Store.Receive].
	RepeatWithin time.Duration

	Seq         uint64 // given by the store, counting up
	Size        int    // of the body, bytes; 0 once it is dropped
	BodyDropped bool   // the body and all texts were removed, as [Options] bound them
	State       EventState
	Repeats     int       // how often it was received again
	LastRepeat  time.Time // when it was last received again
	DuplicateOf uint64    // of repeats that a file of format 3 or older kept: the event that this one repeats
	Attempts    int       // how often processing it failed
	NextTry     time.Time // zero for at once
	DoneAt      time.Time // when it reached its final state; zero while pending or waiting
}

// An Effect is what an event changes.
type Effect string

// The effects of events.
const (
	EffectClaim   Effect = "claim"   // it claims a status
	EffectDetail  Effect = "detail"  // it says something else about a gift
	EffectRecord  Effect = "record"  // it says that a record in HubSpot has changed
	EffectListed  Effect = "listed"  // none: it is only listed
	EffectUnknown Effect = "unknown" // we do not understand its content
)

// start returns the first state of an event of this effect.
func (e Effect) start() EventState {
	switch e {
	case EffectClaim, EffectDetail, EffectRecord:
		return EventPending
	case EffectListed:
		return EventListed
	case EffectUnknown:
		return EventRefused
	}
	return ""
}

// An EventState is the state of an event in the inbox.
type EventState string

// The states of events. In the file they are numbers: the list below.
const (
	EventPending   EventState = "pending"   // to be processed, from NextTry on
	EventWaiting   EventState = "waiting"   // for its transaction to appear; if NextTry is set, also to be processed from then on
	EventApplied   EventState = "applied"   // what it says is in the journal
	EventListed    EventState = "listed"    // only listed
	EventDuplicate EventState = "duplicate" // a repeat that a file of format 3 or older kept
	EventRefused   EventState = "refused"   // in quarantine, for its Reason
)

// eventStates are the states by their number in the file. The list may only be
// added to.
var eventStates = []EventState{"", EventPending, EventWaiting, EventApplied, EventListed, EventDuplicate, EventRefused}

// queued reports whether an event of this state is still to be processed.
func (s EventState) queued() bool { return s == EventPending || s == EventWaiting }

// idle reports whether an event has a body of which nothing is to be processed, and
// that claims nothing of a gift: HubSpot's of a change of a record, once applied, too,
// as an import of contacts brings one for each. The bodies of such events have a bound
// of their own.
func (e *Event) idle() bool {
	done := e.State == EventListed || e.State == EventRefused || e.State == EventApplied && e.Effect == EffectRecord
	return done && e.Size > 0
}

// eventRetention is how long a repeat is recognised, and how long an event is kept
// after it reached its final state.
const eventRetention = 30 * 24 * time.Hour

// expired reports whether an event may be removed: it has its final state, and
// both were long ago, its receipt and that state. By then its key is old, too.
func (e *Event) expired(now time.Time) bool {
	last := e.ReceivedAt
	if e.DoneAt.After(last) {
		last = e.DoneAt
	}
	return !e.State.queued() && now.Sub(last) >= eventRetention
}

// ids returns the ids under which the event's transaction may appear, without
// those that no gift can have.
func (e *Event) ids() []string {
	ids := slices.DeleteFunc(append([]string{e.TransactionID}, e.Aliases...), func(id string) bool { return validID(id) != nil })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// validate reports what a caller of Receive has left out. It does not depend on
// anything that a sender controls.
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

// repeats reports whether e repeats first, which has its key.
func (e *Event) repeats(first *Event) bool {
	within := eventRetention
	if e.RepeatWithin > 0 {
		within = min(within, e.RepeatWithin)
	}
	return e.ReceivedAt.Sub(first.ReceivedAt) < within
}

// content returns event of with what the body says as e has it: everything but
// where the event came from, when, and where it stands.
func (e *Event) content(of Event) Event {
	of.Kind, of.TransactionID, of.Aliases = e.Kind, e.TransactionID, e.Aliases
	of.Status, of.At = e.Status, e.At
	of.ParcelStatus, of.ParcelAt, of.ThankYouNote = e.ParcelStatus, e.ParcelAt, e.ThankYouNote
	of.Email, of.Test, of.Properties = e.Email, e.Test, e.Properties
	of.RecordType, of.RecordIDs = e.RecordType, e.RecordIDs
	of.Effect, of.Reason = e.Effect, e.Reason
	return of
}

// withoutBody returns the event without its body and what its body said in
// texts, which may be as long.
func (e *Event) withoutBody() Event {
	bare := *e
	bare.Size, bare.BodyDropped = 0, true
	bare.Email, bare.ThankYouNote, bare.Properties = "", "", nil
	return bare
}

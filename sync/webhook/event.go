package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// An Effect says what an event may change.
type Effect string

// The effects.
const (
	Claim   Effect = "claim"   // the gift reached Status at At
	Detail  Effect = "detail"  // something else about the gift: its parcel, a thank-you note
	Listed  Effect = "listed"  // changes nothing; stored and listed only
	Unknown Effect = "unknown" // not understood; Reason says why
)

// An Event is one verified delivery, as the inbox keeps it.
type Event struct {
	// Dialect is the source's kind of event, such as [GiftEvents].
	Dialect string
	// Key is equal for two deliveries of one event: a SHA-256 in hex over kind,
	// gift, status and time, or over the body if the gift or the time is
	// missing or the event is [Unknown].
	Key string
	// Kind is the current name of the event's type, "test" for a message of the
	// sender's test button, "" if the type is not known.
	Kind string
	// GiftID is the sender's id of the gift, "" if the event names none.
	GiftID string
	// Metadata holds the entries of the event's metadata whose keys the source
	// lists. They name the gift if GiftID does not find it.
	Metadata map[string]string
	// At is when the event happened, in UTC, or zero. A [Claim] and a [Detail]
	// always have it.
	At time.Time

	// Effect is what the event may change. Reason says why it is [Unknown], and
	// never quotes the body.
	Effect Effect
	Reason string

	// Status is what a [Claim] claims; "" in other events.
	Status plan.Status
	// ParcelStatus is the sender's word for the state of the parcel. ParcelAt is
	// when it began: the date that the event gives for it, or At.
	ParcelStatus string
	ParcelAt     time.Time
	// ThankYouNote is personal text of at most 64 KiB.
	ThankYouNote string

	// Signed is false if the request carried only a token. The event then proves
	// nothing and is only a hint to fetch the gift.
	Signed     bool
	Body       []byte // as received, at most 256 KiB
	ReceivedAt time.Time
}

// ErrFull is returned by an [Inbox] that holds as much as it may.
var ErrFull = errors.New("the inbox is full")

// An Inbox keeps the events of one portal.
type Inbox interface {
	// Receive keeps e, unless an event of the same dialect and key was kept
	// before. If it returns nil, the event is on disk and survives a power
	// failure. Its context does not end with the request.
	Receive(ctx context.Context, e Event) (duplicate bool, err error)
}

// unknown marks the event as not understood, and drops what was read from it.
func (e *Event) unknown(reason string) {
	e.Effect, e.Reason = Unknown, reason
	e.Status, e.ParcelStatus, e.ParcelAt, e.ThankYouNote = "", "", time.Time{}, ""
}

// key returns the event's Key. An event that was not understood never has the
// key of one that was: otherwise a broken delivery would make the good one
// that follows a repeat.
func (e *Event) key() string {
	if e.Effect == Unknown || e.Kind == "" || e.GiftID == "" || e.At.IsZero() {
		return digest("body", string(e.Body))
	}
	status := string(e.Status)
	if status == "" {
		status = e.ParcelStatus
	}
	return digest("event", e.Kind, e.GiftID, status, e.At.Format(time.RFC3339Nano))
}

// digest hashes parts with their lengths, so that two different lists of parts
// are never hashed as the same bytes.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

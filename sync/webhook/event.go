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
	Claim   Effect = "claim"   // says that the gift reached Status at At
	Detail  Effect = "detail"  // says something else about the gift: its parcel, a thank-you note
	Listed  Effect = "listed"  // changes nothing; stored and listed only
	Unknown Effect = "unknown" // not understood, as Reason says; belongs in quarantine
)

// An Event is one verified delivery, as the inbox keeps it.
type Event struct {
	// Dialect is the source's kind of event, such as [GiftEvents].
	Dialect string
	// Key tells two deliveries of one event from two events: a SHA-256 in hex
	// over kind, gift, status and time, or, where the gift or the time is
	// missing or the event is [Unknown], over the body.
	Key string
	// Kind is the current name of the event's type, "test" for what a sender's
	// test button sends, and "" when it is not known.
	Kind string
	// GiftID names the gift in the source's terms; "" when the event does not.
	GiftID string
	// Metadata holds those of the source's metadata keys that the event
	// carries. They name the gift where GiftID finds none.
	Metadata map[string]string
	// At is when the event happened, in UTC; zero when it does not say. A
	// [Claim] and a [Detail] always have it.
	At time.Time

	// Effect is what the event may change, and Reason why it is [Unknown].
	// The reason never quotes the body.
	Effect Effect
	Reason string

	// Status is what a [Claim] claims; "" in other events.
	Status plan.Status
	// ParcelStatus is the sender's word for where the parcel is, and ParcelAt
	// since when: the date the event gives for it, or At.
	ParcelStatus string
	ParcelAt     time.Time
	// ThankYouNote is personal text of at most 64 KiB.
	ThankYouNote string

	// Signed is false where only a token came with the event: then it is a
	// hint to fetch the gift and proves nothing.
	Signed     bool
	Body       []byte // as received, at most 256 KiB
	ReceivedAt time.Time
}

// ErrFull is what an [Inbox] returns when it holds as much as it may.
var ErrFull = errors.New("the inbox is full")

// An Inbox keeps the events of one portal.
type Inbox interface {
	// Receive keeps e, unless an event of the same dialect and key was kept
	// before. When it returns nil the event is on disk and survives a power
	// cut. Its context outlives the request by which the event came.
	Receive(ctx context.Context, e Event) (duplicate bool, err error)
}

// unknown marks the event as not understood. Nothing it said counts then.
func (e *Event) unknown(reason string) {
	e.Effect, e.Reason = Unknown, reason
	e.Status, e.ParcelStatus, e.ParcelAt, e.ThankYouNote = "", "", time.Time{}, ""
}

// key returns the event's Key. A body that was not understood never shares
// its key with one that was, so that a broken delivery cannot hide the good
// one that follows it.
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

// digest hashes parts with their lengths, so that no two lists of parts have
// the same input.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

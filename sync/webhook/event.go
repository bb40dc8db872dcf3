package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
)

// An Inbox keeps the events of one portal.
type Inbox interface {
	// Receive keeps each of the events, unless one of the same dialect and key was
	// kept before, and returns how many were. If it returns no error, all are on
	// disk and survive a power failure; otherwise none is. Its context does not end
	// with the request. An inbox without room returns [store.ErrInboxFull] or a
	// [*store.FullError].
	Receive(ctx context.Context, events ...store.Event) (repeats int, err error)
}

// maxMessageID is how long the id of a message may be to be kept, in bytes.
const maxMessageID = 128

// messageID returns the id that Standard Webhooks has senders give each message, ""
// for none. It is as authentic as the request.
func messageID(h http.Header) string {
	for _, name := range []string{"Webhook-Id", "Svix-Id"} {
		if id, ok := single(h, name); ok && len(id) <= maxMessageID && !strings.ContainsFunc(id, strangeInWord) {
			return id
		}
	}
	return ""
}

// Reread reads the body of an event that was received earlier again, as an event of
// the source is read today. What the headers said stays, and so does all that the
// inbox knows of the event. The event stays as it was if the body's time needs a
// zone that is not known.
func Reread(s Source, e store.Event, body []byte) store.Event {
	dialect, ok := dialects[e.Dialect]
	if !ok {
		return e
	}
	again := store.Event{Dialect: e.Dialect, Signed: e.Signed, ReceivedAt: e.ReceivedAt, Body: body}
	if dialect.head != nil {
		again.Kind = e.Kind
	}
	dialect.read(&s, &again)
	if again.Reason == noZone {
		return e
	}
	return again
}

// unknown marks the event as not understood, and drops what was read from it.
func unknown(e *store.Event, reason string) {
	e.Effect, e.Reason = store.EffectUnknown, reason
	e.Status, e.ParcelStatus, e.ParcelAt, e.ThankYouNote, e.Properties = "", "", time.Time{}, "", nil
}

// keyOf returns the event's key, which is equal for two deliveries of one
// event: a SHA-256 in hex over kind, gift, status and time, or over the body if
// the gift or the time is missing or the event was not understood. An event
// that was not understood never has the key of one that was: otherwise a broken
// delivery would make the good one that follows a repeat.
func keyOf(e *store.Event) string {
	if e.Effect == store.EffectUnknown || e.Kind == "" || e.TransactionID == "" || e.At.IsZero() {
		return digest("body", string(e.Body))
	}
	status := string(e.Status)
	if status == "" {
		status = e.ParcelStatus
	}
	return digest("event", e.Kind, e.TransactionID, status, e.At.Format(time.RFC3339Nano))
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

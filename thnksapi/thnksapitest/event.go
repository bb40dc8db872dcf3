package thnksapitest

import (
	"strings"
	"time"
)

// A Kind is a type of gift webhook event, by its current name
// (docs.snappy.com/docs/gift-webhook-events).
type Kind string

// The kinds of events.
const (
	StatusChanged  Kind = "gift-status-changed"
	ParcelChanged  Kind = "gift-delivery-status-changed"
	InvoiceSent    Kind = "gift-invoice-sent"
	InitialSent    Kind = "gift-notification-initial-sent"
	ReminderSent   Kind = "gift-notification-reminder-sent"
	ExpirationSent Kind = "gift-notification-expiration-sent"
	ResendSent     Kind = "gift-notification-resend-sent"
	NoteCreated    Kind = "thank-you-note-created"

	// TestSent is what the button "Test" sends. That it carries a
	// verification token is published; its name and shape are assumed.
	TestSent Kind = "test"
)

// Kinds returns all kinds of events.
func Kinds() []Kind {
	return []Kind{
		StatusChanged, ParcelChanged, InvoiceSent, InitialSent, ReminderSent, ExpirationSent, ResendSent, NoteCreated,
		TestSent,
	}
}

// A Generation is a version of the event catalogue. Both are in use.
type Generation int

// The generations.
const (
	// Current bodies carry the company and, but for parcels, invoices and
	// notes, the metadata.
	Current Generation = iota
	// Older bodies have no metadata. Their notifications have names without
	// "-sent" and carry the gift's link and channel, but not the company. An
	// opening makes two events, unwrapped and opened.
	Older
)

// The words of [StatusChanged] for what a recipient does.
const (
	wordUnopened  = "unopened"
	wordUnwrapped = "unwrapped"
	wordOpened    = "opened"
	wordClaimed   = "claimed"
	wordExpired   = "expired"
)

// parcelWalk returns the words of [ParcelChanged], in order.
func parcelWalk() []string {
	return []string{"orderReceived", "processing", "inTransit", "outForDelivery", "delivered"}
}

// An Event is one piece of news about a gift, for [Event.Body] to write. A
// field that its kind does not have is not written.
type Event struct {
	Kind Kind
	// ID is webhookData.id. It belongs to the subscription, as the vendor's
	// samples suggest, so it does not identify an event.
	ID        string
	Target    string // webhookData.target; absent when empty, as in the newest samples
	CompanyID string // absent when empty, as in the newest samples
	GiftID    string // the transaction's id
	Status    string // of StatusChanged and ParcelChanged
	InvoiceID string
	Note      string
	Link      string // of notifications in the older generation
	Cadence   int    // days after sending, or before expiry; likewise
	// Metadata is what the company attached to the gift: at most 50 pairs,
	// keys to 40 and values to 500 letters and digits.
	Metadata map[string]string
	At       time.Time // triggeredAt, written to the millisecond
}

// NewEvent returns an event of any kind about a transaction, as it would be
// sent at a time. A status that has no word in events is written unchanged.
func NewEvent(kind Kind, t Transaction, at time.Time) Event {
	e := Event{Kind: kind, GiftID: t.ID, Link: t.TrackingURL, Metadata: metadata(t), At: at}
	switch kind {
	case StatusChanged:
		e.Status = t.Status
		if words := statusWords(t.Status, Current); len(words) > 0 {
			e.Status = words[0]
		}
	case ParcelChanged:
		e.Status = parcelWalk()[0]
	case InvoiceSent:
		e.InvoiceID = "INV-" + t.RequestID
	case ReminderSent:
		e.Cadence = 7
	case ExpirationSent:
		e.Cadence = 1
	case NoteCreated:
		e.Note = notes()[0]
	}
	return e
}

// Events returns the events that Thnks sends when a transaction has reached its
// status. Refunds, donations, failed deliveries and schedules have none: only
// the API shows them.
func Events(t Transaction, g Generation) []Event {
	at := t.UpdatedAt
	if reached := t.Times.of(t.Status); reached != nil && !reached.IsZero() {
		at = *reached
	}
	if t.Status == delivered {
		return []Event{NewEvent(InitialSent, t, at)}
	}
	var events []Event
	for _, word := range statusWords(t.Status, g) {
		e := NewEvent(StatusChanged, t, at)
		e.Status = word
		events = append(events, e)
	}
	return events
}

// statusWords returns the words of a status in events, in order.
func statusWords(status string, g Generation) []string {
	switch status {
	case sent:
		return []string{wordUnopened}
	case opened:
		if g == Older {
			return []string{wordUnwrapped, wordOpened}
		}
		return []string{wordOpened}
	case redeemed:
		return []string{wordClaimed}
	case expired:
		return []string{wordExpired}
	default:
		return nil
	}
}

// metadata returns metadata that a company might attach to its gifts.
func metadata(t Transaction) map[string]string {
	m := make(map[string]string)
	if t.RequestID != "" {
		m["internalReferenceId"] = "REF" + t.RequestID
	}
	if t.Gift.Type != "" {
		m["customCategory"] = strings.ToLower(strings.ReplaceAll(t.Gift.Type, " ", "-"))
	}
	return m
}

// notes returns what recipients write back.
func notes() []string {
	return []string{
		"Thank you so much, this made my day!",
		"You shouldn't have… but I'm glad you did 🎉",
		"Vielen Dank, sehr lieb von euch!",
		"Thanks!\nSee you on Thursday & have a good week.",
	}
}

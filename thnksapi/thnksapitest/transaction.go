package thnksapitest

import "time"

// A Transaction is one gift to one recipient in the emulated Thnks. Empty
// fields are null or absent on the wire.
type Transaction struct {
	ID        string
	RequestID string // of the gift request that caused it; one can have many recipients
	Gift      Gift
	Amount    string // exact decimal in major units
	Currency  string // ISO 4217
	// NumericAmount writes the amount as a JSON number instead of a string.
	NumericAmount bool
	Message       string
	TrackingURL   string
	Sender        Person
	Recipient     Person
	Status        string
	Times         Times
	CreatedAt     time.Time
	UpdatedAt     time.Time

	// VisibleAfter is when the API begins to show the transaction, with its
	// stamps unchanged. Zero is at once.
	VisibleAfter time.Time
}

// A Gift is an item of the catalogue.
type Gift struct {
	ID   int
	Name string
	Type string
}

// A Person is a sender or a recipient. Senders have no phone.
type Person struct {
	FirstName, LastName, Email, Phone string
}

// Name returns the person's whole name.
func (p Person) Name() string {
	if p.FirstName == "" || p.LastName == "" {
		return p.FirstName + p.LastName
	}
	return p.FirstName + " " + p.LastName
}

// Times says when each status was reached; zero for those that were not.
type Times struct {
	Scheduled, Sent, Delivered, Opened, Redeemed, Refunded, Expired, Undelivered, Donated time.Time
}

// The status words.
const (
	scheduled   = "scheduled"
	sent        = "sent"
	delivered   = "delivered"
	opened      = "opened"
	redeemed    = "redeemed"
	refunded    = "refunded"
	expired     = "expired"
	undelivered = "undelivered"
	donated     = "donated"
)

// reach gives a transaction a status.
func (t *Transaction) reach(status string, at time.Time) {
	t.Status = status
	t.UpdatedAt = at
	if reached := t.Times.of(status); reached != nil {
		*reached = at
	}
}

// of returns the field for the time of a status, nil for an unknown one.
func (t *Times) of(status string) *time.Time {
	switch status {
	case scheduled:
		return &t.Scheduled
	case sent:
		return &t.Sent
	case delivered:
		return &t.Delivered
	case opened:
		return &t.Opened
	case redeemed:
		return &t.Redeemed
	case refunded:
		return &t.Refunded
	case expired:
		return &t.Expired
	case undelivered:
		return &t.Undelivered
	case donated:
		return &t.Donated
	default:
		return nil
	}
}

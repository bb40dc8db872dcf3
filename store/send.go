package store

import (
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A SendState says what is known of a send.
type SendState string

// The states. A send ends in one of the last four, or in SendSent with a
// transaction id.
const (
	SendHeld      SendState = "held"      // waits for a person's approval
	SendScheduled SendState = "scheduled" // waits for its time
	SendSending   SendState = "sending"   // its request is under way
	SendUnknown   SendState = "unknown"   // the gift may have been sent or not
	SendSent      SendState = "sent"      // Thnks has accepted the gift
	SendNotSent   SendState = "not_sent"  // Thnks has certainly not got the request, or has refused it
	SendRefused   SendState = "refused"   // a guard of ours stopped it
	SendCancelled SendState = "cancelled" // a person stopped it
)

// sendStates are all states; a state that is not among them is not stored.
var sendStates = []SendState{SendHeld, SendScheduled, SendSending, SendUnknown, SendSent, SendNotSent, SendRefused, SendCancelled}

// Spends reports whether a send in this state counts against budgets: its gift was
// sent, may have been, or will be.
func (s SendState) Spends() bool {
	switch s {
	case SendHeld, SendScheduled, SendSending, SendUnknown, SendSent:
		return true
	}
	return false
}

// A Send is one gift to one recipient in the ledger of sends.
type Send struct {
	ID      string // its request id, with .1, .2, … for each recipient where there are several
	Request string // the request id, which names the cause
	Cause   string // what asked for it: command, or the name of a trigger

	Gift      int64  // Thnks's number of the gift
	GiftName  string // as the catalogue has it
	Price     plan.Money
	Sender    string // address; "" for the owner of the portal's only key
	Recipient string // address, as given
	FirstName string
	LastName  string
	Message   string // personal text; removed with the names once it is not needed any more
	Digest    string // of gift, sender, recipient, message and time: what a repeat must agree in

	Contact string   // HubSpot id of the recipient's contact, "" if it was not given
	Company string   // HubSpot id of a company that was given, "" if none was
	Deals   []string // HubSpot ids of deals that were given

	Callback string    // HubSpot's id of the workflow that waits for the outcome, "" if none does
	Called   time.Time // when it got the outcome; zero before

	State    SendState
	Guard    string    // that refused it or holds it, "" if none does
	Reason   string    // why it is in its state, in words for the admin
	Created  time.Time // when it was asked for
	At       time.Time // when it is to be sent; zero for at once
	Approved time.Time // zero while no one has
	Begun    time.Time // when its request was begun; zero before
	Ended    time.Time // when its state became final, or its outcome known; zero before

	Status        int    // HTTP status of the answer, 0 if there was none
	ThnksRequest  string // Thnks's number of the gift request, "" if it is not known
	TransactionID string // of the gift, "" until that is known
}

// Open reports whether something is still to happen to the send: it waits, its
// outcome is unknown, its transaction has not appeared, or a workflow was not told.
func (s Send) Open() bool {
	if s.Callback != "" && s.Called.IsZero() {
		return true
	}
	switch s.State {
	case SendHeld, SendScheduled, SendSending, SendUnknown:
		return true
	case SendSent:
		return s.TransactionID == ""
	}
	return false
}

// Joinable reports whether a transaction that appears may be the send's: it was sent, or
// perhaps was, and has none yet.
func (s Send) Joinable() bool {
	begun := s.State == SendSending || s.State == SendUnknown || s.State == SendSent
	return begun && s.TransactionID == ""
}

// When is the time that a send counts at: when it was begun, or else when it is
// to be, or else when it was asked for.
func (s Send) When() time.Time {
	switch {
	case !s.Begun.IsZero():
		return s.Begun
	case !s.At.IsZero():
		return s.At
	}
	return s.Created
}

package sync

import (
	"context"
	"fmt"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// A Holding is what the state file of a portal holds of a person. It is personal
// data throughout.
type Holding struct {
	Portal     string           `json:"portal"`
	Erased     bool             `json:"erased"` // the address is suppressed
	Gifts      []HeldGift       `json:"gifts"`
	Quarantine []QuarantinedRow `json:"quarantine"`
	Events     []HeldEvent      `json:"events"`
	Sends      []HeldSend       `json:"sends"`
}

// A HeldGift is a gift that a person received or sent.
type HeldGift struct {
	TransactionID string      `json:"transaction_id"`
	ObjectID      string      `json:"object_id"` // of the record in HubSpot
	As            string      `json:"as"`        // recipient or sender
	Person        plan.Person `json:"person"`
	Gift          string      `json:"gift"`
	Status        plan.Status `json:"status"`
	Date          time.Time   `json:"date,omitzero"`
	Message       bool        `json:"message"`   // the record in HubSpot has a message; the state file has its digest
	ThankYou      bool        `json:"thank_you"` // and a thank-you note
	Contact       string      `json:"contact,omitempty"`
}

// A HeldEvent is a webhook event about a person, or one that names him.
type HeldEvent struct {
	Seq        uint64    `json:"seq"`
	ReceivedAt time.Time `json:"received_at"`
	Kind       string    `json:"kind"`
	Body       []byte    `json:"body"` // as received
}

// A HeldSend is a send of the ledger to or from a person.
type HeldSend struct {
	ID      string          `json:"id"`
	State   store.SendState `json:"state"`
	Created time.Time       `json:"created"`
	Gift    string          `json:"gift"`
	Message string          `json:"message,omitempty"`
}

// Held returns what the state file holds of the person with an e-mail address. It
// reads all of the file and changes nothing.
func (e *Engine) Held(ctx context.Context, email string) (Holding, error) {
	h := Holding{Portal: e.cfg.Portal, Gifts: []HeldGift{}, Quarantine: []QuarantinedRow{}, Events: []HeldEvent{}, Sends: []HeldSend{}}
	canonical, ok := plan.CanonicalEmail(email)
	if !ok {
		return h, &RequestError{"what was given is no e-mail address: give it as name@example.com"}
	}
	if e.cfg.Archive == nil {
		return h, nil
	}
	if err := e.cfg.Suppressed.Refresh(); err == nil {
		h.Erased = e.cfg.Suppressed.Address(canonical)
	}
	is := func(address string) bool {
		a, ok := plan.CanonicalEmail(address)
		return ok && a == canonical
	}
	theirs := make(map[string]bool)
	for s, err := range e.cfg.Journal.After(ctx, "") {
		if err != nil {
			return h, fmt.Errorf("portal %s: %w", e.cfg.Portal, err)
		}
		if is(s.Gift.Recipient.Email) {
			theirs[s.Gift.ID] = true
			h.Gifts = append(h.Gifts, heldGift(s, "recipient", s.Gift.Recipient))
		}
		if is(s.Gift.Sender.Email) {
			h.Gifts = append(h.Gifts, heldGift(s, "sender", s.Gift.Sender))
		}
	}
	names := func(text []byte) bool {
		for _, a := range addressesIn(text) {
			if a == canonical {
				return true
			}
		}
		return false
	}
	for q, err := range e.cfg.Quarantine.Quarantine(ctx) {
		if err != nil {
			return h, fmt.Errorf("portal %s: %w", e.cfg.Portal, err)
		}
		if names(q.Row) || names([]byte(q.Reason)) {
			h.Quarantine = append(h.Quarantine, QuarantinedRow{recordOf(q, nil), q.Row})
		}
	}
	for ev, err := range e.cfg.Archive.Events(ctx, store.EventFilter{}) {
		if err != nil {
			return h, fmt.Errorf("portal %s: %w", e.cfg.Portal, err)
		}
		body, _, err := e.cfg.Archive.EventBody(ev.Seq)
		if err != nil {
			return h, fmt.Errorf("portal %s: %w", e.cfg.Portal, err)
		}
		about := false
		for _, id := range eventIDs(&ev) {
			about = about || theirs[id]
		}
		if (about || is(ev.Email) || names(body)) && !ev.BodyDropped {
			h.Events = append(h.Events, HeldEvent{ev.Seq, ev.ReceivedAt, ev.Kind, body})
		}
	}
	for s, err := range e.cfg.Archive.Sends(ctx) {
		if err != nil {
			return h, fmt.Errorf("portal %s: %w", e.cfg.Portal, err)
		}
		if is(s.Recipient) || is(s.Sender) {
			h.Sends = append(h.Sends, HeldSend{s.ID, s.State, s.Created, s.GiftName, s.Message})
		}
	}
	return h, nil
}

func heldGift(s plan.Stored, as string, p plan.Person) HeldGift {
	h := HeldGift{
		TransactionID: s.Gift.ID, ObjectID: s.ObjectID, As: as, Person: p,
		Gift: s.Gift.Name, Status: s.Gift.Shown(), Date: dateOf(s.Gift),
		Message: s.Gift.MessageDigest != "", ThankYou: s.Gift.ThankYou != (plan.Note{}),
	}
	if ids := plan.LinkIDs(s.Links, plan.Contact); as == "recipient" && len(ids) > 0 {
		h.Contact = ids[0]
	}
	return h
}

package send

import (
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// The window in which the transaction of a send is created, around the time when
// its request was begun: clocks differ, and a slow request may have an effect late.
const (
	clockSlack = 15 * time.Minute
	lateEffect = 24 * time.Hour
)

// An Outcomes is the part of a [Ledger] that reconciling works with.
type Outcomes interface {
	OpenSends() ([]store.Send, error)
	SendsSince(time.Time) ([]store.Send, error)
	ChangeSend(from store.SendState, now store.Send, audit []store.AuditEntry) error
}

// Reconcile compares the sends whose transaction is not known with the transactions
// that have appeared in the journal, and returns how many it has found. An unknown
// outcome whose transaction is there was sent. One whose transaction is not there
// stays unknown, because it may appear yet, and so does one that several
// transactions could be, or whose transaction could be another's.
func Reconcile(ledger Outcomes, journal Journal) (found int, err error) {
	open, err := ledger.OpenSends()
	if err != nil {
		return 0, err
	}
	var waiting []store.Send
	var earliest time.Time
	for _, s := range open {
		if s.State != store.SendUnknown && (s.State != store.SendSent || s.TransactionID != "") {
			continue
		}
		waiting = append(waiting, s)
		if earliest.IsZero() || s.When().Before(earliest) {
			earliest = s.When()
		}
	}
	if len(waiting) == 0 {
		return 0, nil
	}
	all, err := ledger.SendsSince(earliest.Add(-2 * lateEffect))
	if err != nil {
		return 0, err
	}
	taken := make(map[string]bool) // transactions of other sends
	for _, s := range all {
		taken[s.TransactionID] = true
	}
	gifts := make(map[string][]plan.Gift) // by send
	for _, s := range waiting {
		if gifts[s.ID], err = appeared(journal, s, taken); err != nil {
			return 0, err
		}
	}
	for id, transaction := range match(waiting, gifts) {
		for _, s := range waiting {
			if s.ID != id {
				continue
			}
			from := s.State
			s.State, s.TransactionID, s.Reason = store.SendSent, transaction, ""
			s.Ended = time.Now().UTC()
			forget(&s)
			if err := ledger.ChangeSend(from, s, []store.AuditEntry{entry(s, "send joined")}); err != nil {
				return found, err
			}
			found++
		}
	}
	return found, nil
}

// appeared returns the gifts of the journal that a send's could be, without those
// that are another's.
func appeared(journal Journal, s store.Send, taken map[string]bool) ([]plan.Gift, error) {
	canonical, ok := plan.CanonicalEmail(s.Recipient)
	if !ok {
		return nil, nil
	}
	ids, err := journal.ByEmail(canonical)
	if err != nil {
		return nil, err
	}
	have, err := journal.Gifts(ids)
	if err != nil {
		return nil, err
	}
	var could []plan.Gift
	for id, g := range have {
		if !taken[id] && couldBe(s, g.Gift) {
			could = append(could, g.Gift)
		}
	}
	return could, nil
}

// couldBe reports whether a gift to the recipient of a send may be the one that was
// sent. Thnks's number of the request decides where both have it. Otherwise sender
// and time must fit, and the message, or else the gift's name or price.
func couldBe(s store.Send, g plan.Gift) bool {
	if s.ThnksRequest != "" && g.RequestID != "" {
		return s.ThnksRequest == g.RequestID
	}
	at := sentAt(g)
	switch {
	case s.Sender != "" && g.Sender.Email != "" && CanonicalSender(g.Sender.Email) != s.Sender,
		at.Before(s.When().Add(-clockSlack)), at.After(s.When().Add(lateEffect)):
		return false
	}
	asSent := plan.Gift{Message: s.Message}.Redacted().MessageDigest
	asSeen := g.Redacted().MessageDigest
	if asSent != "" && asSeen != "" {
		return asSent == asSeen
	}
	return strings.EqualFold(strings.TrimSpace(g.Name), strings.TrimSpace(s.GiftName)) ||
		g.Amount.Currency == s.Price.Currency && g.Amount.Value.Equal(s.Price.Value)
}

// match pairs sends and transactions that can only be each other's. It returns the
// transaction ids by send.
func match(sends []store.Send, could map[string][]plan.Gift) map[string]string {
	wanted := make(map[string]int) // how many sends a transaction could be of
	for _, s := range sends {
		for _, g := range could[s.ID] {
			wanted[g.ID]++
		}
	}
	pairs := make(map[string]string)
	for _, s := range sends {
		if of := could[s.ID]; len(of) == 1 && wanted[of[0].ID] == 1 {
			pairs[s.ID] = of[0].ID
		}
	}
	return pairs
}

package send

import (
	"context"
	"iter"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
)

// A List is the ledger as it is shown to a person.
type List struct {
	Portal   string    `json:"portal"`
	Off      string    `json:"off,omitempty"`              // why sending is off, absent if it is on
	OffSince time.Time `json:"off_since,omitzero"`         // since when
	TestMode bool      `json:"test_mode"`                  // nothing leaves
	Spent    string    `json:"spent_this_month,omitempty"` // with what is planned in the month; absent if nothing may be sent
	Budget   string    `json:"monthly_budget,omitempty"`   // of the portal
	Sends    []Row     `json:"sends"`                      // newest first
}

// A Row is one send in a [List]. It names the recipient, and not what the message
// says.
type Row struct {
	ID            string          `json:"id"`
	Cause         string          `json:"cause"`
	Gift          int64           `json:"gift"`
	GiftName      string          `json:"gift_name,omitempty"`
	Price         string          `json:"price,omitempty"`
	Currency      string          `json:"currency,omitempty"`
	Sender        string          `json:"sender,omitempty"`
	Recipient     string          `json:"recipient"`
	State         store.SendState `json:"state"`
	Guard         string          `json:"guard,omitempty"`
	Reason        string          `json:"reason,omitempty"`
	Created       time.Time       `json:"created"`
	At            time.Time       `json:"at,omitzero"`
	Begun         time.Time       `json:"begun,omitzero"`
	Ended         time.Time       `json:"ended,omitzero"`
	TransactionID string          `json:"transaction_id,omitempty"`
}

// A Query says which sends to list.
type Query struct {
	Open  bool `json:"open"`  // only those to which something is still to happen
	Limit int  `json:"limit"` // the newest so many; 0 for all
}

// A Reader reads a ledger. [*store.Store] is one.
type Reader interface {
	Sends(context.Context) iter.Seq2[store.Send, error]
	SendsSince(time.Time) ([]store.Send, error)
	Sending() (store.Sending, error)
}

// ListSends lists the sends of a ledger. It changes nothing.
func ListSends(ctx context.Context, portal string, ledger Reader, rules Rules, q Query) (List, error) {
	l := List{Portal: portal, TestMode: !rules.Live, Sends: []Row{}}
	sending, err := ledger.Sending()
	if err != nil {
		return l, err
	}
	if l.Off = sending.Off; l.Off != "" {
		l.OffSince = sending.Since
	}
	now := time.Now()
	from, _ := rules.month(now)
	recent, err := ledger.SendsSince(from)
	if err != nil {
		return l, err
	}
	_, all, _ := rules.tally(store.Send{}, now, recent)
	if rules.Currency != "" {
		l.Spent, l.Budget = money(all, rules.Currency), money(rules.PortalBudget, rules.Currency)
	}
	for s, err := range ledger.Sends(ctx) {
		if err != nil {
			return l, err
		}
		if !q.Open || s.Open() {
			l.Sends = append(l.Sends, RowOf(s))
		}
	}
	slices.SortStableFunc(l.Sends, func(a, b Row) int { return b.Created.Compare(a.Created) })
	if q.Limit > 0 && len(l.Sends) > q.Limit {
		l.Sends = l.Sends[:q.Limit]
	}
	return l, nil
}

// Rows are sends as they are shown.
func Rows(sends []store.Send) []Row {
	rows := make([]Row, len(sends))
	for i, s := range sends {
		rows[i] = RowOf(s)
	}
	return rows
}

// RowOf is a send as it is shown.
func RowOf(s store.Send) Row {
	r := Row{
		ID: s.ID, Cause: s.Cause, Gift: s.Gift, GiftName: s.GiftName, Currency: s.Price.Currency,
		Sender: s.Sender, Recipient: s.Recipient, State: s.State, Guard: s.Guard, Reason: s.Reason,
		Created: s.Created, At: s.At, Begun: s.Begun, Ended: s.Ended, TransactionID: s.TransactionID,
	}
	if s.Price.Currency != "" {
		r.Price = s.Price.Value.StringFixed(2)
	}
	return r
}

package send

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
)

// A Forecast is what would become of an order if it were asked for now.
type Forecast struct {
	Message string  // with its variables filled
	Verdict Verdict // of the guards
	Err     error   // [ErrOrder]: the order cannot be taken
}

// Foresee says what would become of orders to one recipient each if they were asked
// for now, one after another, so that those before count against the budgets. It
// sends nothing and keeps nothing, and holds up no one who sends.
func (d *Desk) Foresee(ctx context.Context, orders []Order) ([]Forecast, error) {
	all := make([]Forecast, len(orders))
	sends := make([]store.Send, 0, len(orders))
	of := make([]int, 0, len(orders)) // the order of each send
	for i, o := range orders {
		prepared, err := d.prepare(o, time.Now().UTC())
		switch {
		case errors.Is(err, ErrOrder):
			all[i].Err = err
			continue
		case err != nil:
			return nil, err
		}
		sends, of = append(sends, prepared[0]), append(of, i)
	}
	optedOut, err := d.optOuts(ctx, sends)
	if err != nil {
		return nil, err
	}
	rules := d.cfg.Rules()
	for i := range sends {
		f := &all[of[i]]
		f.Message = sends[i].Message
		if f.Verdict, err = d.judge(rules, &sends[i], sends[:i], optedOut); err != nil {
			return nil, err
		}
		if f.Verdict.Guard == GuardTestMode { // it would be spent without
			sends[i].State = store.SendScheduled
		}
	}
	return all, nil
}

// A Budget is what the month of a time has left. Scheduled, held and unknown gifts
// count as spent.
type Budget struct {
	Month                    time.Time // its first moment, in the portal's time zone
	Currency                 string
	SenderLimit, SenderSpent decimal.Decimal
	PortalLimit, PortalSpent decimal.Decimal
	ApproveAbove             decimal.Decimal
}

// Budget returns the budget of a sender in the month of a time.
func (d *Desk) Budget(sender string, at time.Time) (Budget, error) {
	rules := d.cfg.Rules()
	from, _ := rules.month(at)
	b := Budget{Month: from, Currency: rules.Currency, SenderLimit: rules.SenderBudget, PortalLimit: rules.PortalBudget, ApproveAbove: rules.ApproveAbove}
	ledger, err := d.cfg.Ledger.SendsSince(from)
	if err != nil {
		return Budget{}, err
	}
	b.SenderSpent, b.PortalSpent, _ = rules.tally(store.Send{Sender: CanonicalSender(sender)}, at, ledger)
	return b, nil
}

// Rules are the portal's rules of this moment.
func (d *Desk) Rules() Rules { return d.cfg.Rules() }

// Senders returns the canonical addresses that the portal has API keys of, sorted.
// A key without a sender is not among them.
func (d *Desk) Senders() []string {
	var all []string
	for sender := range d.cfg.Senders {
		if sender != "" {
			all = append(all, sender)
		}
	}
	slices.Sort(all)
	return all
}

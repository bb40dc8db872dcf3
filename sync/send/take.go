package send

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// A Taken is what became of an order that [Desk.Take] was given.
type Taken struct {
	Sends []store.Send // as the ledger has them, in the order of the recipients
	Err   error        // [ErrOrder] or [store.ErrSendDiffers]: the order is not in the ledger
}

// Take takes orders into the ledger, each with the verdict of the guards, and sends
// none of them: [Desk.Due] does. What it returns is in the order of the orders. Its
// error is one of the ledger, or of reading opt-outs; orders before the one that
// it ended at are in the ledger.
func (d *Desk) Take(ctx context.Context, orders []Order) ([]Taken, error) {
	taken := make([]Taken, len(orders))
	var all []store.Send
	for i, o := range orders {
		sends, err := d.prepare(o, time.Now().UTC())
		switch {
		case errors.Is(err, ErrOrder):
			taken[i].Err = err
		case err != nil:
			return nil, err
		}
		taken[i].Sends = sends
		all = append(all, sends...)
	}
	optedOut, err := d.optOuts(ctx, all) // before the lock, as HubSpot may be slow
	if err != nil {
		return nil, err
	}
	waits := false // some gift does, for its time; Changed is called for others when they are sent
	defer func() {
		if waits {
			d.cfg.Changed()
		}
	}()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range taken {
		t := &taken[i]
		if t.Err != nil {
			continue
		}
		t.Sends, err = d.admit(t.Sends, optedOut)
		switch {
		case errors.Is(err, store.ErrSendDiffers):
			t.Err = err
		case err != nil:
			return nil, err
		}
		waits = waits || slices.ContainsFunc(t.Sends, func(s store.Send) bool {
			return s.State == store.SendScheduled && !s.At.IsZero()
		})
	}
	return taken, nil
}

// prepare makes the sends of an order, without a verdict. Its error is [ErrOrder],
// or one of the ledger.
func (d *Desk) prepare(o Order, now time.Time) ([]store.Send, error) {
	if o.Sender == "" && len(d.cfg.Senders) == 1 {
		for only := range d.cfg.Senders {
			o.Sender = only
		}
	}
	sends, err := o.sends(d.cfg.Rules().Zone, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOrder, err)
	}
	if at := sends[0].At; !at.IsZero() {
		kept, err := d.kept(sends)
		if err != nil {
			return nil, err
		}
		if err := checkAt(at, now); err != nil && !kept { // a repeat may come later
			return nil, fmt.Errorf("%w: %w", ErrOrder, err)
		}
	}
	if _, ok := d.cfg.Senders[sends[0].Sender]; !ok {
		return nil, fmt.Errorf("%w: %s", ErrOrder, unknownSender(sends[0].Sender))
	}
	return sends, nil
}

// kept reports whether an order is a mere repeat: the ledger has all of its sends, and
// keeps each, as none has ended without a gift.
func (d *Desk) kept(sends []store.Send) (bool, error) {
	for _, s := range sends {
		have, known, err := d.cfg.Ledger.Send(s.ID)
		if err != nil || !known || !have.State.Spends() {
			return false, err
		}
	}
	return true, nil
}

// admit judges the sends of an order one after another, each with what those
// before it spend, and puts them into the ledger. It is called with mu held.
func (d *Desk) admit(sends []store.Send, optedOut map[string]string) ([]store.Send, error) {
	rules := d.cfg.Rules()
	audit := make(map[string]store.AuditEntry)
	for i := range sends {
		v, err := d.judge(rules, &sends[i], sends[:i], optedOut)
		if err != nil {
			return nil, err
		}
		if v.Guard != "" {
			audit[sends[i].ID] = entry(sends[i], "send "+string(sends[i].State))
		}
	}
	return d.cfg.Ledger.AddSends(sends, audit)
}

// judge gives a send its price and the verdict of the guards. others are sends that
// are not in the ledger yet. It is called with mu held where the ledger takes the verdict.
func (d *Desk) judge(rules Rules, s *store.Send, others []store.Send, optedOut map[string]string) (Verdict, error) {
	if item, ok := rules.Catalogue[s.Gift]; ok {
		s.GiftName, s.Price = item.Name, plan.Money{Value: item.Price, Currency: rules.Currency}
	}
	facts, err := d.facts(rules, *s, s.When(), optOutOf(optedOut, *s), others)
	if err != nil {
		return Verdict{}, err
	}
	v := rules.Judge(*s, facts)
	if v.Guard != "" {
		d.stop(s, v, facts)
	}
	return v, nil
}

// Called notes that the workflow which waits for a send got its outcome.
func (d *Desk) Called(id string) error {
	return d.cfg.Ledger.NoteCalled(id, time.Now().UTC())
}

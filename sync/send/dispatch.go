package send

import (
	"context"
	"errors"
	"fmt"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/thnksapi"
)

// endWithin is how long a request under way has for its answer once the desk's life has
// ended: less than the nine seconds in which a daemon has to stop or to reload.
const endWithin = 5 * time.Second

// Due lets triggers fire, sends what is due, and returns when the next send will be:
// zero if none is waiting for a time. Its error is the first one; the other sends were
// tried. Before a run has looked what an earlier state file knew, nothing is done.
func (d *Desk) Due(ctx context.Context) (next time.Time, err error) {
	if known, err := d.known(); err != nil || !known {
		return next, err
	}
	fired := d.fire(ctx)
	open, err := d.cfg.Ledger.OpenSends()
	if err != nil {
		return next, err
	}
	err = fired
	for _, s := range open {
		if ctx.Err() != nil {
			break
		}
		if s.State != store.SendScheduled {
			continue
		}
		if s.At.After(time.Now()) {
			if next.IsZero() || s.At.Before(next) {
				next = s.At
			}
			continue
		}
		was := s.State
		s, e := d.dispatch(ctx, s)
		if e != nil {
			err = errors.Join(err, fmt.Errorf("send %s: %w", s.ID, e))
		} else if s.State != was {
			d.cfg.Changed()
		}
	}
	return next, err
}

// Dispatch sends a send of the ledger at once, if it is due and the guards let it
// pass, and returns it as it is then.
func (d *Desk) Dispatch(ctx context.Context, s store.Send) (store.Send, error) {
	s, err := d.dispatch(ctx, s)
	d.cfg.Changed()
	return s, err
}

// dispatch sends a scheduled send if it is due and the guards let it pass. Another
// caller that has taken it up meanwhile keeps it, and once ctx or the desk's life has ended
// it stays for the next [Desk.Due]. It returns the send as it is then.
func (d *Desk) dispatch(ctx context.Context, s store.Send) (store.Send, error) {
	ctx, cancel := d.untilEnd(ctx)
	defer cancel()
	if s.State != store.SendScheduled || s.At.After(time.Now()) || ctx.Err() != nil {
		return s, nil
	}
	var api API
	if open, ok := d.cfg.Senders[s.Sender]; ok {
		var err error
		if api, err = open(); err != nil {
			return s, fmt.Errorf("the sender's API key cannot be used, and the gift waits until it can: %w", err)
		}
	}
	optedOut, err := d.optedOut(ctx, s)
	if err != nil {
		return s, err
	}
	s, begun, err := d.begin(s, optedOut)
	if err != nil || !begun {
		return s, err
	}
	receipt, cut := d.request(ctx, api, s)
	if cut && receipt.Outcome == thnksapi.SendNot && receipt.Status == 0 {
		// Thnks was not even reached: the gift is sent as if it had not been begun.
		again := s
		again.State, again.Begun = store.SendScheduled, time.Time{}
		if err := d.cfg.Ledger.ChangeSend(store.SendSending, again, nil); !errors.Is(err, store.ErrSendMoved) {
			return again, err
		}
	}
	return d.conclude(s, receipt)
}

// untilEnd returns ctx, which ends with the desk's life, too.
func (d *Desk) untilEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if d.cfg.Life.Err() != nil {
		cancel()
	}
	stop := context.AfterFunc(d.cfg.Life, cancel)
	return ctx, func() { stop(); cancel() }
}

// request makes the request of a send that was begun, and reports whether it cut that off.
// It does not when ctx ends, as the outcome would be unknown, but [endWithin] after the end
// of the desk's life.
func (d *Desk) request(ctx context.Context, api API, s store.Send) (receipt thnksapi.Receipt, cut bool) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(d.cfg.Life, func() {
		select {
		case <-time.After(endWithin):
			cancel()
		case <-ctx.Done():
		}
	})()
	receipt = api.Send(ctx, thnksapi.GiftRequest{
		GiftID:    s.Gift,
		Recipient: thnksapi.Recipient{Email: s.Recipient, FirstName: s.FirstName, LastName: s.LastName},
		Message:   s.Message,
	})
	return receipt, ctx.Err() != nil
}

// begin judges a send at the time of its sending and puts the intent to send it on
// disk. It reports false, and how the send is then, if a guard has stopped it or
// someone else has taken it up.
func (d *Desk) begin(s store.Send, optedOut string) (store.Send, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now().UTC()
	rules := d.cfg.Rules()
	if item, ok := rules.Catalogue[s.Gift]; ok {
		if item.Price.GreaterThan(s.Price.Value) || rules.Currency != s.Price.Currency {
			s.Approved = time.Time{} // for what it cost then
		}
		s.GiftName, s.Price.Value, s.Price.Currency = item.Name, item.Price, rules.Currency
	}
	facts, err := d.facts(rules, s, now, optedOut, nil)
	if err != nil {
		return s, false, err
	}
	v := rules.Judge(s, facts)
	if _, ok := d.cfg.Senders[s.Sender]; !ok && v.Guard == "" {
		v = Verdict{Guard: GuardSender, Reason: unknownSender(s.Sender)}
	}
	if v.Guard != "" {
		d.stop(&s, v, facts)
		err := d.change(store.SendScheduled, s, "send "+string(s.State))
		s, err = d.reread(s, err)
		return s, false, err
	}
	scheduled := s
	s.State, s.Begun, s.Guard, s.Reason = store.SendSending, now, "", ""
	err = d.cfg.Ledger.ChangeSend(store.SendScheduled, s, nil)
	switch {
	case err == nil:
		return s, true, nil
	case errors.Is(err, store.ErrSendNotCounted):
		// The intent is on disk and its request will not be made. Where it cannot
		// be taken back, the next opening finds an unknown outcome.
		return scheduled, false, errors.Join(err, d.cfg.Ledger.ChangeSend(store.SendSending, scheduled, nil))
	}
	s, err = d.reread(s, err)
	return s, false, err
}

// reread returns a send as the ledger has it, if someone else has changed it.
func (d *Desk) reread(s store.Send, err error) (store.Send, error) {
	if !errors.Is(err, store.ErrSendMoved) {
		return s, err
	}
	have, ok, err := d.cfg.Ledger.Send(s.ID)
	if err == nil && ok {
		s = have
	}
	return s, err
}

// conclude puts the outcome of a request on disk.
func (d *Desk) conclude(s store.Send, r thnksapi.Receipt) (store.Send, error) {
	s.Status, s.Reason = r.Status, r.Problem
	s.ThnksRequest, s.TransactionID = r.RequestID, r.TransactionID
	s.Ended = time.Now().UTC()
	switch r.Outcome {
	case thnksapi.SendDone:
		s.State = store.SendSent
	case thnksapi.SendNot:
		s.State = store.SendNotSent
		forget(&s)
	default:
		s.State = store.SendUnknown
	}
	err := d.change(store.SendSending, s, "send "+string(s.State))
	if errors.Is(err, store.ErrSendMoved) {
		s, err = d.concludeJoined(s)
	}
	if err != nil {
		return s, fmt.Errorf("the gift's outcome (%s) could not be recorded; the next start finds it unknown: %w", s.State, err)
	}
	return s, nil
}

// concludeJoined puts the outcome of a request on disk where a transaction that could be
// the gift has appeared before the answer. What certainly was not sent is not that gift.
func (d *Desk) concludeJoined(s store.Send) (store.Send, error) {
	have, ok, err := d.cfg.Ledger.Send(s.ID)
	if err != nil {
		return s, err
	}
	if !ok || have.State != store.SendSent {
		return s, store.ErrSendMoved
	}
	if s.State != store.SendNotSent {
		have.Status, have.ThnksRequest = s.Status, s.ThnksRequest
		if s.TransactionID != "" {
			have.TransactionID = s.TransactionID
		}
		s = have
	}
	return s, d.change(store.SendSent, s, "send "+string(s.State))
}

// change puts a send into another state, with its audit entry and a log line.
func (d *Desk) change(from store.SendState, s store.Send, action string) error {
	e := entry(s, action)
	if !s.Begun.IsZero() && from == store.SendSending {
		e.Method, e.Path = "POST", "/api/v1/gift_requests"
	}
	if err := d.cfg.Ledger.ChangeSend(from, s, []store.AuditEntry{e}); err != nil {
		return err
	}
	d.cfg.Logger.Info("send", logSend, s.ID, logState, string(s.State), logGuard, s.Guard, "status", s.Status)
	return nil
}

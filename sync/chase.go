package sync

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// Bounds of the calls to Thnks that events cause.
const (
	chaseAtOnce = 50               // gifts that are asked for before any of them is written
	chaseBeside = 4                // calls at a time
	chaseWithin = 15 * time.Second // for one gift, retries included: what fails is tried again later
)

// Chase works off the events that are due for which Thnks has to be asked
// first: those about gifts that HubSpot does not hold yet, and those that
// anybody who knows a token may have sent, which are no more than a hint that a
// gift has changed. What Thnks shows is written as a run would write it.
//
// An event whose transaction Thnks does not show, or which cannot be asked for,
// waits: for a run to bring the transaction in, or for a later try. It is given
// up after 7 days. Only where the API has no call for a single transaction does
// a hint count as a claim, once its gift is known.
//
// It also clears, once a day, events out of the inbox that came to their end
// 30 days ago. It works beside a run and an Apply, and otherwise as
// [Engine.Apply].
func (e *Engine) Chase(ctx context.Context) (Applied, error) {
	e.chasing.Lock()
	defer e.chasing.Unlock()
	done, err := e.onEvents(ctx, (*application).chaseDue)
	if err != nil || e.Inbox == nil {
		return done, err
	}
	if done.Next, err = e.Inbox.NextDue(time.Now().UTC()); err != nil {
		return done, err
	}
	return done, e.clear(ctx)
}

// clear removes old events, once a day.
func (e *Engine) clear(ctx context.Context) error {
	now := time.Now().UTC()
	if now.Sub(e.expired) < daily {
		return nil
	}
	n, err := e.Inbox.Expire(ctx, now)
	if err != nil {
		return err
	}
	e.expired = now
	if n > 0 {
		e.Logger.Info("old webhook events removed", "portal", e.Portal, "count", n)
	}
	return nil
}

func (a *application) chaseDue(ctx context.Context, due []store.Event) error {
	all, err := a.groups(due, func(e *store.Event, known bool) bool { return !e.Signed || !known })
	if err != nil || len(all) == 0 {
		return err
	}
	ready, err := a.ready()
	if err != nil {
		return err
	}
	if !ready {
		for _, g := range all {
			if err := a.record(a.putOff(g.events, reasonNotReady, false)); err != nil {
				return err
			}
		}
		return nil
	}
	for some := range slices.Chunk(all, chaseAtOnce) {
		if err := a.chase(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// chase asks Thnks for some gifts and writes what it shows of them. They are
// held only once it has answered: nobody waits for Thnks.
func (a *application) chase(ctx context.Context, some []*group) error {
	answers, err := a.askAll(ctx, some)
	if err != nil {
		return err
	}
	defer a.holds.letGo(a.run)
	b := a.batch(&window{raw: make(map[string]json.RawMessage)})
	var off []store.Event
	for i, g := range some {
		if !a.take(g) {
			continue
		}
		switch answer := answers[i]; {
		case answer.reason == "":
			b.window.rows++
			b.window.gifts = append(b.window.gifts, answer.gift)
			b.window.raw[answer.gift.ID] = answer.raw
			for _, e := range g.events {
				b.tell(answer.gift.ID, told{Event: e}, e.Signed)
			}
		case answer.reason == reasonNoDetail && g.known:
			for _, e := range g.events {
				b.tell(g.giftID, told{Event: e}, true)
			}
		default:
			off = append(off, a.putOff(g.events, answer.reason, answer.reason != reasonUnreachable)...)
		}
	}
	if err := a.record(off); err != nil || len(b.told) == 0 {
		return err
	}
	if err := a.noteFeed(b.window); err != nil {
		return err
	}
	return a.write(ctx, b)
}

// An answer is what Thnks shows of a gift, or why it shows nothing.
type answer struct {
	gift   plan.Gift
	raw    json.RawMessage
	reason string
}

// askAll asks Thnks for the gifts. The error is one that ends the application.
func (a *application) askAll(ctx context.Context, some []*group) ([]answer, error) {
	answers := make([]answer, len(some))
	allowed, err := a.mayAsk()
	if err != nil {
		return nil, err
	}
	var calls errgroup.Group
	calls.SetLimit(chaseBeside)
	fell := make([]string, len(some)) // see fallen
	for i, g := range some {
		if !allowed {
			answers[i].reason = reasonNoDetail
			continue
		}
		calls.Go(func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					fell[i] = fallen(v)
				}
			}()
			answers[i], err = a.answer(ctx, g)
			return err
		})
	}
	err = calls.Wait()
	if i := slices.IndexFunc(fell, func(f string) bool { return f != "" }); i >= 0 {
		panic(fell[i])
	}
	return answers, err
}

// mayAsk reports whether the portal is fed from the API, so that what that
// shows may become a record.
func (a *application) mayAsk() (bool, error) {
	fed, err := a.feeds()
	return len(a.Sources) > 0 && (len(fed) == 0 || slices.Contains(fed, feedAPI)), err
}

// answer asks Thnks for a gift, by all names that it may have. One that Thnks
// will not even be asked for is none of its own, and keeps no other back.
func (a *application) answer(ctx context.Context, g *group) (answer, error) {
	reason := reasonNotFound
	ids := g.ids
	if g.known {
		ids = []string{g.giftID}
	}
	for _, id := range ids {
		row, err := func() (*thnksapi.Row, error) {
			ctx, cancel := context.WithTimeout(ctx, chaseWithin)
			defer cancel()
			return a.ask(ctx, id)
		}()
		var te *thnksapi.Error
		switch {
		case ctx.Err() != nil:
			return answer{}, ctx.Err()
		case errors.Is(err, thnksapi.ErrNoDetail):
			return answer{reason: reasonNoDetail}, nil
		case isFatal(err):
			return answer{}, err
		case errors.As(err, &te) && te.Kind == thnksapi.Unexpected:
			a.log.Warn("Thnks gives no sense when asked for a transaction that an event is about", "transaction", id, "error", err)
			reason = reasonNoSense
			continue
		case err != nil:
			a.log.Warn("Thnks could not be asked for a transaction that an event is about; it is tried again", "transaction", id, "error", err)
			return answer{reason: reasonUnreachable}, nil
		case row == nil:
			continue
		}
		gift, bad := normalize(*row)
		if bad != nil {
			return answer{reason: reasonUnreadable}, nil
		}
		return answer{gift: gift, raw: row.Raw}, nil
	}
	return answer{reason: reason}, nil
}

// putOff is [putOff] for events.
func (a *application) putOff(events []store.Event, reason string, giveUp bool) []store.Event {
	off := make([]store.Event, len(events))
	for i, e := range events {
		if off[i] = putOff(e, reason, giveUp); off[i].State == store.EventRefused {
			a.Done++
			a.log.Warn("webhook event given up", "event", e.Seq, "transaction", e.TransactionID, "reason", reason)
		}
	}
	return off
}

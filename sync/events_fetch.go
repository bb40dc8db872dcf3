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
	fetchGifts  = 50               // gifts that are fetched before any of them is written
	fetchAtOnce = 4                // calls at a time
	fetchWithin = 15 * time.Second // for one gift, retries included: what fails is tried again later
)

// FetchEvents processes due events that need a look-up at Thnks first: events
// about gifts HubSpot does not hold yet, and unsigned events, which only hint at
// a change. What Thnks shows is written as a run would write it.
//
// An event whose transaction Thnks does not show, or cannot be asked for,
// waits: for a run to bring the transaction in, or for a later try. It is given
// up after 7 days. Only where the API has no call for a single transaction does
// a hint count as a claim, once its gift is known.
//
// Once a day it also removes events that ended 30 days ago. Otherwise it works
// as [Engine.ApplyEvents] does, concurrently with it and with a run.
func (e *Engine) FetchEvents(ctx context.Context) (EventResult, error) {
	if err := e.fetching.one.Acquire(ctx, 1); err != nil {
		return EventResult{}, err
	}
	defer e.fetching.one.Release(1)
	result, err := e.processEvents(ctx, &e.fetching, (*eventRun).fetchDue)
	if err != nil || e.cfg.Inbox == nil {
		return result, err
	}
	if result.Next, err = e.cfg.Inbox.NextDue(time.Now().UTC()); err != nil {
		return result, err
	}
	return result, e.removeOldEvents(ctx)
}

// removeOldEvents removes old events, once a day.
func (e *Engine) removeOldEvents(ctx context.Context) error {
	now := time.Now() // with the monotonic clock, which no one sets
	if now.Sub(e.expired) < daily {
		return nil
	}
	n, err := e.cfg.Inbox.Expire(ctx, now.UTC())
	if err != nil {
		return err
	}
	e.expired = now
	if n > 0 {
		e.cfg.Logger.Info("old webhook events removed", logPortal, e.cfg.Portal, logCount, n)
	}
	return nil
}

func (r *eventRun) fetchDue(ctx context.Context, due []store.Event) error {
	all, err := r.groups(due, func(e *store.Event, known bool) bool { return !e.Signed || !known })
	if err != nil || len(all) == 0 {
		return err
	}
	ready, err := r.ready()
	if err != nil {
		return err
	}
	if !ready {
		reason := reasonNotReady
		if r.result.Lacking {
			reason = reasonLacking
		}
		for _, g := range all {
			if err := r.record(r.retryLater(g.events, reason, false)); err != nil {
				return err
			}
		}
		return nil
	}
	for some := range slices.Chunk(all, fetchGifts) {
		if err := r.fetch(ctx, some); err != nil {
			return err
		}
		partDone(ctx)
	}
	return nil
}

// fetch asks Thnks for some gifts and writes what it shows of them. They are
// locked only once it has answered: no run waits for Thnks.
func (r *eventRun) fetch(ctx context.Context, some []*eventGroup) error {
	answers, err := r.fetchAll(ctx, some)
	if err != nil {
		return err
	}
	var shown []plan.Gift
	for _, answer := range answers {
		if answer.reason == "" {
			shown = append(shown, answer.gift)
		}
	}
	if err := joinSends(ctx, r.run, shown); err != nil {
		return err
	}
	defer r.run.locks.unlock(r.run)
	in := r.input()
	in.rows, in.silent = make(map[string]json.RawMessage), make(map[string]thnksapi.FieldSet)
	var later []store.Event
	for i, g := range some {
		if !r.tryLock(g) {
			continue
		}
		switch answer := answers[i]; {
		case answer.reason == "":
			in.count++
			in.gifts = append(in.gifts, answer.gift)
			in.rows[answer.gift.ID] = answer.raw
			if answer.silent != 0 {
				in.silent[answer.gift.ID] = answer.silent
			}
			for _, e := range g.events {
				in.addEvent(answer.gift.ID, giftEvent{event: e}, e.Signed)
			}
		case answer.reason == reasonNoDetail && g.known:
			for _, e := range g.events {
				in.addEvent(g.giftID, giftEvent{event: e}, true)
			}
		default:
			later = append(later, r.retryLater(g.events, answer.reason, answer.reason != reasonUnreachable)...)
		}
	}
	if err := r.record(later); err != nil || len(in.events) == 0 {
		return err
	}
	if in.count > 0 {
		if err := recordFeed(r.run); err != nil {
			return err
		}
	}
	return r.work(ctx, in)
}

// fetched is what Thnks shows of a gift, or why it shows nothing.
type fetched struct {
	gift   plan.Gift
	silent thnksapi.FieldSet // one row alone says nothing of the fields that it lacks, or has in a way that cannot be used
	raw    json.RawMessage
	reason string
}

// fetchAll asks Thnks for the gifts. The error is one that ends the run.
func (r *eventRun) fetchAll(ctx context.Context, some []*eventGroup) ([]fetched, error) {
	answers := make([]fetched, len(some))
	allowed, err := r.mayFetch()
	if err != nil {
		return nil, err
	}
	var calls errgroup.Group
	calls.SetLimit(fetchAtOnce)
	panicked := make([]crash, len(some))
	for i, g := range some {
		if !allowed {
			answers[i].reason = reasonNoDetail
			continue
		}
		calls.Go(func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					panicked[i] = crashOf(v)
				}
			}()
			answers[i], err = r.fetchOne(ctx, g)
			return err
		})
	}
	err = calls.Wait()
	if i := slices.IndexFunc(panicked, func(c crash) bool { return c != "" }); i >= 0 {
		panic(panicked[i])
	}
	return answers, err
}

// mayFetch reports whether the portal is fed from the API, so that what that
// shows may become a record.
func (r *eventRun) mayFetch() (bool, error) {
	fed, err := feeds(r.run)
	return len(r.run.cfg().Sources) > 0 && (len(fed) == 0 || slices.Contains(fed, feedAPI)), err
}

// fetchOne asks Thnks for a gift, by all ids that it may have. An id that cannot
// be requested is treated as unknown and does not block the others.
func (r *eventRun) fetchOne(ctx context.Context, g *eventGroup) (fetched, error) {
	log := r.run.log
	reason := reasonNotFound
	ids := g.ids
	if g.known {
		ids = []string{g.giftID}
	}
	for _, id := range ids {
		row, from, err := func() (*thnksapi.Row, reading, error) {
			ctx, cancel := context.WithTimeout(ctx, fetchWithin)
			defer cancel()
			return fetchTransaction(ctx, r.run, id)
		}()
		var te *thnksapi.Error
		switch {
		case ctx.Err() != nil:
			return fetched{}, ctx.Err()
		case errors.Is(err, thnksapi.ErrNoDetail):
			return fetched{reason: reasonNoDetail}, nil
		case IsFatal(err):
			return fetched{}, err
		case errors.As(err, &te) && te.Kind == thnksapi.Unexpected:
			log.Warn("Thnks returned an unusable answer about a transaction that an event names", logTransaction, id, logError, err)
			reason = reasonUnusable
			continue
		case err != nil:
			log.Warn("Thnks could not be asked for a transaction that an event names; it is tried again", logTransaction, id, logError, err)
			return fetched{reason: reasonUnreachable}, nil
		case row == nil:
			continue
		}
		seen, bad := normalize(*row, from)
		if bad != nil {
			return fetched{reason: reasonUnreadable}, nil
		}
		return fetched{gift: seen.gift, silent: seen.missing | seen.dropped, raw: row.Raw}, nil
	}
	return fetched{reason: reason}, nil
}

// retryLater is [retryLater] for events.
func (r *eventRun) retryLater(events []store.Event, reason string, giveUp bool) []store.Event {
	later := make([]store.Event, len(events))
	for i, e := range events {
		if later[i] = retryLater(e, reason, giveUp); later[i].State == store.EventRefused {
			r.result.Done++
			r.run.log.Warn("webhook event given up", logEvent, e.Seq, logTransaction, e.TransactionID, logReason, reason)
		}
	}
	return later
}

package main

import (
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/stats"
)

// healthOf reads how fresh what is known of a portal is.
func healthOf(p configs.Portal, j *store.Store, now time.Time) (h stats.Health, err error) {
	if h.Watermark, err = watermark(p, j); err != nil {
		return h, err
	}
	if h.Quarantined, err = j.QuarantineCount(); err != nil {
		return h, err
	}
	events, _, err := j.EventCounts()
	if err != nil {
		return h, err
	}
	h.EventsWaiting = events[store.EventPending] + events[store.EventWaiting]
	spent, err := giftsync.SpentToday(j, now)
	if err != nil || spent.At.IsZero() {
		return h, err
	}
	h.CallsToday, h.CallsAsOf = spent.Calls, &spent.At
	if spent.Limit > 0 {
		h.CallsLimit, h.CallsLeft = &spent.Limit, &spent.Left
	}
	return h, nil
}

// watermark returns up to when every change at the portal's sources is known, nil
// where that is not known of one of them.
func watermark(p configs.Portal, j *store.Store) (*time.Time, error) {
	var keys []string
	for _, f := range keyFiles(p) {
		keys = append(keys, f.Sender)
	}
	at, err := giftsync.Watermark(j, keys)
	if err != nil || at.IsZero() {
		return nil, err
	}
	return &at, nil
}

// outcomesOf reads what the last listing of deals and companies found out.
func outcomesOf(j *store.Store) (stats.Outcomes, error) {
	known, err := giftsync.RecallOutcomes(j)
	o := stats.Outcomes{
		At: known.At, Calls: known.Calls, Deals: make(map[string]stats.Outcome, len(known.Deals)),
		WithoutWon: known.WithoutWon, WithoutClosed: known.WithoutClosed, Companies: known.Companies,
	}
	for id, d := range known.Deals {
		o.Deals[id] = stats.Outcome(d)
	}
	return o, err
}

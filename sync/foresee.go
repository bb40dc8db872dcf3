package sync

import (
	"context"
	"time"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// upcoming is what is known of the windows behind the one in hand.
type upcoming struct {
	gifts   []plan.Gift // of the next one, where it was read ahead
	more    bool        // others follow
	windows float64     // how many these are likely to be; 0 where nothing tells
}

// upcoming returns what the window, and the next one where that was read, tell of what
// follows. A listing by change times goes on until now; the gifts of the time to come
// are taken to be as dense as those seen.
func (w *window) upcoming(next *window) upcoming {
	u, windows, last := upcoming{}, 1.0, w
	if next != nil {
		u.gifts, windows, last = next.gifts, 2, next
	}
	u.more = last.next != ""
	if !u.more {
		return u
	}
	var from, to time.Time
	for _, gifts := range [][]plan.Gift{w.gifts, u.gifts} {
		for i := range gifts {
			at := gifts[i].UpdatedAt
			if at.IsZero() {
				continue
			}
			if from.IsZero() || at.Before(from) {
				from = at
			}
			if at.After(to) {
				to = at
			}
		}
	}
	if span := to.Sub(from); span > 0 && last.clock.After(to) {
		u.windows = windows * float64(last.clock.Sub(to)) / float64(span)
	}
	return u
}

// foresee reads, before any gift is locked, what is best read for many windows at
// once: the portal's open deals, where that takes fewer calls than reading those of
// each contact. Whom the window needs is looked up meanwhile. No event has to wait
// for it.
func foresee(ctx context.Context, r *run, n portal.Need) error {
	l, err := r.portal.Directory.Choose(ctx, n)
	if err != nil || l == nil {
		return err
	}
	return readDeals(ctx, r, l, func() error {
		_, err := r.portal.Directory.LookUp(ctx, n.Addresses, n.Ahead)
		return err
	})
}

// renew brings the open deals that were read up to date, where they are not quite
// new any more.
func renew(ctx context.Context, r *run) error {
	l := r.portal.Directory.Renew()
	if l == nil {
		return nil
	}
	return readDeals(ctx, r, l, func() error { return nil })
}

// readDeals reads a listing of deals beside what else there is to do.
func readDeals(ctx context.Context, r *run, l *portal.DealListing, beside func() error) error {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	reading, left := r.turn.Hand(reading)
	done, panicked := make(chan struct{}), crash("")
	go func() {
		defer close(done)
		defer left()
		defer func() {
			if v := recover(); v != nil {
				panicked = crashOf(v)
			}
		}()
		l.Do(reading)
	}()
	err := beside()
	if err != nil {
		cancel()
	}
	waitErr := await(ctx, r, done)
	if panicked != "" {
		panic(panicked)
	}
	takeErr := r.portal.Directory.Take(l)
	for _, err := range []error{err, waitErr, takeErr} {
		if err != nil {
			return err
		}
	}
	return nil
}

// foreseeGifts foresees what windows of gifts of the journal need: their recipients,
// or the contacts that they are linked to.
type foreseeGifts func(r *run, gifts, ahead []plan.Gift) (portal.Need, error)

// recipientsOf foresees that the recipients of orphans will be looked up.
func recipientsOf(r *run, gifts, ahead []plan.Gift) (portal.Need, error) {
	return portal.Need{Addresses: addresses(r, gifts), Ahead: addresses(r, ahead)}, nil
}

// contactsOf foresees that the deals of those contacts will be asked for whose gifts
// may still get some, and that the recipients of orphans will be looked up.
func contactsOf(r *run, gifts, _ []plan.Gift) (n portal.Need, err error) {
	have, err := r.journal.Gifts(giftIDs(gifts))
	if err != nil {
		return n, err
	}
	seen := make(map[string]bool)
	for _, g := range gifts {
		s := have[g.ID]
		if s.Orphan != "" {
			n.Addresses = appendAddress(r, n.Addresses, s.Gift)
			continue
		}
		for _, id := range plan.LinkIDs(s.Links, plan.Contact) {
			if !seen[id] && plan.SentWithin(s.Gift, r.rules()) {
				seen[id] = true
				n.Contacts = append(n.Contacts, id)
			}
		}
	}
	return n, nil
}

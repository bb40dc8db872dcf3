package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// classHeld is the class of a gift that cannot be restored, because HubSpot
// still holds the record that people deleted.
const classHeld = "deleted_in_hubspot"

// restore creates records again that people deleted in HubSpot: those of the
// transactions asked for, or all. What they say comes from the source, as the
// journal does not keep messages.
func (r *run) restore(ctx context.Context) error {
	if err := r.identify(ctx); err != nil {
		return err
	}
	if err := r.findObject(ctx); err != nil {
		return err
	}
	asked := make(map[string]bool, len(r.req.Keys))
	for _, id := range r.req.Keys {
		asked[id] = true
	}
	w := r.restoreWindow()
	for s, err := range r.Journal.All(ctx) {
		if err != nil {
			return err
		}
		if s.Deleted.IsZero() || len(r.req.Keys) > 0 && !asked[s.Gift.ID] {
			continue
		}
		delete(asked, s.Gift.ID)
		row, err := r.fetch(ctx, s.Gift.ID)
		if err != nil {
			return err
		}
		if row == nil {
			r.log.Warn("Thnks no longer has the transaction; its record is not restored", "transaction", s.Gift.ID)
			r.tally.add(s.Gift.ID, endDeleted)
			continue
		}
		if w.add(*row, thnksapi.SinceUpdated); w.rows >= r.windowRows {
			if err := r.restoreAll(ctx, w); err != nil {
				return err
			}
			w = r.restoreWindow()
		}
	}
	if err := r.restoreAll(ctx, w); err != nil {
		return err
	}
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	if len(asked) == 0 {
		return nil
	}
	var none []string
	for id := range asked {
		none = append(none, id)
	}
	slices.Sort(none)
	return fmt.Errorf("no record of these transactions is known to have been deleted in HubSpot: %s", strings.Join(none, ", "))
}

func (r *run) restoreWindow() *window { return r.retryWindow() }

// fetch is ask for a restore, which cannot do without.
func (r *run) fetch(ctx context.Context, id string) (*thnksapi.Row, error) {
	row, err := r.ask(ctx, id)
	if errors.Is(err, thnksapi.ErrNoDetail) {
		return nil, &Fatal{
			What:   "the account's Thnks API has no call for a single transaction (thnks.dialect.detail_path is empty), which restoring needs",
			Remedy: "restore the records in HubSpot, where they can be found for 90 days under Restore records",
			Err:    err,
		}
	}
	return row, err
}

// ask returns a transaction as the source has it now, from the first key that
// sees it, and nil when none does. The error is [thnksapi.ErrNoDetail] where
// the source cannot be asked.
func (r *run) ask(ctx context.Context, id string) (*thnksapi.Row, error) {
	for _, s := range r.Sources {
		row, err := s.API.Transaction(ctx, id)
		var te *thnksapi.Error
		switch {
		case errors.As(err, &te) && te.Kind == thnksapi.NotFound:
			continue
		case err != nil:
			return nil, fmt.Errorf("reading transaction %s: %w", id, err)
		}
		return row, nil
	}
	return nil, nil
}

// restoreAll processes a window of gifts as if their records had never been.
func (r *run) restoreAll(ctx context.Context, w *window) error {
	b := r.batch(w)
	err := r.holding(ctx, w.ids(), func() error {
		if err := b.setAside(); err != nil {
			return err
		}
		for i, g := range w.gifts {
			w.gifts[i] = plan.Merge(b.have[g.ID].Gift, g)
			delete(b.have, g.ID)
		}
		if err := b.lookUp(ctx, nil); err != nil {
			return err
		}
		return b.carryOut(ctx, notMoved)
	})
	if err != nil {
		return err
	}
	later := r.newBehind()
	later.add(b)
	return r.searchBehind(ctx, later)
}

// held sets a gift aside whose record HubSpot will not let be created, as the
// deleted one still holds its transaction id. The journal's tombstone stays.
func (b *batch) held(c plan.Change, objectID string) {
	b.quarantined = append(b.quarantined, b.dated(store.Quarantined{
		Key:           c.Gift.ID,
		TransactionID: c.Gift.ID,
		Class:         classHeld,
		Reason:        "HubSpot keeps the deleted record " + objectID + " and will not have a second one with its transaction id: restore it in HubSpot (the object's list, Actions, Restore records), then run sync --restore " + c.Gift.ID,
		Row:           b.window.raw[c.Gift.ID],
	}))
	b.tally.add(c.Gift.ID, endQuarantined)
}

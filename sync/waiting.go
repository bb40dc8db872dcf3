package sync

import (
	"context"
	"slices"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// tryWaiting looks up the recipients of the gifts that wait in quarantine for
// them to become contacts, of those that are due, and creates the records of
// those that have. One of the others is tried as well, to learn whether HubSpot
// still requires a contact; if it does not, all are created.
func tryWaiting(ctx context.Context, r *run, due func([]plan.Gift) ([]plan.Gift, error)) error {
	for {
		before, err := r.portal.Records.ContactRequired()
		if err != nil {
			return err
		}
		if err := tryWaitingOnce(ctx, r, due, !before.IsZero()); err != nil {
			return err
		}
		after, err := r.portal.Records.ContactRequired()
		if err != nil || before.IsZero() || !after.IsZero() {
			return err
		}
	}
}

func tryWaitingOnce(ctx context.Context, r *run, due func([]plan.Gift) ([]plan.Gift, error), required bool) error {
	planner := &waitingPlanner{required: required, tried: r.req.DryRun}
	w := newWindow()
	flush := func() error {
		if w.rows == 0 {
			return nil
		}
		in := w.input(policy{tryQuarantined: true, searchFirst: true, uncounted: asked(r)})
		in.planner = planner
		w = newWindow()
		return r.process(ctx, in, upcoming{}, store.Commit{})
	}
	var left leftOut // they wait on
	for q, err := range r.cfg().Quarantine.Quarantine(ctx) {
		if err != nil {
			return err
		}
		if _, sent := plan.SendOf(q.TransactionID); sent || q.Class != ClassNeedsContact { // a send is tried by each run
			continue
		}
		if len(q.Row) == 0 { // Thnks is asked if the gift may be due, which was sent before it was set aside
			gifts, err := due([]plan.Gift{{ID: q.TransactionID, CreatedAt: q.First}})
			if err != nil {
				return err
			}
			if len(gifts) == 0 {
				continue
			}
		}
		rows, from, _, err := rowsOf(ctx, r, q, &left)
		if err != nil {
			return err
		}
		for _, row := range rows {
			s, bad := normalize(row, from)
			if bad != nil || s.gift.ID != q.TransactionID {
				continue
			}
			if gifts, err := due([]plan.Gift{s.gift}); err != nil {
				return err
			} else if len(gifts) > 0 {
				w.add(row, s, nil, thnksapi.SinceNone)
			}
		}
		if w.rows >= r.windowRows() {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// A waitingPlanner plans gifts that wait for a contact: those that have none go
// on waiting while it is required, but for one.
type waitingPlanner struct {
	gifts    giftPlanner
	required bool
	tried    bool // one without a contact
}

func (p *waitingPlanner) first(ctx context.Context, b *batch) ([]plan.Change, []string, error) {
	return p.gifts.first(ctx, b)
}

func (p *waitingPlanner) second(ctx context.Context, b *batch, changes []plan.Change) ([]plan.Change, error) {
	changes, err := p.gifts.second(ctx, b, changes)
	return slices.DeleteFunc(changes, func(c plan.Change) bool {
		if !p.required || c.Action != plan.Create || plan.HasMade(c.Links, plan.Contact) {
			return false
		}
		if !p.tried {
			p.tried = true
			return false
		}
		b.run.counts.tally.add(c.Gift.ID, countedQuarantined)
		return true
	}), err
}

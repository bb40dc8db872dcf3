package sync

import (
	"context"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// markGone marks the gifts that a complete listing did not show. Those
// changed lately are left alone: they may have come in beside the listing.
func (r *run) markGone(ctx context.Context) error {
	var gifts []plan.Stored
	flush := func() error {
		defer func() { gifts = nil }()
		return r.holding(ctx, idsOf(gifts), func() error {
			now, err := r.refresh(gifts)
			if err != nil || len(now) == 0 {
				return err
			}
			for i := range now {
				now[i].Gone = r.started
			}
			return r.Journal.Commit(store.Commit{Gifts: now})
		})
	}
	gone := 0
	for have, err := range r.Journal.All(ctx) {
		if err != nil {
			return err
		}
		if !have.Gone.IsZero() || r.tally.has(have.Gift.ID) || have.Gift.UpdatedAt.After(r.started.Add(-dailyReach)) {
			continue
		}
		gone++
		if r.req.DryRun {
			continue
		}
		if gifts = append(gifts, have); len(gifts) == commitGifts {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if gone > 0 {
		r.log.Warn("transactions no longer listed by Thnks; their records are kept", "count", gone)
	}
	return flush()
}

package sync

import (
	"context"

	"thnks-hubspot-sync/store"
)

// markGone marks the gifts that a complete listing did not show. Those
// changed lately are left alone: they may have come in beside the listing.
func (r *run) markGone(ctx context.Context) error {
	var c store.Commit
	flush := func() error {
		if len(c.Gifts) == 0 {
			return nil
		}
		defer func() { c = store.Commit{} }()
		return r.Journal.Commit(c)
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
		have.Gone = r.started
		c.Gifts = append(c.Gifts, have)
		if len(c.Gifts) == commitGifts {
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

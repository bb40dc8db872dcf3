package sync

import (
	"context"
	"fmt"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// rebuildIfLost fills the journal from the portal where the journal is empty
// and the portal is not: the state file was lost, and plain creates would run
// into what is there. An unfinished rebuild is resumed.
func (r *run) rebuildIfLost(ctx context.Context) error {
	if r.object.TypeID == "" {
		return nil // a dry run on a portal without the object
	}
	cp, begun, err := r.Journal.Checkpoint(rebuildCheckpoint)
	if err != nil || begun && !cp.Finished.IsZero() {
		return err
	}
	if r.req.DryRun {
		return nil // it finds existing records by key
	}
	if !begun {
		if n, err := r.Journal.Count(); err != nil || n > 0 {
			return err
		}
		page, err := r.CRM.List(ctx, r.object.TypeID, "", 1, nil)
		if err != nil {
			return fmt.Errorf("looking whether HubSpot holds records already: %w", err)
		}
		if len(page.Objects) == 0 {
			return nil
		}
		// Noted before the first record: a journal that is half rebuilt is not
		// taken for a whole one.
		cp = store.Checkpoint{Started: r.started}
		if err := r.moveCheckpoint(rebuildCheckpoint, cp); err != nil {
			return err
		}
		r.log.Info("the state file is new but HubSpot holds records: rebuilding it from them")
	}
	for {
		objects, next, err := r.listWindow(ctx, cp.Cursor)
		if err != nil {
			return fmt.Errorf("rebuilding the state file from HubSpot: %w", err)
		}
		gifts, err := r.adopt(ctx, objects)
		if err != nil {
			return fmt.Errorf("rebuilding the state file from HubSpot: %w", err)
		}
		cp.Cursor = next
		if next == "" {
			cp.Finished = time.Now().UTC()
		}
		for len(gifts) > commitGifts {
			if err := r.Journal.Commit(store.Commit{Gifts: gifts[:commitGifts]}); err != nil {
				return err
			}
			gifts = gifts[commitGifts:]
		}
		c := checkpoint(rebuildCheckpoint, cp)
		c.Gifts = gifts
		if err := r.Journal.Commit(c); err != nil {
			return err
		}
		r.done += len(objects)
		r.Progress(Progress{Portal: r.Portal, Mode: Rebuild, Done: r.done, Elapsed: time.Since(r.started)})
		if next == "" {
			r.done = 0
			return nil
		}
	}
}

// listWindow lists as many records as one association read can take.
func (r *run) listWindow(ctx context.Context, after string) (objects []hubspot.Object, next string, err error) {
	for {
		page, err := r.CRM.List(ctx, r.object.TypeID, after, hubspot.BatchSize, propertyNames())
		if err != nil {
			return nil, "", err
		}
		objects = append(objects, page.Objects...)
		if after = page.After; after == "" || len(objects)+hubspot.BatchSize > hubspot.AssociationReadSize {
			return objects, after, nil
		}
	}
}

// adopt reads records, and the links they have, as the journal would hold
// them. Records without a transaction id were made by people and are not
// ours.
func (r *run) adopt(ctx context.Context, objects []hubspot.Object) ([]plan.Stored, error) {
	var gifts []plan.Stored
	var ids []string
	for _, o := range objects {
		s, err := stored(o)
		if err != nil {
			r.log.Warn("record not readable as a gift; left alone", "object", o.ID, "error", err)
			continue
		}
		gifts = append(gifts, s)
		ids = append(ids, o.ID)
	}
	for _, kind := range []plan.Kind{plan.Contact, plan.Company, plan.Deal} {
		related, err := r.CRM.Associated(ctx, r.object.TypeID, linkTypes[kind], ids)
		if err != nil {
			return nil, err
		}
		for i, outcome := range related {
			if outcome.Err != nil {
				return nil, outcome.Err
			}
			for _, to := range outcome.Found {
				gifts[i].Links = append(gifts[i].Links, plan.Link{Kind: kind, ID: to.ToID, At: r.started})
				if kind == plan.Contact {
					gifts[i].Orphan = ""
				}
			}
		}
	}
	for i := range gifts {
		gifts[i].Links = plan.SortLinks(gifts[i].Links)
	}
	return gifts, nil
}

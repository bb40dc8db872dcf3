package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// archivedRecords stands in a rebuild's checkpoint, as its source, when the
// live records are done with and those that people deleted are listed.
const archivedRecords = "archived"

// rebuildIfLost fills the journal from the portal where the journal is empty
// and the portal is not: the state file was lost, and plain creates would run
// into what is there. Archived records follow the live ones, because what
// people deleted is to stay deleted. Records without a transaction id were
// made by people, or by whoever made the object, and are not ours. An
// unfinished rebuild is resumed.
func (r *run) rebuildIfLost(ctx context.Context) error {
	if r.made || r.req.DryRun {
		return nil // the object is new; a dry run finds existing records by key
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
		if some, err := r.anyRecords(ctx); err != nil || !some {
			return err
		}
		// Noted before the first record: a journal that is half rebuilt is not
		// taken for a whole one.
		cp = store.Checkpoint{Started: r.started}
		if err := r.moveCheckpoint(rebuildCheckpoint, cp); err != nil {
			return err
		}
		r.log.Info("the state file is new but HubSpot holds records: rebuilding it from them")
	}
	foreign := 0
	for {
		objects, next, err := r.listWindow(ctx, cp.Cursor, cp.Source == archivedRecords)
		if err != nil {
			return fmt.Errorf("rebuilding the state file from HubSpot: %w", err)
		}
		listed := len(objects)
		objects = slices.DeleteFunc(objects, func(o hubspot.Object) bool { return o.Properties[keyProperty] == "" })
		foreign += listed - len(objects)
		adopt := r.adopt
		if cp.Source == archivedRecords {
			adopt = r.adoptArchived
		}
		gifts, err := adopt(ctx, objects)
		if err != nil {
			return fmt.Errorf("rebuilding the state file from HubSpot: %w", err)
		}
		switch cp.Cursor = next; {
		case next != "":
		case cp.Source == archivedRecords:
			cp.Source, cp.Finished = "", time.Now().UTC()
		default:
			cp.Source = archivedRecords
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
		r.done += listed
		r.Progress(Progress{Portal: r.Portal, Mode: Rebuild, Done: r.done, Elapsed: time.Since(r.started)})
		if !cp.Finished.IsZero() {
			r.done = 0
			if foreign > 0 {
				r.log.Info("records without a transaction id are not ours; left alone", "count", foreign)
			}
			return nil
		}
	}
}

// anyRecords reports whether HubSpot holds records, live or archived.
func (r *run) anyRecords(ctx context.Context) (bool, error) {
	for _, archived := range []bool{false, true} {
		page, err := r.CRM.List(ctx, r.object.TypeID, "", 1, archived, nil)
		if err != nil {
			return false, fmt.Errorf("looking whether HubSpot holds records already: %w", err)
		}
		if len(page.Objects) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// listWindow lists as many records as one association read can take.
func (r *run) listWindow(ctx context.Context, after string, archived bool) (objects []hubspot.Object, next string, err error) {
	for {
		page, err := r.CRM.List(ctx, r.object.TypeID, after, hubspot.BatchSize, archived, propertyNames())
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
// them.
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

// adoptArchived reads records that people deleted as the journal's tombstones.
// Where a transaction has a live record too, that one counts.
func (r *run) adoptArchived(_ context.Context, objects []hubspot.Object) ([]plan.Stored, error) {
	var gifts []plan.Stored
	var ids []string
	for _, o := range objects {
		s, err := stored(o)
		if err != nil {
			r.log.Warn("deleted record not readable as a gift; left alone", "object", o.ID, "error", err)
			continue
		}
		s.Deleted = r.started
		gifts = append(gifts, s)
		ids = append(ids, s.Gift.ID)
	}
	live, err := r.Journal.Gifts(ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(gifts, func(s plan.Stored) bool { _, ok := live[s.Gift.ID]; return ok }), nil
}

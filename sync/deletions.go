package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// trustedDeletions is how many records a run takes to be deleted because HubSpot
// does not find them. Before there are more, it looks whether HubSpot lists them. As
// many contacts are taken to be gone of which events say so.
const trustedDeletions = 4

// errNotDeleted ends a run that does not believe that records were deleted.
var errNotDeleted = errors.New("nothing is concluded from that, and no gift is marked as deleted; if it goes on, look in HubSpot whether the records are there, and whether the token may see them")

// deletions are the records that a run found deleted in the batches that it has
// finished.
type deletions struct {
	found []tombstone
	live  *portal.Live // nil before they were listed

	erasure  error // why an erasure could not be finished; nil if there was none
	contacts int   // that events were about and HubSpot did not find, as far as that was believed
}

// A tombstone is a record that was found deleted.
type tombstone struct {
	giftID, objectID string
	at               time.Time // the start of the run
}

// tombstones are the records that the batch found deleted.
func (res *results) tombstones() []tombstone {
	var dead []tombstone
	for _, e := range res.effects {
		if res.isTombstone(e) {
			dead = append(dead, tombstone{e.stored.Gift.ID, e.stored.ObjectID, res.run.started})
		}
	}
	return dead
}

func (res *results) isTombstone(e *effect) bool { return e.stored.Deleted.Equal(res.run.started) }

// checkDeletions fails where the records that the batch found deleted are more
// than a run believes without a second look, and that does not confirm it; err is
// how the batch ended. Their outcomes are dropped then, and where err is not nil.
func (b *batch) checkDeletions(ctx context.Context, err error) error {
	d := b.run.counts.deletions
	all := slices.Concat(d.found, b.res.tombstones())
	if len(all) == len(d.found) {
		return err
	}
	if len(all) > trustedDeletions {
		if err == nil {
			err = d.check(ctx, b.run, all)
		}
		if err != nil {
			b.res.effects = slices.DeleteFunc(b.res.effects, b.res.isTombstone)
			return err
		}
	}
	d.found = all
	return err
}

// check compares the records with those that HubSpot lists as live. It lists them
// once a run, and once more where a record is on the list, as it may have been
// deleted since.
func (d *deletions) check(ctx context.Context, r *run, dead []tombstone) error {
	shown := func(t tombstone) bool { return d.live.Shows(t.objectID, t.giftID) }
	for fresh := d.live == nil; ; fresh = true {
		if d.live == nil || fresh {
			var err error
			if d.live, err = r.portal.Records.Live(ctx); err != nil {
				return fmt.Errorf("HubSpot does not find %s any more, and cannot list those that it has (%w): %w", records(len(dead)), err, errNotDeleted)
			}
		}
		switch i := slices.IndexFunc(dead, shown); {
		case d.live.Len() == 0:
			return fmt.Errorf("HubSpot does not find %s any more, and lists none at all: %w", records(len(dead)), errNotDeleted)
		case i < 0:
			return nil
		case fresh:
			return fmt.Errorf("HubSpot does not find %s any more, but lists them, such as %s: %w", records(len(dead)), dead[i].objectID, errNotDeleted)
		}
	}
}

func records(n int) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

// report says how many records people deleted.
func (d *deletions) report(r *run) {
	if n := len(d.found); n > trustedDeletions {
		r.log.Warn("records were deleted in HubSpot and stay deleted; `sync --restore` creates them again", logCount, n)
	}
}

// settle begins anew with records; of contacts it goes on counting.
func (d *deletions) settle() {
	*d = deletions{contacts: d.contacts}
}

// takeBack revives the gifts, and settles.
func (d *deletions) takeBack(ctx context.Context, r *run) error {
	defer d.settle()
	return d.revive(ctx, r)
}

// revive takes back what the run had concluded before it found out that nothing
// could be: the gifts are written in full at their next change.
func (d *deletions) revive(ctx context.Context, r *run) error {
	ids := make([]string, len(d.found))
	at := make(map[string]time.Time, len(d.found))
	for i, t := range d.found {
		ids[i], at[t.giftID] = t.giftID, t.at
	}
	return r.withLocked(ctx, ids, func() error {
		have, err := r.journal.Gifts(ids)
		if err != nil {
			return err
		}
		var gifts []plan.Stored
		for _, s := range have {
			if !s.Deleted.IsZero() && s.Deleted.Equal(at[s.Gift.ID]) {
				s.Deleted, s.Orphan, s.Mapping = time.Time{}, plan.NoContact, 0
				gifts = append(gifts, s)
			}
		}
		return r.commitGifts(gifts)
	})
}

package sync

import (
	"context"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// Names of the checkpoints.
const (
	backfillCheckpoint    = "backfill"
	rebuildCheckpoint     = "rebuild"
	incrementalCheckpoint = "incremental"
	resweepCheckpoint     = "resweep"
	exportCheckpoint      = "export"

	reassociateCheckpoint    = "reassociate"
	reassociateAllCheckpoint = "reassociate_all"
)

// How often, and how far back, transactions are read again although no change
// of them was seen: rows become visible late, and some sources cannot be asked
// for changes at all.
const (
	daily         = 24 * time.Hour
	weekly        = 7 * daily
	dailyReach    = 48 * time.Hour
	changesWithin = 400 * daily // a gift may change for about 395 days after sending
)

// rereads says when the last full and partial re-reads were begun.
type rereads struct {
	Daily  time.Time `json:"daily"`
	Weekly time.Time `json:"weekly"`
}

// resume returns a checkpoint of an unfinished pass, or a new one.
func (r *run) resume(name string) (cp store.Checkpoint, resumed bool, err error) {
	cp, begun, err := r.journal.Checkpoint(name)
	if err == nil && (!begun || !cp.Finished.IsZero()) {
		return store.Checkpoint{Started: r.started}, false, nil
	}
	return cp, isBegun(cp), err
}

// isBegun reports whether a part of a listing of everything has been read.
func isBegun(cp store.Checkpoint) bool { return cp.Source != "" || len(cp.Done) > 0 }

// incrementalPass copies what changed since the watermarks. Once a day it
// reaches back further, and once a week it reads everything.
func incrementalPass(ctx context.Context, r *run) error {
	var due rereads
	if _, err := Recall(r.journal, rereadsEntry, &due); err != nil {
		return err
	}
	if err := readSources(ctx, r, due); err != nil {
		return err
	}
	return refreshOutcomes(ctx, r)
}

// readSources is the part of an incremental pass that reads transactions.
func readSources(ctx context.Context, r *run, due rereads) error {
	switch {
	case r.olderThan(due.Weekly, weekly):
		r.mode = Resweep
		if err := announceOrphans(r); err != nil {
			return err
		}
		return resweep(ctx, r, due)
	case r.olderThan(due.Daily, daily):
		r.mode = Resweep
		if err := announceOrphans(r); err != nil {
			return err
		}
		return reread(ctx, r, due)
	default:
		return listChanged(ctx, r, sinceWatermark)
	}
}

// announceOrphans shows that orphans are looked up once the listing has ended.
func announceOrphans(r *run) error {
	n, err := orphanCount(r.journal)
	if err == nil {
		r.counts.progress.announce(r.mode, n)
	}
	return err
}

// sinceWatermark is where an hourly listing begins.
func sinceWatermark(_ Source, watermark time.Time) time.Time { return watermark }

// reread is the daily re-read. However long ago the last one was, it lists what
// became visible since, up to a day late. Lately sent orphans are looked up, too.
func reread(ctx context.Context, r *run, due rereads) error {
	since := func(s Source, watermark time.Time) time.Time {
		reach := dailyReach
		if s.API.Filter() != thnksapi.SinceUpdated {
			reach = changesWithin
		}
		return slices.MinFunc([]time.Time{watermark, r.started.Add(-reach), due.Daily.Add(daily - dailyReach)}, time.Time.Compare)
	}
	if err := listChanged(ctx, r, since); err != nil {
		return err
	}
	if err := retryCulprits(ctx, r); err != nil {
		return err
	}
	if err := lookUpOrphans(ctx, r, false); err != nil {
		return err
	}
	due.Daily = r.started
	return r.memory().Remember(rereadsEntry, due)
}

// listChanged processes what each source lists since a time, and moves its
// watermark when the listing has ended. An interrupted listing is resumed at the
// window it stopped at. No watermark passes the source's clock at the listing's
// first window: what an earlier window showed may have changed since. One that lies
// ahead is a clock's mistake.
func listChanged(ctx context.Context, r *run, since func(Source, time.Time) time.Time) error {
	cp, _, err := r.journal.Checkpoint(incrementalCheckpoint)
	if err != nil {
		return err
	}
	if cp.Watermarks == nil {
		cp.Watermarks = make(map[string]time.Time)
	}
	for place, s := range r.cfg().Sources {
		newest := cp.Watermarks[s.Key]
		if isFuture(r, newest) {
			newest = r.started.Add(-dailyReach)
		}
		l := listing{source: s, place: place, since: since(s, newest)}
		if cp.Source == s.Key && cp.Cursor != "" && !cp.Since.After(l.since) {
			l.since, l.cursor = cp.Since, cp.Cursor
		} else {
			cp.Started = time.Time{}
		}
		err := r.list(ctx, l, func(w *window) store.Commit {
			if cp.Started.IsZero() || w.clock.Before(cp.Started) {
				cp.Started = w.clock
			}
			if through := w.through(cp.Started); through.After(newest) {
				newest = through
			}
			cp.Source, cp.Since, cp.Cursor = s.Key, l.since, w.next
			if w.next == "" {
				cp.Watermarks[s.Key] = newest
				cp.Source, cp.Since, cp.Started = "", time.Time{}, time.Time{}
			}
			return checkpoint(incrementalCheckpoint, cp)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// resweep is the weekly re-read of everything. Transactions that no source
// lists any more are marked, never deleted; all orphans are looked up.
func resweep(ctx context.Context, r *run, due rereads) error {
	cp, resumed, err := r.resume(resweepCheckpoint)
	if err != nil {
		return err
	}
	if err := listAll(ctx, r, resweepCheckpoint, &cp, func(string, *window) {}); err != nil {
		return err
	}
	if resumed {
		// What it read before it was interrupted may have changed since, and
		// orphans must not be looked up by what they were.
		if err := listChanged(ctx, r, sinceWatermark); err != nil {
			return err
		}
	}
	believed, err := believe(ctx, r, resweepCheckpoint)
	if err != nil {
		return err
	}
	if believed && !resumed { // a resumed one has not seen everything itself
		if err := markGone(ctx, r); err != nil {
			return err
		}
	}
	if believed {
		if err := releaseUnlisted(ctx, r, cp.Started); err != nil {
			return err
		}
	}
	if err := rememberFields(r); err != nil {
		return err
	}
	if err := retryCulprits(ctx, r); err != nil {
		return err
	}
	if err := lookUpOrphans(ctx, r, true); err != nil {
		return err
	}
	cp.Finished = time.Now().UTC()
	c := checkpoint(resweepCheckpoint, cp)
	due.Daily, due.Weekly = r.started, r.started
	c.Meta = Meta(rereadsEntry, due)
	return r.recorder.Commit(c)
}

// markGone marks the gifts that a complete listing did not show. Those changed
// lately are left alone: they may have come in while it was read.
func markGone(ctx context.Context, r *run) error {
	var ids []string
	mark := func() error {
		defer func() { ids = nil }()
		return r.withLocked(ctx, ids, func() error {
			have, err := r.journal.Gifts(ids) // an event may have changed one
			if err != nil {
				return err
			}
			var gifts []plan.Stored
			for _, id := range ids {
				if s, ok := have[id]; ok {
					s.Gone = r.started
					gifts = append(gifts, s)
				}
			}
			return r.commitGifts(gifts)
		})
	}
	gone := 0
	for have, err := range r.journal.After(ctx, "") {
		if err != nil {
			return err
		}
		if _, sent := plan.SendOf(have.Gift.ID); sent { // which Thnks lists under its own id
			continue
		}
		if !have.Gone.IsZero() || r.counts.tally.has(have.Gift.ID) || have.Gift.UpdatedAt.After(r.started.Add(-dailyReach)) && !isFuture(r, have.Gift.UpdatedAt) {
			continue
		}
		gone++
		if ids = append(ids, have.Gift.ID); len(ids) == commitGifts {
			if err := mark(); err != nil {
				return err
			}
		}
	}
	if gone > 0 {
		r.log.Warn("transactions no longer listed by Thnks; their records are kept", logCount, gone)
	}
	return mark()
}

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
	return cp, true, err
}

// incrementalPass copies what changed since the watermarks. Once a day it
// reaches back further, and once a week it reads everything.
func incrementalPass(ctx context.Context, r *run) error {
	var due rereads
	if _, err := Recall(r.journal, rereadsEntry, &due); err != nil {
		return err
	}
	switch {
	case r.olderThan(due.Weekly, weekly):
		r.mode = Resweep
		return resweep(ctx, r, due)
	case r.olderThan(due.Daily, daily):
		r.mode = Resweep
		return reread(ctx, r, due)
	default:
		return listChanged(ctx, r, sinceWatermark)
	}
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
	if err := lookUpOrphans(ctx, r, false); err != nil {
		return err
	}
	due.Daily = r.started
	return r.memory().Remember(rereadsEntry, due)
}

// listChanged processes what each source lists since a time, and moves its
// watermark when the listing has ended. An interrupted listing is resumed at the
// window it stopped at.
func listChanged(ctx context.Context, r *run, since func(Source, time.Time) time.Time) error {
	cp, _, err := r.journal.Checkpoint(incrementalCheckpoint)
	if err != nil {
		return err
	}
	if cp.Watermarks == nil {
		cp.Watermarks = make(map[string]time.Time)
	}
	for _, s := range r.cfg().Sources {
		l := listing{source: s, since: since(s, cp.Watermarks[s.Key])}
		if cp.Source == s.Key && cp.Cursor != "" && !cp.Since.After(l.since) {
			l.since, l.cursor = cp.Since, cp.Cursor
		}
		newest := cp.Watermarks[s.Key]
		err := r.list(ctx, l, func(w *window) store.Commit {
			if through := w.through(); through.After(newest) {
				newest = through
			}
			cp.Source, cp.Since, cp.Cursor = s.Key, l.since, w.next
			if w.next == "" {
				cp.Watermarks[s.Key] = newest
				cp.Source, cp.Since = "", time.Time{}
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
	if err := listAll(ctx, r, resweepCheckpoint, &cp, func(string, time.Time) {}); err != nil {
		return err
	}
	if resumed {
		// What it read before it was interrupted may have changed since, and
		// orphans must not be looked up by what they were.
		if err := listChanged(ctx, r, sinceWatermark); err != nil {
			return err
		}
	}
	alone, err := apiAlone(r)
	if err != nil {
		return err
	}
	if !resumed && alone { // a resumed one has not seen everything itself
		if err := markGone(ctx, r); err != nil {
			return err
		}
	}
	if len(r.cfg().Sources) > 0 {
		if err := releaseUnlisted(ctx, r, cp.Started); err != nil {
			return err
		}
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
		if !have.Gone.IsZero() || r.counts.tally.has(have.Gift.ID) || have.Gift.UpdatedAt.After(r.started.Add(-dailyReach)) {
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

// releaseUnlisted takes the rows without an id out of the quarantine that a
// complete listing, begun at a time, did not show any more: corrected at the
// source, such a row is another one. A listing of the API says nothing about
// rows of export files, and the other way round; nor does an export file about
// rows of a part of the account that it does not show.
func releaseUnlisted(ctx context.Context, r *run, begun time.Time) error {
	if r.req.DryRun {
		return nil // nor would it say so
	}
	all, err := showedAll(r)
	if err != nil {
		return err
	}
	var keys []string
	total := 0
	release := func() error {
		if len(keys) == 0 {
			return nil
		}
		total += len(keys)
		err := r.recorder.Commit(store.Commit{Healed: keys})
		keys = nil
		return err
	}
	for q, err := range r.cfg().Quarantine.Quarantine(ctx) {
		if err != nil {
			return err
		}
		if q.TransactionID != "" || !q.Last.Before(begun) {
			continue
		}
		ofExport := isExportRow(r, q.Row)
		if ofExport != (feedOf(r) == feedExport) {
			continue
		}
		if ofExport && !all && !slices.ContainsFunc(r.cfg().Exports.Near(q.Row), r.counts.tally.has) {
			continue
		}
		if keys = append(keys, q.Key); len(keys) == commitGifts {
			if err := release(); err != nil {
				return err
			}
		}
	}
	if err := release(); err != nil {
		return err
	}
	if total > 0 {
		r.log.Info("unreadable rows are no longer at the source and left the quarantine", logCount, total)
	}
	return nil
}

// showedAll reports whether the run's listing showed every gift that there is.
func showedAll(r *run) (bool, error) {
	n, err := r.journal.Count()
	c := r.counts.tally.counts
	return c[countedCreated]+c[countedUpdated]+c[countedUnchanged]+c[countedDeleted] >= n, err
}

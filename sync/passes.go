package sync

import (
	"context"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
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

// How often, and how far back, transactions are read again although nothing
// said that they changed: rows become visible late, and some sources cannot
// be asked for changes at all.
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

// backfill copies all transactions. An unfinished one is resumed where it
// stopped, a finished one starts over.
//
//  1. Where the journal is empty and the portal is not, rebuild the journal
//     from the portal: it decides what exists.
//  2. Note each source's clock before its first page is used: changes from
//     then on are the incremental runs' business.
//  3. Go through the listings, window by window.
//  4. Hand the noted clocks to the incremental runs as their watermarks.
func (r *run) backfill(ctx context.Context) error {
	if err := r.identify(ctx); err != nil {
		return err
	}
	if err := r.findObject(ctx); err != nil {
		return err
	}
	if err := r.rebuildIfLost(ctx); err != nil {
		return err
	}
	cp, ok, err := r.Journal.Checkpoint(backfillCheckpoint)
	if err != nil {
		return err
	}
	if !ok || !cp.Finished.IsZero() {
		cp = store.Checkpoint{Started: r.started}
	}
	if cp.Watermarks == nil {
		cp.Watermarks = make(map[string]time.Time)
	}
	err = r.listAll(ctx, backfillCheckpoint, &cp, func(key string, clock time.Time) {
		// The source's clock may be behind ours.
		if noted, ok := cp.Watermarks[key]; !ok || clock.Before(noted) {
			cp.Watermarks[key] = clock
		}
	})
	if err != nil {
		return err
	}
	if r.req.DryRun {
		return nil
	}
	if err := r.releaseUnmet(ctx, cp.Started); err != nil {
		return err
	}
	cp.Finished = time.Now().UTC()
	c := checkpoint(backfillCheckpoint, cp)
	c.Checkpoints[incrementalCheckpoint] = store.Checkpoint{Watermarks: cp.Watermarks, Started: cp.Started, Finished: cp.Finished}
	c.Meta = meta(metaRereads, rereads{Daily: cp.Started, Weekly: cp.Started})
	return r.Journal.Commit(c)
}

// listAll works off everything that every source lists, each source once,
// under a named checkpoint that remembers how far it came. clock is told of
// each source's clock: ours before its first page, its own with every window.
func (r *run) listAll(ctx context.Context, name string, cp *store.Checkpoint, clock func(key string, at time.Time)) error {
	for _, s := range r.unfinishedFirst(cp.Source) {
		if slices.Contains(cp.Done, s.Key) {
			continue
		}
		if cp.Source != s.Key {
			cp.Source, cp.Cursor = s.Key, ""
			clock(s.Key, r.started)
			if err := r.moveCheckpoint(name, *cp); err != nil {
				return err
			}
		}
		err := r.through(ctx, listing{source: s, cursor: cp.Cursor}, func(w *window) store.Commit {
			clock(s.Key, w.clock)
			cp.Cursor = w.next
			if w.next == "" {
				cp.Source = ""
				cp.Done = append(cp.Done, s.Key)
			}
			return checkpoint(name, *cp)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unfinishedFirst returns the sources, beginning with the one whose listing
// was interrupted: its cursor is kept only until another listing begins.
func (r *run) unfinishedFirst(key string) []Source {
	sources := slices.Clone(r.Sources)
	slices.SortStableFunc(sources, func(a, b Source) int {
		switch {
		case a.Key == key && b.Key != key:
			return -1
		case b.Key == key && a.Key != key:
			return 1
		default:
			return 0
		}
	})
	return sources
}

// incremental copies what changed since the watermarks. Once a day it reaches
// back further, and once a week it reads everything.
func (r *run) incremental(ctx context.Context) error {
	var due rereads
	if _, err := recall(r.Journal, metaRereads, &due); err != nil {
		return err
	}
	switch {
	case r.over(due.Weekly, weekly):
		r.mode = Resweep
		return r.resweep(ctx, due)
	case r.over(due.Daily, daily):
		r.mode = Resweep
		return r.reread(ctx, due)
	default:
		return r.changed(ctx, sinceWatermark)
	}
}

// sinceWatermark is where an hourly listing begins.
func sinceWatermark(_ Source, watermark time.Time) time.Time { return watermark }

// over reports whether something begun then is due again after d. A stamp from
// the future is a clock's mistake and puts nothing off.
func (r *run) over(then time.Time, d time.Duration) bool {
	since := r.started.Sub(then)
	return since >= d || since < 0
}

// reread is the daily re-read. However long ago the last one was, what became
// visible since, up to a day late, is listed. Lately sent orphans are looked up
// along.
func (r *run) reread(ctx context.Context, due rereads) error {
	since := func(s Source, watermark time.Time) time.Time {
		reach := dailyReach
		if s.API.Filter() != thnksapi.SinceUpdated {
			reach = changesWithin
		}
		return slices.MinFunc([]time.Time{watermark, r.started.Add(-reach), due.Daily.Add(daily - dailyReach)}, time.Time.Compare)
	}
	if err := r.changed(ctx, since); err != nil {
		return err
	}
	if err := r.healOrphans(ctx, false); err != nil {
		return err
	}
	due.Daily = r.started
	return r.remember(metaRereads, due)
}

// changed goes through what each source lists since a time, and moves the
// watermarks when a listing has been gone through. Interrupted, a listing is
// taken up again at the window it stopped at.
func (r *run) changed(ctx context.Context, since func(Source, time.Time) time.Time) error {
	cp, _, err := r.Journal.Checkpoint(incrementalCheckpoint)
	if err != nil {
		return err
	}
	if cp.Watermarks == nil {
		cp.Watermarks = make(map[string]time.Time)
	}
	for _, s := range r.Sources {
		l := listing{source: s, since: since(s, cp.Watermarks[s.Key])}
		if cp.Source == s.Key && cp.Cursor != "" && !cp.Since.After(l.since) {
			l.since, l.cursor = cp.Since, cp.Cursor
		}
		newest := cp.Watermarks[s.Key]
		err := r.through(ctx, l, func(w *window) store.Commit {
			if w.newest.After(w.clock) {
				w.newest = w.clock // a stamp from the future must not carry the watermark there
			}
			if w.newest.After(newest) {
				newest = w.newest
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
func (r *run) resweep(ctx context.Context, due rereads) error {
	cp, ok, err := r.Journal.Checkpoint(resweepCheckpoint)
	if err != nil {
		return err
	}
	whole := !ok || !cp.Finished.IsZero() // one taken up half way has not seen everything itself
	if whole {
		cp = store.Checkpoint{Started: r.started}
	}
	if err := r.listAll(ctx, resweepCheckpoint, &cp, func(string, time.Time) {}); err != nil {
		return err
	}
	if !whole {
		// What it read before it was interrupted may have changed since, and
		// orphans must not be looked up by what they were.
		if err := r.changed(ctx, sinceWatermark); err != nil {
			return err
		}
	}
	alone, err := r.fedByAPIAlone()
	if err != nil {
		return err
	}
	if whole && alone {
		if err := r.markGone(ctx); err != nil {
			return err
		}
	}
	if len(r.Sources) > 0 {
		if err := r.releaseUnmet(ctx, cp.Started); err != nil {
			return err
		}
	}
	if err := r.healOrphans(ctx, true); err != nil {
		return err
	}
	if r.req.DryRun {
		return nil
	}
	cp.Finished = time.Now().UTC()
	c := checkpoint(resweepCheckpoint, cp)
	due.Daily, due.Weekly = r.started, r.started
	c.Meta = meta(metaRereads, due)
	return r.Journal.Commit(c)
}

// through works a listing off from its cursor. One that is resumed from may lead
// nowhere any more; then the listing starts over, which costs calls to the source
// and nothing else.
func (r *run) through(ctx context.Context, l listing, moved func(*window) store.Commit) error {
	err := r.work(ctx, l, moved)
	if l.cursor == "" || !stale(err) {
		return err
	}
	r.log.Warn("the listing cannot go on where the last run stopped, and starts over", "error", err)
	l.cursor = ""
	return r.work(ctx, l, moved)
}

// work works a listing off. moved says how each finished window moves the
// checkpoint; that becomes durable with the window's last effects.
func (r *run) work(ctx context.Context, l listing, moved func(*window) store.Commit) error {
	l.rows = r.windowRows
	reading, cancel := context.WithCancel(ctx)
	ch := windows(reading, l)
	defer func() {
		cancel()
		for range ch {
			// Until the reader has ended, too: nothing of a run outlives it.
		}
	}()
	cur, ok := <-ch
	for ok {
		switch {
		case cur.fell != "":
			panic(cur.fell)
		case cur.err != nil:
			return cur.err
		}
		ahead, more := <-ch
		if err := r.noteFeed(cur.window); err != nil {
			return err
		}
		if err := r.process(ctx, cur.window, ahead.window, func() store.Commit { return moved(cur.window) }); err != nil {
			return err
		}
		cur, ok = ahead, more
	}
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

func checkpoint(name string, cp store.Checkpoint) store.Commit {
	return store.Commit{Checkpoints: map[string]store.Checkpoint{name: cp}}
}

func (r *run) moveCheckpoint(name string, cp store.Checkpoint) error {
	if r.req.DryRun {
		return nil
	}
	return r.Journal.Commit(checkpoint(name, cp))
}

package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// backfillPass copies all transactions. An unfinished one is resumed where it
// stopped, a finished one starts over.
//
//  1. Where the journal is empty and the portal is not, rebuild the journal
//     from the portal: it decides what exists.
//  2. Record each source's clock before its first page is used: changes from
//     then on are copied by the incremental runs.
//  3. Go through the listings, window by window.
//  4. Hand the recorded clocks to the incremental runs as their watermarks.
func backfillPass(ctx context.Context, r *run) error {
	r.portal.Object.Reread()
	if err := r.portal.Object.Find(ctx); err != nil {
		return err
	}
	if err := rebuildIfLost(ctx, r); err != nil {
		return err
	}
	cp, resumed, err := r.resume(backfillCheckpoint)
	if err != nil {
		return err
	}
	if cp.Watermarks == nil {
		cp.Watermarks = make(map[string]time.Time)
	}
	newest, vague := make(map[string]time.Time), make(map[string]bool)
	err = listAll(ctx, r, backfillCheckpoint, &cp, func(key string, w *window) {
		if was, ok := vague[key]; was || !ok {
			vague[key] = w.rows == 0 && !w.dated
		}
		// The source's clock may be behind ours.
		if recorded, ok := cp.Watermarks[key]; !ok || w.clock.Before(recorded) {
			cp.Watermarks[key] = w.clock
		}
		if w.newest.After(newest[key]) {
			newest[key] = w.newest
		}
	})
	if err != nil {
		return err
	}
	for key, empty := range vague {
		// Where the source shows no clock, ours may be ahead of it. Where it shows no
		// rows either, all that it will show is new.
		if at := newest[key]; at.Before(cp.Watermarks[key]) && (!at.IsZero() || empty) {
			cp.Watermarks[key] = at
		}
	}
	believed, err := believe(ctx, r, backfillCheckpoint)
	if err != nil {
		return err
	}
	if believed && !resumed && r.req.AcceptSmallerSource { // once, and not again for the next weekly listing
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
	cp.Finished = time.Now().UTC()
	c := checkpoint(backfillCheckpoint, cp)
	c.Checkpoints[incrementalCheckpoint] = store.Checkpoint{Watermarks: cp.Watermarks, Started: cp.Started, Finished: cp.Finished}
	c.Meta = Meta(rereadsEntry, rereads{Daily: cp.Started, Weekly: cp.Started})
	return r.recorder.Commit(c)
}

// listAll processes everything that every source lists, each source once, under
// a named checkpoint that remembers how far it came. seen is called with each window
// of each source, and before its first page with one that has our clock and no rows.
func listAll(ctx context.Context, r *run, name string, cp *store.Checkpoint, seen func(key string, w *window)) error {
	if isBegun(*cp) {
		if _, err := Recall(r.journal, shownEntry(name), &r.counts.shownBefore); err != nil {
			return err
		}
	}
	if err := beginSample(r, name, isBegun(*cp)); err != nil {
		return err
	}
	for _, s := range unfinishedFirst(r.cfg().Sources, cp.Source) {
		if slices.Contains(cp.Done, s.Key) {
			continue
		}
		if cp.Source != s.Key {
			begun := isBegun(*cp)
			cp.Source, cp.Cursor = s.Key, ""
			seen(s.Key, &window{clock: r.started})
			c := checkpoint(name, *cp)
			if !begun { // what the last listing has left says nothing of this one
				c.Meta = Meta(shownEntry(name), 0)
				maps.Copy(c.Meta, Meta(sampleEntry(name), r.counts.sample))
			}
			if err := r.recorder.Commit(c); err != nil {
				return err
			}
		}
		err := r.list(ctx, listing{source: s, place: r.cfg().place(s.Key), cursor: cp.Cursor}, func(w *window) store.Commit {
			seen(s.Key, w)
			cp.Cursor = w.next
			if w.next == "" {
				cp.Source = ""
				cp.Done = append(cp.Done, s.Key)
			}
			c := checkpoint(name, *cp)
			c.Meta = Meta(shownEntry(name), r.counts.shown()+len(w.gifts))
			r.counts.sample.add(w)
			maps.Copy(c.Meta, Meta(sampleEntry(name), r.counts.sample))
			return c
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unfinishedFirst returns the sources, beginning with the one whose listing
// was interrupted: its cursor is kept only until another listing begins.
func unfinishedFirst(all []Source, key string) []Source {
	sources := slices.Clone(all)
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

// archivedRecords stands in a rebuild's checkpoint, as its source, when the
// live records are done and those that users deleted are listed.
const archivedRecords = "archived"

// rebuildIfLost fills the journal from the portal where the journal is empty
// and the portal is not: the state file was lost, and plain creates would
// conflict with what is there. Archived records follow the live ones, because
// what users deleted is to stay deleted. Records without a transaction id were
// made by users, or by the program that made the object, and are not ours. An
// unfinished rebuild is resumed.
//
// A dry run does without: it finds existing records by key.
func rebuildIfLost(ctx context.Context, r *run) error {
	if r.req.DryRun {
		return nil
	}
	if r.portal.Object.Created() {
		return learnJournal(r)
	}
	if err := r.withAllLocked(ctx, func() error { return rebuild(ctx, r) }); err != nil {
		return err
	}
	return learnJournal(r)
}

// learnJournal records that the journal knows what HubSpot holds.
func learnJournal(r *run) error {
	var known bool
	if _, err := Recall(r.journal, knownEntry, &known); err != nil || known {
		return err
	}
	return r.memory().Remember(knownEntry, true)
}

func rebuild(ctx context.Context, r *run) error {
	cp, begun, err := r.journal.Checkpoint(rebuildCheckpoint)
	if err != nil || begun && !cp.Finished.IsZero() {
		return err
	}
	if !begun {
		if n, err := r.journal.Count(); err != nil || n > 0 {
			return err
		}
		if some, err := r.portal.Records.Any(ctx); err != nil || !some {
			return err
		}
		// Recorded before the first gift: a journal that is half rebuilt must not
		// be taken for a whole one.
		cp = store.Checkpoint{Started: r.started}
		c := checkpoint(rebuildCheckpoint, cp)
		c.Meta = r.secondary.owe()
		// What was sent before, the new file does not know, and could send again.
		c.Sending = store.Sending{Off: "the state file was rebuilt from HubSpot's records", Since: r.started}
		if err := r.recorder.Commit(c); err != nil {
			return err
		}
		r.log.Info("the state file is new but HubSpot holds records: rebuilding it from them")
	}
	r.secondary.inherited = true // everything without a contact is owed a search
	foreign, done, round := 0, 0, 0
	for cp.Finished.IsZero() {
		if done-round >= sharedRows {
			if err := r.turn.Round(ctx); err != nil {
				return err
			}
			round = done
		}
		archived := cp.Source == archivedRecords
		l, err := r.portal.Records.List(ctx, cp.Cursor, archived)
		if err != nil {
			return fmt.Errorf("rebuilding the state file from HubSpot: %w", err)
		}
		foreign += l.Foreign
		gifts := l.Gifts
		if archived {
			// Where a transaction has a live record too, that one counts.
			live, err := r.journal.Gifts(storedIDs(gifts))
			if err != nil {
				return err
			}
			gifts = slices.DeleteFunc(gifts, func(s plan.Stored) bool { _, ok := live[s.Gift.ID]; return ok })
		}
		switch cp.Cursor = l.Next; {
		case l.Next != "":
		case archived:
			cp.Source, cp.Finished = "", time.Now().UTC()
		default:
			cp.Source = archivedRecords
		}
		if err := respellRecords(r.journal, gifts); err != nil {
			return err
		}
		if err := stayErased(r, gifts); err != nil {
			return err
		}
		last, err := commitAllBut(gifts, r.commitGifts)
		if err != nil {
			return err
		}
		c := checkpoint(rebuildCheckpoint, cp)
		c.Gifts = last
		if !cp.Finished.IsZero() {
			c.Meta = sendsFound()
		}
		for _, s := range gifts {
			if lost, ok := lostSend(s, r.started, rebuilt); ok {
				c.LostSends = append(c.LostSends, lost)
			}
		}
		if err := r.recorder.Commit(c); err != nil {
			return err
		}
		done += l.Listed
		r.counts.progress.update(func(now *Progress) { now.Mode, now.Phase, now.Done = Rebuild, PhaseRebuild, done })
	}
	r.counts.progress.update(func(now *Progress) { now.Mode, now.Phase, now.Done = r.mode, PhaseListing, 0 })
	if foreign > 0 {
		r.log.Info("records without a transaction id are not ours; left alone", logCount, foreign)
	}
	return nil
}

// storedIDs are the transaction ids of gifts of the journal.
func storedIDs(gifts []plan.Stored) []string {
	ids := make([]string, len(gifts))
	for i, s := range gifts {
		ids[i] = s.Gift.ID
	}
	return ids
}

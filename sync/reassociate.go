package sync

import (
	"context"
	"iter"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// youngOrphan is for how long an orphan is looked up daily; older ones are
// looked up weekly.
const youngOrphan = 30 * daily

// reassociatePass looks every orphan up among today's contacts, whatever was
// searched lately.
func reassociatePass(ctx context.Context, r *run) error {
	n, err := orphanCount(r.journal)
	if err != nil {
		return err
	}
	r.counts.progress.begin(PhaseOrphans, n)
	err = r.resumable(ctx, reassociateCheckpoint, newOrphanPlanner, recipientsOf, func(after string) iter.Seq2[[]plan.Gift, error] {
		return r.orphans(ctx, after, everyOrphan)
	})
	if err != nil {
		return err
	}
	return tryWaiting(ctx, r, everyOrphan)
}

// reassociateAllPass compares every gift's links with what HubSpot holds today.
func reassociateAllPass(ctx context.Context, r *run) error {
	gifts := func(after string) iter.Seq2[plan.Gift, error] {
		return func(yield func(plan.Gift, error) bool) {
			for s, err := range r.journal.After(ctx, after) {
				if !yield(s.Gift, err) {
					return
				}
			}
		}
	}
	newPlanner := func() planner { return new(reviewPlanner) }
	n, err := r.journal.Count()
	if err != nil {
		return err
	}
	r.counts.progress.begin(PhaseReview, n)
	if n > 0 { // what an unfinished pass did may have been without owners
		if err := r.portal.Directory.LearnOwners(ctx); err != nil {
			return err
		}
	}
	err = r.resumable(ctx, reassociateAllCheckpoint, newPlanner, contactsOf, func(after string) iter.Seq2[[]plan.Gift, error] {
		return chunks(gifts(after), r.windowRows)
	})
	if err != nil {
		return err
	}
	return tryWaiting(ctx, r, everyOrphan)
}

// everyOrphan says that all of some orphans are due.
func everyOrphan(orphans []plan.Gift) ([]plan.Gift, error) { return orphans, nil }

// lookUpOrphans looks orphans up after a listing, and the gifts that wait in
// quarantine for a contact: all of them, or those that were sent lately.
func lookUpOrphans(ctx context.Context, r *run, all bool) error {
	due := func(orphans []plan.Gift) ([]plan.Gift, error) {
		return slices.DeleteFunc(orphans, func(g plan.Gift) bool {
			return !all && !plan.SentWithin(g, plan.Rules{Now: r.started, Lookback: youngOrphan})
		}), nil
	}
	total := 0 // of those sent lately it is not known before
	if all {
		var err error
		if total, err = orphanCount(r.journal); err != nil {
			return err
		}
	}
	r.counts.progress.begin(PhaseOrphans, total)
	p := policy{uncounted: r.secondary.tooEarly(r.started)}
	if err := r.overJournal(ctx, p, r.orphans(ctx, "", due), newOrphanPlanner, recipientsOf, func(string) store.Commit { return store.Commit{} }); err != nil {
		return err
	}
	return tryWaiting(ctx, r, due)
}

// orphanCount returns how many orphans the journal has.
func orphanCount(j History) (n int, err error) {
	counts, err := j.OrphanCounts()
	for _, of := range counts {
		n += of
	}
	return n, err
}

// resumable goes through gifts of the journal under a checkpoint of its own:
// its cursor is the last transaction processed. An unfinished pass is resumed where
// what it did still counts; any other starts over.
func (r *run) resumable(ctx context.Context, name string, newPlanner func() planner, need foreseeGifts, from func(after string) iter.Seq2[[]plan.Gift, error]) error {
	cp, _, err := r.resume(name)
	if err != nil {
		return err
	}
	counts, err := stillCounts(r, name, cp)
	if err != nil {
		return err
	}
	if !counts {
		cp = store.Checkpoint{Started: r.started}
	}
	if cp.Cursor != "" { // how many are behind it is not known
		r.counts.progress.update(func(now *Progress) { now.PhaseTotal = 0 })
	}
	err = r.overJournal(ctx, policy{uncounted: true}, from(cp.Cursor), newPlanner, need, func(last string) store.Commit {
		cp.Cursor = last
		c := checkpoint(name, cp)
		c.Meta = Meta(linkedByEntry(name), linkedBy{r.portal.Links, r.portal.Directory.OwnersKnown()})
		return c
	})
	if err != nil {
		return err
	}
	cp.Cursor, cp.Finished = "", time.Now().UTC()
	return r.moveCheckpoint(name, cp)
}

// linkedBy is what a re-association went by.
type linkedBy struct {
	Links  portal.LinkRules
	Owners bool // whether it knew the portal's users
}

// stillCounts reports whether what a pass did before its cursor need not be done again: it was
// begun in the last week, it linked by the rules of today, and it knew the portal's users if
// they are known today. An admin who asks for a re-association after a scope was granted, or
// a setting changed, means all gifts.
func stillCounts(r *run, name string, cp store.Checkpoint) (bool, error) {
	if r.olderThan(cp.Started, weekly) {
		return false, nil
	}
	var by linkedBy
	_, err := Recall(r.journal, linkedByEntry(name), &by)
	return by.Links == r.portal.Links && (by.Owners || !r.portal.Directory.OwnersKnown()), err
}

// overJournal does the work for windows of gifts of the journal, under a policy
// that it completes. need foresees what a window asks HubSpot for, and moved is the
// commit that moves the checkpoint past a transaction.
func (r *run) overJournal(ctx context.Context, p policy, windows iter.Seq2[[]plan.Gift, error], newPlanner func() planner, need foreseeGifts, moved func(last string) store.Commit) error {
	p.fromJournal, p.countFailures, p.searchFirst = true, true, true
	next, stop := iter.Pull2(windows)
	defer stop()
	gifts, err, ok := next()
	for ok {
		if err != nil {
			return err
		}
		var ahead []plan.Gift
		aheadErr, more, read := error(nil), false, r.turn.Alone()
		if read {
			ahead, aheadErr, more = next()
		}
		var n portal.Need
		if n, err = need(r, gifts, ahead); err != nil {
			return err
		}
		n.More = len(gifts) >= r.windowRows() && (!read || more && len(ahead) >= r.windowRows())
		if err := foresee(ctx, r, n); err != nil {
			return err
		}
		in := input{
			policy:  p,
			gifts:   gifts,
			planner: newPlanner(),
			count:   len(gifts),
		}
		if _, err := r.work(ctx, in, ahead, moved(gifts[len(gifts)-1].ID)); err != nil {
			return err
		}
		if !read {
			if err := r.turn.Round(ctx); err != nil {
				return err
			}
			ahead, aheadErr, more = next()
		}
		gifts, err, ok = ahead, aheadErr, more
	}
	return ctx.Err()
}

// An orphanPlanner plans the links of orphans whose recipient is a contact now,
// by a primary or a secondary address.
type orphanPlanner struct{}

func newOrphanPlanner() planner { return orphanPlanner{} }

func (orphanPlanner) first(_ context.Context, b *batch) ([]plan.Change, []string, error) {
	return b.unchanged(), addresses(b.run, b.loaded.gifts), nil
}

func (orphanPlanner) second(ctx context.Context, b *batch, changes []plan.Change) ([]plan.Change, error) {
	b.relink(changes)
	return changes, b.preferLinkedContacts(ctx, changes, nil)
}

// orphans yields the orphans behind a transaction id that are due, in windows.
// due returns which of some are.
func (r *run) orphans(ctx context.Context, after string, due func([]plan.Gift) ([]plan.Gift, error)) iter.Seq2[[]plan.Gift, error] {
	ids := func(yield func(string, error) bool) {
		for o, err := range r.journal.Orphans(ctx, after) {
			if !yield(o.ID, err) {
				return
			}
		}
	}
	return func(yield func([]plan.Gift, error) bool) {
		for part, err := range chunks(ids, r.windowRows) {
			if err != nil {
				yield(nil, err)
				return
			}
			have, err := r.journal.Gifts(part)
			if err != nil {
				yield(nil, err)
				return
			}
			var gifts []plan.Gift
			for _, id := range part {
				if s, ok := have[id]; ok {
					gifts = append(gifts, s.Gift)
				}
			}
			if gifts, err = due(gifts); err != nil {
				yield(nil, err)
				return
			}
			if len(gifts) > 0 && !yield(gifts, nil) {
				return
			}
		}
	}
}

// chunks yields a sequence in slices of size. An error ends it.
func chunks[T any](seq iter.Seq2[T, error], size func() int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var part []T
		for v, err := range seq {
			if err != nil {
				yield(nil, err)
				return
			}
			if part = append(part, v); len(part) >= size() {
				if !yield(part, nil) {
					return
				}
				part = nil
			}
		}
		if len(part) > 0 {
			yield(part, nil)
		}
	}
}

package sync

import (
	"context"
	"iter"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// youngOrphan is for how long an orphan is looked up daily; older ones are
// looked up weekly.
const youngOrphan = 30 * daily

// reassociate looks every orphan up against today's contacts.
func (r *run) reassociate(ctx context.Context) error {
	return r.resumable(ctx, reassociateCheckpoint, (*batch).lookUpOrphans, func(after string) iter.Seq2[[]plan.Stored, error] {
		return r.orphans(ctx, after, func(plan.Gift) bool { return true })
	})
}

// reassociateAll compares every gift's links with what HubSpot holds today.
func (r *run) reassociateAll(ctx context.Context) error {
	return r.resumable(ctx, reassociateAllCheckpoint, (*batch).review, func(after string) iter.Seq2[[]plan.Stored, error] {
		return chunks(r.Journal.After(ctx, after), r.windowRows)
	})
}

// healOrphans looks orphans up, beside a listing: all of them, or those that
// were sent lately.
func (r *run) healOrphans(ctx context.Context, all bool) error {
	due := func(g plan.Gift) bool {
		return all || plan.SentWithin(g, plan.Rules{Now: r.started, Lookback: youngOrphan})
	}
	return r.overJournal(ctx, r.orphans(ctx, "", due), (*batch).lookUpOrphans, func(string) store.Commit { return store.Commit{} })
}

// A planner plans the batch's changes. Ahead are the gifts of the batch after
// it.
type planner func(b *batch, ctx context.Context, ahead []plan.Stored) error

// resumable goes through gifts of the journal under a checkpoint of its own:
// its cursor is the last transaction that is done with. An unfinished run is
// resumed, a finished one starts over.
func (r *run) resumable(ctx context.Context, name string, p planner, from func(after string) iter.Seq2[[]plan.Stored, error]) error {
	cp, ok, err := r.Journal.Checkpoint(name)
	if err != nil {
		return err
	}
	if !ok || !cp.Finished.IsZero() {
		cp = store.Checkpoint{Started: r.started}
	}
	err = r.overJournal(ctx, from(cp.Cursor), p, func(last string) store.Commit {
		cp.Cursor = last
		return checkpoint(name, cp)
	})
	if err != nil {
		return err
	}
	cp.Cursor, cp.Finished = "", time.Now().UTC()
	return r.moveCheckpoint(name, cp)
}

// overJournal carries out what p plans for gifts of the journal, a window at a
// time.
func (r *run) overJournal(ctx context.Context, windows iter.Seq2[[]plan.Stored, error], p planner, moved func(last string) store.Commit) error {
	next, stop := iter.Pull2(windows)
	defer stop()
	gifts, err, ok := next()
	for ok {
		if err != nil {
			return err
		}
		ahead, aheadErr, more := next()
		if err := r.overWindow(ctx, gifts, ahead, p, moved); err != nil {
			return err
		}
		gifts, err, ok = ahead, aheadErr, more
	}
	return ctx.Err()
}

func (r *run) overWindow(ctx context.Context, gifts, ahead []plan.Stored, p planner, moved func(last string) store.Commit) error {
	if err := r.identify(ctx); err != nil {
		return err
	}
	if err := r.findObject(ctx); err != nil {
		return err
	}
	b := r.batch(&window{rows: len(gifts)})
	b.who = make(plan.Directory)
	return r.holding(ctx, idsOf(gifts), func() error {
		now, err := r.refresh(gifts)
		if err != nil {
			return err
		}
		b.take(now)
		if err := p(b, ctx, ahead); err != nil {
			return err
		}
		return b.carryOut(ctx, func() store.Commit { return moved(gifts[len(gifts)-1].Gift.ID) })
	})
}

// take makes gifts of the journal the batch's, with nothing to change yet.
func (b *batch) take(gifts []plan.Stored) {
	b.have = make(map[string]plan.Stored, len(gifts))
	for _, s := range gifts {
		b.have[s.Gift.ID] = s
		b.window.gifts = append(b.window.gifts, s.Gift)
		b.changes = append(b.changes, plan.Unchanged(s))
	}
}

// relink plans the batch's changes by its directory.
func (b *batch) relink() {
	for i, c := range b.changes {
		b.changes[i] = c.Relink(nil, plan.Match{}, b.who, b.rules())
	}
}

// lookUpOrphans plans the links of orphans: of those whose recipient is a
// contact now, be it by a secondary address.
func (b *batch) lookUpOrphans(ctx context.Context, ahead []plan.Stored) error {
	var need, next []string
	for _, c := range b.changes {
		need = appendAddress(need, c.Gift)
	}
	for _, s := range ahead {
		next = appendAddress(next, s.Gift)
	}
	if err := b.meetPeople(ctx, need, next); err != nil {
		return err
	}
	b.relink()
	return b.heed(ctx, b.changes)
}

// meetPeople looks the addresses up, among the secondary ones too.
func (b *batch) meetPeople(ctx context.Context, need, ahead []string) (err error) {
	if len(need) == 0 {
		return nil
	}
	if b.who, err = b.people.lookup(ctx, need, ahead); err != nil {
		return err
	}
	var none []string
	for _, a := range need {
		if b.who[a].ID == "" {
			none = append(none, a)
		}
	}
	return b.search(ctx, none)
}

// orphans yields the orphans behind a transaction id that are due, in windows.
func (r *run) orphans(ctx context.Context, after string, due func(plan.Gift) bool) iter.Seq2[[]plan.Stored, error] {
	ids := func(yield func(string, error) bool) {
		for o, err := range r.Journal.Orphans(ctx, after) {
			if !yield(o.ID, err) {
				return
			}
		}
	}
	return func(yield func([]plan.Stored, error) bool) {
		for part, err := range chunks(ids, r.windowRows) {
			if err != nil {
				yield(nil, err)
				return
			}
			have, err := r.Journal.Gifts(part)
			if err != nil {
				yield(nil, err)
				return
			}
			var gifts []plan.Stored
			for _, id := range part {
				if s, ok := have[id]; ok && due(s.Gift) {
					gifts = append(gifts, s)
				}
			}
			if len(gifts) > 0 && !yield(gifts, nil) {
				return
			}
		}
	}
}

// chunks yields a sequence in slices of n. An error ends it.
func chunks[T any](seq iter.Seq2[T, error], n int) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var part []T
		for v, err := range seq {
			if err != nil {
				yield(nil, err)
				return
			}
			if part = append(part, v); len(part) == n {
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

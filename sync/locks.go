package sync

import (
	"context"
	"sync"

	"thnks-hubspot-sync/sync/plan"
)

// giftLocks serialise work on a gift. A run and [Engine.ApplyEvents] both read
// gifts from the journal, write them to HubSpot and commit them; without a lock
// the later commit would overwrite the earlier one. A commit of a gift that is
// not locked is refused: see [lockedRecorder].
//
// Only a portal's one run waits while it holds some gifts: all others lock theirs together
// or not at all. A run that wants every gift waits for those that hold some, and these may
// lock more meanwhile. So there is no deadlock.
type giftLocks struct {
	mu     sync.Mutex
	owners map[string]*run // by transaction id
	counts map[*run]int    // how many gifts each owner has locked
	all    *run            // has locked every gift there is or may be, or waits for it; nil for none
	freed  chan struct{}   // closed, and replaced, at every unlock
}

func newGiftLocks() *giftLocks {
	return &giftLocks{owners: make(map[string]*run), counts: make(map[*run]int), freed: make(chan struct{})}
}

// tryLock locks those of the gifts for r that are free. It returns the others
// with a channel that is closed when any of them may have become free.
func (l *giftLocks) tryLock(r *run, ids []string) (rest []string, freed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if l.free(r, id) {
			l.own(r, id)
		} else {
			rest = append(rest, id)
		}
	}
	return rest, l.freed
}

// tryLockAll locks all of the gifts for r or, if one is not free, none. The
// channel is as tryLock's.
func (l *giftLocks) tryLockAll(r *run, ids []string) (done bool, freed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		if !l.free(r, id) {
			return false, l.freed
		}
	}
	for _, id := range ids {
		l.own(r, id)
	}
	return true, nil
}

// own is called with mu held, for a gift that is free.
func (l *giftLocks) own(r *run, id string) {
	if l.owners[id] == nil {
		l.counts[r]++
	}
	l.owners[id] = r
}

// free reports whether r may lock a gift. It is called with mu held.
func (l *giftLocks) free(r *run, id string) bool {
	owner := l.owners[id]
	return (owner == nil || owner == r) && (l.all == nil || l.all == r || l.counts[r] > 0)
}

// lockEverything locks every gift for r where no other has done so, and reports whether
// all that others had locked is unlocked. A run that holds no gift can lock none
// meanwhile.
func (l *giftLocks) lockEverything(r *run) (done bool, freed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all != nil && l.all != r {
		return false, l.freed
	}
	l.all = r
	return len(l.owners) == 0, l.freed
}

// unlock frees all that r has locked.
func (l *giftLocks) unlock(r *run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, owner := range l.owners {
		if owner == r {
			delete(l.owners, id)
		}
	}
	delete(l.counts, r)
	if l.all == r {
		l.all = nil
	}
	close(l.freed)
	l.freed = make(chan struct{})
}

// unlocked returns a gift that r has not locked, "" when it has locked them all.
func (l *giftLocks) unlocked(r *run, gifts []plan.Stored) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range gifts {
		if l.all != r && l.owners[g.Gift.ID] != r {
			return g.Gift.ID
		}
	}
	return ""
}

// withLocked calls f while the run has locked the gifts. Calls must not be
// nested: a gift that is locked for longer than a slice keeps its events
// waiting. What works beside runs locks all of them at once.
func (r *run) withLocked(ctx context.Context, ids []string, f func() error) error {
	defer r.locks.unlock(r)
	for {
		rest, freed := ids, (<-chan struct{})(nil)
		if r.req.Mode != byEvents && r.req.Mode != erasing {
			rest, freed = r.locks.tryLock(r, ids)
		} else if done, later := r.locks.tryLockAll(r, ids); done {
			rest = nil
		} else {
			freed = later
		}
		if len(rest) == 0 {
			return f()
		}
		if err := until(ctx, r, freed); err != nil {
			return err
		}
		ids = rest
	}
}

// withAllLocked calls f while the run has locked every gift there is or may be.
func (r *run) withAllLocked(ctx context.Context, f func() error) error {
	defer r.locks.unlock(r)
	for {
		done, freed := r.locks.lockEverything(r)
		if done {
			return f()
		}
		if err := until(ctx, r, freed); err != nil {
			return err
		}
	}
}

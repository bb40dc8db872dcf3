package sync

import (
	"context"
	"fmt"
	"sync"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// Holds say which gifts are in whose hands. A run and an [Engine.Apply] beside
// it each read gifts from the journal, write them to HubSpot and commit them;
// were both at work on one gift, the later commit would undo what the earlier
// one recorded. So a gift is held for all that time, and a commit of one that is
// not held is refused: see [heldJournal].
//
// Runs wait for what Apply holds, which is little and soon over. Apply never
// waits while it holds anything, so that neither can wait for the other.
type holds struct {
	mu    sync.Mutex
	by    map[string]*run // by transaction id
	all   *run            // has everything in hand, be it known or not; nil for nobody
	freed chan struct{}   // closed, and replaced, whenever anything is let go
}

func newHolds() *holds {
	return &holds{by: make(map[string]*run), freed: make(chan struct{})}
}

// take gives r those of the gifts that are free, and returns the others with a
// channel that is closed when any of them may have become free.
func (h *holds) take(r *run, ids []string) (rest []string, freed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if h.free(r, id) {
			h.by[id] = r
		} else {
			rest = append(rest, id)
		}
	}
	return rest, h.freed
}

// takeTogether gives r all of the gifts or, where one is not free, none, with
// a channel as take's.
func (h *holds) takeTogether(r *run, ids []string) (done bool, freed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if !h.free(r, id) {
			return false, h.freed
		}
	}
	for _, id := range ids {
		h.by[id] = r
	}
	return true, nil
}

// free reports whether r may have a gift. It is called with mu held.
func (h *holds) free(r *run, id string) bool {
	owner := h.by[id]
	return (owner == nil || owner == r) && (h.all == nil || h.all == r)
}

// takeAll gives r everything, and reports whether all that others held has
// been let go. They get nothing new meanwhile.
func (h *holds) takeAll(r *run) (done bool, freed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = r
	return len(h.by) == 0, h.freed
}

// letGo frees all that r holds.
func (h *holds) letGo(r *run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, owner := range h.by {
		if owner == r {
			delete(h.by, id)
		}
	}
	if h.all == r {
		h.all = nil
	}
	close(h.freed)
	h.freed = make(chan struct{})
}

// lacking returns a gift that r does not hold, "" when it holds them all.
func (h *holds) lacking(r *run, gifts []plan.Stored) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range gifts {
		if h.all != r && h.by[g.Gift.ID] != r {
			return g.Gift.ID
		}
	}
	return ""
}

// holding does f while the run holds the gifts. It must not be nested: what
// one held for longer than a slice would keep events waiting. A dry run
// commits nothing and holds nothing.
func (r *run) holding(ctx context.Context, ids []string, f func() error) error {
	if r.req.DryRun {
		return f()
	}
	defer r.holds.letGo(r)
	for {
		rest, freed := r.holds.take(r, ids)
		if len(rest) == 0 {
			return f()
		}
		if err := until(ctx, freed); err != nil {
			return err
		}
		ids = rest
	}
}

// holdingAll does f while the run holds all gifts that there are or may be.
func (r *run) holdingAll(ctx context.Context, f func() error) error {
	defer r.holds.letGo(r)
	for {
		done, freed := r.holds.takeAll(r)
		if done {
			return f()
		}
		if err := until(ctx, freed); err != nil {
			return err
		}
	}
}

func until(ctx context.Context, freed <-chan struct{}) error {
	select {
	case <-freed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idsOf are the transaction ids of gifts of the journal.
func idsOf(gifts []plan.Stored) []string {
	ids := make([]string, len(gifts))
	for i, s := range gifts {
		ids[i] = s.Gift.ID
	}
	return ids
}

// refresh returns gifts of the journal as it has them now, in order: an event
// may have changed one since, up to the moment from which the run holds it.
func (r *run) refresh(gifts []plan.Stored) ([]plan.Stored, error) {
	have, err := r.Journal.Gifts(idsOf(gifts))
	if err != nil {
		return nil, err
	}
	now := make([]plan.Stored, 0, len(gifts))
	for _, s := range gifts {
		if s, ok := have[s.Gift.ID]; ok {
			now = append(now, s)
		}
	}
	return now, nil
}

// A heldJournal is a run's journal. It records no gift that the run does not
// hold, so that none can forget to.
type heldJournal struct {
	Journal
	run *run
}

func (j heldJournal) Commit(c store.Commit) error {
	if id := j.run.holds.lacking(j.run, c.Gifts); id != "" {
		return fmt.Errorf("transaction %s would be recorded without being held; this is a defect of the program, please report it", id)
	}
	return j.Journal.Commit(c)
}

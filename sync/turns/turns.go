// Package turns shares the processor and the memory of this process among the
// runs of many portals.
//
// A run that has a turn may work. There are only so many turns; the other runs
// queue. A run gives its turn back and queues again after each window, and
// whenever it waits for something while another run could work: the pace that
// HubSpot allows, the time before a retry, an answer that is long in coming. The
// clients tell of these by [Waiting], which finds the turn in the context of the
// call. Work whose context has no turn, that of webhook events above all, never
// waits for one.
package turns

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// Turns are a number of places, each for one run at a time, and the queue for
// them, in order of arrival.
type Turns struct {
	mu    sync.Mutex
	free  int
	queue []*Turn
	runs  int // turns that have begun and not ended, with a place or without
}

// Default is how many places there are to be if the configuration does not say:
// twice the processors that the program may use.
func Default() int { return 2 * runtime.GOMAXPROCS(0) }

// New returns so many places, at least one.
func New(places int) *Turns { return &Turns{free: max(1, places)} }

// Begin waits for a place and returns the turn of one run, to be ended by
// [Turn.End]. The error is the context's.
func (t *Turns) Begin(ctx context.Context) (*Turn, error) {
	turn := &Turn{turns: t}
	turn.first.turn = turn
	t.mu.Lock()
	t.runs++
	t.mu.Unlock()
	if err := turn.first.work(ctx); err != nil {
		turn.End()
		return nil, err
	}
	return turn, nil
}

// seat takes a free place for a turn, or else puts it into the queue. It is
// called with mu held.
func (t *Turns) seat(turn *Turn) {
	switch {
	case turn.placed || turn.served != nil:
	case t.free > 0:
		t.free--
		turn.placed = true
	default:
		turn.served = make(chan struct{})
		t.queue = append(t.queue, turn)
	}
}

// unseat takes a turn out of the queue, or its place from it, which the first in
// the queue gets. It is called with mu held.
func (t *Turns) unseat(turn *Turn) {
	if turn.served != nil {
		i := slices.Index(t.queue, turn)
		t.queue = slices.Delete(t.queue, i, i+1)
		close(turn.served)
		turn.served = nil
	}
	if !turn.placed {
		return
	}
	turn.placed = false
	if len(t.queue) == 0 {
		t.free++
		return
	}
	next := t.queue[0]
	t.queue = slices.Delete(t.queue, 0, 1)
	next.placed = true
	close(next.served)
	next.served = nil
}

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
	"time"
)

// Turns are a number of places, each for one run at a time, and the queues for
// them, in order of arrival. Runs in the midst of a window come before those that
// begin one: they hold memory, and gifts for which webhook events may wait.
type Turns struct {
	mu        sync.Mutex
	free      int
	midst     []*Turn
	beginning []*Turn
	runs      int // turns that have begun and not ended, with a place or without

	places int
	waited time.Duration  // see [Load.Waited]
	placed map[*Turn]bool // the turns that have a place
}

// Default is how many places there are to be if the configuration does not say:
// twice the processors that the program may use.
func Default() int { return 2 * runtime.GOMAXPROCS(0) }

// New returns so many places, at least one.
func New(places int) *Turns {
	places = max(1, places)
	return &Turns{free: places, places: places, placed: make(map[*Turn]bool)}
}

// A Load is how the places were taken at one moment.
type Load struct {
	Places int           // in all
	Taken  int           // of them
	Queued int           // turns that wait for a place
	Waited time.Duration // for a place, by all turns so far: each wait counts when it has ended
	// Longest is how long the turn that has worked longest has done so without
	// beginning or ending a wait, or a round: a run that goes on for minutes so is
	// stuck.
	Longest time.Duration
}

// Load returns how the places are taken now.
func (t *Turns) Load() Load {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := Load{
		Places: t.places,
		Taken:  t.places - t.free,
		Queued: len(t.midst) + len(t.beginning),
		Waited: t.waited,
	}
	for turn := range t.placed {
		l.Longest = max(l.Longest, time.Since(turn.moved))
	}
	return l
}

// Begin waits for a place and returns the turn of one run, to be ended by
// [Turn.End]. The error is the context's.
func (t *Turns) Begin(ctx context.Context) (*Turn, error) {
	turn := &Turn{turns: t}
	turn.first.turn = turn
	t.mu.Lock()
	t.runs++
	t.mu.Unlock()
	if err := turn.first.work(ctx, false); err != nil {
		turn.End()
		return nil, err
	}
	return turn, nil
}

// seat takes a free place for a turn, or else puts it into a queue. It is called
// with mu held.
func (t *Turns) seat(turn *Turn, midst bool) {
	if turn.placed || turn.served != nil {
		return
	}
	if t.free > 0 {
		t.free--
		t.place(turn)
		return
	}
	turn.served = make(chan struct{})
	if midst {
		t.midst = append(t.midst, turn)
	} else {
		t.beginning = append(t.beginning, turn)
	}
}

// unseat takes a turn out of its queue, or its place from it, which the next in
// the queues gets. It is called with mu held.
func (t *Turns) unseat(turn *Turn) {
	if turn.served != nil {
		t.midst, t.beginning = without(t.midst, turn), without(t.beginning, turn)
		close(turn.served)
		turn.served = nil
	}
	if !turn.placed {
		return
	}
	turn.placed = false
	delete(t.placed, turn)
	var next *Turn
	switch {
	case len(t.midst) > 0:
		next, t.midst = t.midst[0], t.midst[1:]
	case len(t.beginning) > 0:
		next, t.beginning = t.beginning[0], t.beginning[1:]
	default:
		t.free++
		return
	}
	t.place(next)
	close(next.served)
	next.served = nil
}

// place gives a place to a turn. It is called with mu held.
func (t *Turns) place(turn *Turn) {
	turn.placed, turn.moved = true, time.Now()
	t.placed[turn] = true
}

// without returns a queue without a turn that may be in it.
func without(queue []*Turn, turn *Turn) []*Turn {
	return slices.DeleteFunc(queue, func(t *Turn) bool { return t == turn })
}

package turns

import (
	"context"
	"time"
)

// A Turn is that of one run. The run's goroutines share it: it has a place while
// one of them works, and none while all of them wait.
type Turn struct {
	turns *Turns
	first hand // of the goroutine that does the run

	// These are guarded by turns.mu.
	busy   int           // hands that work or want to
	placed bool          // has a place
	moved  time.Time     // when it had it, or a hand last began or ended a wait
	served chan struct{} // of a turn in the queue: closed when it has a place; else nil
	ended  bool
}

// A hand is a goroutine of a run. It may make several calls at once: it works
// until one of them waits, and again from when one of them goes on. What the
// others do meanwhile is bounded by the number of calls.
type hand struct {
	turn *Turn

	// These are guarded by turns.mu.
	waits  int  // calls that wait
	coming int  // calls that have waited, and now wait for the turn to have a place
	works  bool // has not begun to wait since it last had a place
	lapse  *time.Timer
}

// lapseAfter is how long a hand keeps its turn after a call has gone on while
// others still wait. That one's end is not seen, and the others may wait for
// long.
const lapseAfter = time.Second

type handKey struct{}

// Context returns a context that carries the turn, for what the goroutine that
// began it does.
func (t *Turn) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, handKey{}, &t.first)
}

// Hand returns a context that carries the turn for what another goroutine of the
// run does, which works from now on until done is called.
func (t *Turn) Hand(ctx context.Context) (_ context.Context, done func()) {
	h := &hand{turn: t}
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	h.change(func() { h.works = true })
	return context.WithValue(ctx, handKey{}, h), h.leave
}

// Wait is [Waiting], for what a run waits for itself.
func (t *Turn) Wait(ctx context.Context) (resume func(context.Context) error) { return Waiting(ctx) }

// Waiting notes that a goroutine of a run begins to wait: its turn is given back,
// unless other goroutines of the run work. resume must be called once, before it
// goes on; it waits until the run has its turn again and returns nil, or the
// error of its context. A context that carries no turn waits for none.
func Waiting(ctx context.Context) (resume func(context.Context) error) {
	h, ok := ctx.Value(handKey{}).(*hand)
	if !ok {
		return func(context.Context) error { return nil }
	}
	mu := &h.turn.turns.mu
	mu.Lock()
	defer mu.Unlock()
	h.change(func() { h.waits, h.works = h.waits+1, false })
	return func(ctx context.Context) error {
		mu.Lock()
		h.waits--
		mu.Unlock()
		return h.work(ctx, true)
	}
}

// Round lets the runs that queue go first: the turn is given back, and had again
// when it returns nil. The error is the context's. Call it from the goroutine that
// began the turn.
func (t *Turn) Round(ctx context.Context) error {
	t.turns.mu.Lock()
	if t.placed && len(t.turns.midst)+len(t.turns.beginning) > 0 {
		t.turns.unseat(t)
		t.turns.seat(t, false)
	}
	t.turns.mu.Unlock()
	return t.first.work(ctx, false)
}

// Alone reports whether no other run has begun, with a place or without.
func (t *Turn) Alone() bool {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	return t.turns.runs == 1
}

// End gives the turn back for good. Calls after the first do nothing.
func (t *Turn) End() {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if t.ended {
		return
	}
	t.ended = true
	t.turns.runs--
	t.turns.unseat(t)
	if t.first.lapse != nil {
		t.first.lapse.Stop()
	}
}

// work waits until the hand's turn has a place, which midst says it needs in the
// midst of a window. The error is the context's.
func (h *hand) work(ctx context.Context, midst bool) error {
	t := h.turn
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	if t.ended {
		return nil
	}
	h.change(func() { h.coming++ })
	t.turns.seat(t, midst)
	if !t.placed {
		began := time.Now()
		defer func() { t.turns.waited += time.Since(began) }()
	}
	for !t.placed && !t.ended {
		served := t.served
		t.turns.mu.Unlock()
		select {
		case <-served:
		case <-ctx.Done():
		}
		t.turns.mu.Lock()
		if err := ctx.Err(); err != nil {
			h.change(func() { h.coming-- })
			return err
		}
	}
	h.change(func() { h.coming, h.works = h.coming-1, true })
	if h.waits > 0 {
		h.keepFor(lapseAfter)
	}
	return nil
}

// keepFor has the hand count as waiting after d if some of its calls still wait.
// It is called with turns.mu held.
func (h *hand) keepFor(d time.Duration) {
	if h.lapse != nil {
		h.lapse.Reset(d)
		return
	}
	h.lapse = time.AfterFunc(d, func() {
		h.turn.turns.mu.Lock()
		defer h.turn.turns.mu.Unlock()
		if h.waits > 0 {
			h.change(func() { h.works = false })
		}
	})
}

// leave ends a hand.
func (h *hand) leave() {
	h.turn.turns.mu.Lock()
	defer h.turn.turns.mu.Unlock()
	h.change(func() { h.works = false })
	if h.lapse != nil {
		h.lapse.Stop()
	}
}

// change changes what a hand does, and gives its turn back when no hand of the
// run does anything any more. It is called with turns.mu held.
func (h *hand) change(f func()) {
	before := h.works || h.coming > 0
	f()
	after := h.works || h.coming > 0
	t := h.turn
	t.moved = time.Now()
	switch {
	case after && !before:
		t.busy++
	case before && !after:
		if t.busy--; t.busy == 0 {
			t.turns.unseat(t)
		}
	}
}

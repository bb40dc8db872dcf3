package sync

import "context"

// sharedRows is how many rows fill a window while other runs share the memory
// with this one, and then none is read ahead: it is the most that a run holds while
// it waits for its turn.
const sharedRows = 500

// A Turn is a run's permission to work. The runs of all portals take turns, so
// that memory and processor do not depend on how many there are. [*turns.Turn] is
// one; it says when a run has its turn, and what happens while it waits.
type Turn interface {
	// Context returns a context that carries the turn for the goroutine of the run,
	// and Hand one for another goroutine, which works until done is called. The
	// clients find the turn there, and give it back while a call waits.
	Context(context.Context) context.Context
	Hand(context.Context) (_ context.Context, done func())
	// Wait begins a wait of the goroutine that the context is for. resume ends it.
	Wait(context.Context) (resume func(context.Context) error)
	// Round lets other runs go first that wait for their turn.
	Round(context.Context) error
	// Alone reports whether no other run has begun.
	Alone() bool
	// End gives the turn back for good.
	End()
}

// noTurn is the turn of what never waits for one.
type noTurn struct{}

func (noTurn) Context(ctx context.Context) context.Context { return ctx }

func (noTurn) Hand(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

func (noTurn) Wait(context.Context) func(context.Context) error {
	return func(context.Context) error { return nil }
}

func (noTurn) Round(context.Context) error { return nil }

func (noTurn) Alone() bool { return true }

func (noTurn) End() {}

// windowRows is how many rows fill a window at the moment.
func (r *run) windowRows() int {
	rows := r.cfg().Bounds.WindowRows
	if !r.turn.Alone() {
		rows = min(rows, sharedRows)
	}
	return rows
}

// await waits for another goroutine of the run to end, which works with the run's
// turn meanwhile.
func await(ctx context.Context, r *run, ended <-chan struct{}) error {
	select {
	case <-ended:
		return nil
	default:
	}
	resume := r.turn.Wait(ctx)
	<-ended
	return resume(ctx)
}

// until waits for what others do, or until the context ends.
func until(ctx context.Context, r *run, done <-chan struct{}) error {
	resume := r.turn.Wait(ctx)
	select {
	case <-done:
	case <-ctx.Done():
	}
	if err := resume(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

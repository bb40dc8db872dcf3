package daemon

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// How webhook events are processed.
const (
	gathering    = 100 * time.Millisecond // from the first signal on, so that events come in batches
	firstPause   = time.Second            // after a failure; doubled with each further one
	longestPause = time.Minute
)

// A worker processes one kind of events, or shows in HubSpot what was done to gifts that
// are sent, concurrently with runs and the other workers.
type worker struct {
	process func(*giftsync.Engine, context.Context) (giftsync.EventResult, error)
	fails   string        // the event to log when that begins to fail
	works   string        // and when it works again
	wake    chan struct{} // holds one token when there may be something to do

	asked    chan struct{} // holds one token when it is to show that it is not stuck
	activity activity
}

func newWorkers() []*worker {
	sends := newWorker((*giftsync.Engine).ShowSends)
	sends.fails, sends.works = "gifts that were sent could not be shown in HubSpot; that is tried again", "gifts that are sent are shown in HubSpot again"
	return []*worker{
		newWorker((*giftsync.Engine).ApplyEvents),
		newWorker((*giftsync.Engine).FetchEvents),
		newWorker((*giftsync.Engine).FollowEvents),
		sends,
	}
}

// newWorker returns a worker for events.
func newWorker(process func(*giftsync.Engine, context.Context) (giftsync.EventResult, error)) *worker {
	return &worker{
		process: process, wake: make(chan struct{}, 1), asked: make(chan struct{}, 1),
		fails: "webhook events could not be applied; they are kept and tried again", works: "webhook events are applied again",
	}
}

// Events signals the workers that events may be due, or sends to be shown. It does
// not block. They are processed within about 100 ms, concurrently with a run. If
// that fails they stay on disk and are tried again, after a second at first and
// every minute in the end; while the portal needs an admin, they wait for the first
// run that ends well.
func (l *Loop) Events() {
	for _, w := range l.workers {
		select {
		case w.wake <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// runWorker processes a worker's events until ctx ends.
func (l *Loop) runWorker(ctx context.Context, w *worker) {
	var (
		freed <-chan struct{}  // closed when a run has unlocked gifts with events
		due   <-chan time.Time // when the next event that waits is due
		rest  time.Duration    // after a failure
		asked bool             // for a run that adds what the custom object lacks
	)
	for {
		w.activity.note(idle)
		select {
		case <-ctx.Done():
			return
		case <-w.asked:
			continue
		case <-w.wake:
		case <-freed:
		case <-due:
		}
		w.activity.note(working)
		if err := pause(ctx, max(gathering, rest)); err != nil {
			return
		}
		result, err := l.processEvents(ctx, w)
		freed, due = result.Freed, nil
		if !result.Next.IsZero() {
			due = time.After(time.Until(result.Next))
		}
		if result.Lacking && !asked {
			l.Hint()
		}
		asked = result.Lacking
		switch {
		case errors.Is(err, errNotNow):
		case err == nil:
			if rest > 0 {
				l.log.Info(w.works)
			}
			rest = 0
		case ctx.Err() != nil:
			return
		default:
			if rest == 0 {
				l.log.Warn(w.fails, logError, l.health.text(err))
			}
			rest = min(max(2*rest, firstPause), longestPause)
			due = time.After(0)
		}
	}
}

// errNotNow says that events cannot be processed until a run has ended, after
// which [Loop.Events] is called.
var errNotNow = errors.New("not now")

// processEvents processes a worker's events that are due now. A portal that
// needs an admin is left alone, unless what it lacks is room. Once the engine is to be
// opened anew it leaves the rest for later: a run waits for the workers to let go.
func (l *Loop) processEvents(ctx context.Context, w *worker) (result giftsync.EventResult, err error) {
	if l.health.stopped() {
		return giftsync.EventResult{}, errNotNow
	}
	e, release, err := l.lease.tryGet()
	switch {
	case err != nil && l.unopened(byWorker, err):
		return giftsync.EventResult{}, errNotNow
	case err != nil:
		return giftsync.EventResult{}, err
	case e == nil:
		return giftsync.EventResult{}, errNotNow
	}
	defer release()
	defer func() {
		if v := recover(); v != nil {
			l.log.Error("applying webhook events panicked", logPanic, panicked(v), logStack, string(debug.Stack()))
			l.lease.drop(e)
			err = errors.New("a bug in this program; see the log for the stack, and please report it")
		}
	}()
	working, leave := context.WithCancel(ctx)
	defer leave()
	result, err = w.process(e, giftsync.WithAlive(working, func() {
		w.activity.goesOn()
		if l.lease.isDropped(e) {
			leave()
		}
	}))
	l.cfg.Meter.EventsDone(result.Done)
	l.cfg.Lose(e.Journal(), err)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return result, errNotNow
	}
	kind := kindOf(err)
	if kind != "" {
		l.health.failed(kind, byWorker, err)
	}
	if kind != "" && kind.stops() {
		l.lease.drop(e)
		return result, errNotNow
	}
	if err == nil && result.Done > 0 {
		l.health.provedBy(byWorker, faultDisk)
		l.proveInbox()
	}
	return result, err
}

// pause waits for d, or until the context ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

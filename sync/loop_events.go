package sync

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// How the events of webhooks are worked off.
const (
	gathering    = 100 * time.Millisecond // from the first hint on, so that events come in batches
	firstPause   = time.Second            // after a failure; doubled with each further one
	longestPause = time.Minute
)

// A lane works off one kind of events, beside runs and the other lane.
type lane struct {
	work func(*Engine, context.Context) (Applied, error)
	wake chan struct{} // holds one token when there may be something to do
}

func newLanes() []*lane {
	return []*lane{
		{(*Engine).Apply, make(chan struct{}, 1)},
		{(*Engine).Chase, make(chan struct{}, 1)},
	}
}

// Events says that webhook events have come in, or that old ones may have
// become applicable. It never waits. Within about 100 ms they are worked off,
// beside the run under way if there is one. Where that fails they stay on disk
// and are tried again, after a second at first and every minute in the end; while
// the portal needs a person, they wait for the first run that ends well.
func (l *Loop) Events() {
	for _, lane := range l.lanes {
		select {
		case lane.wake <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// follow works a lane's events off until ctx ends.
func (l *Loop) follow(ctx context.Context, lane *lane) {
	var (
		freed <-chan struct{}  // closed when a run has let go of gifts with events
		due   <-chan time.Time // when events that were put off are due again
		rest  time.Duration    // after a failure
	)
	for {
		select {
		case <-ctx.Done():
			return
		case <-lane.wake:
		case <-freed:
		case <-due:
		}
		if err := pause(ctx, max(gathering, rest)); err != nil {
			return
		}
		done, err := l.applyOnce(ctx, lane)
		freed, due = done.freed, nil
		if !done.Next.IsZero() {
			due = time.After(time.Until(done.Next))
		}
		switch {
		case errors.Is(err, errNotNow):
		case err == nil:
			if rest > 0 {
				l.log.Info("webhook events are applied again")
			}
			rest = 0
		case ctx.Err() != nil:
			return
		default:
			if rest == 0 {
				l.log.Warn("webhook events could not be applied; they are kept and tried again", "error", l.text(err))
			}
			rest = min(max(2*rest, firstPause), longestPause)
			due = time.After(0)
		}
	}
}

// errNotNow says that events cannot be worked off until something has ended,
// whose end [Loop.Events] follows.
var errNotNow = errors.New("not now")

// applyOnce works a lane's events off that are due now. A portal that needs a
// person is left alone.
func (l *Loop) applyOnce(ctx context.Context, lane *lane) (done Applied, err error) {
	if !l.ready() {
		return Applied{}, errNotNow
	}
	e, release, err := l.engineBeside()
	switch {
	case err != nil && (isFatal(err) || l.cfg.NeedsPerson(err)):
		l.judge(fmt.Errorf("portal %s: %w", l.cfg.Portal, err), true)
		return Applied{}, errNotNow
	case err != nil:
		return Applied{}, err
	case e == nil:
		return Applied{}, errNotNow
	}
	defer release()
	defer func() {
		if v := recover(); v != nil {
			l.log.Error("applying webhook events panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			l.forget(e)
			err = errors.New("a defect of the program; the log has its stack, please report it")
		}
	}()
	done, err = lane.work(e, ctx)
	if isFatal(err) {
		l.forget(e)
		l.judge(err, true)
		return done, errNotNow
	}
	return done, err
}

func (l *Loop) ready() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status.Ready
}

// engineFor returns the portal's engine, and a function to call when it is no
// longer used. It is opened where that is not done; then nobody uses the one
// before any more.
func (l *Loop) engineFor() (*Engine, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropUnusable()
	for l.engine == nil && (l.users > 0 || l.opening) {
		l.changed.Wait()
	}
	return l.use()
}

// engineBeside is engineFor for what goes on beside runs. It returns no engine
// where one has to be opened and somebody goes on with the one before: that is
// not waited for, and events are worked off when it has ended.
func (l *Loop) engineBeside() (*Engine, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropUnusable()
	if l.engine == nil && (l.users > 0 || l.opening) {
		return nil, nil, nil
	}
	return l.use()
}

// dropUnusable forgets an engine whose journal does no more work. It is called
// with mu held.
func (l *Loop) dropUnusable() {
	if l.engine != nil && unusable(l.engine.Journal) {
		l.engine = nil
	}
}

// use opens the engine where there is none, and counts its user. It is called
// with mu held.
func (l *Loop) use() (*Engine, func(), error) {
	if l.engine == nil {
		if err := l.open(); err != nil {
			return nil, nil, err
		}
	}
	l.users++
	return l.engine, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.users--
		l.changed.Broadcast()
		if l.users == 0 && l.engine == nil {
			l.Events() // which may have waited for this one's end
		}
	}, nil
}

// open makes the engine, and has events worked off that came before. The first
// one brings along what the journal remembers. It is called with mu held, which
// it lets go of meanwhile.
func (l *Loop) open() error {
	l.opening = true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.opening = false
		l.changed.Broadcast()
	}()
	e, err := l.cfg.Open(l.progress)
	if err != nil {
		return err
	}
	if !l.recalled {
		l.recalled = true
		l.recall(e.Journal)
	}
	l.mu.Lock()
	l.engine = e
	l.mu.Unlock()
	l.Events()
	return nil
}

// forget sees to it that an engine is not used again.
func (l *Loop) forget(e *Engine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == e {
		l.engine = nil
	}
}

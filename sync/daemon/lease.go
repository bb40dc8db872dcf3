package daemon

import (
	"errors"
	"sync"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
)

// A lease is the engine that a portal's runs and workers share. It is opened
// when it is first needed, and anew after [lease.drop], as soon as no one uses
// the one before any more.
type lease struct {
	open  func() (*giftsync.Engine, error)
	freed func() // called when a worker may find an engine that it had to do without

	mu      sync.Mutex
	changed *sync.Cond       // the next three have
	engine  *giftsync.Engine // nil before its first use, and when it must be opened anew
	users   int              // of the engine, or of the one before
	opening bool             // the engine is being opened
}

func newLease(open func() (*giftsync.Engine, error), freed func()) *lease {
	l := &lease{open: open, freed: freed}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// get returns the portal's engine, and a function to call when it is no longer
// used. If it must be opened, get waits until no one uses the one before.
func (l *lease) get() (*giftsync.Engine, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropUnusable()
	for l.engine == nil && (l.users > 0 || l.opening) {
		l.changed.Wait()
	}
	return l.use()
}

// tryGet is get for the workers, which do not wait: it returns no engine while
// the one before is in use. freed is called when that has ended.
func (l *lease) tryGet() (*giftsync.Engine, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropUnusable()
	if l.engine == nil && (l.users > 0 || l.opening) {
		return nil, nil, nil
	}
	return l.use()
}

// dropUnusable drops an engine whose journal has met damage, a write whose
// outcome is unknown, or another file in its place. It is called with mu held.
func (l *lease) dropUnusable() {
	if l.engine == nil {
		return
	}
	if unusable(l.engine.Journal()) != nil {
		l.engine = nil
	}
}

// mustReopen reports whether err says that the open state file is of no use any
// more, although it is whole.
func mustReopen(err error) bool {
	return errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrReplaced)
}

// unusable returns why a state file does no more work until it is opened anew,
// nil where it works.
func unusable(journal interface{ Count() (int, error) }) error {
	if file, ok := journal.(interface{ InPlace() error }); ok {
		if err := file.InPlace(); mustReopen(err) {
			return err
		}
	}
	_, err := journal.Count()
	return err
}

// use opens the engine where there is none, and counts its user. It is called
// with mu held.
func (l *lease) use() (*giftsync.Engine, func(), error) {
	if l.engine == nil {
		engine, err := l.openEngine()
		if err != nil {
			return nil, nil, err
		}
		l.engine = engine
		l.freed()
	}
	l.users++
	return l.engine, l.release, nil
}

// openEngine opens the engine. It is called with mu held, and lets go of it
// meanwhile.
func (l *lease) openEngine() (*giftsync.Engine, error) {
	l.opening = true
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.opening = false
		l.changed.Broadcast()
	}()
	return l.open()
}

func (l *lease) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users--
	l.changed.Broadcast()
	if l.users == 0 && l.engine == nil {
		l.freed()
	}
}

// drop makes sure that an engine is not used again.
func (l *lease) drop(e *giftsync.Engine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == e {
		l.engine = nil
	}
}

// isDropped reports whether an engine is not to be used any longer.
func (l *lease) isDropped(e *giftsync.Engine) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.engine != e
}

// isOpen reports whether there is an engine.
func (l *lease) isOpen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.engine != nil
}

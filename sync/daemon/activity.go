package daemon

import (
	"fmt"
	"sync"
	"time"
)

// How long a goroutine of the daemon may take to come round before it counts as
// stalled. What runs themselves do is not measured here: they take turns, and
// package turns knows how long one has worked without a pause.
const (
	idleFor = 5 * time.Minute  // while it has nothing to do; it is asked every [watchEvery]
	workFor = 30 * time.Minute // on one part of the events, whose calls give up after 5 minutes, or around a run
)

// An activity notes when one goroutine last came round, and what it does since.
type activity struct {
	mu   sync.Mutex
	at   time.Time
	does doing
}

// What a goroutine does.
type doing int

const (
	notStarted doing = iota
	idle             // waits for something to do
	working          // on something that has a bound
	running          // on a run, which has none
)

// note says what the goroutine does from now on.
func (a *activity) note(d doing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.does = time.Now(), d
}

// goesOn notes that the goroutine has come round, and does what it did.
func (a *activity) goesOn() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Now()
}

// stalled returns since when the goroutine has not come round, and whether that
// is longer than it may be.
func (a *activity) stalled() (since time.Duration, is bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	since = time.Since(a.at)
	switch a.does {
	case idle:
		return since, since > idleFor
	case working:
		return since, since > workFor
	}
	return since, false
}

// Stalled returns what of the daemon has not come round for longer than it may,
// "" for nothing: a loop that does not react, a worker that is stuck with webhook
// events, or the clock that looks at the schedule.
func (d *Daemon) Stalled() string {
	for _, p := range d.portals {
		if what := p.loop.Stalled(); what != "" {
			return what
		}
	}
	return ""
}

// Stalled returns which goroutine of the loop is stalled, "" for none.
func (l *Loop) Stalled() string {
	say := func(what string, a *activity) string {
		if since, is := a.stalled(); is {
			return fmt.Sprintf("%s of portal %s for %v", what, l.cfg.Portal, since.Round(time.Second))
		}
		return ""
	}
	if what := say("the loop", &l.activity); what != "" {
		return what
	}
	if what := say("the clock", &l.watched); what != "" {
		return what
	}
	for _, w := range l.workers {
		if what := say("the worker for webhook events", &w.activity); what != "" {
			return what
		}
	}
	return ""
}

// ask has the goroutines come round that have nothing to do. Those that work
// need not: it does not block.
func (l *Loop) ask() {
	l.watched.note(idle)
	l.queue.signal()
	for _, w := range l.workers {
		select {
		case w.asked <- struct{}{}:
		default: // it has not taken the last one yet
		}
	}
}

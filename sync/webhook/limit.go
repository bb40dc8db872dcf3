package webhook

import (
	"sync"
	"time"
)

// The limits on requests that are not verified.
const (
	maxForged  = 20     // bad signatures of one client in a minute, answered 401; more get 429
	maxClients = 10_000 // clients counted in a minute; all others share one count
	alarmAt    = 100    // bad signatures in a minute that are logged as an error
)

// A watch counts bad signatures and log lines per minute, so that a flood makes
// neither a log line per request nor a growing table.
type watch struct {
	mu     sync.Mutex
	began  time.Time // of the minute that is counted
	forged map[client]int
	total  int
	logged map[note]bool
}

// A note is a log line that is written at most once a minute.
type note struct{ portal, dialect, text string }

// turn begins a new minute if the old one is over. The caller holds mu.
func (w *watch) turn(now time.Time) {
	if age := now.Sub(w.began); w.forged == nil || age >= time.Minute || age < 0 {
		w.began, w.total = now, 0
		w.forged, w.logged = make(map[client]int), make(map[note]bool)
	}
}

// bad counts a bad signature. It reports whether the client has sent too many,
// and whether this one makes the flood worth an error in the log.
func (w *watch) bad(c client, now time.Time) (tooMany, alarm bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn(now)
	w.total++
	alarm = w.total == alarmAt
	if c == (client{}) {
		return false, alarm
	}
	if _, counted := w.forged[c]; !counted && len(w.forged) >= maxClients {
		c = client{} // the count that all share once the table is full
	}
	w.forged[c]++
	return w.forged[c] > maxForged, alarm
}

// first reports whether n was not logged yet in this minute.
func (w *watch) first(n note, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn(now)
	if w.logged[n] {
		return false
	}
	w.logged[n] = true
	return true
}

// A crowd counts the requests that are under way for each client.
type crowd struct {
	mu sync.Mutex
	n  map[client]int
}

// enter counts one more for who, unless it has limit already. It reports
// whether it did; the caller then must call leave once.
func (c *crowd) enter(who client, limit int) bool {
	if who == (client{}) {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[who] >= limit {
		return false
	}
	if c.n == nil {
		c.n = make(map[client]int)
	}
	c.n[who]++
	return true
}

func (c *crowd) leave(who client) {
	if who == (client{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[who]--; c.n[who] == 0 {
		delete(c.n, who)
	}
}

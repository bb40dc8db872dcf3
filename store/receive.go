package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrInboxFull is returned by [Store.Receive] and [Store.Replay] if more events
// would be queued than [Options] allow. Nothing of the call was kept. The same
// call succeeds once events have been processed.
var ErrInboxFull = errors.New("the inbox is full: too many events wait to be processed; run `check` to see why")

// A Receipt is the outcome of receiving one event.
type Receipt struct {
	Seq         uint64 // of the event that it is kept as; of a repeat, that of the first
	DuplicateOf uint64 // the event that it repeats; 0 when it is new
}

// Receive stores events and returns one receipt for each, in order, once all of
// them are on disk. After an error none is. An event whose key was received less
// than 30 days before, or [Event.RepeatWithin], is a repeat: it is counted with
// the first and changes nothing else. Other events are pending, or have their
// final state at once if their effect says that there is nothing to do. Such
// events are never refused for want of room in the inbox: [Options] say when the
// oldest lose their bodies. The last twentieth of that room is for events that claim
// a status, so that these are not refused for others.
//
// Many goroutines may call it: concurrent calls share one commit. If ctx ends
// before a commit has begun with the events, Receive returns its error; later it
// waits for the commit. The caller must not change a Body afterwards and limits
// its size.
//
// Errors: [ErrInboxFull]; [*FullError], after which the store stays usable.
func (s *Store) Receive(ctx context.Context, events ...Event) ([]Receipt, error) {
	for i := range events {
		if err := events[i].validate(); err != nil {
			return nil, err
		}
	}
	if len(events) == 0 {
		return nil, ctx.Err()
	}
	a := &arrival{events: slices.Clone(events), done: make(chan struct{})}
	for i := range events {
		a.bytes += len(events[i].Body)
	}
	if s.intake.add(a) {
		go s.commitArrivals()
	}
	select {
	case <-a.done:
		return a.receipts, a.err
	case <-ctx.Done():
		if s.intake.withdraw(a) {
			return nil, ctx.Err()
		}
		<-a.done
		return a.receipts, a.err
	}
}

// Bounds of one commit of arrivals. The gifts of a run wait for it.
const (
	intakeEvents = 500
	intakeBytes  = 4 << 20
)

// gatherWait is how long a commit waits for calls that are likely to come.
const gatherWait = time.Millisecond

// An arrival is one call of Receive.
type arrival struct {
	events   []Event
	bytes    int // of all bodies
	receipts []Receipt
	err      error
	done     chan struct{} // closed once receipts and err are set
}

// An intake is the queue of arrivals. While there are any, one goroutine commits
// them batch by batch; arrivals during a commit form the next batch. (bbolt's own
// DB.Batch waits for a fixed time even if no other call comes, and repeats the
// calls one by one if one of them fails.)
type intake struct {
	mu      sync.Mutex
	queue   []*arrival
	working bool          // a goroutine commits the queue
	last    int           // how many arrivals the last commit had
	enough  chan struct{} // closed when that many are queued again; nil if no goroutine waits for it
}

// add queues an arrival and reports whether the caller must start the goroutine
// that commits it.
func (q *intake) add(a *arrival) (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, a)
	if q.enough != nil && len(q.queue) >= q.last {
		close(q.enough)
		q.enough = nil
	}
	first, q.working = !q.working, true
	return first
}

// withdraw removes an arrival from the queue, and reports false if a commit has taken
// it.
func (q *intake) withdraw(a *arrival) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.queue, a)
	if i >= 0 {
		q.queue = slices.Delete(q.queue, i, i+1)
	}
	return i >= 0
}

// gather waits for the next commit's arrivals and reports whether there are any.
// Callers that the last commit answered are likely to call again at once. If we
// did not wait for them, the first would get a commit of its own and all others
// would wait for that.
func (q *intake) gather() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.queue); n > 0 && n < q.last {
		enough := make(chan struct{})
		q.enough = enough
		q.mu.Unlock()
		select {
		case <-enough:
		case <-time.After(gatherWait):
		}
		q.mu.Lock()
		q.enough = nil
	}
	q.working = len(q.queue) > 0
	return q.working
}

// take removes as many arrivals as one commit may hold, but at least one.
func (q *intake) take() []*arrival {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, events, bytes := 0, 0, 0
	for _, a := range q.queue {
		events += len(a.events)
		bytes += a.bytes
		if n > 0 && (events > intakeEvents || bytes > intakeBytes) {
			break
		}
		n++
	}
	batch := slices.Clone(q.queue[:n])
	q.queue = slices.Delete(q.queue, 0, n)
	q.last = n
	return batch
}

// errNothingKept rolls back a commit that would keep nothing.
var errNothingKept = errors.New("nothing was kept")

// commitArrivals commits arrivals until there are none.
func (s *Store) commitArrivals() {
	for s.intake.gather() {
		var batch []*arrival
		begun := false
		err := s.write(func(w *writer) error {
			// Taken only now: more may have come while we waited for another commit.
			begun, batch = true, s.intake.take()
			return w.receiveAll(batch, s.queueLimit)
		})
		if !begun {
			batch = s.intake.take()
		}
		for _, a := range batch {
			if a.err == nil && err != nil {
				a.receipts, a.err = nil, err
			}
			close(a.done)
		}
	}
}

// receiveAll stores arrivals. It refuses those for which there is no room; the
// others are not affected.
func (w *writer) receiveAll(batch []*arrival, limit queueSize) error {
	kept := 0
	for _, a := range batch {
		room, err := w.room(a.events, limit)
		if err != nil {
			return err
		}
		if !room {
			a.err = ErrInboxFull
			continue
		}
		a.receipts = make([]Receipt, len(a.events))
		for i, e := range a.events {
			if a.receipts[i], err = w.addEvent(e); err != nil {
				return err
			}
		}
		kept++
	}
	if kept == 0 {
		return errNothingKept
	}
	return nil
}

// room reports whether the events fit into the queue. The last twentieth is for claims,
// so that these are not refused for others. Events that add nothing to it always fit,
// even if a commit has overfilled it.
func (w *writer) room(events []Event, limit queueSize) (bool, error) {
	have := w.counts.queue()
	want := have
	if !slices.ContainsFunc(events, func(e Event) bool { return e.Effect == EffectClaim }) {
		limit = queueSize{limit.Events - limit.Events/20, limit.Bytes - limit.Bytes/20}
	}
	fresh := make(map[string]bool, len(events))
	for i := range events {
		e := &events[i]
		key := string(seenKey(w.secret, e))
		of, err := w.repeated(e)
		if err != nil {
			return false, err
		}
		if of == nil && !fresh[key] && e.Effect.start().queued() {
			want.Events++
			want.Bytes += int64(len(e.Body))
		}
		fresh[key] = true
	}
	return want == have || !want.exceeds(limit), nil
}

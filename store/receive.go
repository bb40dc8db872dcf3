package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrInboxFull is returned by [Store.Receive] and [Store.Replay] when more
// events would be queued than [Options] allow. Nothing was kept of the call;
// the same call succeeds once events were worked off.
var ErrInboxFull = errors.New("the inbox is full: too many events wait to be worked off; run `check` to see what holds them up")

// A Receipt says what became of an event that was received.
type Receipt struct {
	Seq         uint64
	DuplicateOf uint64 // the event that it repeats; 0 when it is new
}

// Receive keeps events and returns one receipt for each of them, in order, when
// they are on disk: all of them or, with an error, none. An event whose key was
// received less than 30 days before is a repeat, which is kept without what may
// be personal in it and changes nothing. Others are pending, or at their end at
// once where their effect says that nothing is to be done with them.
//
// Many goroutines may call it: calls that come together share one commit, for
// which they wait. When ctx ends before that, its error is returned and the
// events may have been kept all the same: if the sender repeats them, they are
// repeats. The caller must not change a Body afterwards, and bounds its size.
//
// Errors: [ErrInboxFull]; [*FullError], after which the store goes on.
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
		go s.takeIn()
	}
	select {
	case <-a.done:
		return a.receipts, a.err
	case <-ctx.Done():
		s.intake.withdraw(a)
		return nil, ctx.Err()
	}
}

// Bounds of one commit of arrivals. The gifts of a run wait for it.
const (
	intakeEvents = 500
	intakeBytes  = 4 << 20
)

// gathering is how long a commit waits for calls that are likely to come.
const gathering = time.Millisecond

// An arrival is one call of Receive.
type arrival struct {
	events   []Event
	bytes    int // of all bodies
	receipts []Receipt
	err      error
	done     chan struct{} // closed when receipts and err stand
}

// An intake is the queue of arrivals. While there are any, one goroutine
// commits them, a batch at a time; those that come during a commit make up the
// next. (bbolt's own DB.Batch waits for a fixed time even when nobody else
// comes, and runs the calls again one by one when one of them fails.)
type intake struct {
	mu      sync.Mutex
	queue   []*arrival
	working bool          // a goroutine commits the queue
	last    int           // how many arrivals the last commit had
	enough  chan struct{} // closed when that many are there again; nil when nobody waits for it
}

// add queues an arrival and reports whether the caller must see to it that
// somebody commits it.
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

// withdraw takes an arrival out of the queue, unless a commit has it already.
func (q *intake) withdraw(a *arrival) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = slices.DeleteFunc(q.queue, func(b *arrival) bool { return a == b })
}

// gather waits for the next commit's arrivals and reports whether there are
// any. Callers who were answered by the last commit are likely to be back in a
// moment. Without waiting for them, the first would have the next commit for
// itself and all others would wait for it.
func (q *intake) gather() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.queue); n > 0 && n < q.last {
		enough := make(chan struct{})
		q.enough = enough
		q.mu.Unlock()
		select {
		case <-enough:
		case <-time.After(gathering):
		}
		q.mu.Lock()
		q.enough = nil
	}
	q.working = len(q.queue) > 0
	return q.working
}

// take takes out what one commit may hold, but at least one arrival.
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

// errNothingKept rolls a commit back that would keep nothing.
var errNothingKept = errors.New("nothing was kept")

// takeIn commits arrivals until there are none.
func (s *Store) takeIn() {
	for s.intake.gather() {
		var batch []*arrival
		begun := false
		err := s.write(func(w *writer) error {
			// Only now, as more have come while another commit had its turn.
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

// receiveAll puts arrivals. Those for which there is no room are refused and
// harm no others.
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

// room reports whether there is room for what the events add to the queue.
// Those that add nothing have room even where a commit has overfilled it.
func (w *writer) room(events []Event, limit queueSize) (bool, error) {
	have := w.counts.queue()
	want := have
	fresh := make(map[string]bool, len(events))
	for i := range events {
		e := &events[i]
		key := string(seenKey(w.secret, e))
		of, err := w.repeated(e)
		if err != nil {
			return false, err
		}
		if of == 0 && !fresh[key] && e.Effect.start().queued() {
			want.Events++
			want.Bytes += int64(len(e.Body))
		}
		fresh[key] = true
	}
	return want == have || !want.exceeds(limit), nil
}

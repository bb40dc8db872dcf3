package hubspot

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A bucket paces the calls of one class. It guarantees two things: HubSpot never
// sees more calls than the limit in any window of one interval, and no call
// waits while it could be sent.
//
// A call occupies a slot from its start until one interval after its answer
// was received. HubSpot counts the call at some moment in between, which we do
// not know. Keeping the slot this long means that it is reused no earlier than
// one interval after that moment, whatever the latency.
//
// Waiting calls are served in order of arrival, as soon as a slot is free. See
// [Urgent] for calls that go first and make the others keep a distance. A nil
// bucket paces nothing.
type bucket struct {
	learns bool // whether headers set limit and interval and show other apps' calls
	blind  bool // whether answers do not tell the limit: a 429 alone shows other apps' calls
	most   int  // cap on calls in 10 s, 0 for none

	mu       sync.Mutex
	limit    int
	spare    int // further calls that HubSpot allows, for urgent ones only
	interval time.Duration

	begun    int         // slots ever taken
	inFlight int         // slots whose call has no answer yet
	answered []time.Time // answers younger than the interval, oldest first
	foreign  []sighting  // calls by other apps, see sight

	pausedUntil  time.Time
	stoppedUntil time.Time
	stopped      error // what await returns before stoppedUntil

	urgentAt   time.Time   // when the last urgent call arrived
	urgent     []time.Time // when those of one interval got their slots, oldest first
	ordinaryAt time.Time   // when the last ordinary call got its slot

	queue []*waiter   // urgent ones first
	timer *time.Timer // serves the queue when a slot or a pause expires
}

// A slot is the permission to make one call.
type slot struct {
	occupied int // slots in use when it was granted, itself included
	begun    int // slots ever taken at that moment, itself included
}

type waiter struct {
	urgent bool
	served chan struct{} // closed once slot or err is set
	slot   slot
	err    error
}

// isServed reports whether there is nothing to wait for any more.
func (w *waiter) isServed() bool {
	select {
	case <-w.served:
		return true
	default:
		return false
	}
}

// A sighting is a number of calls in one window that were not ours.
type sighting struct {
	calls int
	at    time.Time
}

// newBucket returns a bucket whose limit is fixed.
func newBucket(limit int, interval time.Duration) *bucket {
	return &bucket{limit: limit, interval: interval}
}

// newObjectsBucket returns the bucket for the general limit, which differs by
// subscription: 100 to 250 in 10 s. Until the first header it assumes the least.
//
// D/developer-tooling/platform/usage-guidelines
func newObjectsBucket(most int) *bucket {
	b := newBucket(95, 10*time.Second)
	b.learns = true
	b.most = most
	return b
}

// newSearchBucket returns the bucket for searches: 95 % of the 5 a second that all
// apps of an account share.
//
// D/api-reference/latest/crm/search-the-crm
func newSearchBucket() *bucket {
	b := newBucket(5, time.Second*100/95)
	b.blind = true
	return b
}

// enter puts a call into the queue. The waiter must be passed to await.
func (b *bucket) enter(ctx context.Context) *waiter {
	w := &waiter{urgent: isUrgent(ctx), served: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enqueue(w)
	b.serve()
	return w
}

// await waits until the call is served. It returns the error of stop, or the
// context's. The slot must be given back by release, or by discard if no call was made.
func (b *bucket) await(ctx context.Context, w *waiter) (slot, error) {
	select {
	case <-w.served:
		return w.slot, w.err
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.queue, w); i >= 0 {
		b.queue = slices.Delete(b.queue, i, i+1)
	} else if w.err == nil {
		b.inFlight--
		b.serve()
	}
	return slot{}, ctx.Err()
}

// release gives back the slot of a call that was just answered, or failed
// without an answer. Learned is what the answer's headers say about the limit.
func (b *bucket) release(s slot, learned allowance) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.inFlight--
	b.answered = append(b.answered, now)
	if b.learns && learned.max > 0 {
		b.limit = max(learned.max*95/100, 1)
		b.spare = learned.max - b.limit
		if learned.interval > 0 {
			b.interval = learned.interval
		}
		// HubSpot counted our call between its start and now. At that moment
		// its window held at most these calls of ours: those that had a slot
		// at the start, and those begun since.
		ours := s.occupied + b.begun - s.begun
		b.sight(learned.used-ours, now)
	}
	b.serve()
}

// discard gives back the slot of a call that was not made.
func (b *bucket) discard() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	b.serve()
}

// sight records how many calls by other apps HubSpot counts. We assume that
// they use the most seen within the last interval. Entries that can no longer
// become the maximum are dropped, so the first is always the greatest.
func (b *bucket) sight(calls int, now time.Time) {
	for len(b.foreign) > 0 && b.foreign[len(b.foreign)-1].calls <= calls {
		b.foreign = b.foreign[:len(b.foreign)-1]
	}
	if calls > 0 {
		b.foreign = append(b.foreign, sighting{calls, now})
	}
}

// unsuspected is for how long after a 429 of a blind bucket other apps are taken to
// call.
const unsuspected = time.Minute

// suspect takes a 429 for two calls of another app in each interval, or for one more
// than were suspected. Several in one interval have one cause.
func (b *bucket) suspect(now time.Time) {
	if !b.blind {
		return
	}
	calls, expires := 2, unsuspected-b.interval
	if n := len(b.foreign); n > 0 {
		if now.Sub(b.foreign[n-1].at.Add(-expires)) < b.interval {
			return
		}
		calls = min(b.foreign[0].calls+1, b.limit-1)
	}
	b.sight(calls, now.Add(expires))
}

// pause makes all calls wait for d, after a 429.
func (b *bucket) pause(d time.Duration) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.suspect(time.Now())
	if until := time.Now().Add(d); until.After(b.pausedUntil) {
		b.pausedUntil = until
	}
	b.serve()
}

// stop makes every await, those under way included, return err until then.
func (b *bucket) stop(err error, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if until.After(b.stoppedUntil) {
		b.stopped, b.stoppedUntil = err, until
	}
	b.serve()
}

// wakeAfter has the queue served again after d.
func (b *bucket) wakeAfter(d time.Duration) {
	if b.timer == nil {
		b.timer = time.AfterFunc(d, b.wake)
		return
	}
	b.timer.Reset(d)
}

func (b *bucket) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serve()
}

// serve grants the slots that are free now and sets the timer for the next
// one. It must be called, with mu held, after every change.
func (b *bucket) serve() {
	now := time.Now()
	b.expire(now)
	for len(b.queue) > 0 {
		w := b.queue[0]
		switch {
		case now.Before(b.stoppedUntil):
			w.err = b.stopped
		case now.Before(b.pausedUntil):
			b.wakeAfter(b.pausedUntil.Sub(now))
			return
		case b.occupied() >= b.allowed(w):
			b.awaitSlot(now)
			return
		case now.Before(b.spread(w, now)):
			b.wakeAfter(b.spread(w, now).Sub(now))
			return
		default:
			if w.urgent {
				b.urgent = append(b.urgent, now)
			} else {
				b.ordinaryAt = now
			}
			b.begun++
			b.inFlight++
			w.slot = slot{occupied: b.occupied(), begun: b.begun}
		}
		b.queue = slices.Delete(b.queue, 0, 1)
		close(w.served)
	}
}

// expire drops the entries that have left the window.
func (b *bucket) expire(now time.Time) {
	for len(b.urgent) > 0 && now.Sub(b.urgent[0]) >= b.interval {
		b.urgent = b.urgent[1:]
	}
	for len(b.answered) > 0 && now.Sub(b.answered[0]) >= b.interval {
		b.answered = b.answered[1:]
	}
	for len(b.foreign) > 0 && now.Sub(b.foreign[0].at) >= b.interval {
		b.foreign = b.foreign[1:]
	}
}

func (b *bucket) occupied() int { return b.inFlight + len(b.answered) }

// allowed returns how many slots may be occupied once w has one: the limit minus
// what other apps use. It is at least one, so that we notice when they stop.
func (b *bucket) allowed(w *waiter) int {
	n := b.limit
	switch {
	case w.urgent:
		n += b.spare
	case b.blind && b.urged(time.Now()):
		n-- // for the next urgent one
	}
	if len(b.foreign) > 0 {
		n -= b.foreign[0].calls
	}
	if b.most > 0 {
		n = min(n, int(time.Duration(b.most)*b.interval/(10*time.Second)))
	}
	return max(n, 1)
}

// awaitSlot sets the timer for the next slot that expires. If none will, all
// slots are in flight and the next release serves the queue.
func (b *bucket) awaitSlot(now time.Time) {
	var next time.Time
	if len(b.answered) > 0 {
		next = b.answered[0]
	}
	if len(b.foreign) > 0 && (next.IsZero() || b.foreign[0].at.Before(next)) {
		next = b.foreign[0].at
	}
	if !next.IsZero() {
		b.wakeAfter(next.Add(b.interval).Sub(now))
	}
}

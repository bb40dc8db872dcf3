package thnksapitest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// maxQueue bounds what waits to be posted. Events beyond it are dropped.
	maxQueue = 10_000
	// maxLog bounds the finished deliveries that a sender remembers.
	maxLog = 5_000
)

// An Outcome is the state of a delivery.
type Outcome string

// The outcomes.
const (
	Queued       Outcome = "queued"       // it will be tried, perhaps again
	Acknowledged Outcome = "acknowledged" // answered 2xx
	Dropped      Outcome = "dropped"      // never posted
	Failed       Outcome = "failed"       // all tries are used up
)

// A Delivery is an event that is being delivered, or the outcome of that.
type Delivery struct {
	Number   int         // in the order in which the events came, from 1
	ID       string      // of the message: of every try, and of a repeat as well
	Event    Event       // zero for a [Message]
	Header   http.Header // of a message, beside its proof
	Body     []byte
	Repeat   bool // a second delivery, though the first is not refused
	Late     bool // held back while later ones pass
	Outcome  Outcome
	Attempts []Attempt

	due time.Time
}

// An Attempt is one try to deliver.
type Attempt struct {
	Number int // in the order in which the sender made them, from 1
	At     time.Time
	Status int   // 0 when no answer came
	Err    error // why none came
}

// A Sender posts events to a [Webhook]. Its methods are safe for concurrent
// use.
type Sender struct {
	hook   Webhook
	client *http.Client
	own    bool          // we made the client and close its connections
	wake   chan struct{} // something was queued
	done   chan struct{} // closed when nothing is posted any more

	mu       sync.Mutex
	rng      *rand.Rand
	log      []*Delivery // by number
	queue    []*Delivery // by time and number
	busy     *Delivery   // the one that is being tried
	idle     chan struct{}
	outcomes map[Outcome]int
	planned  int       // deliveries so far
	tries    int       // attempts so far
	last     time.Time // when the latest event is due that was not held back
	walks    []*walk
}

func newSender(w Webhook) *Sender {
	d := &Sender{
		hook:     w,
		wake:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		rng:      rand.New(rand.NewPCG(w.Seed, 4)),
		idle:     make(chan struct{}),
		outcomes: make(map[Outcome]int),
	}
	close(d.idle)
	if d.hook.Retry == nil {
		d.hook.Retry = svixRetry()
	}
	d.own = w.Client == nil
	if d.own {
		d.client = &http.Client{Transport: &http.Transport{}}
	} else {
		c := *w.Client
		d.client = &c
	}
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return d
}

// Send posts an event that no transaction caused, with the same faults as any
// other. Empty fields that the subscription knows are filled in.
func (d *Sender) Send(e Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.send(e)
}

// Post posts a message with the same faults as an event.
func (d *Sender) Post(m Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deliver(&Delivery{Header: m.Header, Body: m.Body})
}

// send plans the deliveries of an event.
func (d *Sender) send(e Event) {
	if e.ID == "" {
		e.ID = fmt.Sprintf("wh_%05d", d.hook.Seed%100_000)
	}
	e.Target = cmp.Or(e.Target, d.hook.URL)
	e.CompanyID = cmp.Or(e.CompanyID, d.hook.CompanyID)
	d.deliver(&Delivery{Event: e, Body: e.Body(d.hook.Generation)})
}

// deliver plans the deliveries of an event or a message. Each takes the same number
// of draws, so changing one share leaves the others' decisions as they were.
func (d *Sender) deliver(x *Delivery) {
	drop := d.rng.Float64() < d.hook.Drops
	double := d.rng.Float64() < d.hook.Duplicates
	late := d.rng.Float64() < d.hook.Reorder
	delay, hold, again := d.upTo(d.hook.MaxDelay), d.upTo(d.hold()), d.upTo(d.hold())

	x.Outcome = Queued
	// The time in the body makes ids of different processes differ.
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", d.planned, x.Body))
	x.ID = fmt.Sprintf("msg_%x", sum[:12])
	if drop {
		x.Outcome = Dropped
	}
	if x.due = time.Now().Add(delay); x.due.Before(d.last) {
		x.due = d.last
	}
	if late {
		x.Late = !drop
		x.due = x.due.Add(hold)
	} else {
		d.last = x.due
	}
	d.plan(x)
	if double && !drop {
		second := *x
		second.Repeat, second.Outcome = true, Queued
		second.due = x.due.Add(again)
		d.plan(&second)
	}
}

// hold returns how late a repeat or a reordered event may be.
func (d *Sender) hold() time.Duration { return max(d.hook.MaxDelay, leastHold) }

func (d *Sender) upTo(most time.Duration) time.Duration {
	return time.Duration(d.rng.Float64() * float64(most))
}

// plan puts a delivery into the log and, unless it is dropped, into the queue.
func (d *Sender) plan(x *Delivery) {
	d.planned++
	x.Number = d.planned
	if len(d.queue) >= maxQueue {
		x.Outcome = Dropped
	}
	d.outcomes[x.Outcome]++
	d.log = append(d.log, x)
	d.forget()
	if x.Outcome == Dropped {
		return
	}
	if len(d.queue) == 0 && d.busy == nil {
		d.idle = make(chan struct{})
	}
	d.enqueue(x)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *Sender) enqueue(x *Delivery) {
	i, _ := slices.BinarySearchFunc(d.queue, x, func(a, b *Delivery) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.Number, b.Number))
	})
	d.queue = slices.Insert(d.queue, i, x)
}

// forget removes the oldest finished deliveries when there are many.
func (d *Sender) forget() {
	if len(d.log)-len(d.queue) < 2*maxLog {
		return
	}
	left := maxLog
	d.log = slices.DeleteFunc(d.log, func(x *Delivery) bool {
		if x.Outcome == Queued || left == 0 {
			return false
		}
		left--
		return true
	})
}

// next takes the delivery that is due. If there is none it returns how long
// until there is one, or 0 if nothing waits.
func (d *Sender) next() (*Delivery, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		return nil, 0
	}
	x := d.queue[0]
	if wait := time.Until(x.due); wait > 0 {
		return nil, wait
	}
	d.queue = d.queue[1:]
	d.busy = x
	return x, 0
}

// tried notes the result of a try. A try that was broken off does not count:
// its delivery stays queued.
func (d *Sender) tried(x *Delivery, status int, err error, brokenOff bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	x.Attempts = append(x.Attempts, Attempt{Number: d.tries, At: time.Now(), Status: status, Err: err})
	n := len(x.Attempts)
	d.busy = nil
	switch {
	case status/100 == 2:
		d.finish(x, Acknowledged)
	case brokenOff:
		d.enqueue(x)
	case n > len(d.hook.Retry):
		d.finish(x, Failed)
	default:
		x.due = time.Now().Add(d.hook.Retry[n-1])
		d.enqueue(x)
	}
}

func (d *Sender) finish(x *Delivery, o Outcome) {
	d.outcomes[x.Outcome]--
	x.Outcome = o
	d.outcomes[o]++
	if len(d.queue) == 0 {
		close(d.idle)
	}
}

// close closes idle connections.
func (d *Sender) close() {
	if d.own {
		d.client.CloseIdleConnections()
	}
}

// Deliveries returns the log, by number: all queued deliveries, and at least
// the last 5,000 finished ones. Bodies are shared and must not be changed.
func (d *Sender) Deliveries() []Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]Delivery, 0, len(d.log))
	for _, x := range d.log {
		c := *x
		c.Attempts = slices.Clone(x.Attempts)
		all = append(all, c)
	}
	return all
}

// Outcomes counts all deliveries so far.
func (d *Sender) Outcomes() map[Outcome]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := make(map[Outcome]int)
	for o, n := range d.outcomes {
		if n > 0 {
			m[o] = n
		}
	}
	return m
}

// Settle waits until nothing is queued.
func (d *Sender) Settle(ctx context.Context) error {
	d.mu.Lock()
	idle := d.idle
	d.mu.Unlock()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = ctx.Err()
	case <-d.done:
		err = errors.New("the sender has ended and will not post what is queued")
	}
	select {
	case <-idle:
		return nil
	default:
		return err
	}
}

// Done returns a channel that is closed when the sender has ended.
func (d *Sender) Done() <-chan struct{} { return d.done }

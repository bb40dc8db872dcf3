package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// A queuedRun is one run that was asked for.
type queuedRun struct {
	req    giftsync.Request
	hinted bool            // of an automatic one: it is to run even where no slot is due
	ctx    context.Context // a run that has no effect without its caller ends with this

	progress chan giftsync.Progress // the latest that the caller has not seen yet
	done     chan struct{}          // closed once report and err are set
	report   giftsync.Report
	err      error

	needsAdmin bool // the portal could not be opened, and an admin has to do something
}

func newQueuedRun(req giftsync.Request) *queuedRun {
	return &queuedRun{
		req:      req,
		ctx:      context.Background(),
		progress: make(chan giftsync.Progress, 1),
		done:     make(chan struct{}),
	}
}

// show replaces the progress that the caller has not seen yet. It is called by
// one goroutine at a time.
func (q *queuedRun) show(p giftsync.Progress) {
	select {
	case <-q.progress: // out of date
	default:
	}
	q.progress <- p // there is room: only show puts anything in
}

// A runQueue holds the runs that were asked for, in the order of asking.
type runQueue struct {
	portal string
	wake   chan struct{} // holds one token when there may be something to do

	mu        sync.Mutex
	waiting   []*queuedRun
	automatic *queuedRun // the one waiting that no caller asked for, if any
	current   *queuedRun // the one under way, if any
	stop      context.CancelCauseFunc
	stopped   bool // no run begins any more
}

func newRunQueue(portal string) *runQueue {
	return &runQueue{portal: portal, wake: make(chan struct{}, 1)}
}

// add queues a run and reports whether others come first.
func (q *runQueue) add(r *queuedRun) (waits bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		q.refuse(r)
		return false
	}
	waits = q.current != nil || len(q.waiting) > 0
	q.waiting = append(q.waiting, r)
	q.signal()
	return waits
}

// refuse ends a run that will not begin any more.
func (q *runQueue) refuse(r *queuedRun) {
	r.err = fmt.Errorf("portal %s: %w: the run did not begin", q.portal, giftsync.ErrStopping)
	r.report = giftsync.NotRun(q.portal, r.req, time.Now().UTC(), r.err)
	close(r.done)
}

// addAutomatic makes an automatic run wait. At most one does.
func (q *runQueue) addAutomatic(hinted bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return
	}
	if q.automatic == nil {
		q.automatic = newQueuedRun(giftsync.Request{Mode: giftsync.Incremental})
		q.waiting = append(q.waiting, q.automatic)
		q.signal()
	}
	q.automatic.hinted = q.automatic.hinted || hinted
}

func (q *runQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // the loop will look anyway
	}
}

// begin takes the next run that is still wanted: an automatic one needs a slot
// that is due, or a hint. stop ends it.
func (q *runQueue) begin(stop context.CancelCauseFunc, due func() bool) (r *queuedRun, automatic bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 {
		r, q.waiting = q.waiting[0], q.waiting[1:]
		if automatic = r == q.automatic; automatic {
			q.automatic = nil
		}
		switch {
		case r.ctx.Err() != nil: // its caller has gone
		case automatic && !r.hinted && !due(): // the run before took the slot meanwhile
		default:
			q.current, q.stop = r, stop
			return r, automatic
		}
	}
	return nil, false
}

// ended notes that the run under way has ended.
func (q *runQueue) ended() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.current, q.stop = nil, nil
}

// show shows the progress of the run under way to its caller, and to those who
// wait for it to end.
func (q *runQueue) show(p giftsync.Progress) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.current != nil {
		q.current.show(p)
	}
	p.Before = true
	for _, r := range q.waiting {
		r.show(p)
	}
}

// stopCurrent ends the run under way, and reports whether there is one.
func (q *runQueue) stopCurrent() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.current == nil {
		return false
	}
	q.stop(errStopRequested)
	return true
}

// close refuses the runs that still wait, and every later one.
func (q *runQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped = true
	for _, r := range q.waiting {
		q.refuse(r)
	}
	q.waiting, q.automatic = nil, nil
}

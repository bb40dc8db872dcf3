package sync

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/store"
)

// die runs the world's process until its step-th step and reports whether it
// lived to the end.
func (w *world) die(step int, mode Mode) (alive bool) {
	w.t.Helper()
	return w.dieIn(step, Request{Mode: mode})
}

// dieIn is die for any request.
func (w *world) dieIn(step int, req Request) (alive bool) {
	w.t.Helper()
	return w.process(step, func(ctx context.Context, e *Engine, _ *store.Store, _ *steps) error {
		_, err := e.Run(ctx, req)
		return err
	})
}

// process is one life of the program: it opens the file, does something until
// its step-th step, and closes the file. Whatever it calls or commits outside of
// a step fails the test.
//
// Opening is no step of it: there the store commits only to make a file, which
// has no name before it is whole, or one of an older format a newer one, in one
// transaction. The kill loops, of the store and of the real program, cover that.
func (w *world) process(step int, do func(context.Context, *Engine, *store.Store, *steps) error) (alive bool) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	was := commitID(w.path)
	st := w.open()
	defer st.Close()
	var steps steps
	steps.begin(w.t, step, w.path, cancel)
	defer steps.end()
	if was != 0 && steps.committed != was {
		w.t.Errorf("step %d: opening the file took it from commit %d to %d", step, was, steps.committed)
	}

	cfg := w.cfg
	w.cfg = func(c *Config) {
		if cfg != nil {
			cfg(c)
		}
		c.Inbox = steps.inbox(c.Inbox)
	}
	w.wrap = func(next http.RoundTripper) http.RoundTripper { return steps.transport(underWay(next, &steps)) }
	w.journal = steps.journal
	defer func() { w.cfg, w.wrap, w.journal = cfg, nil, nil }()
	calls := w.portal.Requests().Total
	err := do(ctx, w.engine(st), st, &steps)
	alive = steps.death() == ""
	switch {
	case !alive && err == nil:
		w.t.Fatalf("step %d: the process died and yet reports success", step)
	case alive && err != nil:
		w.t.Fatalf("step %d: %v", step, err)
	}
	if n := w.portal.Requests().Total - calls; n != steps.arrivals() {
		w.t.Errorf("step %d: HubSpot got %d calls, and %d were numbered steps", step, n, steps.arrivals())
	}
	if err := st.Close(); err != nil {
		w.t.Errorf("step %d: closing: %v", step, err)
	}
	steps.checkFile()
	return alive
}

// underWay counts calls, each of which arrives: whoever dies, what has left
// before is on its way.
func underWay(next http.RoundTripper, s *steps) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
		_ = s.arrived(req, nil)
		return resp, err
	})
}

// everyStep calls f with a fresh bubble for each step of a process, until f
// reports that it lived to the end. Under the race detector it takes a sample:
// what can race does so at any step, and .ci/run takes them all without it. Calls
// and commits have two steps each, before and after, which an odd stride meets in
// turn.
func everyStep(t *testing.T, stride int, f func(t *testing.T, step int) (alive bool)) {
	if stride%2 == 0 {
		t.Fatalf("a stride of %d dies before calls and commits, and never after", stride)
	}
	if raceDetector {
		stride *= 11
	}
	steps := 0
	for step := 1; ; step += stride {
		alive := false
		synctest.Test(t, func(t *testing.T) { alive = f(t, step) })
		if alive || t.Failed() {
			break
		}
		steps++
	}
	if steps*stride < 20 && !t.Failed() {
		t.Errorf("died at %d steps, one in %d; the process must have more", steps, stride)
	}
	t.Logf("died at %d steps", steps)
}

// interrupt does a run whose process dies behind its n-th commit of gifts.
func (w *world) interrupt(n int, req Request) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.journal = func(j Journal) Journal { return &stopping{Journal: j, left: n, cancel: cancel} }
	defer func() { w.journal = nil }()
	if _, err := w.run(ctx, req); err == nil {
		w.t.Fatal("the run was to be interrupted")
	}
}

// A stopping journal lets the process die behind its n-th commit of gifts.
type stopping struct {
	Journal
	left   int
	cancel context.CancelFunc
}

func (s *stopping) Commit(c store.Commit) error {
	if s.left <= 0 {
		return errDead
	}
	err := s.Journal.Commit(c)
	if len(c.Gifts) > 0 {
		if s.left--; s.left == 0 {
			s.cancel()
		}
	}
	return err
}

package simulation

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
)

// Die does a run in a process that dies at a step, and reports whether it lived to
// the end because it has fewer.
func (w *World) Die(step int, mode giftsync.Mode) (alive bool) {
	w.T.Helper()
	return w.DieIn(step, giftsync.Request{Mode: mode})
}

// DieIn is [World.Die] for any request.
func (w *World) DieIn(step int, req giftsync.Request) (alive bool) {
	w.T.Helper()
	return w.Process(step, func(ctx context.Context, e *giftsync.Engine, _ *store.Store, _ *Steps) error {
		_, err := e.Run(ctx, req)
		return err
	})
}

// Process opens the state file, lets do work on it in a process that dies at a
// step, and closes the file. It reports whether the process lived to the end. A call
// or a commit that is no step fails the test.
//
// Opening has no steps: the store commits there only to make a file, which has no
// name before it is whole, or to bring one of an older format up to date, in one
// transaction. The loops that kill the store and the real program cover that.
func (w *World) Process(step int, do func(context.Context, *giftsync.Engine, *store.Store, *Steps) error) (alive bool) {
	w.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	was := CommitID(w.Path)
	st := w.Open()
	defer st.Close()
	var steps Steps
	steps.Begin(w.T, step, w.Path, cancel)
	defer steps.Close()
	if was != 0 && steps.committed != was {
		w.T.Errorf("step %d: opening the file took it from commit %d to %d", step, was, steps.committed)
	}

	cfg := w.Configure
	w.Configure = func(c *giftsync.Config) {
		if cfg != nil {
			cfg(c)
		}
		c.Inbox = steps.Inbox(c.Inbox)
	}
	w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper { return steps.Transport(underWay(next, &steps)) }
	w.WrapJournal = steps.Journal
	defer func() { w.Configure, w.WrapHubSpot, w.WrapJournal = cfg, nil, nil }()
	calls := w.Portal.Requests().Total
	err := do(ctx, w.Engine(st), st, &steps)
	alive = steps.Death() == ""
	switch {
	case !alive && err == nil:
		w.T.Fatalf("step %d: the process died and yet reports success", step)
	case alive && err != nil:
		w.T.Fatalf("step %d: %v", step, err)
	}
	if n := w.Portal.Requests().Total - calls; n != steps.Arrivals() {
		w.T.Errorf("step %d: HubSpot got %d calls, and %d were numbered steps", step, n, steps.Arrivals())
	}
	if err := st.Close(); err != nil {
		w.T.Errorf("step %d: closing: %v", step, err)
	}
	steps.CheckFile()
	return alive
}

// underWay lets every call arrive that has left, even if the process dies
// meanwhile, and counts it.
func underWay(next http.RoundTripper, s *Steps) http.RoundTripper {
	return RoundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
		_ = s.Arrived(req, nil)
		return resp, err
	})
}

// EveryStep calls f in a bubble of its own for each step of a process, or each
// stride-th, until f reports that the process lived to the end. Calls and commits
// have two steps each, which an odd stride meets in turn. With the race detector it
// takes a sample: what can race does so at any step, and .ci/run takes all of them
// without it.
func EveryStep(t *testing.T, stride int, f func(t *testing.T, step int) (alive bool)) {
	if stride%2 == 0 {
		t.Fatalf("a stride of %d dies before calls and commits, and never after", stride)
	}
	if RaceDetector {
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

// Interrupt does a run that is cancelled after its n-th commit of gifts, and commits
// no more.
func (w *World) Interrupt(n int, req giftsync.Request) {
	w.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return &stopping{Journal: j, left: n, cancel: cancel} }
	defer func() { w.WrapJournal = nil }()
	if _, err := w.Run(ctx, req); err == nil {
		w.T.Fatal("the run was to be interrupted")
	}
}

// A stopping journal cancels a run after so many more commits of gifts.
type stopping struct {
	giftsync.Journal
	left   int
	cancel context.CancelFunc
}

func (s *stopping) Commit(c store.Commit) error {
	if s.left <= 0 {
		return ErrDead
	}
	err := s.Journal.Commit(c)
	if len(c.Gifts) > 0 {
		if s.left--; s.left == 0 {
			s.cancel()
		}
	}
	return err
}

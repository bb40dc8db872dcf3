package daemon_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// TestAtRestNothingIsStalled: neither days without anything to do nor a run of
// hours look like a goroutine that is stuck.
func TestAtRestNothingIsStalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		d.commit = slow(50 * time.Minute)
		defer d.start()()
		for range 60 * 30 {
			time.Sleep(time.Minute)
			if what := d.loop.Stalled(); what != "" {
				t.Fatalf("stalled: %s", what)
			}
		}
	})
}

// TestStuckOpening: a state file or secret that is never read to its end.
func TestStuckOpening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		release := make(chan struct{})
		d.opening = func() error { <-release; return nil }
		defer d.start()()
		time.Sleep(29 * time.Minute)
		if what := d.loop.Stalled(); what != "" {
			t.Errorf("after 29 minutes: %s", what)
		}
		time.Sleep(2 * time.Minute)
		if what := d.loop.Stalled(); !strings.HasPrefix(what, "the loop of portal acme for 31m") {
			t.Errorf("after 31 minutes: %q", what)
		}
		close(release)
		synctest.Wait()
		if what := d.loop.Stalled(); what != "" {
			t.Errorf("after it went on: %s", what)
		}
	})
}

// TestClockThatStopped: a loop whose schedule no one looks at any more.
func TestClockThatStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		stop := d.start()
		time.Sleep(time.Hour)
		stop()
		time.Sleep(4 * time.Minute)
		if what := d.loop.Stalled(); what != "" {
			t.Errorf("after 4 minutes: %s", what)
		}
		time.Sleep(2 * time.Minute)
		if d.loop.Stalled() == "" {
			t.Error("nothing is stalled 6 minutes after the last look at the clock")
		}
	})
}

// hangingLookups is a Thnks that lists transactions and never answers about a single one.
func hangingLookups(next http.RoundTripper) http.RoundTripper {
	return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
		if !strings.Contains(req.URL.Path, "/transactions/") {
			return next.RoundTrip(req)
		}
		<-req.Context().Done()
		return nil, req.Context().Err()
	})
}

// hints are n unsigned events about gifts that no one knows yet.
func hints(n int) []store.Event {
	all := make([]store.Event, n)
	for i := range all {
		all[i] = simulation.Event(simulation.ID(1000+i), plan.Sent)
		all[i].Signed = false
	}
	return all
}

// TestLookupsOfAnOutageAreNotStalled: a Thnks that answers no look-up keeps the worker for
// hours, as more events come due while it tries others. It goes on, and is not stuck.
func TestLookupsOfAnOutageAreNotStalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.WrapThnks = hangingLookups
		defer d.start()()
		time.Sleep(10 * time.Minute)
		d.Receive(d.st, hints(600)...)
		d.loop.Events()
		for range 120 {
			time.Sleep(time.Minute)
			if what := d.loop.Stalled(); what != "" {
				t.Fatalf("stalled: %s", what)
			}
		}
	})
}

// TestProofBesideAnOutage: a fault that the workers have met is proved over by processing
// the events. A worker that has them in hand for hours leaves them to that, and that does
// not take hours either.
func TestProofBesideAnOutage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ spoil, repair func(*installation) }{
		"refused token": {
			spoil:  func(d *installation) { d.Portal.SetToken("another") },
			repair: func(d *installation) { d.Portal.SetToken(d.token) },
		},
		"full disk": {
			spoil:  func(d *installation) { d.set(func() { d.commit = full }) },
			repair: func(d *installation) { d.set(func() { d.commit = nil }) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, "@hourly")
				d.WrapThnks = hangingLookups
				defer d.start()()
				time.Sleep(10 * time.Minute)
				d.Receive(d.st, hints(600)...)
				d.loop.Events()
				time.Sleep(time.Minute)
				c.spoil(d)
				d.webhook(simulation.ID(1), plan.Refunded)
				time.Sleep(time.Second)
				if s := d.loop.Status(); s.Ready {
					t.Fatalf("status %+v", s)
				}
				c.repair(d)
				d.loop.Hint()
				for range 120 {
					time.Sleep(time.Minute)
					if what := d.loop.Stalled(); what != "" {
						t.Fatalf("stalled: %s", what)
					}
				}
				if s := d.loop.Status(); !s.Ready || time.Since(s.LastSync) > 61*time.Minute {
					t.Errorf("status %+v", s)
				}
			})
		})
	}
}

package daemon_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi"
)

// webhook does what the public side does with an event.
func (d *installation) webhook(id string, status plan.Status) {
	d.Receive(d.st, simulation.Event(id, status))
	d.loop.Events()
}

// shows returns how long it takes until a record shows a status, and gives up
// after a minute.
func (d *installation) shows(id string, status plan.Status) time.Duration {
	began := time.Now()
	for d.Property(id, "status") != string(status) && time.Since(began) < time.Minute {
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// farAway adds the time that a call to HubSpot takes.
func farAway(next http.RoundTripper) http.RoundTripper {
	return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
		time.Sleep(75 * time.Millisecond)
		resp, err := next.RoundTrip(req)
		time.Sleep(75 * time.Millisecond)
		return resp, err
	})
}

// TestEventsBesideALongRun: events are applied while a run goes on, and those
// about gifts that it has in hand as soon as it lets go of them.
func TestEventsBesideALongRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		stop := d.start()
		defer stop()
		time.Sleep(10 * time.Minute)
		d.set(func() { d.commit = slow(20 * time.Second) })
		go func() {
			if _, err := d.loop.Do(t.Context(), giftsync.Request{Mode: giftsync.Backfill}, giftsync.Watcher{}); err != nil {
				t.Error(err)
			}
		}()
		d.touchAll()
		time.Sleep(time.Second)
		for n := 1; n <= 20; n++ {
			d.Receive(d.st, simulation.Event(simulation.ID(n), plan.Refunded))
		}
		d.loop.Events()
		time.Sleep(3 * time.Minute)
		for n := 1; n <= 20; n++ {
			if got := d.Property(simulation.ID(n), "status"); got != string(plan.Refunded) {
				t.Errorf("%d: status %s", n, got)
			}
		}
	})
}

// TestEventsAboutHeldGifts: an event about a gift that a run has in hand is
// applied as soon as it lets go of it, and others meanwhile.
func TestEventsAboutHeldGifts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		stop := d.start()
		defer stop()
		time.Sleep(10 * time.Minute)
		held, letGo := atomic.Bool{}, make(chan struct{})
		d.set(func() {
			d.commit = func(j giftsync.Journal, c store.Commit) error {
				about := func(s plan.Stored) bool { return s.Gift.ID == simulation.ID(1) }
				if slices.ContainsFunc(c.Gifts, about) && held.CompareAndSwap(false, true) {
					<-letGo
				}
				return j.Commit(c)
			}
		})
		d.Thnks.Update(simulation.ID(1), touch)
		d.loop.Hint()
		time.Sleep(time.Second)
		if !held.Load() || d.loop.Status().Doing == "" {
			t.Fatal("no run has the gift in hand")
		}
		d.webhook(simulation.ID(1), plan.Refunded)
		d.webhook(simulation.ID(2), plan.Refunded)
		if took := d.shows(simulation.ID(2), plan.Refunded); took > time.Second {
			t.Errorf("a gift that is not held waits %v", took)
		}
		time.Sleep(5 * time.Minute)
		d.WantEventStates(d.st, store.EventPending, store.EventApplied)
		close(letGo)
		if took := d.shows(simulation.ID(1), plan.Refunded); took > time.Second {
			t.Errorf("let go of, it waits %v", took)
		}
	})
}

// TestEventsOfAPortalInTrouble: while it is parked, events stay on disk and
// cost nothing; the first run that ends well has them applied. What passes by
// itself is tried again soon.
func TestEventsOfAPortalInTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		down := false
		wrap := d.WrapHubSpot
		d.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			signed := wrap(next)
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				d.mu.Lock()
				dead := down
				d.mu.Unlock()
				if dead {
					return nil, simulation.ErrDead
				}
				return signed.RoundTrip(req)
			})
		}
		stop := d.start()
		defer stop()
		time.Sleep(10 * time.Minute)

		right := d.token
		d.Portal.SetToken("another")
		d.webhook(simulation.ID(1), plan.Refunded)
		time.Sleep(time.Second)
		if s := d.loop.Status(); s.Ready || !strings.Contains(s.Problem, "token") {
			t.Errorf("status %+v", s)
		}
		calls := d.Portal.Requests().Total
		for range 10 {
			d.webhook(simulation.ID(2), plan.Refunded)
			time.Sleep(time.Minute)
		}
		if more := d.Portal.Requests().Total - calls; more != 0 {
			t.Errorf("%d calls by a parked portal", more)
		}
		d.Portal.SetToken(right)
		time.Sleep(time.Hour)
		for n := 1; n <= 2; n++ {
			if got := d.Property(simulation.ID(n), "status"); got != string(plan.Refunded) {
				t.Errorf("%d: status %s once the portal is well", n, got)
			}
		}

		defect := func(j giftsync.Journal, c store.Commit) error {
			if len(c.Events) > 0 {
				panic("gift of ann@acme.example")
			}
			return j.Commit(c)
		}
		for i, on := range []func(){func() { down = true }, func() { d.commit = defect }} {
			id := simulation.ID(3 + i)
			d.set(on)
			d.webhook(id, plan.Refunded)
			time.Sleep(3 * time.Minute)
			if states := d.EventStates(d.st); states[uint64(len(states))] != store.EventPending {
				t.Errorf("%s: the event is %q", id, states[uint64(len(states))])
			}
			d.set(func() { down, d.commit = false, nil })
			time.Sleep(2 * time.Minute)
			if got := d.Property(id, "status"); got != string(plan.Refunded) {
				t.Errorf("%s: status %s", id, got)
			}
		}
		if s := d.loop.Status(); !s.Ready {
			t.Errorf("status %+v", s)
		}
	})
}

// TestEventsBeforeTheStart: those that an earlier life left are applied at
// once, and those that come before the portal could be opened as soon as it is.
func TestEventsBeforeTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.Must(giftsync.Backfill)
		st := d.Open()
		d.Receive(st, simulation.Event(simulation.ID(1), plan.Refunded))
		st.Close()
		d.opening = func() error { return simulation.ErrDead }
		stop := d.start()
		defer stop()
		time.Sleep(time.Minute)
		d.webhook(simulation.ID(2), plan.Refunded)
		time.Sleep(time.Minute)
		d.set(func() { d.opening = nil })
		time.Sleep(2 * time.Minute)
		for n := 1; n <= 2; n++ {
			if got := d.Property(simulation.ID(n), "status"); got != string(plan.Refunded) {
				t.Errorf("%d: status %s", n, got)
			}
		}
	})
}

// TestEventsOfALostEngine: where the engine has to be opened again and a run goes
// on with the one before, events are applied as soon as that has ended.
func TestEventsOfALostEngine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		defer d.start()()
		time.Sleep(10 * time.Minute)
		var panicked atomic.Bool
		d.set(func() {
			d.commit = func(j giftsync.Journal, c store.Commit) error {
				if len(c.Events) > 0 && panicked.CompareAndSwap(false, true) {
					panic("gift of ann@acme.example")
				}
				return slow(20*time.Second)(j, c)
			}
		})
		d.touchAll()
		go func() {
			if _, err := d.loop.Do(t.Context(), giftsync.Request{Mode: giftsync.Backfill}, giftsync.Watcher{}); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(time.Second)
		d.webhook(simulation.ID(20), plan.Refunded)
		time.Sleep(30 * time.Second) // it notes first what it is about to write
		if doing := d.loop.Status().Doing; !panicked.Load() || doing != giftsync.Backfill {
			t.Errorf("after the panic: panicked %v, doing %q", panicked.Load(), doing)
		}
		time.Sleep(10 * time.Minute)
		d.WantEventStates(d.st, store.EventApplied)
	})
}

// TestPutOffEventsKeepTheirTime: an event that was put off is tried again when
// its time has come, whatever came in meanwhile, a restart too.
func TestPutOffEventsKeepTheirTime(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(d *installation, stop func() time.Duration) (restop func() time.Duration){
		"another event": func(d *installation, stop func() time.Duration) func() time.Duration {
			d.webhook(simulation.ID(1), plan.Refunded)
			time.Sleep(time.Second)
			return stop
		},
		"a restart": func(d *installation, stop func() time.Duration) func() time.Duration {
			stop()
			stop = d.start()
			time.Sleep(time.Second)
			return stop
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDaemon(t, "@daily")
			stop := d.start()
			time.Sleep(10 * time.Minute)
			tx := simulation.Unlisted()
			d.webhook(tx.ID, plan.Opened)
			time.Sleep(time.Second)
			stop = meanwhile(d, stop)
			defer stop()
			d.Thnks.Add(tx)
			time.Sleep(30 * time.Second)
			if state := d.EventStates(d.st)[1]; state != store.EventApplied {
				t.Errorf("%s: the event is %q", name, state)
			}
		})
	}
}

// A fragile source panics when it is asked for a transaction.
type fragile struct{ giftsync.SourceAPI }

func (fragile) Transaction(context.Context, string) (*thnksapi.Row, error) {
	panic("gift of ann@acme.example")
}

// TestAPanicWhileAsking ends neither the daemon nor the lane.
func TestAPanicWhileAsking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		sound := false
		d.broken = func(c *giftsync.Config) {
			for i := range c.Sources {
				if !sound {
					c.Sources[i].API = fragile{c.Sources[i].API}
				}
			}
		}
		stop := d.start()
		defer stop()
		time.Sleep(10 * time.Minute)
		tx := simulation.Unlisted()
		d.Thnks.Add(tx)
		d.webhook(tx.ID, plan.Opened)
		d.webhook(simulation.ID(1), plan.Refunded)
		time.Sleep(time.Minute)
		if state := d.EventStates(d.st)[1]; state != store.EventPending {
			t.Errorf("the event is %q", state)
		}
		if got := d.Property(simulation.ID(1), "status"); got != string(plan.Refunded) {
			t.Errorf("the other event's gift is %s", got)
		}
		if !strings.Contains(d.log.String(), "panicked") {
			t.Error("the log does not say so")
		}
		d.set(func() { sound = true })
		time.Sleep(2 * time.Minute)
		if state := d.EventStates(d.st)[1]; state != store.EventApplied {
			t.Errorf("repaired, the event is %q", state)
		}
	})
}

package sync

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// late is a transaction that Thnks does not show yet.
func late() thnksapitest.Transaction {
	tx := thnksapitest.Generate(thnksapitest.Data{Seed: 6, N: 30, Recipients: 3})[29]
	tx.Status, tx.Times, tx.UpdatedAt = "Sent", thnksapitest.Times{Sent: time.Now()}, time.Now()
	return tx
}

// TestPutOffEventsKeepTheirTime: an event that was put off is tried again when
// its time has come, whatever came in meanwhile, a restart too.
func TestPutOffEventsKeepTheirTime(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(d *daemon, stop func() time.Duration) (restop func() time.Duration){
		"another event": func(d *daemon, stop func() time.Duration) func() time.Duration {
			d.webhook(transaction(1), plan.Refunded)
			time.Sleep(time.Second)
			return stop
		},
		"a restart": func(d *daemon, stop func() time.Duration) func() time.Duration {
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
			tx := late()
			d.webhook(tx.ID, plan.Opened)
			time.Sleep(time.Second)
			stop = meanwhile(d, stop)
			defer stop()
			d.thnks.Add(tx)
			time.Sleep(30 * time.Second)
			if state := d.states(d.st)[1]; state != store.EventApplied {
				t.Errorf("%s: the event is %q", name, state)
			}
		})
	}
}

// TestEventsThatThnksIsNotAskedFor: a transaction that Thnks refuses to show
// stops nothing else, is looked for under its other names, and is given up in
// the end.
func TestEventsThatThnksIsNotAskedFor(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusBadRequest, http.StatusGone} {
		synctest.Test(t, func(t *testing.T) {
			w := quietWorld(t, 5)
			w.must(Backfill)
			w.thnks.Fault(thnksapitest.Fault{Path: "foreign", Status: status})
			tx := late()
			w.thnks.Add(tx)
			st := w.open()
			defer st.Close()
			e := w.engine(st)
			aliased := event("also-foreign", plan.Redeemed)
			aliased.Aliases = []string{tx.ID}
			w.receive(st, event("foreign", plan.Opened), aliased)
			_, chased := w.work(e)
			w.wantStates(st, store.EventWaiting, store.EventApplied)
			for n := 0; !chased.Next.IsZero() && n < 200; n++ {
				time.Sleep(time.Until(chased.Next))
				_, chased = w.work(e)
			}
			w.wantStates(st, store.EventRefused, store.EventApplied)
		})
	}
}

// A fragile source panics when it is asked for a transaction.
type fragile struct{ SourceAPI }

func (fragile) Transaction(context.Context, string) (*thnksapi.Row, error) { panic("a defect") }

// TestAPanicWhileAsking ends neither the daemon nor the lane.
func TestAPanicWhileAsking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		sound := false
		d.broken = func(c *Config) {
			for i := range c.Sources {
				if !sound {
					c.Sources[i].API = fragile{c.Sources[i].API}
				}
			}
		}
		stop := d.start()
		defer stop()
		time.Sleep(10 * time.Minute)
		tx := late()
		d.thnks.Add(tx)
		d.webhook(tx.ID, plan.Opened)
		d.webhook(transaction(1), plan.Refunded)
		time.Sleep(time.Minute)
		if state := d.states(d.st)[1]; state != store.EventPending {
			t.Errorf("the event is %q", state)
		}
		if got := d.property(transaction(1), "status"); got != string(plan.Refunded) {
			t.Errorf("the other event's gift is %s", got)
		}
		if !strings.Contains(d.log.String(), "panicked") {
			t.Error("nobody was told")
		}
		d.set(func() { sound = true })
		time.Sleep(2 * time.Minute)
		if state := d.states(d.st)[1]; state != store.EventApplied {
			t.Errorf("mended, the event is %q", state)
		}
	})
}

//go:build !race

package daemon_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// What takes its time from the fake clock is the same under the race detector,
// which would need minutes for the gifts that use up the rate.

// TestEventLatency measures, on the fake clock and with HubSpot's real limits,
// how long it is from an event to the record: while nothing else goes on, and
// beside a backfill that uses up the rate. Where the contacts have not changed lately,
// the run lists the open deals, which no event may have to wait for; then nearly all
// of its calls make records, of gifts that are locked meanwhile.
func TestEventLatency(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		more       int           // gifts of the run
		unchanged  time.Duration // so long the contacts are
		unmeasured time.Duration // at the beginning, until the run knows the rate of the events
		most       time.Duration // for an event in a hundred about the run's own gifts
	}{
		{"deals by contact, 10000", 10_000, time.Minute, 0, time.Second},
		{"deals listed, 20000", 20_000, time.Hour, 20 * time.Second, 1500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			eventLatency(t, tt.more, tt.unchanged, tt.unmeasured, tt.most)
		})
	}
}

func eventLatency(t *testing.T, more int, unchanged, unmeasured, most time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		const known = 500
		d := newDaemon(t, "@daily")
		d.Portal = contract.New(t, hubspottest.Options{Limits: hubspottest.Limits{Burst: 110, AssociationsPer10s: 150, SearchPerSecond: 5}})
		d.token = d.Portal.Token()
		d.Thnks = thnksapitest.New(thnksapitest.Options{})
		d.Bounds.WindowRows = 0 // the default
		old := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: known, Recipients: known / 5, End: time.Now().Add(-simulation.Day)})
		unopened(old)
		d.Populate(old, 1)
		wrap := d.WrapHubSpot
		d.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper { return wrap(farAway(next)) }
		stop := d.start()
		defer stop()
		time.Sleep(10 * time.Minute)

		var idle, busy, underway []time.Duration
		for n := 1; n <= 20; n++ {
			d.webhook(simulation.ID(n), plan.Opened)
			idle = append(idle, d.shows(simulation.ID(n), plan.Opened))
			time.Sleep(10 * time.Second)
		}

		fresh := thnksapitest.Generate(thnksapitest.Data{Seed: 2, N: known + more, Recipients: more / 5, End: time.Now()})[known:]
		for i := range fresh {
			fresh[i].UpdatedAt = time.Now()
		}
		unopened(fresh)
		d.Populate(fresh, 1)
		time.Sleep(unchanged)
		d.loop.Hint()
		time.Sleep(10 * time.Second)
		var mu sync.Mutex
		var waits sync.WaitGroup
		began := time.Now()
		measure := func(id string, into *[]time.Duration) {
			d.webhook(id, plan.Opened)
			if time.Since(began) < unmeasured {
				return
			}
			waits.Go(func() {
				took := d.shows(id, plan.Opened)
				mu.Lock()
				defer mu.Unlock()
				*into = append(*into, took)
			})
		}
		made := known // so many records there are
		last := ""    // the one made last
		for n := 21; n <= known && d.loop.Status().Doing != ""; n++ {
			measure(simulation.ID(n), &busy)
			if now := d.Portal.Count("thnks"); now > made {
				for r := range d.Portal.Records("thnks") {
					last = r.Properties["thnks_transaction_id"]
				}
				made = now
				measure(last, &underway)
			}
			time.Sleep(100 * time.Millisecond)
		}
		waits.Wait()
		if len(busy) < 30 || len(underway) < 30 {
			t.Fatalf("only %d events beside the run, %d about its own gifts", len(busy), len(underway))
		}
		for _, m := range []struct {
			name string
			took []time.Duration
			most time.Duration
		}{
			{"idle", idle, time.Second},
			{"beside a run", busy, time.Second},
			{"about gifts in the run's hands", underway, most},
		} {
			slices.Sort(m.took)
			p99 := m.took[len(m.took)*99/100]
			t.Logf("%s: %d events, p50 %v, p90 %v, p99 %v, longest %v", m.name, len(m.took), m.took[len(m.took)/2], m.took[len(m.took)*9/10], p99, m.took[len(m.took)-1])
			if p99 > m.most {
				t.Errorf("%s: an event in a hundred takes longer than %v", m.name, m.most)
			}
		}
	})
}

// unopened makes the gifts ones that were not opened yet.
func unopened(txs []thnksapitest.Transaction) {
	for i := range txs {
		txs[i].Status, txs[i].Times = "Sent", thnksapitest.Times{Sent: txs[i].Times.Sent}
	}
}

// TestUnknownEventsHideNoOthers: however many events wait for Thnks to answer,
// one about a gift that HubSpot holds does not.
func TestUnknownEventsHideNoOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		defer d.start()()
		time.Sleep(10 * time.Minute)
		d.Thnks.Fault(thnksapitest.Fault{Effect: thnksapitest.SlowOnly, Delay: 10 * time.Second})
		for n := 0; n < 11_000; n += 500 { // more than are looked at together
			var events []store.Event
			for i := range 500 {
				events = append(events, simulation.Event(fmt.Sprint("unheard-of-", n+i), plan.Opened))
			}
			d.Receive(d.st, events...)
		}
		d.loop.Events()
		time.Sleep(time.Second)
		d.webhook(simulation.ID(1), plan.Refunded)
		if took := d.shows(simulation.ID(1), plan.Refunded); took > time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

//go:build !race

package sync

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// What takes its time from the fake clock is the same under the race detector,
// which would need minutes for the gifts that use up the rate.

// TestEventLatency measures, on the fake clock and with HubSpot's real limits,
// how long it is from an event to the record: while nothing else goes on, and
// beside a backfill that uses up the rate.
func TestEventLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const known, more = 300, 10_000
		d := newDaemon(t, "@daily")
		d.portal = contract.New(t, hubspottest.Options{Limits: hubspottest.Limits{Burst: 110, AssociationsPer10s: 150, SearchPerSecond: 5}})
		d.token = d.portal.Token()
		d.thnks = thnksapitest.New(thnksapitest.Options{})
		d.windowRows = windowRows
		old := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: known, Recipients: known / 5, End: time.Now().Add(-daily)})
		for i := range old {
			old[i].Status, old[i].Times = "Sent", thnksapitest.Times{Sent: old[i].Times.Sent}
		}
		d.populate(old, 1)
		wrap := d.wrap
		d.wrap = func(next http.RoundTripper) http.RoundTripper { return wrap(farAway(next)) }
		stop := d.start()
		defer stop()
		time.Sleep(10 * time.Minute)

		var idle, busy []time.Duration
		for n := 1; n <= 20; n++ {
			d.webhook(transaction(n), plan.Opened)
			idle = append(idle, d.shows(transaction(n), plan.Opened))
			time.Sleep(10 * time.Second)
		}

		fresh := thnksapitest.Generate(thnksapitest.Data{Seed: 2, N: known + more, Recipients: more / 5, End: time.Now()})[known:]
		for i := range fresh {
			fresh[i].UpdatedAt = time.Now()
		}
		d.populate(fresh, 1)
		time.Sleep(time.Minute)
		d.loop.Hint()
		time.Sleep(10 * time.Second)
		var mu sync.Mutex
		var waits sync.WaitGroup
		for n := 21; n <= known && d.loop.Status().Doing != ""; n++ {
			d.webhook(transaction(n), plan.Opened)
			waits.Go(func() {
				took := d.shows(transaction(n), plan.Opened)
				mu.Lock()
				defer mu.Unlock()
				busy = append(busy, took)
			})
			time.Sleep(100 * time.Millisecond)
		}
		waits.Wait()
		if len(busy) < 30 {
			t.Fatalf("only %d events beside the run", len(busy))
		}
		for name, took := range map[string][]time.Duration{"idle": idle, "beside a run": busy} {
			slices.Sort(took)
			t.Logf("%s: %d events, p50 %v, p90 %v, p99 %v, longest %v", name, len(took), took[len(took)/2], took[len(took)*9/10], took[len(took)*99/100], took[len(took)-1])
			if took[len(took)*99/100] > time.Second {
				t.Errorf("%s: an event in a hundred takes longer than a second", name)
			}
		}
	})
}

//go:build !race

package sync_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestPaceBudget takes the time of backfills under HubSpot's limits, on the fake clock
// and with 150 ms a call: they take no longer than their general calls do at 104 in
// 10 s, which is what HubSpot lets an app make, and their searches at 4.75 a second.
func TestPaceBudget(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for _, tt := range []struct {
		name    string
		people  int
		open    float64 // share of the deals
		matched float64
		further int // contacts with a second address
	}{
		{"typical", n / 5, 1, 1, 0},
		{"few open", n / 5, 0.1, 1, 0},
		{"worst", n, 1, 1, 0},
		{"realistic", n / 5, 0.2, 0.72, 2000},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.name, n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{Seed: 1, Limits: hubspottest.Limits{Burst: 110, AssociationsPer10s: 150, SearchPerSecond: 5}}, thnksapitest.Options{})
				w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper { return delayed{next} }
				txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: n, Recipients: tt.people})
				w.Thnks.Add(txs...)
				recipients := thnksapitest.Recipients(txs)
				slices.Sort(recipients)
				w.Portal.Populate(slices.Compact(recipients), hubspottest.Population{Matched: tt.matched, WithCompany: 0.8, DealsPer: 1, OpenDeals: tt.open, Further: tt.further, Seed: 1})
				time.Sleep(time.Hour)
				rep := w.Must(giftsync.Backfill)
				took := rep.FinishedAt.Sub(rep.StartedAt)
				general := time.Duration(rep.HubSpotCalls[hubspot.Objects]+rep.HubSpotCalls[hubspot.Other]) * 10 * time.Second / 104
				t.Logf("%s, N = %d: %.1f s under HubSpot's limits, %.0f gifts/s; %d general calls, which take %.1f s, %d associations, %d searches",
					tt.name, n, took.Seconds(), n/took.Seconds(), rep.HubSpotCalls[hubspot.Objects]+rep.HubSpotCalls[hubspot.Other], general.Seconds(),
					rep.HubSpotCalls[hubspot.Associations], rep.HubSpotCalls[hubspot.Search])
				most := general + time.Duration(rep.HubSpotCalls[hubspot.Search])*time.Second*100/475 + 5*time.Second
				if rep.Created != n || took > most {
					t.Errorf("%d created of %d in %v, want all in %v", rep.Created, n, took, most)
				}
			})
		})
	}
}

// delayed takes 150 ms for a call.
type delayed struct{ next http.RoundTripper }

func (d delayed) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(150 * time.Millisecond)
	return d.next.RoundTrip(r)
}

package sync_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestCallBudget is the gate for calls: at most 2 % above the formula, on the
// typical data set (five gifts a person) and the worst (each to another
// person, all matched, one open deal each).
func TestCallBudget(t *testing.T) {
	t.Parallel()
	sizes := []int{10_000, 100_000}
	if simulation.RaceDetector {
		sizes = []int{5_000} // the count is the same with and without it
	}
	for _, n := range sizes {
		for _, tt := range []struct {
			name   string
			people int
		}{{"typical", n / 5}, {"worst", n}} {
			if simulation.RaceDetector && tt.name == "worst" {
				continue
			}
			t.Run(fmt.Sprintf("%s %d", tt.name, n), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { countCalls(t, tt.name, n, tt.people) })
			})
		}
	}
}

func countCalls(t *testing.T, name string, n, people int) {
	w := simulation.New(t, hubspottest.Options{Seed: 1}, thnksapitest.Options{})
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: n, Recipients: people})
	w.Thnks.Add(txs...)
	w.Portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{Matched: 1, WithCompany: 1, DealsPer: 1, OpenDeals: 1, Seed: 1})
	rep := w.Must(giftsync.Backfill)
	if rep.Created != n {
		t.Fatalf("created %d of %d", rep.Created, n)
	}
	work := rep.HubSpotCalls[hubspot.Objects] + rep.HubSpotCalls[hubspot.Associations] + rep.HubSpotCalls[hubspot.Search]
	formula := simulation.CallBudget(n, people, people, people)
	t.Logf("%s, N = %d: %d calls (objects %d, associations %d), %.1f per 1,000 gifts; formula %d; setting up: %d other calls",
		name, n, work, rep.HubSpotCalls[hubspot.Objects], rep.HubSpotCalls[hubspot.Associations], float64(work)/float64(n)*1000, formula, rep.HubSpotCalls[hubspot.Other])
	if work*100 > formula*102 {
		t.Errorf("%s, N = %d: %d calls, more than 2 %% above the formula's %d", name, n, work, formula)
	}
	if other := rep.HubSpotCalls[hubspot.Other]; other > 20 {
		t.Errorf("setting up took %d calls", other)
	}
}

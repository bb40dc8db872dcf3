package sync

import (
	"fmt"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// The calls a backfill may make, by the contact-first formula: addresses and
// gifts by the hundred, each matched contact's deals by the thousand, the
// deals themselves by the hundred.
func budget(n, addresses, matched, deals int) int {
	up := func(n, size int) int { return (n + size - 1) / size }
	return up(addresses, 100) + up(n, 100) + up(matched, 1000) + up(deals, 100)
}

// TestCallBudget is the gate for calls: at most 2 % above the formula, on the
// typical data set (five gifts a person) and the worst (each to another
// person, all matched, one open deal each).
func TestCallBudget(t *testing.T) {
	t.Parallel()
	sizes := []int{10_000, 100_000}
	if raceDetector {
		sizes = []int{5_000} // the count is the same with and without it
	}
	for _, n := range sizes {
		for _, tt := range []struct {
			name   string
			people int
		}{{"typical", n / 5}, {"worst", n}} {
			if raceDetector && tt.name == "worst" {
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
	w := newWorld(t, hubspottest.Options{Seed: 1}, thnksapitest.Options{})
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: n, Recipients: people})
	w.thnks.Add(txs...)
	w.portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{Matched: 1, WithCompany: 1, DealsPer: 1, OpenDeals: 1, Seed: 1})
	rep := w.must(Backfill)
	if rep.Created != n {
		t.Fatalf("created %d of %d", rep.Created, n)
	}
	work := rep.HubSpotCalls[hubspot.Objects] + rep.HubSpotCalls[hubspot.Associations] + rep.HubSpotCalls[hubspot.Search]
	formula := budget(n, people, people, people)
	t.Logf("%s, N = %d: %d calls (objects %d, associations %d), %.1f per 1,000 gifts; formula %d; setting up: %d other calls",
		name, n, work, rep.HubSpotCalls[hubspot.Objects], rep.HubSpotCalls[hubspot.Associations], float64(work)/float64(n)*1000, formula, rep.HubSpotCalls[hubspot.Other])
	if work*100 > formula*102 {
		t.Errorf("%s, N = %d: %d calls, more than 2 %% above the formula's %d", name, n, work, formula)
	}
	if other := rep.HubSpotCalls[hubspot.Other]; other > 20 {
		t.Errorf("setting up took %d calls", other)
	}
}

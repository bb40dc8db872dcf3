package sync_test

import (
	"fmt"
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

// TestCallBudget is the gate for calls: at most 2 % above what they come to, on the
// typical data set (five gifts a person), with as many open deals as people or a
// tenth of it, and the worst (each gift to another person, all matched, one open deal
// each). A search by which something is counted is left out.
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
			open   int // deals; each person has one
			most   int // calls for 10,000 gifts
		}{
			{"typical", n / 5, n / 5, 132},
			{"few open", n / 5, n / 50, map[bool]int{true: 122, false: 121}[n <= 10_000]},
			{"worst", n, n, 310},
		} {
			if simulation.RaceDetector && tt.name == "worst" {
				continue
			}
			t.Run(fmt.Sprintf("%s %d", tt.name, n), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { countCalls(t, tt.name, n, tt.people, tt.open, tt.most*n/10_000) })
			})
		}
	}
}

func countCalls(t *testing.T, name string, n, people, open, most int) {
	w := simulation.New(t, hubspottest.Options{Seed: 1}, thnksapitest.Options{})
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: n, Recipients: people})
	w.Thnks.Add(txs...)
	recipients := thnksapitest.Recipients(txs)
	slices.Sort(recipients)
	recipients = slices.Compact(recipients)
	for i, some := range [][]string{recipients[:min(open, len(recipients))], recipients[min(open, len(recipients)):]} {
		w.Portal.Populate(some, hubspottest.Population{Matched: 1, WithCompany: 1, DealsPer: 1, OpenDeals: float64(1 - i), Seed: 1})
	}
	time.Sleep(time.Hour) // no contact has changed lately
	rep := w.Must(giftsync.Backfill)
	if rep.Created != n {
		t.Fatalf("created %d of %d", rep.Created, n)
	}
	work := rep.HubSpotCalls[hubspot.Objects] + rep.HubSpotCalls[hubspot.Associations] + rep.HubSpotCalls[hubspot.Search]
	t.Logf("%s, N = %d: %d calls (objects %d, associations %d, searches %d), %.2f per 1,000 gifts, gate %d and 2 %%; %d open deals; setting up: %d other calls",
		name, n, work, rep.HubSpotCalls[hubspot.Objects], rep.HubSpotCalls[hubspot.Associations], rep.HubSpotCalls[hubspot.Search],
		float64(work)/float64(n)*1000, most, open, rep.HubSpotCalls[hubspot.Other])
	if simulation.RaceDetector {
		most++ // at half the size, a batch that is not full weighs twice
	}
	if work*100 > most*102 {
		t.Errorf("%s, N = %d: %d calls, more than 2 %% above %d", name, n, work, most)
	}
	if other := rep.HubSpotCalls[hubspot.Other]; other > 20 {
		t.Errorf("setting up took %d calls", other)
	}
}

// TestCallBudgetRealistic is the gate for calls on data as most portals have it:
// five gifts a person, 28 % of them unknown, one deal a known contact of which 20 %
// are open, and 2,000 further contacts with a second address.
func TestCallBudgetRealistic(t *testing.T) {
	t.Parallel()
	n := 10_000
	if simulation.RaceDetector {
		n = 1000 // the count itself is taken without it
	}
	for _, tt := range []struct {
		resolves bool
		most     int // calls for 10,000 gifts
	}{{false, 153}, {true, 150}} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 1, SecondaryByEmail: tt.resolves}, thnksapitest.Options{})
			txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: n, Recipients: n / 5})
			w.Thnks.Add(txs...)
			w.Portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{Matched: 0.72, WithCompany: 0.8, DealsPer: 1, OpenDeals: 0.2, Further: 2000, Seed: 1})
			time.Sleep(time.Hour)
			rep := w.Must(giftsync.Backfill)
			work := rep.HubSpotCalls[hubspot.Objects] + rep.HubSpotCalls[hubspot.Associations] + rep.HubSpotCalls[hubspot.Search]
			t.Logf("realistic, batch reads resolve: %v, N = %d: %d calls (objects %d, associations %d, searches %d), %.1f per 1,000 gifts",
				tt.resolves, n, work, rep.HubSpotCalls[hubspot.Objects], rep.HubSpotCalls[hubspot.Associations], rep.HubSpotCalls[hubspot.Search], float64(work)/float64(n)*1000)
			if rep.Created != n || work > tt.most {
				t.Errorf("%d records in %d calls, want %d in at most %d", rep.Created, work, n, tt.most)
			}
			time.Sleep(time.Hour)
			w.Must(giftsync.Incremental)
			time.Sleep(time.Hour)
			if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
				t.Errorf("an idle pass makes %d calls", simulation.Calls(rep))
			}
		})
	}
}

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
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestSearchBudget is the gate for searches where addresses are searched for
// singly: a backfill makes one for each five recipients that no contact has as its
// primary address, and no other call more than one in which everybody is found.
func TestSearchBudget(t *testing.T) {
	t.Parallel()
	n, people, rows := 10_000, 2000, 5000
	if simulation.RaceDetector {
		n, people, rows = 1000, 200, 500 // two windows are what it takes
	}
	for _, percent := range []int{0, 5} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 1}, thnksapitest.Options{})
			w.Bounds.WindowRows = rows
			w.Configure = searchesOnly
			txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: n, Recipients: people})
			w.Thnks.Add(txs...)
			recipients := map[string]bool{}
			for _, a := range thnksapitest.Recipients(txs) {
				recipients[a] = true
			}
			missing := len(recipients) * percent / 100
			var known []string
			for a := range recipients {
				known = append(known, a)
			}
			w.Portal.Populate(known[missing:], hubspottest.Population{Matched: 1, WithCompany: 1, DealsPer: 1, OpenDeals: 1, Seed: 1})
			rep := w.Must(giftsync.Backfill)
			matched := len(recipients) - missing
			work := rep.HubSpotCalls[hubspot.Objects] + rep.HubSpotCalls[hubspot.Associations]
			formula := simulation.CallBudget(n, len(recipients), matched, matched)
			t.Logf("%d %% misses: %d searches for %d addresses; %d other calls, formula %d", percent, rep.HubSpotCalls[hubspot.Search], missing, work, formula)
			if work*100 > formula*102 {
				t.Errorf("%d calls, more than 2 %% above the formula's %d", work, formula)
			}
			// Each window but the last may end in a search that need not have been.
			if s := rep.HubSpotCalls[hubspot.Search]; s < simulation.Batches(missing, 5) || s > simulation.Batches(missing, 5)+simulation.Batches(n, rows)-1 || percent == 0 && s != 0 {
				t.Errorf("%d searches for %d missing addresses, want %d", s, missing, simulation.Batches(missing, 5))
			}
			if again := w.Must(giftsync.Backfill); again.HubSpotCalls[hubspot.Search] != 0 {
				t.Errorf("a second backfill makes %d searches, want none", again.HubSpotCalls[hubspot.Search])
			}
		})
	}
}

// TestSecondaryAddressesAreLinked in backfills and passes, behind the writes,
// under both readings of whether a look-up by e-mail sees them.
func TestSecondaryAddressesAreLinked(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 31, SecondaryByEmail: seen}, thnksapitest.Options{})
			w.Bounds.WindowRows, w.Bounds.SliceGifts = 30, 12
			var contacts, deals []string
			for i := range 60 {
				c, _, d := w.AddPerson(fmt.Sprintf("main%d@example.com", i))
				w.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": fmt.Sprintf("old%d@example.com;p%d@example.com", i, i)})
				contacts, deals = append(contacts, c), append(deals, d)
				w.AddGift(fmt.Sprintf("T-%d", i), fmt.Sprintf("P%d@example.com", i), simulation.Day)
			}
			// Part of an address is not the address.
			w.AddGift("T-x", "1@example.com", simulation.Day)
			rep := w.Must(giftsync.Backfill)
			if rep.Created != 60+1 || rep.AssociationsCreated != 3*60 || rep.Orphans[plan.NoContact] != 1 {
				t.Errorf("%+v, want 60 of 61 linked to contact, company and deal", rep)
			}
			for i := range 60 {
				if got := w.Links(w.Record(fmt.Sprintf("T-%d", i))); !slices.Equal(got["contacts"], contacts[i:i+1]) || !slices.Equal(got["deals"], deals[i:i+1]) || len(got["companies"]) != 1 {
					t.Errorf("T-%d is linked to %v", i, got)
				}
			}
			time.Sleep(time.Hour)
			w.AddGift("T-new", "p7@example.com", 0)
			if rep = w.Must(giftsync.Incremental); rep.Created != 1 || rep.AssociationsCreated != 3 {
				t.Errorf("%+v, want the new one linked", rep)
			}
			w.CheckStateFile()
		})
	}
}

// TestDryRunSearchesToo: it plans the links that the run then makes.
func TestDryRunSearchesToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 32}, thnksapitest.Options{})
		w.Bounds.WindowRows = 50
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 32, N: 200, Recipients: 50})
		w.Thnks.Add(txs...)
		w.Portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{Matched: 0.8, Secondary: 0.5, WithCompany: 0.8, DealsPer: 2, OpenDeals: 0.6, Seed: 7})
		dry, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if real := w.Must(giftsync.Backfill); real.AssociationsCreated != dry.AssociationsCreated || real.AssociationsCreated == 0 {
			t.Errorf("planned %d links, made %d", dry.AssociationsCreated, real.AssociationsCreated)
		}
	})
}

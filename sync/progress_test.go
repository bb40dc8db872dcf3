package sync_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestProgressNamesItsPhase: a run says what it is at, how many addresses there
// are to search and how many have been, and that orphans are still to come.
func TestProgressNamesItsPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{PageLimit: 50})
		w.Bounds.WindowRows = 100
		for n := range 200 {
			w.Thnks.Add(simulation.Transaction(simulation.ID(n+1), time.Now().Add(-simulation.Day).UTC(), fmt.Sprintf("nobody-%d@acme.example", n)))
		}
		var seen []giftsync.Progress
		w.Configure = func(c *giftsync.Config) {
			searchesOnly(c) // a listing is one step
			c.Progress = func(p giftsync.Progress) { seen = append(seen, p) }
		}
		phases := func(mode giftsync.Mode) (list []giftsync.Phase) {
			t.Helper()
			seen = nil
			w.Must(mode)
			searched := 0
			for _, p := range seen {
				if len(list) == 0 || list[len(list)-1] != p.Phase {
					list = append(list, p.Phase)
				}
				if p.Searched < searched || p.Searched > p.ToSearch {
					t.Errorf("%s: searched %d of %d after %d", mode, p.Searched, p.ToSearch, searched)
				}
				searched = p.Searched
			}
			return list
		}
		last := func() giftsync.Progress { return seen[len(seen)-1] }

		got := phases(giftsync.Backfill)
		if !slices.Contains(got, giftsync.PhaseListing) || !slices.Contains(got, giftsync.PhaseSearch) {
			t.Errorf("a backfill is at %q", got)
		}
		if p := last(); p.Searched != 200 || p.ToSearch != 200 || p.Done != 200 {
			t.Errorf("at its end: %+v", p)
		}
		steps := 0
		for i, p := range seen {
			if i > 0 && p.Searched > seen[i-1].Searched {
				steps++
			}
		}
		if steps < 4 {
			t.Errorf("200 addresses are searched in %d steps that one can see", steps)
		}

		time.Sleep(8 * simulation.Day)
		got = phases(giftsync.Incremental)
		if want := giftsync.PhaseOrphans; got[0] != giftsync.PhaseListing || !slices.Contains(got, want) {
			t.Errorf("a weekly run is at %q", got)
		}
		if p := seen[0]; p.Ahead != 200 || p.Mode != giftsync.Resweep {
			t.Errorf("at its beginning: %+v", p)
		}
		if p := last(); p.Ahead != 0 || p.PhaseDone != 200 || p.PhaseTotal != 200 {
			t.Errorf("at its end: %+v", p)
		}
	})
}

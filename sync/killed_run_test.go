package sync_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestKilledRunIsListed: a run that dies at whatever step leaves one line in the list
// of runs, which the next run writes; a dry run leaves none.
func TestKilledRunIsListed(t *testing.T) {
	t.Parallel()
	for step := 1; ; step++ {
		alive := false
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 81}, thnksapitest.Options{})
			w.AddPerson("ann@acme.example")
			w.AddGift("T-1", "ann@acme.example", simulation.Day)
			alive = w.Die(step, giftsync.Backfill)
			if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental, DryRun: true}); err != nil {
				t.Fatal(err)
			}
			w.Must(giftsync.Incremental)
			w.Must(giftsync.Incremental)
			st := w.Open()
			defer st.Close()
			list, err := giftsync.ListRuns(t.Context(), "acme", st, 0)
			if err != nil {
				t.Fatal(err)
			}
			var lines []store.RunRecord
			for _, r := range list.Runs {
				if r.Finished.IsZero() {
					lines = append(lines, r)
				} else if r.Error != "" {
					t.Errorf("step %d: %+v", step, r)
				}
			}
			switch {
			case len(lines) > 1, alive && len(lines) > 0, len(list.Runs) < 2, len(list.Runs) > 3:
				t.Errorf("step %d, alive %v: the list is %+v", step, alive, list.Runs)
			case len(lines) == 1 && (!strings.Contains(lines[0].Error, "killed") || lines[0].Mode != "backfill" || lines[0].ID == ""):
				t.Errorf("step %d: the line is %+v", step, lines[0])
			}
			if !alive && len(list.Runs) == 2 && step > 3 {
				t.Errorf("step %d: the run that died is not in the list", step)
			}
		})
		if alive || t.Failed() {
			break
		}
	}
}

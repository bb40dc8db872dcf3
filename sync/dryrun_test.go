package sync_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestDryRunWithAPropertyMissing: a dry run of what would add a property plans
// that, and does not take the property for lost.
func TestDryRunWithAPropertyMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Thnks.Add(simulation.Transaction("T-1", time.Now().UTC(), ""))
		w.Must(giftsync.Backfill)
		w.Portal.ArchiveProperty("thnks", "gift_currency")
		time.Sleep(time.Hour)
		w.Thnks.Add(simulation.Transaction("T-2", time.Now().UTC(), ""))
		rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill, DryRun: true})
		if err != nil || !slices.Contains(rep.SchemaChanges, "add property gift_currency") || rep.Created != 1 {
			t.Errorf("a dry run of a backfill plans %q, creates %d: %v", rep.SchemaChanges, rep.Created, err)
		}
		w.Must(giftsync.Backfill)
	})
}

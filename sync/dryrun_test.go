package sync

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestDryRunWithAPropertyMissing: a dry run of what would add a property plans
// that, and does not take the property for lost.
func TestDryRunWithAPropertyMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.thnks.Add(simple("T-1", time.Now().UTC(), ""))
		w.must(Backfill)
		w.portal.ArchiveProperty("thnks", "gift_currency")
		time.Sleep(time.Hour)
		w.thnks.Add(simple("T-2", time.Now().UTC(), ""))
		rep, err := w.run(t.Context(), Request{Mode: Backfill, DryRun: true})
		if err != nil || !slices.Contains(rep.SchemaChanges, "add property gift_currency") || rep.Created != 1 {
			t.Errorf("a dry run of a backfill plans %q, creates %d: %v", rep.SchemaChanges, rep.Created, err)
		}
		w.must(Backfill)
	})
}

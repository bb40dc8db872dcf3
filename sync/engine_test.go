package sync_test

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func TestBackfillThenIdlePass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 1, PropertyLag: 700 * time.Millisecond, SchemaLag: 3 * time.Second}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 1200, Recipients: 300}), 0.8)
		rep := w.Must(giftsync.Backfill)
		if rep.Created != 1200 || rep.Fetched != 1200 {
			t.Errorf("created %d of %d, want all 1200", rep.Created, rep.Fetched)
		}
		w.Check()

		time.Sleep(time.Hour)
		idle := w.Must(giftsync.Incremental)
		if simulation.Calls(idle) != 0 || idle.ThnksCalls != 1 {
			t.Errorf("an idle pass costs %d HubSpot and %d Thnks calls, want 0 and 1", simulation.Calls(idle), idle.ThnksCalls)
		}
		before := w.Portal.Snapshot()
		again := w.Must(giftsync.Backfill)
		if again.Unchanged != 1200 || again.HubSpotCalls[hubspot.Objects] != 0 {
			t.Errorf("a second backfill: %+v, want all unchanged without an object call", again)
		}
		if !simulation.Same(before, w.Portal.Snapshot()) {
			t.Error("a second backfill changed the portal")
		}
	})
}

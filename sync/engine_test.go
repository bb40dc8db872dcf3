package sync

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func calls(rep Report) (n int) {
	for _, k := range rep.HubSpotCalls {
		n += k
	}
	return n
}

func TestBackfillThenIdlePass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{Seed: 1, PropertyLag: 700 * time.Millisecond, SchemaLag: 3 * time.Second}, thnksapitest.Options{})
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 1200, Recipients: 300}), 0.8)
		rep := w.must(Backfill)
		if rep.Created != 1200 || rep.Fetched != 1200 {
			t.Errorf("created %d of %d, want all 1200", rep.Created, rep.Fetched)
		}
		w.check()

		time.Sleep(time.Hour)
		idle := w.must(Incremental)
		if calls(idle) != 0 || idle.ThnksCalls != 1 {
			t.Errorf("an idle pass costs %d HubSpot and %d Thnks calls, want 0 and 1", calls(idle), idle.ThnksCalls)
		}
		before := w.portal.Snapshot()
		again := w.must(Backfill)
		if again.Unchanged != 1200 || again.HubSpotCalls[hubspot.Objects] != 0 {
			t.Errorf("a second backfill: %+v, want all unchanged without an object call", again)
		}
		if !sameSnapshot(before, w.portal.Snapshot()) {
			t.Error("a second backfill changed the portal")
		}
	})
}

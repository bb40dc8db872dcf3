package sync_test

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// TestMetadata: what events say in the customer's words goes into properties that
// are added for it. A setting that is new since the last run has its events wait
// for the next; one that is gone leaves the values as they are; a journal that is
// lost is rebuilt with them.
func TestMetadata(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 3)
		w.Must(giftsync.Backfill)
		names := []string{"campaign", "cost_center"}
		w.Configure = func(c *giftsync.Config) { c.Metadata = names }
		st := w.Open()
		e := w.Engine(st)
		said := simulation.Event(simulation.ID(1), plan.Opened)
		said.Properties = map[string]string{"cost_center": "7"}
		hint := simulation.Event(simulation.ID(2), plan.Opened)
		hint.Signed, hint.Properties = false, map[string]string{"cost_center": "forged"}
		w.Receive(st, said, hint)
		if applied, fetched := w.ApplyEvents(e); !applied.Lacking || applied.Done != 0 || !fetched.Lacking || fetched.Done != 0 {
			t.Fatalf("before the properties are there: %+v, %+v", applied, fetched)
		}
		w.WantEventStates(st, store.EventPending, store.EventWaiting)
		if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if applied, _ := w.ApplyEvents(e); applied.Lacking || applied.Done != 1 {
			t.Errorf("once they are there: %+v", applied)
		}
		w.WantEventStates(st, store.EventApplied, store.EventApplied)
		if got := w.Property(simulation.ID(1), "cost_center"); got != "7" {
			t.Errorf("cost_center is %q", got)
		}
		if got := w.Property(simulation.ID(2), "cost_center"); got != "" {
			t.Errorf("an unsigned event set cost_center to %q", got)
		}

		// The state file is lost: what HubSpot holds is read back.
		st.Close()
		w.Path += ".new"
		w.Must(giftsync.Backfill)
		if got := w.Stored(simulation.ID(1)).Gift.Metadata["cost_center"].Value; got != "7" || w.Property(simulation.ID(1), "cost_center") != "7" {
			t.Errorf("read back: %q", got)
		}

		names = nil
		st = w.Open()
		defer st.Close()
		e = w.Engine(st)
		w.Receive(st, simulation.Event(simulation.ID(1), plan.Redeemed))
		if applied, _ := w.ApplyEvents(e); applied.Done != 1 {
			t.Errorf("%+v", applied)
		}
		if got, status := w.Property(simulation.ID(1), "cost_center"), w.Property(simulation.ID(1), "status"); got != "7" || status != "redeemed" {
			t.Errorf("no longer configured: cost_center %q, status %s", got, status)
		}
	})
}

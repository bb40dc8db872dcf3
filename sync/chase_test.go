package sync_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestEventsThatThnksIsNotAskedFor: a transaction that Thnks refuses to show
// stops nothing else, is looked for under its other names, and is given up in
// the end.
func TestEventsThatThnksIsNotAskedFor(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusBadRequest, http.StatusGone} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 5)
			w.Must(giftsync.Backfill)
			w.Thnks.Fault(thnksapitest.Fault{Path: "foreign", Status: status})
			tx := simulation.Unlisted()
			w.Thnks.Add(tx)
			st := w.Open()
			defer st.Close()
			e := w.Engine(st)
			aliased := simulation.Event("also-foreign", plan.Redeemed)
			aliased.Aliases = []string{tx.ID}
			w.Receive(st, simulation.Event("foreign", plan.Opened), aliased)
			_, chased := w.ApplyEvents(e)
			w.WantEventStates(st, store.EventWaiting, store.EventApplied)
			for n := 0; !chased.Next.IsZero() && n < 200; n++ {
				time.Sleep(time.Until(chased.Next))
				_, chased = w.ApplyEvents(e)
			}
			w.WantEventStates(st, store.EventRefused, store.EventApplied)
		})
	}
}

package sync

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// late is a transaction that Thnks does not show yet.
func late() thnksapitest.Transaction {
	tx := thnksapitest.Generate(thnksapitest.Data{Seed: 6, N: 30, Recipients: 3})[29]
	tx.Status, tx.Times, tx.UpdatedAt = "Sent", thnksapitest.Times{Sent: time.Now()}, time.Now()
	return tx
}

// TestEventsThatThnksIsNotAskedFor: a transaction that Thnks refuses to show
// stops nothing else, is looked for under its other names, and is given up in
// the end.
func TestEventsThatThnksIsNotAskedFor(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusForbidden, http.StatusBadRequest, http.StatusGone} {
		synctest.Test(t, func(t *testing.T) {
			w := quietWorld(t, 5)
			w.must(Backfill)
			w.thnks.Fault(thnksapitest.Fault{Path: "foreign", Status: status})
			tx := late()
			w.thnks.Add(tx)
			st := w.open()
			defer st.Close()
			e := w.engine(st)
			aliased := event("also-foreign", plan.Redeemed)
			aliased.Aliases = []string{tx.ID}
			w.receive(st, event("foreign", plan.Opened), aliased)
			_, chased := w.work(e)
			w.wantStates(st, store.EventWaiting, store.EventApplied)
			for n := 0; !chased.Next.IsZero() && n < 200; n++ {
				time.Sleep(time.Until(chased.Next))
				_, chased = w.work(e)
			}
			w.wantStates(st, store.EventRefused, store.EventApplied)
		})
	}
}

package sync_test

import (
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestLeaveOut: what is left out never gets to HubSpot, neither with a new record
// nor with a changed one, and the gift is linked by its address all the same. When
// the setting changes, a backfill blanks what is left out now and fills the rest.
func TestLeaveOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 4)
		id := simulation.ID(1)
		w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Message = "Thanks" })
		leave := func(names ...string) {
			w.Configure = func(c *giftsync.Config) { c.LeaveOut = names }
		}
		check := func(when, message, email string) {
			t.Helper()
			if got := w.Property(id, "message"); got != message {
				t.Errorf("%s: the message is %q, want %q", when, got, message)
			}
			if got := w.Property(id, "recipient_email"); (got != "") != (email != "") {
				t.Errorf("%s: the address is %q", when, got)
			}
			if n := len(w.Links(w.Record(id))["contacts"]); n != 1 {
				t.Errorf("%s: %d contacts", when, n)
			}
		}
		leave("message", "recipient_email")
		w.Must(giftsync.Backfill)
		check("created", "", "")
		time.Sleep(time.Hour)
		w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Message, tx.UpdatedAt = "Many thanks", time.Now() })
		w.Must(giftsync.Incremental)
		check("updated", "", "")
		leave()
		w.Must(giftsync.Backfill)
		check("copied", "Many thanks", "yes")
		if rep := w.Must(giftsync.Backfill); rep.Updated != 0 {
			t.Errorf("%d records are written again", rep.Updated)
		}
		leave("message")
		w.Must(giftsync.Backfill)
		check("left out again", "", "yes")
		if rep := w.Must(giftsync.Backfill); rep.Updated != 0 {
			t.Errorf("%d records are written again", rep.Updated)
		}
	})
}

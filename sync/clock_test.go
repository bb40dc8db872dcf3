package sync_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// leave commits what an earlier run has left in the state file.
func leave(t *testing.T, w *simulation.World, c store.Commit) {
	t.Helper()
	st := w.Open()
	defer st.Close()
	if err := st.Commit(c); err != nil {
		t.Fatal(err)
	}
}

// quarantinedAt has the rows in quarantine as a run left them whose clock showed at.
func quarantinedAt(t *testing.T, w *simulation.World, at time.Time) {
	t.Helper()
	var all []store.Quarantined
	for _, q := range w.Quarantine() {
		q.Last = at
		all = append(all, q)
	}
	leave(t, w, store.Commit{Quarantine: all})
}

// TestStampsOfAClockAhead: what a run has stamped whose clock was a year ahead puts
// nothing off once the clock is right.
func TestStampsOfAClockAhead(t *testing.T) {
	t.Parallel()
	year := 365 * simulation.Day
	t.Run("a culprit is tried again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 120)
			var on atomic.Bool
			on.Store(true)
			w.Thnks.Add(simulation.Transaction("T-old", time.Now().UTC().Add(-10*simulation.Day), "")) // which the daily listing does not show
			w.WrapHubSpot = failingAt(&on, "T-old")
			w.Must(giftsync.Backfill)
			quarantinedAt(t, w, time.Now().UTC().Add(year))
			on.Store(false)
			time.Sleep(simulation.Day)
			w.Must(giftsync.Incremental)
			w.Check()
		})
	})
	t.Run("a row of a failed run is tried again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 120)
			var on atomic.Bool
			on.Store(true)
			w.WrapHubSpot = failingAt(&on, simulation.ID(42))
			w.Must(giftsync.Backfill)
			leave(t, w, store.Commit{Meta: giftsync.Meta("last_sync", time.Now().UTC().Add(year))})
			on.Store(false)
			time.Sleep(time.Hour)
			w.Must(giftsync.Backfill) // which of the two it was is not known any more
			w.Check()
		})
	})
	t.Run("a row that is gone is released", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Small(t)
			w.Thnks.Add(simulation.Unreadable("T-x", time.Now().UTC()))
			w.Must(giftsync.Backfill)
			if len(w.Quarantine()) != 1 || !w.Thnks.Delete("T-x") {
				t.Fatal("the row is not in quarantine")
			}
			quarantinedAt(t, w, time.Now().UTC().Add(year))
			time.Sleep(8 * simulation.Day)
			w.Must(giftsync.Incremental)
			if n := len(w.Quarantine()); n != 0 {
				t.Errorf("%d rows are in quarantine that Thnks has no longer", n)
			}
		})
	})
	t.Run("a change is read within the hour", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 20)
			w.Must(giftsync.Backfill)
			st := w.Open()
			cp, _, err := st.Checkpoint("incremental")
			st.Close()
			if err != nil || len(cp.Watermarks) == 0 {
				t.Fatal(cp, err)
			}
			for key := range cp.Watermarks {
				cp.Watermarks[key] = time.Now().UTC().Add(year)
			}
			leave(t, w, store.Commit{Checkpoints: map[string]store.Checkpoint{"incremental": cp}})
			for range 2 {
				time.Sleep(time.Hour)
				id := "T-" + strings.ReplaceAll(time.Now().Format(time.TimeOnly), ":", "")
				w.Thnks.Add(simulation.Transaction(id, time.Now().UTC(), "new@example.com"))
				if rep := w.Must(giftsync.Incremental); rep.Created != 1 {
					t.Errorf("%+v, want the new gift", rep)
				}
			}
		})
	})
	t.Run("what was not found is not searched each day", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
			w.AddGift(simulation.ID(1), "none@acme.example", time.Hour)
			w.Must(giftsync.Backfill)
			leave(t, w, store.Commit{Meta: giftsync.Meta("owed", map[string]time.Time{"again": time.Now().UTC().Add(year)})})
			time.Sleep(time.Hour)
			w.Must(giftsync.Incremental)
			st := w.Open()
			defer st.Close()
			if owed, err := st.Meta("owed"); owed != nil || err != nil {
				t.Errorf("still owed: %s, %v", owed, err)
			}
		})
	})
	t.Run("an event without its contact is given up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFollowedWorld(t, hubspottest.Options{}, "ann@acme.example")
			e := records("contact.creation", "contact", "987654321")
			e.ReceivedAt = e.ReceivedAt.Add(year)
			f.follow(15*time.Minute, e)
			f.WantEventStates(f.st, store.EventListed)
		})
	})
	t.Run("a gift that is gone is marked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 20)
			w.Must(giftsync.Backfill)
			id := w.Thnks.Transactions()[0].ID
			s := w.Stored(id)
			s.Gift.UpdatedAt = time.Now().UTC().Add(year)
			w.Put(s)
			w.Thnks.Delete(id)
			time.Sleep(8 * simulation.Day)
			w.Must(giftsync.Incremental)
			if w.Stored(id).Gone.IsZero() {
				t.Error("a version from the future keeps the gift from being marked")
			}
		})
	})
}

package sync_test

import (
	"fmt"
	"net/http"
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

// dateOfThnks is a Date header of Thnks's answers; "" for none.
func dateOfThnks(date func() string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err == nil {
				resp.Header.Del("Date")
				if d := date(); d != "" {
					resp.Header.Set("Date", d)
				}
			}
			return resp, err
		})
	}
}

// TestDatesOfThnks: whatever the Date header of Thnks's answers says, each gift is in
// HubSpot with the next pass, with all its dates.
func TestDatesOfThnks(t *testing.T) {
	t.Parallel()
	at := func(by time.Duration, form string) func() string {
		return func() string { return time.Now().Add(by).UTC().Format(form) }
	}
	for name, date := range map[string]func() string{
		"none":             at(0, ""),
		"the epoch":        func() string { return "Thu, 01 Jan 1970 00:00:00 GMT" },
		"a year behind":    at(-365*simulation.Day, http.TimeFormat),
		"two days behind":  at(-2*simulation.Day, http.TimeFormat),
		"two days ahead":   at(2*simulation.Day, http.TimeFormat),
		"a lifetime ahead": at(30000*simulation.Day, http.TimeFormat),
		"in RFC 850's":     at(0, time.RFC850),
		"in asctime's":     at(0, time.ANSIC),
		"in ISO 8601's":    at(0, time.RFC3339),
		"in words":         func() string { return "today" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.Quiet(t, 20)
				w.WrapThnks = dateOfThnks(date)
				w.Must(giftsync.Backfill)
				full := 0
				for i := range 30 {
					time.Sleep(time.Hour)
					w.Thnks.Add(simulation.Transaction(fmt.Sprintf("T-new-%d", i), time.Now().UTC(), "new@example.com"))
					rep := w.Must(giftsync.Incremental)
					if rep.Created != 1 {
						t.Errorf("pass %d created %d, want 1", i, rep.Created)
					}
					if rep.Fetched > 20 {
						full++
					}
				}
				if full > 2 { // the first, and the daily one
					t.Errorf("%d of 30 passes read everything", full)
				}
				w.Check()
			})
		})
	}
}

// TestFirstGiftWithoutAClock: where Thnks has shown neither a clock nor a gift, its first
// gift is in HubSpot with the next pass, although our clock is three days ahead.
func TestFirstGiftWithoutAClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.WrapThnks = dateOfThnks(func() string { return "" })
		w.Must(giftsync.Backfill)
		for i := range 3 {
			time.Sleep(time.Hour)
			w.Thnks.Add(simulation.Transaction(fmt.Sprintf("T-%d", i), time.Now().UTC().Add(-3*simulation.Day), "new@example.com"))
			if rep := w.Must(giftsync.Incremental); rep.Created != 1 {
				t.Errorf("%+v, want the new gift", rep)
			}
		}
	})
}

package sync_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestCrashAtEveryStepOfABackfill kills a first backfill before and after
// each of its HubSpot calls and commits.
func TestCrashAtEveryStepOfABackfill(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.Tiny(t)
		alive := w.Die(step, giftsync.Backfill)
		w.CheckRecovered(step)
		return alive
	})
}

// TestCrashAtEveryStepOfAnIncrementalPass kills a pass with new gifts, changed
// gifts, and gifts whose recipient has become a contact meanwhile.
func TestCrashAtEveryStepOfAnIncrementalPass(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.Tiny(t)
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		rng := rand.New(rand.NewPCG(1, 1))
		for range 15 {
			w.Thnks.Tick(rng)
			time.Sleep(20 * time.Minute) // so that a pass does not read all of it again anyway
		}
		alive := w.Die(step, giftsync.Incremental)
		w.CheckRecovered(step)
		return alive
	})
}

// TestCrashThenAnotherRecipient kills a backfill, and before the next run Thnks
// has other recipients for the gifts: what was linked stays with whom it was
// linked to, and with no one else.
func TestCrashThenAnotherRecipient(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.New(t, hubspottest.Options{Seed: 5}, thnksapitest.Options{})
		w.Bounds.SliceGifts = 4
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 8, Recipients: 8}), 1)
		alive := w.Die(step, giftsync.Backfill)
		txs := w.Thnks.Transactions()
		for i, tx := range txs {
			w.Thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Recipient.Email = txs[(i+1)%len(txs)].Recipient.Email })
		}
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		for r := range w.Portal.Records("thnks") {
			if n := len(w.Links(r.ID)["contacts"]); n != 1 {
				t.Errorf("step %d: record %s has %d contacts, want the one it was made with", step, r.ID, n)
			}
		}
		return alive
	})
}

// TestCrashTwice dies again at every later step of the recovery.
func TestCrashTwice(t *testing.T) {
	t.Parallel()
	for _, first := range []int{25, 40, 55} {
		simulation.EveryStep(t, 3, func(t *testing.T, step int) bool {
			w := simulation.Tiny(t)
			w.Die(first, giftsync.Backfill)
			alive := w.Die(step, giftsync.Incremental)
			w.CheckRecovered(step)
			return alive
		})
	}
}

// TestLostAnswers lets every kind of write answer get lost once, after the
// write was done.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/batch/create", "/batch/update", "/batch/read", "/schemas", "/groups", "/associations"} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Small(t)
			if path == "/batch/update" {
				w.Must(giftsync.Backfill)
				for rng := rand.New(rand.NewPCG(2, 2)); w.Thnks.Len() < 120; {
					w.Thnks.Tick(rng)
				}
				time.Sleep(time.Hour)
			}
			w.Portal.Fault(hubspottest.Fault{PathContains: path, Count: 3, Kind: hubspottest.ResetConn, AfterEffect: true})
			for range 3 {
				if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental}); err == nil {
					break
				}
				time.Sleep(time.Hour)
			}
			if w.Portal.Struck() == 0 {
				t.Fatalf("%s: no call was struck", path)
			}
			w.CheckRecovered(0)
		})
	}
}

// TestOvertakenUpdate: a record is updated, and that is not recorded, as the
// process dies or the answer gets lost. Before it is done again the source takes
// back what it was about, so that the plan is what the journal has; the record
// must not go on saying otherwise.
func TestOvertakenUpdate(t *testing.T) {
	t.Parallel()
	overtaken := func(t *testing.T, fail func(w *simulation.World)) {
		w := simulation.Quiet(t, 3)
		w.Must(giftsync.Backfill)
		w.Thnks.Update(simulation.ID(1), func(tx *thnksapitest.Transaction) { tx.Status = "redeemed" })
		fail(w)
		time.Sleep(time.Hour)
		w.Thnks.Update(simulation.ID(1), func(tx *thnksapitest.Transaction) { tx.Status = "sent" })
		w.Must(giftsync.Incremental)
		w.Check()
	}
	for step, alive := 1, false; !alive && !t.Failed(); step++ {
		synctest.Test(t, func(t *testing.T) {
			overtaken(t, func(w *simulation.World) { alive = w.Die(step, giftsync.Incremental) })
		})
	}
	synctest.Test(t, func(t *testing.T) {
		overtaken(t, func(w *simulation.World) {
			w.Portal.Fault(hubspottest.Fault{PathContains: "/batch/update", Count: -1, Kind: hubspottest.ResetConn, AfterEffect: true})
			if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err == nil {
				t.Error("the answer was to get lost")
			}
			w.Portal.ClearFaults()
		})
	})
}

// TestEmptiedBeforeRecovery: a process dies around the creation of a record, and
// before the next one meets that record the source empties a value.
func TestEmptiedBeforeRecovery(t *testing.T) {
	t.Parallel()
	for step, alive := 1, false; !alive && !t.Failed(); step++ {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 2)
			w.Must(giftsync.Backfill)
			fresh, _ := w.Thnks.Transaction(simulation.ID(1))
			fresh.ID, fresh.Gift.Type, fresh.UpdatedAt = simulation.ID(3), "Coffee", time.Now()
			w.Thnks.Add(fresh)
			alive = w.Die(step, giftsync.Incremental)
			time.Sleep(time.Hour)
			w.Thnks.Update(fresh.ID, func(tx *thnksapitest.Transaction) { tx.Gift.Type = "" })
			// The source leaves an empty type out, as a row that has one shows.
			w.Thnks.Update(simulation.ID(2), func(tx *thnksapitest.Transaction) { tx.Gift.Type = "Tea" })
			w.Must(giftsync.Incremental)
			if got := w.Property(fresh.ID, "gift_type"); got != "" {
				t.Errorf("step %d: the record still has the type %q", step, got)
			}
		})
	}
}

// TestInterruptedRunSaysSo cancels a run between two windows.
func TestInterruptedRunSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Small(t)
		ctx, cancel := context.WithCancel(context.Background())
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodPost && w.Portal.Count("thnks") > 0 {
					cancel()
				}
				return next.RoundTrip(req)
			})
		}
		_, err := w.Run(ctx, giftsync.Request{Mode: giftsync.Backfill})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want the interruption", err)
		}
		w.WrapHubSpot = nil
		w.CheckRecovered(0)
	})
}

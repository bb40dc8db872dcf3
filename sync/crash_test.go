package sync

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// settle runs what the next starts of the program would, and checks the end:
// the portal equals the source, nothing doubled, and there is nothing left to
// do.
func (w *world) settle(step int) {
	w.t.Helper()
	w.must(Incremental)
	w.check()
	rep := w.must(Incremental)
	if calls(rep) != 0 {
		w.t.Errorf("step %d: the pass after recovery still makes %d HubSpot calls", step, calls(rep))
	}
	st := w.open()
	defer st.Close()
	if err := st.Check(context.Background()); err != nil {
		w.t.Errorf("step %d: state file: %v", step, err)
	}
}

func smallWorld(t *testing.T) *world { return sizedWorld(t, 80) }

// fatefulWorld has as many windows and slices as a small one, and hence as many
// steps to die at, with half the gifts in each: fewer prove as much.
func fatefulWorld(t *testing.T) *world { return sizedWorld(t, 40) }

func sizedWorld(t *testing.T, gifts int) *world {
	w := newWorld(t, hubspottest.Options{Seed: 3}, thnksapitest.Options{PageLimit: gifts * 3 / 16})
	w.bounds.WindowRows, w.bounds.SliceGifts, w.bounds.CacheSlots = gifts*3/8, gifts*3/20, fewSlots
	w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: gifts, Recipients: gifts / 2}), 0.7)
	return w
}

// TestCrashAtEveryStepOfABackfill kills a first backfill before and after
// each of its HubSpot calls and commits.
func TestCrashAtEveryStepOfABackfill(t *testing.T) {
	t.Parallel()
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := fatefulWorld(t)
		alive := w.die(step, Backfill)
		w.settle(step)
		return alive
	})
}

// TestCrashAtEveryStepOfAnIncrementalPass kills a pass with new gifts, changed
// gifts, and gifts whose recipient has become a contact meanwhile.
func TestCrashAtEveryStepOfAnIncrementalPass(t *testing.T) {
	t.Parallel()
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := fatefulWorld(t)
		w.must(Backfill)
		time.Sleep(time.Hour)
		rng := rand.New(rand.NewPCG(1, 1))
		for range 15 {
			w.thnks.Tick(rng)
			time.Sleep(20 * time.Minute) // so that a pass does not read all of it again anyway
		}
		alive := w.die(step, Incremental)
		w.settle(step)
		return alive
	})
}

// TestCrashThenAnotherRecipient kills a backfill, and before the next run Thnks
// has other recipients for the gifts: what was linked stays with whom it was
// linked to, and with nobody beside.
func TestCrashThenAnotherRecipient(t *testing.T) {
	t.Parallel()
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := newWorld(t, hubspottest.Options{Seed: 5}, thnksapitest.Options{})
		w.bounds.SliceGifts = 4
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 8, Recipients: 8}), 1)
		alive := w.die(step, Backfill)
		txs := w.thnks.Transactions()
		for i, tx := range txs {
			w.thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Recipient.Email = txs[(i+1)%len(txs)].Recipient.Email })
		}
		time.Sleep(time.Hour)
		w.must(Incremental)
		for r := range w.portal.Records("thnks") {
			if n := len(w.links(r.ID)["contacts"]); n != 1 {
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
		everyStep(t, 3, func(t *testing.T, step int) bool {
			w := fatefulWorld(t)
			w.die(first, Backfill)
			alive := w.die(step, Incremental)
			w.settle(step)
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
			w := smallWorld(t)
			if path == "/batch/update" {
				w.must(Backfill)
				for rng := rand.New(rand.NewPCG(2, 2)); w.thnks.Len() < 120; {
					w.thnks.Tick(rng)
				}
				time.Sleep(time.Hour)
			}
			w.portal.Fault(hubspottest.Fault{PathContains: path, Count: 3, Kind: hubspottest.ResetConn, AfterEffect: true})
			for range 3 {
				if _, err := w.run(context.Background(), Request{Mode: Incremental}); err == nil {
					break
				}
				time.Sleep(time.Hour)
			}
			if w.portal.Struck() == 0 {
				t.Fatalf("%s: no call was struck", path)
			}
			w.settle(0)
		})
	}
}

// TestOvertakenUpdate: a record is updated, and that is not recorded, as the
// process dies or the answer gets lost. Before it is done again the source takes
// back what it was about, so that the plan is what the journal has; the record
// must not go on saying otherwise.
func TestOvertakenUpdate(t *testing.T) {
	t.Parallel()
	overtaken := func(t *testing.T, fail func(w *world)) {
		w := quietWorld(t, 3)
		w.must(Backfill)
		w.thnks.Update(transaction(1), func(tx *thnksapitest.Transaction) { tx.Status = "redeemed" })
		fail(w)
		time.Sleep(time.Hour)
		w.thnks.Update(transaction(1), func(tx *thnksapitest.Transaction) { tx.Status = "sent" })
		w.must(Incremental)
		w.check()
	}
	for step, alive := 1, false; !alive && !t.Failed(); step++ {
		synctest.Test(t, func(t *testing.T) {
			overtaken(t, func(w *world) { alive = w.die(step, Incremental) })
		})
	}
	synctest.Test(t, func(t *testing.T) {
		overtaken(t, func(w *world) {
			w.portal.Fault(hubspottest.Fault{PathContains: "/batch/update", Count: -1, Kind: hubspottest.ResetConn, AfterEffect: true})
			if _, err := w.run(t.Context(), Request{Mode: Incremental}); err == nil {
				t.Error("the answer was to get lost")
			}
			w.portal.ClearFaults()
		})
	})
}

// TestEmptiedBeforeRecovery: a process dies around the creation of a record, and
// before the next one meets that record the source empties a value.
func TestEmptiedBeforeRecovery(t *testing.T) {
	t.Parallel()
	for step, alive := 1, false; !alive && !t.Failed(); step++ {
		synctest.Test(t, func(t *testing.T) {
			w := quietWorld(t, 2)
			w.must(Backfill)
			fresh, _ := w.thnks.Transaction(transaction(1))
			fresh.ID, fresh.Gift.Type, fresh.UpdatedAt = transaction(3), "Coffee", time.Now()
			w.thnks.Add(fresh)
			alive = w.die(step, Incremental)
			time.Sleep(time.Hour)
			w.thnks.Update(fresh.ID, func(tx *thnksapitest.Transaction) { tx.Gift.Type = "" })
			w.must(Incremental)
			if got := w.property(fresh.ID, "gift_type"); got != "" {
				t.Errorf("step %d: the record still has the type %q", step, got)
			}
		})
	}
}

// TestInterruptedRunSaysSo cancels a run between two windows.
func TestInterruptedRunSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := smallWorld(t)
		ctx, cancel := context.WithCancel(context.Background())
		w.wrap = func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodPost && w.portal.Count("thnks") > 0 {
					cancel()
				}
				return next.RoundTrip(req)
			})
		}
		_, err := w.run(ctx, Request{Mode: Backfill})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want the interruption", err)
		}
		w.wrap = nil
		w.settle(0)
	})
}

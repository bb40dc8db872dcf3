package sync_test

import (
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestCrashAtEveryStepOfARetry kills a retry of what HubSpot refused and now
// would take. The next one finishes it: no gift stays in quarantine, or leaves it
// without a record.
func TestCrashAtEveryStepOfARetry(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.New(t, hubspottest.Options{Seed: 61}, thnksapitest.Options{})
		w.Bounds.WindowRows, w.Bounds.SliceGifts, w.Bounds.CacheSlots = 4, 2, simulation.LeastSlots
		w.Must(giftsync.Backfill)
		w.Portal.RequireProperty("thnks", "message")
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 61, N: 30, Recipients: 15})
		for i := range txs {
			if txs[i].Message = "Thanks"; i%5 == 0 {
				txs[i].Message = ""
			}
		}
		w.Populate(txs, 0.7)
		if rep := w.Must(giftsync.Backfill); rep.Quarantined != 6 {
			t.Fatalf("%+v, want six refused", rep)
		}
		w.Portal.ClearRules()
		time.Sleep(time.Hour)
		alive := w.Die(step, giftsync.Retry)
		w.Must(giftsync.Retry)
		if left := w.QuarantineReasons(); len(left) > 0 {
			t.Errorf("step %d: still in quarantine: %v", step, left)
		}
		w.CheckRecovered(step)
		return alive
	})
}

// TestCrashAtEveryStepOfARestore kills the creation of records again that users
// have deleted. The next restore makes those that lack, and none twice.
func TestCrashAtEveryStepOfARestore(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.Tiny(t)
		w.Bounds.WindowRows, w.Bounds.SliceGifts = 4, 2
		w.Must(giftsync.Backfill)
		for i, tx := range w.Thnks.Transactions() {
			if i%4 == 0 {
				w.Portal.Archive("thnks", w.Record(tx.ID))
			}
		}
		if rep := w.Must(giftsync.ReassociateAll); rep.Skipped[plan.SkippedDeleted] != 10 {
			t.Fatalf("%+v, want to see ten deleted", rep)
		}
		alive := w.Die(step, giftsync.Restore)
		w.Must(giftsync.Restore)
		if left := w.Must(giftsync.Restore); left.Fetched != 0 {
			t.Errorf("step %d: a further restore still considers %d", step, left.Fetched)
		}
		w.CheckRecovered(step)
		return alive
	})
}

// TestCrashAtEveryStepOfAWeeklyPass kills the weekly re-read of everything, with
// changes that no stamp tells of, orphans whose contacts have come, and a row in
// quarantine that is no longer listed.
func TestCrashAtEveryStepOfAWeeklyPass(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.Tiny(t)
		w.Thnks.Add(simulation.Unreadable("T-x", time.Now().UTC()))
		w.Must(giftsync.Backfill)
		w.Thnks.Delete("T-x")
		for i, tx := range w.Thnks.Transactions() {
			if i%4 == 0 {
				w.Thnks.Update(tx.ID, func(changed *thnksapitest.Transaction) {
					changed.TrackingURL, changed.UpdatedAt = "https://thnks.test/again", tx.UpdatedAt
				})
			}
		}
		w.Portal.Populate(thnksapitest.Recipients(w.Thnks.Transactions()), hubspottest.Population{
			Matched: 0.9, WithCompany: 0.8, DealsPer: 1, OpenDeals: 1, Seed: 8,
		})
		time.Sleep(simulation.Week)
		alive := w.Die(step, giftsync.Incremental)
		w.CheckRecovered(step)
		if left := w.QuarantineReasons(); len(left) > 0 {
			t.Errorf("step %d: still in quarantine: %v", step, left)
		}
		st := w.Open()
		defer st.Close()
		for have, err := range st.After(t.Context(), "") {
			if err != nil || !have.Gone.IsZero() {
				t.Errorf("step %d: %s is taken for gone: %v", step, have.Gift.ID, err)
			}
		}
		return alive
	})
}

// TestCrashAtEveryStepOfARebuild kills the rebuild of a lost state file from the
// portal, and the backfill behind it. In the end the portal is as it was: nothing
// doubled, and what people deleted or parted left so.
func TestCrashAtEveryStepOfARebuild(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.Tiny(t)
		w.Must(giftsync.Backfill)
		for i, tx := range w.Thnks.Transactions() {
			switch record := w.Record(tx.ID); i % 4 {
			case 0:
				w.Portal.Archive("thnks", record)
			case 1:
				for _, l := range w.Portal.Links("thnks", record)["deals"] {
					w.Portal.Dissociate("thnks", record, "deals", l.ToID)
				}
			}
		}
		before := w.Portal.Snapshot()
		time.Sleep(time.Hour)
		w.Path += ".new"
		alive := w.Die(step, giftsync.Backfill)
		if rep := w.Must(giftsync.Incremental); rep.Created+rep.Updated+rep.AssociationsCreated > 0 || !simulation.Same(before, w.Portal.Snapshot()) {
			t.Errorf("step %d: %+v: the portal is not as it was", step, rep)
		}
		if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
			t.Errorf("step %d: the pass after recovery still makes %d HubSpot calls", step, simulation.Calls(rep))
		}
		st := w.Open()
		defer st.Close()
		if n, err := st.Count(); n != 40 || err != nil {
			t.Errorf("step %d: the journal knows %d gifts (%v), want 40", step, n, err)
		}
		if err := st.Check(t.Context()); err != nil {
			t.Errorf("step %d: state file: %v", step, err)
		}
		return alive
	})
}

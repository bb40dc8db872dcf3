package sync

import (
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestCrashAtEveryStepOfARetry kills a retry of what HubSpot refused and now
// would take. The next one finishes it: nobody stays in quarantine, or leaves it
// without a record.
func TestCrashAtEveryStepOfARetry(t *testing.T) {
	t.Parallel()
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := newWorld(t, hubspottest.Options{Seed: 61}, thnksapitest.Options{})
		w.bounds.WindowRows, w.bounds.SliceGifts, w.bounds.CacheSlots = 4, 2, fewSlots
		w.must(Backfill)
		w.portal.RequireProperty("thnks", "message")
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 61, N: 30, Recipients: 15})
		for i := range txs {
			if txs[i].Message = "Thanks"; i%5 == 0 {
				txs[i].Message = ""
			}
		}
		w.populate(txs, 0.7)
		if rep := w.must(Backfill); rep.Quarantined != 6 {
			t.Fatalf("%+v, want six refused", rep)
		}
		w.portal.ClearRules()
		time.Sleep(time.Hour)
		alive := w.die(step, Retry)
		w.must(Retry)
		if left := w.reasons(); len(left) > 0 {
			t.Errorf("step %d: still in quarantine: %v", step, left)
		}
		w.settle(step)
		return alive
	})
}

// TestCrashAtEveryStepOfARestore kills the creation of records anew that people
// have deleted. The next restore makes those that lack, and none twice.
func TestCrashAtEveryStepOfARestore(t *testing.T) {
	t.Parallel()
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := fatefulWorld(t)
		w.bounds.WindowRows, w.bounds.SliceGifts = 4, 2
		w.must(Backfill)
		for i, tx := range w.thnks.Transactions() {
			if i%4 == 0 {
				w.portal.Archive("thnks", w.record(tx.ID))
			}
		}
		if rep := w.must(ReassociateAll); rep.Skipped[plan.SkippedDeleted] != 10 {
			t.Fatalf("%+v, want to see ten deleted", rep)
		}
		alive := w.die(step, Restore)
		w.must(Restore)
		if left := w.must(Restore); left.Fetched != 0 {
			t.Errorf("step %d: a further restore still considers %d", step, left.Fetched)
		}
		w.settle(step)
		return alive
	})
}

// TestCrashAtEveryStepOfAWeeklyPass kills the weekly re-read of everything, with
// changes that no stamp tells of, orphans whose contacts have come, and a row in
// quarantine that is no longer listed.
func TestCrashAtEveryStepOfAWeeklyPass(t *testing.T) {
	t.Parallel()
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := fatefulWorld(t)
		w.thnks.Add(unreadable("T-x", time.Now().UTC()))
		w.must(Backfill)
		w.thnks.Delete("T-x")
		for i, tx := range w.thnks.Transactions() {
			if i%4 == 0 {
				w.thnks.Update(tx.ID, func(changed *thnksapitest.Transaction) {
					changed.TrackingURL, changed.UpdatedAt = "https://thnks.test/again", tx.UpdatedAt
				})
			}
		}
		w.portal.Populate(thnksapitest.Recipients(w.thnks.Transactions()), hubspottest.Population{
			Matched: 0.9, WithCompany: 0.8, DealsPer: 1, OpenDeals: 1, Seed: 8,
		})
		time.Sleep(weekly)
		alive := w.die(step, Incremental)
		w.settle(step)
		if left := w.reasons(); len(left) > 0 {
			t.Errorf("step %d: still in quarantine: %v", step, left)
		}
		st := w.open()
		defer st.Close()
		for have, err := range st.All(t.Context()) {
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
	everyStep(t, 1, func(t *testing.T, step int) bool {
		w := fatefulWorld(t)
		w.must(Backfill)
		for i, tx := range w.thnks.Transactions() {
			switch record := w.record(tx.ID); i % 4 {
			case 0:
				w.portal.Archive("thnks", record)
			case 1:
				for _, l := range w.portal.Links("thnks", record)["deals"] {
					w.portal.Dissociate("thnks", record, "deals", l.ToID)
				}
			}
		}
		before := w.portal.Snapshot()
		time.Sleep(time.Hour)
		w.path += ".new"
		alive := w.die(step, Backfill)
		if rep := w.must(Incremental); rep.Created+rep.Updated+rep.AssociationsCreated > 0 || !sameSnapshot(before, w.portal.Snapshot()) {
			t.Errorf("step %d: %+v: the portal is not as it was", step, rep)
		}
		if rep := w.must(Incremental); calls(rep) != 0 {
			t.Errorf("step %d: the pass after recovery still makes %d HubSpot calls", step, calls(rep))
		}
		st := w.open()
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

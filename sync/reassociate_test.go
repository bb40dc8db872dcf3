package sync_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestReassociatingOrphansThatNoneMatch is the gate for its cost.
func TestReassociatingOrphansThatNoneMatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 21}, thnksapitest.Options{})
		w.Bounds.WindowRows = 1000
		const n = 1200 // more than a window
		w.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 21, N: n, Recipients: n})...)
		const most = 3 // searches: that no contact has an additional address is asked once a window
		w.Must(giftsync.Backfill)
		time.Sleep(simulation.Week)
		rep := w.Must(giftsync.Reassociate)
		if rep.Fetched != n || rep.Unchanged != n || rep.Orphans[plan.NoContact] != n {
			t.Errorf("%+v, want all %d considered and unchanged", rep, n)
		}
		if o, s, a := rep.HubSpotCalls[hubspot.Objects], rep.HubSpotCalls[hubspot.Search], rep.HubSpotCalls[hubspot.Associations]; o != simulation.Batches(n, 100) || s == 0 || s > most || a != 0 {
			t.Errorf("%d object calls, %d searches, %d association calls; want %d, at most %d, 0", o, s, a, simulation.Batches(n, 100), most)
		}
		w.Must(giftsync.Incremental) // the weekly one
		// An admin asks because something has changed, and what he misses is searched
		// once more, when HubSpot's index has caught up.
		for i, step := range []struct {
			wait time.Duration
			mode giftsync.Mode
			all  bool
		}{
			{0, giftsync.Reassociate, true},
			{time.Minute, giftsync.Incremental, false},
			{time.Minute, giftsync.Incremental, true},
			{time.Hour, giftsync.Incremental, false},
			{0, giftsync.ReassociateAll, true},
			{time.Hour, giftsync.Incremental, true},
			{time.Hour, giftsync.Incremental, false},
		} {
			time.Sleep(step.wait)
			rep := w.Must(step.mode)
			if s := rep.HubSpotCalls[hubspot.Search]; (s > 0) != step.all || s > most || !step.all && simulation.Calls(rep) != 0 {
				t.Errorf("step %d, %s: %d searches in %d calls, want any: %v", i, step.mode, s, simulation.Calls(rep), step.all)
			}
		}
	})
}

// TestReassociateFindsNewContacts: contacts that came after their gifts, found
// by primary and by secondary address, with company and deals of today.
func TestReassociateFindsNewContacts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		simulation.WaitAYear()
		w := simulation.New(t, hubspottest.Options{Seed: 22}, thnksapitest.Options{})
		w.AddGift("T-1", "ann@example.com", 300*simulation.Day)
		w.AddGift("T-2", "bob@example.com", simulation.Day)
		w.AddGift("T-3", "", simulation.Day)
		w.AddGift("T-4", "no address", simulation.Day)
		w.AddGift("T-5", "nobody@example.com", simulation.Day)
		w.Must(giftsync.Backfill)
		ann, acme, deal := w.AddPerson("ann@example.com")
		bob := w.Portal.AddContact("robert@example.com", map[string]string{"hs_additional_emails": "x@example.com;bob@example.com"})
		time.Sleep(simulation.Week)

		before := w.Portal.Snapshot()
		dry, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Reassociate, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if !simulation.Same(before, w.Portal.Snapshot()) {
			t.Error("a dry run changed the portal")
		}
		if len(dry.Changes) != 2 || dry.Updated != 2 || dry.Changes[0].Contact != ann || dry.Changes[1].Contact != bob || !slices.Contains(dry.Changes[0].Reasons, "contact") {
			t.Errorf("planned %+v, want T-1 and T-2 to be linked", dry.Changes)
		}

		rep := w.Must(giftsync.Reassociate)
		if rep.Fetched != 5 || rep.Updated != 2 || rep.Unchanged != 3 || rep.AssociationsCreated != 4 || rep.AssociationsCreated != dry.AssociationsCreated {
			t.Errorf("%+v, want 2 of 5 linked by 4 links", rep)
		}
		if rep.Orphans[plan.NoEmail] != 1 || rep.Orphans[plan.BadEmail] != 1 || rep.Orphans[plan.NoContact] != 1 || rep.Orphans[plan.ContactGone] != 0 {
			t.Errorf("orphans %v, want one of each reason but contact_gone", rep.Orphans)
		}
		w.WantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
		w.WantLinked("T-2", map[string][]string{"contacts": {bob}})
		if rep = w.Must(giftsync.Reassociate); rep.AssociationsCreated != 0 || rep.Fetched != 3 {
			t.Errorf("again: %+v, want nothing done", rep)
		}
		st := w.Open()
		defer st.Close()
		actions := map[string]int{}
		for e, err := range st.Audit(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if actions[e.Action]++; e.Action == "associate" && (len(e.TransactionIDs) == 0 || e.Path == "") {
				t.Errorf("audit entry %+v says too little", e)
			}
		}
		if actions["associate"] != 3 {
			t.Errorf("%d audit entries for contact, company and deal links, want 3", actions["associate"])
		}
	})
}

// TestReassociateRespectsHandMadeLinks: users linked an orphan's record to
// another contact than the address says; company and deals follow that one.
func TestReassociateRespectsHandMadeLinks(t *testing.T) {
	t.Parallel()
	for _, mode := range []giftsync.Mode{giftsync.Reassociate, giftsync.ReassociateAll, giftsync.Incremental} {
		synctest.Test(t, func(t *testing.T) {
			simulation.WaitAYear()
			w := simulation.New(t, hubspottest.Options{Seed: 23}, thnksapitest.Options{})
			w.AddGift("T-1", "ann@example.com", 300*simulation.Day)
			w.Must(giftsync.Backfill)
			w.AddPerson("ann@example.com")
			assistant, acme, deal := w.AddPerson("assistant@example.com")
			w.Portal.Associate("thnks", w.Record("T-1"), "contacts", assistant)
			time.Sleep(time.Minute)
			w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.TrackingURL = "https://thnks.test/1" })
			rep := w.Must(mode)
			w.WantLinked("T-1", map[string][]string{"contacts": {assistant}, "companies": {acme}, "deals": {deal}})
			if rep.Updated != 1 || rep.AssociationsCreated != 2 || rep.Orphans[plan.NoContact] != 0 {
				t.Errorf("%s: %+v, want the company and the deal linked, and no orphan left", mode, rep)
			}
			if got := w.Stored("T-1"); len(got.Links) != 3 {
				t.Errorf("%s: the journal has links %v, want all three", mode, got.Links)
			}
		})
	}
}

// A doublet is a portal with two contacts of one address, as an index that
// lags shows them.
type doublet struct {
	portal.Contacts
	other hubspot.Object
}

func (d doublet) ContactsByEmail(ctx context.Context, addresses, properties []string) ([]hubspot.ContactsOutcome, error) {
	found, err := d.Contacts.ContactsByEmail(ctx, addresses, properties)
	for i := range found {
		if len(found[i].Found) > 0 {
			found[i].Found = append([]hubspot.Object{d.other}, found[i].Found...)
		}
	}
	return found, err
}

// TestAmbiguousMatchesAreCounted: two contacts have the address, and the older
// one is taken.
func TestAmbiguousMatchesAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 24}, thnksapitest.Options{})
		w.AddGift("T-1", "ann@example.com", simulation.Day)
		w.Must(giftsync.Backfill)
		ann := w.Portal.AddContact("ann@example.com", nil)
		other := w.Portal.AddContact("", nil)
		w.Configure = func(c *giftsync.Config) {
			c.HubSpot.Contacts = doublet{c.HubSpot.Contacts, hubspot.Object{ID: other, Properties: map[string]string{"email": "ann@example.com"}, CreatedAt: time.Now().Add(simulation.Day)}}
		}
		dry, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Reassociate, DryRun: true})
		if err != nil || len(dry.Changes) != 1 || !dry.Changes[0].Ambiguous {
			t.Errorf("planned %+v, %v; want one ambiguous change", dry.Changes, err)
		}
		rep := w.Must(giftsync.Reassociate)
		w.WantLinked("T-1", map[string][]string{"contacts": {ann}})
		if rep.Ambiguous != 1 {
			t.Errorf("%d ambiguous, want 1", rep.Ambiguous)
		}
		w.CheckStateFile()
	})
}

// TestCrashAtEveryStepOfAReassociation kills both kinds, and looks whether the
// next one finishes what was begun.
func TestCrashAtEveryStepOfAReassociation(t *testing.T) {
	t.Parallel()
	for _, mode := range []giftsync.Mode{giftsync.Reassociate, giftsync.ReassociateAll} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
				w := simulation.Tiny(t)
				w.Bounds.WindowRows = 20
				w.Must(giftsync.Backfill)
				w.Portal.Populate(thnksapitest.Recipients(w.Thnks.Transactions()), hubspottest.Population{
					Matched: 0.9, Secondary: 0.3, WithCompany: 0.8, DealsPer: 2, OpenDeals: 0.6, Seed: 8,
				})
				time.Sleep(simulation.Week - time.Hour)
				alive := w.Die(step, mode)
				rep := w.Must(mode)
				if left := rep.Orphans[plan.NoContact]; left > 20 {
					t.Errorf("step %d: %d orphans left", step, left)
				}
				before := w.Portal.Snapshot()
				if rep = w.Must(mode); rep.Updated != 0 || !simulation.Same(before, w.Portal.Snapshot()) {
					t.Errorf("step %d: %+v: a third run still changes something", step, rep)
				}
				w.Check()
				w.CheckStateFile()
				return alive
			})
		})
	}
}

// TestReassociationsResume: a run that ended early goes on behind the gifts
// that it has committed, but for one of long ago: then all are looked at.
func TestReassociationsResume(t *testing.T) {
	t.Parallel()
	for mode, name := range map[giftsync.Mode]string{giftsync.Reassociate: giftsync.ReassociateCheckpoint, giftsync.ReassociateAll: giftsync.ReassociateAllCheckpoint} {
		for wait, left := range map[time.Duration]int{23 * time.Hour: 15, 8 * simulation.Day: 35} {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{Seed: 25}, thnksapitest.Options{})
				w.Bounds.WindowRows = 10
				w.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 25, N: 35, Recipients: 35})...)
				w.Must(giftsync.Backfill)
				interruptAt(w, mode, 20)
				time.Sleep(wait)
				if rep := w.Must(mode); rep.Fetched != left {
					t.Errorf("%s after %v: %d gifts, want %d", mode, wait, rep.Fetched, left)
				}
				if rep := w.Must(mode); rep.Fetched != 35 {
					t.Errorf("%s: started over with %d gifts, want all 35", mode, rep.Fetched)
				}
				st := w.Open()
				defer st.Close()
				if cp, ok, err := st.Checkpoint(name); err != nil || !ok || cp.Finished.IsZero() {
					t.Errorf("checkpoint %s: %+v, %v, %v", name, cp, ok, err)
				}
			})
		}
	}
}

// interruptAt interrupts a run of a mode once it has done so many gifts.
func interruptAt(w *simulation.World, mode giftsync.Mode, done int) {
	w.T.Helper()
	ctx, cancel := context.WithCancel(w.T.Context())
	w.Configure = func(c *giftsync.Config) {
		c.Progress = func(p giftsync.Progress) {
			if p.Mode == mode && p.Done >= done {
				cancel()
			}
		}
	}
	if _, err := w.Run(ctx, giftsync.Request{Mode: mode}); err == nil || !strings.Contains(err.Error(), "interrupted") {
		w.T.Fatalf("%s: %v, want an interruption", mode, err)
	}
	w.Configure = nil
}

// TestOrphansHealByThemselves: those sent lately within a day, all others
// within a week, with no one asking.
func TestOrphansHealByThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		simulation.WaitAYear()
		w := simulation.New(t, hubspottest.Options{Seed: 26}, thnksapitest.Options{})
		w.AddGift("T-1", "young@example.com", 10*simulation.Day)
		w.AddGift("T-2", "old@example.com", 50*simulation.Day)
		w.AddGift("T-3", "second@example.com", 10*simulation.Day)
		w.Must(giftsync.Backfill)
		young := w.Portal.AddContact("young@example.com", nil)
		old := w.Portal.AddContact("old@example.com", nil)
		second := w.Portal.AddContact("first@example.com", map[string]string{"hs_additional_emails": "second@example.com"})
		linked := map[string]time.Duration{}
		begun := time.Now()
		searches := 0
		for range 8 * 24 {
			time.Sleep(time.Hour)
			rep := w.Must(giftsync.Incremental)
			searches += rep.HubSpotCalls[hubspot.Search]
			if rep.Mode != giftsync.Resweep && rep.Mode != giftsync.Incremental {
				t.Errorf("mode %s", rep.Mode)
			}
			for id, contact := range map[string]string{"T-1": young, "T-2": old, "T-3": second} {
				if _, seen := linked[id]; !seen && slices.Equal(w.Links(w.Record(id))["contacts"], []string{contact}) {
					linked[id] = time.Since(begun)
				}
			}
		}
		if d := linked["T-1"]; d == 0 || d > simulation.Day+time.Hour {
			t.Errorf("the young orphan was linked after %v, want a day", d)
		}
		if d := linked["T-2"]; d <= simulation.Day || d > simulation.Week+time.Hour {
			t.Errorf("the old orphan was linked after %v, want a week", d)
		}
		if d := linked["T-3"]; d < simulation.Week-time.Hour || d > simulation.Week+time.Hour {
			t.Errorf("the secondary address was found after %v, want a week: it is not searched again before", d)
		}
		if searches != 1 {
			t.Errorf("%d searches in the time, want 1", searches)
		}
	})
}

// TestUnreadableJournal: a journal that cannot be read to its end ends the run,
// after the windows that could be read.
func TestUnreadableJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Bounds.WindowRows = 10
		w.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 60, Recipients: 60})...)
		w.Must(giftsync.Backfill)
		w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return brokenOff{j, 25} }
		rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Reassociate})
		if !errors.Is(err, errDamaged) {
			t.Errorf("the error is %v", err)
		}
		if rep.Fetched == 0 || rep.Fetched > 25 {
			t.Errorf("%d gifts were considered, want those of the windows before", rep.Fetched)
		}
	})
}

var errDamaged = errors.New("a page is damaged")

// brokenOff is a journal of which only so many orphans can be read.
type brokenOff struct {
	giftsync.Journal
	readable int
}

func (j brokenOff) Orphans(ctx context.Context, id string) iter.Seq2[store.Orphaned, error] {
	return func(yield func(store.Orphaned, error) bool) {
		n := 0
		for o, err := range j.Journal.Orphans(ctx, id) {
			if n++; n > j.readable {
				yield(store.Orphaned{}, errDamaged)
				return
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

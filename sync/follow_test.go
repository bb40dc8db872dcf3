package sync_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// journalLinks are the links of a kind that the journal knows.
func journalLinks(s plan.Stored, k plan.Kind) (ids []string) {
	for _, l := range s.Links {
		if l.Kind == k {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

// TestMergesAreFollowed: HubSpot makes a third record of two and moves the
// links; the journal follows, so that nothing is taken for removed or for new.
func TestMergesAreFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := simulation.Linked(t, hubspottest.Options{Seed: 41}, simulation.Day)
		w.AddGift("T-2", "bob@example.com", simulation.Day)
		w.Must(giftsync.Incremental)
		twin, _, twinDeal := w.AddPerson("ann@home.example")
		ann3 := w.Portal.Merge("contacts", ann, twin)
		acme3 := w.Portal.Merge("companies", acme, w.Portal.AddCompany(map[string]string{"name": "Acme Inc."}))
		record := w.Portal.Merge("thnks", w.Record("T-1"), w.Record("T-2"))

		rep := w.Must(giftsync.ReassociateAll)
		w.WantLinked("T-1", map[string][]string{"contacts": {ann3}, "companies": {acme3}, "deals": {deal, twinDeal}})
		if rep.Fetched != 2 || rep.AssociationsCreated != 1 || rep.Skipped[plan.SkippedDeleted] != 1 {
			t.Errorf("%+v, want only the other contact's deal linked", rep)
		}
		if s := w.Stored("T-1"); s.ObjectID != record || !slices.Equal(journalLinks(s, plan.Contact), []string{ann3}) || !slices.Equal(journalLinks(s, plan.Company), []string{acme3}) || s.Orphan != "" {
			t.Errorf("T-1 in the journal: %+v, want the new ids", s)
		}
		if s := w.Stored("T-2"); s.Deleted.IsZero() {
			t.Errorf("T-2 in the journal: %+v, want a tombstone, as the merged record is T-1's", s)
		}
		w.CheckSettled()
		time.Sleep(time.Hour)
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.TrackingURL = "https://thnks.test/1" })
		if rep = w.Must(giftsync.Incremental); rep.Updated != 1 || simulation.Calls(rep) > 3 {
			t.Errorf("%+v, want one update by the new id", rep)
		}
	})
}

// TestDeletedContactsMakeOrphans, which the recipient's next contact heals.
func TestDeletedContactsMakeOrphans(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := simulation.Linked(t, hubspottest.Options{Seed: 42}, simulation.Day)
		w.Portal.Archive("contacts", ann)
		rep := w.Must(giftsync.ReassociateAll)
		if rep.Orphans[plan.ContactGone] != 1 || rep.Unchanged != 1 {
			t.Errorf("%+v, want one orphan whose contact is gone", rep)
		}
		w.WantLinked("T-1", map[string][]string{"companies": {acme}, "deals": {deal}})
		w.CheckSettled()

		again := w.Portal.AddContact("ann@example.com", nil)
		time.Sleep(simulation.Day)
		if rep = w.Must(giftsync.Incremental); rep.Orphans[plan.ContactGone] != 0 || rep.AssociationsCreated != 1 {
			t.Errorf("%+v, want the new contact linked within a day", rep)
		}
		w.WantLinked("T-1", map[string][]string{"contacts": {again}, "companies": {acme}, "deals": {deal}})
		w.CheckSettled()
	})
}

// TestWhatPeopleUnlinkedStaysUnlinked, of each kind.
func TestWhatPeopleUnlinkedStaysUnlinked(t *testing.T) {
	t.Parallel()
	for _, kind := range []plan.Kind{plan.Contact, plan.Company, plan.Deal} {
		synctest.Test(t, func(t *testing.T) {
			w, ann, acme, deal := simulation.Linked(t, hubspottest.Options{Seed: 43}, simulation.Day)
			to := map[plan.Kind]string{plan.Contact: ann, plan.Company: acme, plan.Deal: deal}[kind]
			w.Portal.Dissociate("thnks", w.Record("T-1"), simulation.LinkTypes[kind], to)
			want := map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}}
			delete(want, simulation.LinkTypes[kind])
			w.CheckSettled()
			w.Must(giftsync.Reassociate)
			time.Sleep(simulation.Week)
			w.Must(giftsync.Incremental)
			w.Must(giftsync.Backfill)
			w.WantLinked("T-1", want)
		})
	}
}

// TestHandMadeLinksAreKept, and once known they are not made again either.
func TestHandMadeLinksAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := simulation.Linked(t, hubspottest.Options{Seed: 44}, simulation.Day)
		bob, bobs, bobsDeal := w.AddPerson("bob@example.com")
		for to, id := range map[string]string{"contacts": bob, "companies": bobs, "deals": bobsDeal} {
			w.Portal.Associate("thnks", w.Record("T-1"), to, id)
		}
		w.CheckSettled()
		w.WantLinked("T-1", map[string][]string{"contacts": {ann, bob}, "companies": {acme, bobs}, "deals": {deal, bobsDeal}})
		// Company and deals go on following the contact that was linked first.
		second, other := w.AddDeal(ann), w.AddDeal(bob)
		w.Must(giftsync.ReassociateAll)
		w.WantLinked("T-1", map[string][]string{"contacts": {ann, bob}, "companies": {acme, bobs}, "deals": {deal, bobsDeal, second}})
		w.Portal.Dissociate("thnks", w.Record("T-1"), "deals", bobsDeal)
		w.Portal.Dissociate("thnks", w.Record("T-1"), "contacts", ann)
		w.Must(giftsync.ReassociateAll)
		w.WantLinked("T-1", map[string][]string{"contacts": {bob}, "companies": {acme, bobs}, "deals": {deal, second, other}})
		w.CheckSettled()
	})
}

// TestMissingCompaniesAndDealsAreAdded: the company to any gift, deals opened
// or re-opened since to those sent lately.
func TestMissingCompaniesAndDealsAreAdded(t *testing.T) {
	t.Parallel()
	for _, ago := range []time.Duration{simulation.Day, 200 * simulation.Day} {
		synctest.Test(t, func(t *testing.T) {
			simulation.WaitAYear()
			w := simulation.New(t, hubspottest.Options{Seed: 45}, thnksapitest.Options{})
			ann := w.Portal.AddContact("ann@example.com", nil)
			closed := w.AddDeal(ann)
			w.Portal.UpdateProperties("deals", closed, map[string]string{"dealstage": "closedlost"})
			w.AddGift("T-1", "ann@example.com", ago)
			w.Must(giftsync.Backfill)
			w.WantLinked("T-1", map[string][]string{"contacts": {ann}})

			acme := w.Portal.AddCompany(map[string]string{"name": "Acme"})
			w.Portal.SetPrimaryCompany(ann, acme)
			opened := w.AddDeal(ann)
			w.Portal.UpdateProperties("deals", closed, map[string]string{"dealstage": "qualifiedtobuy"})
			w.Must(giftsync.ReassociateAll)
			want := map[string][]string{"contacts": {ann}, "companies": {acme}}
			if ago < w.Rules.Lookback {
				want["deals"] = []string{closed, opened}
			}
			w.WantLinked("T-1", want)

			// A later change of the primary company moves nothing, and closing a
			// deal does not either.
			w.Portal.SetPrimaryCompany(ann, w.Portal.AddCompany(map[string]string{"name": "Next"}))
			w.Portal.UpdateProperties("deals", opened, map[string]string{"dealstage": "closedwon"})
			w.CheckSettled()
			w.WantLinked("T-1", want)
		})
	}
}

// TestArchivedRecordsBecomeTombstones, until people restore them.
func TestArchivedRecordsBecomeTombstones(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := simulation.Linked(t, hubspottest.Options{Seed: 46}, simulation.Day)
		record := w.Record("T-1")
		w.Portal.Archive("thnks", record)
		rep := w.Must(giftsync.ReassociateAll)
		if rep.Skipped[plan.SkippedDeleted] != 1 || w.Stored("T-1").Deleted.IsZero() {
			t.Errorf("%+v, want a tombstone", rep)
		}
		w.CheckSettled()
		w.Portal.Restore("thnks", record)
		if rep = w.Must(giftsync.ReassociateAll); rep.Updated != 1 || !w.Stored("T-1").Deleted.IsZero() {
			t.Errorf("%+v, want the restored record linked again", rep)
		}
		w.WantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
		w.CheckSettled()
	})
}

// TestReassociatingAllCosts three association reads for a thousand gifts, and
// a read of each hundred records and contacts.
func TestReassociatingAllCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, people = 1000, 200
		w := simulation.New(t, hubspottest.Options{Seed: 47}, thnksapitest.Options{})
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 47, N: n, Recipients: people})
		w.Thnks.Add(txs...)
		w.Portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{Matched: 1, WithCompany: 1, Seed: 1})
		w.Must(giftsync.Backfill)
		rep := w.Must(giftsync.ReassociateAll)
		objects, associations := n/100+people/100, 3*n/1000+1 // and the contacts' deals
		if rep.Unchanged != n || rep.HubSpotCalls[hubspot.Objects] != objects || rep.HubSpotCalls[hubspot.Associations] > associations {
			t.Errorf("%+v, want %d object and at most %d association calls", rep.HubSpotCalls, objects, associations)
		}
	})
}

// TestAReassociationMeetsMovedRecords: records that were merged or deleted
// since are noticed when they are to be linked.
func TestAReassociationMeetsMovedRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 48}, thnksapitest.Options{})
		for _, id := range []string{"T-1", "T-2", "T-3"} {
			w.AddGift(id, "ann@example.com", 0)
		}
		w.Must(giftsync.Backfill)
		w.Portal.Archive("thnks", w.Record("T-1"))
		merged := w.Portal.Merge("thnks", w.Record("T-2"), w.Record("T-3"))
		ann := w.Portal.AddContact("ann@example.com", nil)
		rep := w.Must(giftsync.Reassociate)
		if rep.Skipped[plan.SkippedDeleted] != 2 || rep.Updated != 1 {
			t.Errorf("%+v, want two skipped and one linked", rep)
		}
		if got := w.Links(merged); !slices.Equal(got["contacts"], []string{ann}) {
			t.Errorf("the merged record is linked to %v", got)
		}
		if w.Stored("T-1").Deleted.IsZero() || w.Stored("T-2").ObjectID != merged || w.Stored("T-3").Deleted.IsZero() {
			t.Errorf("in the journal: %+v, %+v", w.Stored("T-1"), w.Stored("T-2"))
		}
		w.CheckStateFile()
	})
}

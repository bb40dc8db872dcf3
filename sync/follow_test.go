package sync

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// linked is a world with one gift, sent so long ago, and everything that it
// is linked to.
func linked(t *testing.T, o hubspottest.Options, ago time.Duration) (w *world, contact, company, deal string) {
	age()
	w = newWorld(t, o, thnksapitest.Options{})
	contact, company, deal = w.person("ann@example.com")
	w.gift("T-1", "ann@example.com", ago)
	w.must(Backfill)
	w.wantLinked("T-1", map[string][]string{"contacts": {contact}, "companies": {company}, "deals": {deal}})
	time.Sleep(time.Hour)
	return w, contact, company, deal
}

// settled checks that a further run of =all changes nothing.
func (w *world) settled() {
	w.t.Helper()
	before := w.portal.Snapshot()
	rep := w.must(ReassociateAll)
	if rep.Updated+rep.Created+rep.AssociationsCreated != 0 || !sameSnapshot(before, w.portal.Snapshot()) {
		w.t.Errorf("another run still changes something: %+v", rep)
	}
	w.checkState()
}

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
		w, ann, acme, deal := linked(t, hubspottest.Options{Seed: 41}, daily)
		w.gift("T-2", "bob@example.com", daily)
		w.must(Incremental)
		twin, _, twinDeal := w.person("ann@home.example")
		ann3 := w.portal.Merge("contacts", ann, twin)
		acme3 := w.portal.Merge("companies", acme, w.portal.AddCompany(map[string]string{"name": "Acme Inc."}))
		record := w.portal.Merge("thnks", w.record("T-1"), w.record("T-2"))

		rep := w.must(ReassociateAll)
		w.wantLinked("T-1", map[string][]string{"contacts": {ann3}, "companies": {acme3}, "deals": {deal, twinDeal}})
		if rep.Fetched != 2 || rep.AssociationsCreated != 1 || rep.Skipped[plan.SkippedDeleted] != 1 {
			t.Errorf("%+v, want only the other contact's deal linked", rep)
		}
		if s := w.journalled("T-1"); s.ObjectID != record || !slices.Equal(journalLinks(s, plan.Contact), []string{ann3}) || !slices.Equal(journalLinks(s, plan.Company), []string{acme3}) || s.Orphan != "" {
			t.Errorf("T-1 in the journal: %+v, want the new ids", s)
		}
		if s := w.journalled("T-2"); s.Deleted.IsZero() {
			t.Errorf("T-2 in the journal: %+v, want a tombstone, as the merged record is T-1's", s)
		}
		w.settled()
		time.Sleep(time.Hour)
		w.thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.TrackingURL = "https://thnks.test/1" })
		if rep = w.must(Incremental); rep.Updated != 1 || calls(rep) > 3 {
			t.Errorf("%+v, want one update by the new id", rep)
		}
	})
}

// TestDeletedContactsMakeOrphans, which the recipient's next contact heals.
func TestDeletedContactsMakeOrphans(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := linked(t, hubspottest.Options{Seed: 42}, daily)
		w.portal.Archive("contacts", ann)
		rep := w.must(ReassociateAll)
		if rep.Orphans[plan.ContactGone] != 1 || rep.Unchanged != 1 {
			t.Errorf("%+v, want one orphan whose contact is gone", rep)
		}
		w.wantLinked("T-1", map[string][]string{"companies": {acme}, "deals": {deal}})
		w.settled()

		again := w.portal.AddContact("ann@example.com", nil)
		time.Sleep(daily)
		if rep = w.must(Incremental); rep.Orphans[plan.ContactGone] != 0 || rep.AssociationsCreated != 1 {
			t.Errorf("%+v, want the new contact linked within a day", rep)
		}
		w.wantLinked("T-1", map[string][]string{"contacts": {again}, "companies": {acme}, "deals": {deal}})
		w.settled()
	})
}

// TestWhatPeopleUnlinkedStaysUnlinked, of each kind.
func TestWhatPeopleUnlinkedStaysUnlinked(t *testing.T) {
	t.Parallel()
	for _, kind := range []plan.Kind{plan.Contact, plan.Company, plan.Deal} {
		synctest.Test(t, func(t *testing.T) {
			w, ann, acme, deal := linked(t, hubspottest.Options{Seed: 43}, daily)
			to := map[plan.Kind]string{plan.Contact: ann, plan.Company: acme, plan.Deal: deal}[kind]
			w.portal.Dissociate("thnks", w.record("T-1"), linkTypes[kind], to)
			want := map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}}
			delete(want, linkTypes[kind])
			w.settled()
			w.must(Reassociate)
			time.Sleep(weekly)
			w.must(Incremental)
			w.must(Backfill)
			w.wantLinked("T-1", want)
		})
	}
}

// TestHandMadeLinksAreKept, and once known they are not made again either.
func TestHandMadeLinksAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := linked(t, hubspottest.Options{Seed: 44}, daily)
		bob, bobs, bobsDeal := w.person("bob@example.com")
		for to, id := range map[string]string{"contacts": bob, "companies": bobs, "deals": bobsDeal} {
			w.portal.Associate("thnks", w.record("T-1"), to, id)
		}
		w.settled()
		w.wantLinked("T-1", map[string][]string{"contacts": {ann, bob}, "companies": {acme, bobs}, "deals": {deal, bobsDeal}})
		// Company and deals go on following the contact that was linked first.
		second, other := w.openDeal(ann), w.openDeal(bob)
		w.must(ReassociateAll)
		w.wantLinked("T-1", map[string][]string{"contacts": {ann, bob}, "companies": {acme, bobs}, "deals": {deal, bobsDeal, second}})
		w.portal.Dissociate("thnks", w.record("T-1"), "deals", bobsDeal)
		w.portal.Dissociate("thnks", w.record("T-1"), "contacts", ann)
		w.must(ReassociateAll)
		w.wantLinked("T-1", map[string][]string{"contacts": {bob}, "companies": {acme, bobs}, "deals": {deal, second, other}})
		w.settled()
	})
}

// TestMissingCompaniesAndDealsAreAdded: the company to any gift, deals opened
// or re-opened since to those sent lately.
func TestMissingCompaniesAndDealsAreAdded(t *testing.T) {
	t.Parallel()
	for _, ago := range []time.Duration{daily, 200 * daily} {
		synctest.Test(t, func(t *testing.T) {
			age()
			w := newWorld(t, hubspottest.Options{Seed: 45}, thnksapitest.Options{})
			ann := w.portal.AddContact("ann@example.com", nil)
			closed := w.openDeal(ann)
			w.portal.UpdateProperties("deals", closed, map[string]string{"dealstage": "closedlost"})
			w.gift("T-1", "ann@example.com", ago)
			w.must(Backfill)
			w.wantLinked("T-1", map[string][]string{"contacts": {ann}})

			acme := w.portal.AddCompany(map[string]string{"name": "Acme"})
			w.portal.SetPrimaryCompany(ann, acme)
			opened := w.openDeal(ann)
			w.portal.UpdateProperties("deals", closed, map[string]string{"dealstage": "qualifiedtobuy"})
			w.must(ReassociateAll)
			want := map[string][]string{"contacts": {ann}, "companies": {acme}}
			if ago < w.rules.Lookback {
				want["deals"] = []string{closed, opened}
			}
			w.wantLinked("T-1", want)

			// A later change of the primary company moves nothing, and closing a
			// deal does not either.
			w.portal.SetPrimaryCompany(ann, w.portal.AddCompany(map[string]string{"name": "Next"}))
			w.portal.UpdateProperties("deals", opened, map[string]string{"dealstage": "closedwon"})
			w.settled()
			w.wantLinked("T-1", want)
		})
	}
}

// TestArchivedRecordsBecomeTombstones, until people restore them.
func TestArchivedRecordsBecomeTombstones(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ann, acme, deal := linked(t, hubspottest.Options{Seed: 46}, daily)
		record := w.record("T-1")
		w.portal.Archive("thnks", record)
		rep := w.must(ReassociateAll)
		if rep.Skipped[plan.SkippedDeleted] != 1 || w.journalled("T-1").Deleted.IsZero() {
			t.Errorf("%+v, want a tombstone", rep)
		}
		w.settled()
		w.portal.Restore("thnks", record)
		if rep = w.must(ReassociateAll); rep.Updated != 1 || !w.journalled("T-1").Deleted.IsZero() {
			t.Errorf("%+v, want the restored record linked again", rep)
		}
		w.wantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
		w.settled()
	})
}

// TestReassociatingAllCosts three association reads for a thousand gifts, and
// a read of each hundred records and contacts.
func TestReassociatingAllCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, people = 1000, 200
		w := newWorld(t, hubspottest.Options{Seed: 47}, thnksapitest.Options{})
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 47, N: n, Recipients: people})
		w.thnks.Add(txs...)
		w.portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{Matched: 1, WithCompany: 1, Seed: 1})
		w.must(Backfill)
		rep := w.must(ReassociateAll)
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
		w := newWorld(t, hubspottest.Options{Seed: 48}, thnksapitest.Options{})
		for _, id := range []string{"T-1", "T-2", "T-3"} {
			w.gift(id, "ann@example.com", 0)
		}
		w.must(Backfill)
		w.portal.Archive("thnks", w.record("T-1"))
		merged := w.portal.Merge("thnks", w.record("T-2"), w.record("T-3"))
		ann := w.portal.AddContact("ann@example.com", nil)
		rep := w.must(Reassociate)
		if rep.Skipped[plan.SkippedDeleted] != 2 || rep.Updated != 1 {
			t.Errorf("%+v, want two skipped and one linked", rep)
		}
		if got := w.links(merged); !slices.Equal(got["contacts"], []string{ann}) {
			t.Errorf("the merged record is linked to %v", got)
		}
		if w.journalled("T-1").Deleted.IsZero() || w.journalled("T-2").ObjectID != merged || w.journalled("T-3").Deleted.IsZero() {
			t.Errorf("in the journal: %+v, %+v", w.journalled("T-1"), w.journalled("T-2"))
		}
		w.checkState()
	})
}

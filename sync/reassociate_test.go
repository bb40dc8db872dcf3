package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// gift adds a gift that was sent to an address so long ago and shows only now. (The clock of a
// bubble begins in 2000, before which no gift was sent: see age.)
func (w *world) gift(id, email string, ago time.Duration) {
	at := time.Now().UTC().Add(-ago)
	w.thnks.Add(thnksapitest.Transaction{
		ID: id, Gift: thnksapitest.Gift{Name: "Coffee"}, Amount: "5.00", Currency: "USD",
		Recipient: thnksapitest.Person{Email: email}, Status: "sent",
		Times: thnksapitest.Times{Sent: at}, CreatedAt: at, UpdatedAt: time.Now().UTC(),
	})
}

// age lets time pass, so that there is a past to send gifts in.
func age() { time.Sleep(400 * daily) }

// record is the id of a gift's record.
func (w *world) record(id string) string {
	w.t.Helper()
	r := w.portal.Find("thnks", keyProperty, id)
	if len(r) != 1 {
		w.t.Fatalf("transaction %s has %d records", id, len(r))
	}
	return r[0].ID
}

// wantLinked checks what a gift's record is linked to, as "contacts 1, deals 2 3".
func (w *world) wantLinked(id string, want map[string][]string) {
	w.t.Helper()
	got := w.links(w.record(id))
	for _, ids := range want {
		slices.Sort(ids)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("transaction %s is linked to %v, want %v", id, got, want)
	}
}

// journalled is what the journal holds of a gift.
func (w *world) journalled(id string) plan.Stored {
	w.t.Helper()
	st := w.open()
	defer st.Close()
	s, ok, err := st.Gift(id)
	if err != nil || !ok {
		w.t.Fatalf("gift %s: %v, %v", id, ok, err)
	}
	return s
}

// checkState checks that the journal is sound.
func (w *world) checkState() {
	w.t.Helper()
	st := w.open()
	defer st.Close()
	if err := st.Check(context.Background()); err != nil {
		w.t.Errorf("state file: %v", err)
	}
}

// person adds a contact with a company and an open deal.
func (w *world) person(email string) (contact, company, deal string) {
	contact = w.portal.AddContact(email, nil)
	company = w.portal.AddCompany(map[string]string{"name": "Acme"})
	w.portal.SetPrimaryCompany(contact, company)
	return contact, company, w.openDeal(contact)
}

func (w *world) openDeal(contact string) string {
	deal := w.portal.AddDeal(nil)
	w.portal.Associate("contacts", contact, "deals", deal)
	return deal
}

func up(n, size int) int { return (n + size - 1) / size }

// TestReassociatingOrphansThatNoneMatch is the gate for its cost.
func TestReassociatingOrphansThatNoneMatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{Seed: 21}, thnksapitest.Options{})
		w.bounds.WindowRows = 1000
		const n = 1200 // more than a window
		w.thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 21, N: n, Recipients: n})...)
		w.must(Backfill)
		time.Sleep(weekly)
		rep := w.must(Reassociate)
		if rep.Fetched != n || rep.Unchanged != n || rep.Orphans[plan.NoContact] != n {
			t.Errorf("%+v, want all %d considered and unchanged", rep, n)
		}
		if o, s, a := rep.HubSpotCalls[hubspot.Objects], rep.HubSpotCalls[hubspot.Search], rep.HubSpotCalls[hubspot.Associations]; o != up(n, 100) || s != up(n, 5) || a != 0 {
			t.Errorf("%d object calls, %d searches, %d association calls; want %d, %d, 0", o, s, a, up(n, 100), up(n, 5))
		}
		rep = w.must(Reassociate)
		if o, s := rep.HubSpotCalls[hubspot.Objects], rep.HubSpotCalls[hubspot.Search]; o != up(n, 100) || s != 0 {
			t.Errorf("again: %d object calls and %d searches, want %d and none: the misses are remembered", o, s, up(n, 100))
		}
	})
}

// TestReassociateFindsNewContacts: contacts that came after their gifts, found
// by primary and by secondary address, with company and deals of today.
func TestReassociateFindsNewContacts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		age()
		w := newWorld(t, hubspottest.Options{Seed: 22}, thnksapitest.Options{})
		w.gift("T-1", "ann@example.com", 300*daily)
		w.gift("T-2", "bob@example.com", daily)
		w.gift("T-3", "", daily)
		w.gift("T-4", "no address", daily)
		w.gift("T-5", "nobody@example.com", daily)
		w.must(Backfill)
		ann, acme, deal := w.person("ann@example.com")
		bob := w.portal.AddContact("robert@example.com", map[string]string{"hs_additional_emails": "x@example.com;bob@example.com"})
		time.Sleep(weekly)

		before := w.portal.Snapshot()
		dry, err := w.run(t.Context(), Request{Mode: Reassociate, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if !sameSnapshot(before, w.portal.Snapshot()) {
			t.Error("a dry run changed the portal")
		}
		if len(dry.Changes) != 2 || dry.Updated != 2 || dry.Changes[0].Contact != ann || dry.Changes[1].Contact != bob || !slices.Contains(dry.Changes[0].Reasons, "contact") {
			t.Errorf("planned %+v, want T-1 and T-2 to be linked", dry.Changes)
		}

		rep := w.must(Reassociate)
		if rep.Fetched != 5 || rep.Updated != 2 || rep.Unchanged != 3 || rep.AssociationsCreated != 4 || rep.AssociationsCreated != dry.AssociationsCreated {
			t.Errorf("%+v, want 2 of 5 linked by 4 links", rep)
		}
		if rep.Orphans[plan.NoEmail] != 1 || rep.Orphans[plan.BadEmail] != 1 || rep.Orphans[plan.NoContact] != 1 || rep.Orphans[plan.ContactGone] != 0 {
			t.Errorf("orphans %v, want one of each reason but contact_gone", rep.Orphans)
		}
		w.wantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}})
		w.wantLinked("T-2", map[string][]string{"contacts": {bob}})
		if rep = w.must(Reassociate); rep.AssociationsCreated != 0 || rep.Fetched != 3 {
			t.Errorf("again: %+v, want nothing done", rep)
		}
		st := w.open()
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

// TestReassociateRespectsHandMadeLinks: people linked an orphan's record to
// somebody else than the address says; company and deals follow that one.
func TestReassociateRespectsHandMadeLinks(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Reassociate, ReassociateAll, Incremental} {
		synctest.Test(t, func(t *testing.T) {
			age()
			w := newWorld(t, hubspottest.Options{Seed: 23}, thnksapitest.Options{})
			w.gift("T-1", "ann@example.com", 300*daily)
			w.must(Backfill)
			w.person("ann@example.com")
			assistant, acme, deal := w.person("assistant@example.com")
			w.portal.Associate("thnks", w.record("T-1"), "contacts", assistant)
			time.Sleep(time.Minute)
			w.thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.TrackingURL = "https://thnks.test/1" })
			rep := w.must(mode)
			w.wantLinked("T-1", map[string][]string{"contacts": {assistant}, "companies": {acme}, "deals": {deal}})
			if rep.Updated != 1 || rep.AssociationsCreated != 2 || rep.Orphans[plan.NoContact] != 0 {
				t.Errorf("%s: %+v, want the company and the deal linked, and no orphan left", mode, rep)
			}
			if got := w.journalled("T-1"); len(got.Links) != 3 {
				t.Errorf("%s: the journal has links %v, want all three", mode, got.Links)
			}
		})
	}
}

// A doublet is a portal with two contacts of one address, as an index that
// lags shows them.
type doublet struct {
	CRM
	other hubspot.Object
}

func (d doublet) ContactsByEmail(ctx context.Context, addresses, properties []string) ([]hubspot.ContactsOutcome, error) {
	found, err := d.CRM.ContactsByEmail(ctx, addresses, properties)
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
		w := newWorld(t, hubspottest.Options{Seed: 24}, thnksapitest.Options{})
		w.gift("T-1", "ann@example.com", daily)
		w.must(Backfill)
		ann := w.portal.AddContact("ann@example.com", nil)
		other := w.portal.AddContact("", nil)
		w.cfg = func(c *Config) {
			c.CRM = doublet{c.CRM, hubspot.Object{ID: other, Properties: map[string]string{"email": "ann@example.com"}, CreatedAt: time.Now().Add(daily)}}
		}
		dry, err := w.run(t.Context(), Request{Mode: Reassociate, DryRun: true})
		if err != nil || len(dry.Changes) != 1 || !dry.Changes[0].Ambiguous {
			t.Errorf("planned %+v, %v; want one ambiguous change", dry.Changes, err)
		}
		rep := w.must(Reassociate)
		w.wantLinked("T-1", map[string][]string{"contacts": {ann}})
		if rep.Ambiguous != 1 {
			t.Errorf("%d ambiguous, want 1", rep.Ambiguous)
		}
		w.checkState()
	})
}

// TestCrashAtEveryStepOfAReassociation kills both kinds, and looks whether the
// next one finishes what was begun.
func TestCrashAtEveryStepOfAReassociation(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{Reassociate, ReassociateAll} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			everyStep(t, 1, func(t *testing.T, step int) bool {
				w := fatefulWorld(t)
				w.bounds.WindowRows = 20
				w.must(Backfill)
				w.portal.Populate(thnksapitest.Recipients(w.thnks.Transactions()), hubspottest.Population{
					Matched: 0.9, Secondary: 0.3, WithCompany: 0.8, DealsPer: 2, OpenDeals: 0.6, Seed: 8,
				})
				time.Sleep(weekly - time.Hour)
				alive := w.die(step, mode)
				rep := w.must(mode)
				if left := rep.Orphans[plan.NoContact]; left > 20 {
					t.Errorf("step %d: %d orphans left", step, left)
				}
				before := w.portal.Snapshot()
				if rep = w.must(mode); rep.Updated != 0 || !sameSnapshot(before, w.portal.Snapshot()) {
					t.Errorf("step %d: %+v: a third run still changes something", step, rep)
				}
				w.check()
				w.checkState()
				return alive
			})
		})
	}
}

// TestReassociationsResume: a run that ended early goes on behind the gifts
// that it has committed.
func TestReassociationsResume(t *testing.T) {
	t.Parallel()
	for mode, name := range map[Mode]string{Reassociate: reassociateCheckpoint, ReassociateAll: reassociateAllCheckpoint} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, hubspottest.Options{Seed: 25}, thnksapitest.Options{})
			w.bounds.WindowRows = 10
			w.thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 25, N: 35, Recipients: 35})...)
			w.must(Backfill)
			ctx, cancel := context.WithCancel(t.Context())
			w.cfg = func(c *Config) {
				c.Progress = func(p Progress) {
					if p.Mode == mode && p.Done == 20 {
						cancel()
					}
				}
			}
			if _, err := w.run(ctx, Request{Mode: mode}); err == nil || !strings.Contains(err.Error(), "interrupted") {
				t.Fatalf("%s: %v, want an interruption", mode, err)
			}
			w.cfg = nil
			if rep := w.must(mode); rep.Fetched != 15 {
				t.Errorf("%s: resumed with %d gifts, want the 15 left", mode, rep.Fetched)
			}
			if rep := w.must(mode); rep.Fetched != 35 {
				t.Errorf("%s: started over with %d gifts, want all 35", mode, rep.Fetched)
			}
			st := w.open()
			defer st.Close()
			if cp, ok, err := st.Checkpoint(name); err != nil || !ok || cp.Finished.IsZero() {
				t.Errorf("checkpoint %s: %+v, %v, %v", name, cp, ok, err)
			}
		})
	}
}

// TestOrphansHealByThemselves: those sent lately within a day, all others
// within a week, with no one asking.
func TestOrphansHealByThemselves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		age()
		w := newWorld(t, hubspottest.Options{Seed: 26}, thnksapitest.Options{})
		w.gift("T-1", "young@example.com", 10*daily)
		w.gift("T-2", "old@example.com", 50*daily)
		w.gift("T-3", "second@example.com", 10*daily)
		w.must(Backfill)
		young := w.portal.AddContact("young@example.com", nil)
		old := w.portal.AddContact("old@example.com", nil)
		second := w.portal.AddContact("first@example.com", map[string]string{"hs_additional_emails": "second@example.com"})
		linked := map[string]time.Duration{}
		begun := time.Now()
		searches := 0
		for range 8 * 24 {
			time.Sleep(time.Hour)
			rep := w.must(Incremental)
			searches += rep.HubSpotCalls[hubspot.Search]
			if rep.Mode != Resweep && rep.Mode != Incremental {
				t.Errorf("mode %s", rep.Mode)
			}
			for id, contact := range map[string]string{"T-1": young, "T-2": old, "T-3": second} {
				if _, seen := linked[id]; !seen && slices.Equal(w.links(w.record(id))["contacts"], []string{contact}) {
					linked[id] = time.Since(begun)
				}
			}
		}
		if d := linked["T-1"]; d == 0 || d > daily+time.Hour {
			t.Errorf("the young orphan was linked after %v, want a day", d)
		}
		if d := linked["T-2"]; d <= daily || d > weekly+time.Hour {
			t.Errorf("the old orphan was linked after %v, want a week", d)
		}
		if d := linked["T-3"]; d < weekly-time.Hour || d > weekly+time.Hour {
			t.Errorf("the secondary address was found after %v, want a week: it is not searched again before", d)
		}
		if searches != 1 {
			t.Errorf("%d searches in the time, want 1", searches)
		}
	})
}

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

func (w *world) owner(id string) string {
	w.t.Helper()
	r, _ := w.portal.Record("thnks", w.record(id))
	return r.Properties["hubspot_owner_id"]
}

func (w *world) sent(id, sender string) {
	w.gift(id, "ann@example.com", 0)
	w.thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Sender.Email = sender })
}

// TestOwners: a record is its sender's from the start, or when nobody's; what
// people decided is left alone.
func TestOwners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{Seed: 61}, thnksapitest.Options{})
		sam := w.portal.AddOwner("Sam@Example.com", "Sam", "Poe")
		w.sent("T-1", "sam@EXAMPLE.com ")
		w.sent("T-2", "stranger@example.com")
		w.sent("T-3", "kim@example.com")
		w.must(Backfill)
		if w.owner("T-1") != sam || w.owner("T-2") != "" || w.owner("T-3") != "" {
			t.Errorf("owners %q, %q, %q; want Sam for the first alone", w.owner("T-1"), w.owner("T-2"), w.owner("T-3"))
		}
		kim := w.portal.AddOwner("kim@example.com", "Kim", "Lee")
		w.portal.UpdateProperties("thnks", w.record("T-1"), map[string]string{"hubspot_owner_id": kim})
		rep := w.must(ReassociateAll)
		if w.owner("T-1") != kim || w.owner("T-2") != "" || w.owner("T-3") != kim || rep.Updated != 1 {
			t.Errorf("owners %q, %q, %q, %d updated; want Kim's hand respected and the empty one filled", w.owner("T-1"), w.owner("T-2"), w.owner("T-3"), rep.Updated)
		}
		w.settled()
	})
}

// TestRetryOfWhatHasNoRow: what was refused when the journal alone was gone
// through is tried again with the source's row of today.
func TestRetryOfWhatHasNoRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{Seed: 63}, thnksapitest.Options{})
		w.sent("T-1", "kim@example.com")
		w.must(Backfill)
		kim := w.portal.AddOwner("kim@example.com", "Kim", "Lee")
		w.wrap = failing("/batch/update", 0, 400, `{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid"}`)
		if rep := w.must(ReassociateAll); rep.Quarantined != 1 {
			t.Fatalf("%+v, want the new owner refused", rep)
		}
		w.wrap = nil
		if rep := w.must(Retry); rep.Quarantined != 0 {
			t.Errorf("%+v, want nothing left in quarantine", rep)
		}
		w.must(ReassociateAll)
		if w.owner("T-1") != kim {
			t.Errorf("owner %q, want Kim", w.owner("T-1"))
		}
		w.settled()
	})
}

// TestOwnersNeedTheirScope and nothing else does.
func TestOwnersNeedTheirScope(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scopes := slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return s == "crm.objects.owners.read" })
		w := newWorld(t, hubspottest.Options{Seed: 62, Scopes: scopes}, thnksapitest.Options{})
		w.bounds.WindowRows = 1
		w.portal.AddOwner("sam@example.com", "Sam", "Poe")
		w.sent("T-1", "sam@example.com")
		w.sent("T-2", "sam@example.com")
		if rep := w.must(Backfill); rep.Created != 2 || w.owner("T-1") != "" {
			t.Errorf("%+v, owner %q; want both created and without an owner", rep, w.owner("T-1"))
		}
		w.settled()
	})
}

// TestLimitedAssociations: a pair that HubSpot refuses is noted and not tried
// again until =all; everything else goes on.
func TestLimitedAssociations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		to  string
		ago time.Duration // that the gifts were sent
	}{
		{"contacts", daily},
		{"companies", daily},
		{"deals", daily},
		{"deals", 200 * daily}, // longer ago than deals are added of late
	} {
		synctest.Test(t, func(t *testing.T) {
			to := tt.to
			age()
			w := newWorld(t, hubspottest.Options{Seed: 63}, thnksapitest.Options{})
			ann, acme, deal := w.person("ann@example.com")
			w.must(Backfill) // makes the object
			w.portal.LimitAssociations(to, "thnks", 1)
			w.gift("T-1", "ann@example.com", tt.ago)
			w.gift("T-2", "ann@example.com", tt.ago)
			rep := w.must(Backfill)
			if rep.Created != 2 || rep.Quarantined != 0 {
				t.Fatalf("%+v, want both created", rep)
			}
			all := map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}}
			full, short := "T-1", "T-2"
			if len(w.links(w.record("T-1"))[to]) == 0 {
				full, short = short, full
			}
			w.wantLinked(full, all)
			want := map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}}
			delete(want, to)
			w.wantLinked(short, want)
			if to == "contacts" && rep.Orphans[plan.NoContact] != 1 {
				t.Errorf("orphans %v, want the one whose contact is full", rep.Orphans)
			}
			i := slices.IndexFunc(w.journalled(short).Links, func(l plan.Link) bool { return linkTypes[l.Kind] == to })
			if i < 0 || !w.journalled(short).Links[i].Refused {
				t.Errorf("the journal has %+v, want the refused link noted", w.journalled(short).Links)
			}
			if rep = w.must(Reassociate); rep.HubSpotCalls[hubspot.Associations] > 1 || rep.Updated != 0 {
				t.Errorf("%+v: tried again", rep)
			}
			w.must(ReassociateAll)
			w.wantLinked(short, want)
			w.portal.LimitAssociations(to, "thnks", 100)
			if rep = w.must(ReassociateAll); rep.AssociationsCreated != 1 {
				t.Errorf("%+v, want the pair linked when there is room", rep)
			}
			w.wantLinked(short, all)
			w.settled()
		})
	}
}

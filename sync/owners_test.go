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

func owner(w *simulation.World, id string) string {
	w.T.Helper()
	r, _ := w.Portal.Record("thnks", w.Record(id))
	return r.Properties["hubspot_owner_id"]
}

// TestOwners: a record is its sender's from the start, or once it has no owner; what
// people decided is left alone.
func TestOwners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 61}, thnksapitest.Options{})
		sam := w.Portal.AddOwner("Sam@Example.com", "Sam", "Poe")
		w.AddGiftFrom("T-1", "sam@EXAMPLE.com ")
		w.AddGiftFrom("T-2", "stranger@example.com")
		w.AddGiftFrom("T-3", "kim@example.com")
		w.Must(giftsync.Backfill)
		if owner(w, "T-1") != sam || owner(w, "T-2") != "" || owner(w, "T-3") != "" {
			t.Errorf("owners %q, %q, %q; want Sam for the first alone", owner(w, "T-1"), owner(w, "T-2"), owner(w, "T-3"))
		}
		kim := w.Portal.AddOwner("kim@example.com", "Kim", "Lee")
		w.Portal.UpdateProperties("thnks", w.Record("T-1"), map[string]string{"hubspot_owner_id": kim})
		rep := w.Must(giftsync.ReassociateAll)
		if owner(w, "T-1") != kim || owner(w, "T-2") != "" || owner(w, "T-3") != kim || rep.Updated != 1 {
			t.Errorf("owners %q, %q, %q, %d updated; want Kim's hand respected and the empty one filled", owner(w, "T-1"), owner(w, "T-2"), owner(w, "T-3"), rep.Updated)
		}
		w.CheckSettled()
	})
}

// TestOwnersScopeGrantedBehindAnInterruption: a re-association that was interrupted before
// the scope was granted gives owners to all gifts.
func TestOwnersScopeGrantedBehindAnInterruption(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 64, Scopes: scopesWithout("crm.objects.owners.read")}, thnksapitest.Options{})
		w.Bounds.WindowRows = 10
		kim := w.Portal.AddOwner("kim@example.com", "Kim", "Lee")
		for n := range 35 {
			w.AddGiftFrom(simulation.ID(n), "kim@example.com")
		}
		w.Must(giftsync.Backfill)
		interruptAt(w, giftsync.ReassociateAll, 20)
		w.Portal.SetScopes(hubspottest.DefaultScopes()...)
		if rep := w.Must(giftsync.ReassociateAll); rep.Fetched != 35 {
			t.Errorf("%d gifts, want all 35", rep.Fetched)
		}
		for n := range 35 {
			if id := simulation.ID(n); owner(w, id) != kim {
				t.Errorf("%s has owner %q, want Kim", id, owner(w, id))
			}
		}
	})
}

// TestRetryOfWhatHasNoRow: what was refused when the journal alone was gone
// through is tried again with the source's row of today.
func TestRetryOfWhatHasNoRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 63}, thnksapitest.Options{})
		w.AddGiftFrom("T-1", "kim@example.com")
		w.Must(giftsync.Backfill)
		kim := w.Portal.AddOwner("kim@example.com", "Kim", "Lee")
		w.WrapHubSpot = simulation.Failing("/batch/update", 0, 400, `{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid"}`)
		if rep := w.Must(giftsync.ReassociateAll); rep.Quarantined != 1 {
			t.Fatalf("%+v, want the new owner refused", rep)
		}
		w.WrapHubSpot = nil
		if rep := w.Must(giftsync.Retry); rep.Quarantined != 0 {
			t.Errorf("%+v, want nothing left in quarantine", rep)
		}
		w.Must(giftsync.ReassociateAll)
		if owner(w, "T-1") != kim {
			t.Errorf("owner %q, want Kim", owner(w, "T-1"))
		}
		w.CheckSettled()
	})
}

// TestOwnersNeedTheirScope and nothing else does.
func TestOwnersNeedTheirScope(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scopes := slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return s == "crm.objects.owners.read" })
		w := simulation.New(t, hubspottest.Options{Seed: 62, Scopes: scopes}, thnksapitest.Options{})
		w.Bounds.WindowRows = 1
		w.Portal.AddOwner("sam@example.com", "Sam", "Poe")
		w.AddGiftFrom("T-1", "sam@example.com")
		w.AddGiftFrom("T-2", "sam@example.com")
		if rep := w.Must(giftsync.Backfill); rep.Created != 2 || owner(w, "T-1") != "" {
			t.Errorf("%+v, owner %q; want both created and without an owner", rep, owner(w, "T-1"))
		}
		w.CheckSettled()
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
		{"contacts", simulation.Day},
		{"companies", simulation.Day},
		{"deals", simulation.Day},
		{"deals", 200 * simulation.Day}, // longer ago than deals are added of late
	} {
		synctest.Test(t, func(t *testing.T) {
			to := tt.to
			simulation.WaitAYear()
			w := simulation.New(t, hubspottest.Options{Seed: 63}, thnksapitest.Options{})
			ann, acme, deal := w.AddPerson("ann@example.com")
			w.Must(giftsync.Backfill) // makes the object
			w.Portal.LimitAssociations(to, "thnks", 1)
			w.AddGift("T-1", "ann@example.com", tt.ago)
			w.AddGift("T-2", "ann@example.com", tt.ago)
			rep := w.Must(giftsync.Backfill)
			if rep.Created != 2 || rep.Quarantined != 0 {
				t.Fatalf("%+v, want both created", rep)
			}
			all := map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}}
			full, short := "T-1", "T-2"
			if len(w.Links(w.Record("T-1"))[to]) == 0 {
				full, short = short, full
			}
			w.WantLinked(full, all)
			want := map[string][]string{"contacts": {ann}, "companies": {acme}, "deals": {deal}}
			delete(want, to)
			w.WantLinked(short, want)
			if to == "contacts" && rep.Orphans[plan.NoContact] != 1 {
				t.Errorf("orphans %v, want the one whose contact is full", rep.Orphans)
			}
			i := slices.IndexFunc(w.Stored(short).Links, func(l plan.Link) bool { return simulation.LinkTypes[l.Kind] == to })
			if i < 0 || !w.Stored(short).Links[i].Refused {
				t.Errorf("the journal has %+v, want the refused link noted", w.Stored(short).Links)
			}
			if rep = w.Must(giftsync.Reassociate); rep.HubSpotCalls[hubspot.Associations] > 1 || rep.Updated != 0 {
				t.Errorf("%+v: tried again", rep)
			}
			w.Must(giftsync.ReassociateAll)
			w.WantLinked(short, want)
			w.Portal.LimitAssociations(to, "thnks", 100)
			if rep = w.Must(giftsync.ReassociateAll); rep.AssociationsCreated != 1 {
				t.Errorf("%+v, want the pair linked when there is room", rep)
			}
			w.WantLinked(short, all)
			w.CheckSettled()
		})
	}
}

package sync_test

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestRemovedLinksTakeNoPlace: users removed the company that was linked, and a
// deal, and the contact has others now. A look at every link makes these, never
// the removed ones; a removed one that the contact still has stays removed.
func TestRemovedLinksTakeNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 81}, thnksapitest.Options{})
		w.Rules.MaxDeals = 1
		ann, acme, deal := w.AddPerson("ann@example.com")
		bob, other, same := w.AddPerson("bob@example.com")
		w.AddGift("T-1", "ann@example.com", simulation.Day)
		w.AddGift("T-2", "bob@example.com", simulation.Day)
		w.Must(giftsync.Backfill)
		w.Portal.Dissociate("thnks", w.Record("T-1"), "companies", acme)
		w.Portal.Dissociate("thnks", w.Record("T-1"), "deals", deal)
		w.Portal.Dissociate("thnks", w.Record("T-2"), "companies", other)
		w.Portal.Dissociate("thnks", w.Record("T-2"), "deals", same)
		umbrella := w.Portal.AddCompany(nil)
		w.Portal.SetPrimaryCompany(ann, umbrella)
		time.Sleep(time.Minute)
		newer := w.AddDeal(ann)
		if rep := w.Must(giftsync.ReassociateAll); rep.AssociationsCreated != 2 {
			t.Errorf("%+v, want the new company and the new deal linked", rep)
		}
		w.WantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {umbrella}, "deals": {newer}})
		w.WantLinked("T-2", map[string][]string{"contacts": {bob}})
		w.CheckSettled()

		// One that users put in its place counts.
		hand := w.Portal.AddCompany(nil)
		w.Portal.Dissociate("thnks", w.Record("T-1"), "companies", umbrella)
		w.Portal.Associate("thnks", w.Record("T-1"), "companies", hand)
		w.Portal.SetPrimaryCompany(ann, w.Portal.AddCompany(nil))
		w.Must(giftsync.ReassociateAll)
		w.WantLinked("T-1", map[string][]string{"contacts": {ann}, "companies": {hand}, "deals": {newer}})
	})
}

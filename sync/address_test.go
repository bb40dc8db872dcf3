package sync_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestRefusedAddress: where HubSpot refuses to look an address up, by whatever call,
// nobody can be found by it: its gift has no contact, and all others are linked.
func TestRefusedAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 150)
		tx, _ := w.Thnks.Transaction(simulation.ID(7))
		w.Portal.RefuseAddress(tx.Recipient.Email)
		rep := w.Must(giftsync.Backfill)
		if rep.Created != 150 || rep.Quarantined != 0 || rep.Orphans[plan.NoContact] != 1 {
			t.Errorf("report %+v", rep)
		}
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		if s := w.Stored(tx.ID); s.Orphan != plan.NoContact || len(s.Links) != 0 {
			t.Errorf("the gift has %+v", s)
		}
		for _, other := range w.Thnks.Transactions() {
			if links := w.Links(w.Record(other.ID)); other.ID != tx.ID && len(links["contacts"]) == 0 {
				t.Errorf("%s has no contact", other.ID)
			}
		}
	})
}

// TestCreateRefusedForItsLinks: where HubSpot refuses a new record for one of its
// links, without a word about which, the record is made without any, and the others
// follow; whether it refuses the record, or writes it and says that it has not.
func TestCreateRefusedForItsLinks(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]hubspottest.InvalidLinks{
		"refused": hubspottest.RefuseRecord, "written all the same": hubspottest.WriteThenRefuse, "dropped": hubspottest.DropLink,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				simulation.WaitAYear()
				w := simulation.New(t, hubspottest.Options{Seed: 8, InvalidLinks: how}, thnksapitest.Options{})
				w.Must(giftsync.Backfill)
				w.Portal.LimitAssociations("companies", "thnks", 1)
				contact, company, deal := w.AddPerson("ann@acme.example")
				for _, id := range []string{"T-1", "T-2", "T-3"} {
					w.AddGift(id, "ann@acme.example", simulation.Day)
				}
				rep := w.Must(giftsync.Backfill)
				if rep.Created+rep.Updated != 3 || rep.Quarantined != 0 {
					t.Errorf("report %+v", rep)
				}
				companies := 0
				for _, id := range []string{"T-1", "T-2", "T-3"} {
					links := w.Links(w.Record(id))
					companies += len(links["companies"])
					if len(links["contacts"]) != 1 || links["contacts"][0] != contact || len(links["deals"]) != 1 || links["deals"][0] != deal {
						t.Errorf("%s has %v", id, links)
					}
					refused := 0
					for _, l := range w.Stored(id).Links {
						if l.Refused && l.Kind == plan.Company && l.ID == company {
							refused++
						}
					}
					if how != hubspottest.DropLink && refused+len(links["companies"]) != 1 {
						t.Errorf("the journal has %+v of %s, and HubSpot %v", w.Stored(id).Links, id, links)
					}
				}
				if how != hubspottest.DropLink && (companies != 1 || len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "2 of the links")) {
					t.Errorf("%d links to the company, warnings %q", companies, rep.Warnings)
				}
			})
		})
	}
}

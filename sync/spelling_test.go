package sync_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestAddressesInOtherSpellings: the source and HubSpot spell one address in two
// ways. The contact is found, as the owner is, by a primary and by a secondary
// address.
func TestAddressesInOtherSpellings(t *testing.T) {
	t.Parallel()
	spellings := [][]string{
		{"ann@müller.example", "ann@mu\u0308ller.example", "ann@xn--mller-kva.example", "Ann@MÜLLER.example"},
		{"jürgen@example.com", "ju\u0308rgen@example.com", "JÜRGEN@example.com"},
		{"zoë@köln.example", "zoe\u0308@ko\u0308ln.example", "zoë@xn--kln-sna.example"},
		{"ann@ﬁsch.example", "ann@fisch.example"}, // a ligature
	}
	for _, secondary := range []bool{false, true} {
		for _, group := range spellings {
			for _, known := range group {
				if known == "ann@fisch.example" {
					continue // the ligature does not follow from it
				}
				synctest.Test(t, func(t *testing.T) {
					w := simulation.New(t, hubspottest.Options{Seed: 71}, thnksapitest.Options{})
					address, more := known, map[string]string(nil)
					if secondary {
						address, more = "main@example.com", map[string]string{"hs_additional_emails": "old@example.com;" + known}
					}
					contact := w.Portal.AddContact(address, more)
					want := 0
					for i, received := range group {
						if known == "ann@ﬁsch.example" && received != known {
							continue
						}
						w.AddGift(fmt.Sprintf("T-%d", i), received, simulation.Day)
						want++
					}
					rep := w.Must(giftsync.Backfill)
					if rep.Created != want || rep.AssociationsCreated != want {
						t.Errorf("%q in HubSpot, secondary %v: %d of %d linked", known, secondary, rep.AssociationsCreated, want)
					}
					for _, tx := range w.Thnks.Transactions() {
						w.WantLinked(tx.ID, map[string][]string{"contacts": {contact}})
					}
				})
			}
		}
	}
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 72}, thnksapitest.Options{})
		ann := w.Portal.AddOwner("ann@müller.example", "Ann", "Poe")
		w.AddGiftFrom("T-1", "Ann@xn--mller-kva.example")
		w.AddGiftFrom("T-2", "ann@mu\u0308ller.example")
		w.Must(giftsync.Backfill)
		if owner(w, "T-1") != ann || owner(w, "T-2") != ann {
			t.Errorf("owners %q and %q, want Ann twice", owner(w, "T-1"), owner(w, "T-2"))
		}
	})
}

// TestLookAlikesAreOthers: a letter that case or normalising would turn into one
// of ASCII makes another person's address.
func TestLookAlikesAreOthers(t *testing.T) {
	t.Parallel()
	for _, received := range []string{"\u212Aim@example.com", "kİm@example.com", "kım@example.com", "kim@\u212Anit.example"} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 73}, thnksapitest.Options{})
			w.Portal.AddContact("kim@example.com", nil)
			w.Portal.AddContact("other@example.com", map[string]string{"hs_additional_emails": "kim@knit.example"})
			w.Portal.AddOwner("kim@example.com", "Kim", "Lee")
			w.AddGiftFrom("T-1", received)
			w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Recipient.Email = received })
			w.Must(giftsync.Backfill)
			w.WantLinked("T-1", map[string][]string{})
			if owner(w, "T-1") != "" {
				t.Errorf("%q: the record is Kim's", received)
			}
		})
	}
}

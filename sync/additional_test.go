package sync_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// unlisted is HubSpot where contacts with additional addresses cannot be listed, so
// that each address is searched for.
type unlisted struct{ portal.Contacts }

func (unlisted) ContactsWithAdditionalEmail(context.Context, string, time.Time, []string) (hubspot.SearchPage, error) {
	return hubspot.SearchPage{}, &hubspot.Error{Kind: hubspot.Refused}
}

func searchesOnly(c *giftsync.Config) { c.HubSpot.Contacts = unlisted{c.HubSpot.Contacts} }

// manyAddresses is a random world of gifts to primary, additional and unknown
// addresses.
// The same seed makes the same world, record ids included.
type manyAddresses struct {
	*simulation.World
	contacts []string
	archived map[string]bool
	given    map[string]bool // addresses
}

func newManyAddresses(t *testing.T, seed uint64) *manyAddresses {
	rng := rand.New(rand.NewPCG(seed, 19))
	coin := func() bool { return rng.IntN(2) == 0 }
	m := &manyAddresses{archived: make(map[string]bool), given: make(map[string]bool), World: simulation.New(t, hubspottest.Options{
		Seed: seed, SecondaryByEmail: coin(), SearchLag: time.Duration(rng.IntN(60)) * time.Second, TextIDs: coin(),
	}, thnksapitest.Options{})}
	m.Bounds.WindowRows, m.Bounds.SliceGifts = 20+rng.IntN(60), 5+rng.IntN(40)
	people := 60 + rng.IntN(60)
	more := rng.IntN(3) * 150 // the listing may have several pages
	for i := range people + more {
		c, _, _ := m.AddPerson(fmt.Sprintf("main%d@example.com", i))
		m.contacts = append(m.contacts, c)
		own := fmt.Sprintf("old%d@example.com", i)
		switch rng.IntN(3) {
		case 0:
			continue
		case 1:
			own += fmt.Sprintf(";Older%d@Example.com", i)
		}
		m.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": own})
	}
	time.Sleep(time.Hour)
	for i := range 120 {
		who := []string{"main", "old", "older", "nobody"}[rng.IntN(4)]
		m.AddGift(fmt.Sprintf("T-%03d", i), fmt.Sprintf("%s%d@example.com", who, rng.IntN(people+more)), simulation.Day)
	}
	return m
}

// people change contacts as users do: addresses move, contacts are archived.
func (m *manyAddresses) people(rng *rand.Rand) {
	for range 10 {
		c := m.contacts[rng.IntN(len(m.contacts))]
		if m.archived[c] {
			continue
		}
		switch rng.IntN(3) {
		case 0:
			m.archived[c] = true
			m.Portal.Archive("contacts", c)
		case 1:
			m.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": ""})
		default:
			if a := fmt.Sprintf("nobody%d@example.com", rng.IntN(120)); !m.given[a] {
				m.given[a] = true
				m.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": a})
			}
		}
	}
	time.Sleep(time.Hour)
}

// links are those of all gifts.
func (m *manyAddresses) links() map[string]map[string][]string {
	all := make(map[string]map[string][]string)
	for i := range 120 {
		id := fmt.Sprintf("T-%03d", i)
		all[id] = m.Links(m.Record(id))
	}
	return all
}

// live runs the passes of a week and returns the links after each.
func (m *manyAddresses) live(seed uint64) (links []map[string]map[string][]string, searches int) {
	rng := rand.New(rand.NewPCG(seed, 20))
	for _, mode := range []giftsync.Mode{giftsync.Backfill, giftsync.Reassociate, giftsync.ReassociateAll, giftsync.Incremental} {
		rep := m.Must(mode)
		searches += rep.HubSpotCalls[hubspot.Search]
		links = append(links, m.links())
		m.people(rng)
		if mode == giftsync.ReassociateAll {
			time.Sleep(simulation.Week)
		}
	}
	return links, searches
}

// TestAdditionalAddressesEveryWay: however additional addresses are looked for, the
// links are those that searching for each makes.
func TestAdditionalAddressesEveryWay(t *testing.T) {
	t.Parallel()
	all, fewer := 0, 0
	seeds := uint64(12)
	if simulation.RaceDetector {
		seeds = 2
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			today := newManyAddresses(t, seed)
			today.Configure = searchesOnly
			want, most := today.live(seed)
			m := newManyAddresses(t, seed)
			got, searches := m.live(seed)
			for i := range want {
				if diff := cmp.Diff(want[i], got[i]); diff != "" {
					t.Errorf("seed %d, after pass %d: links differ from those that searching makes (-want +got):\n%s", seed, i, diff)
				}
			}
			all, fewer = all+most, fewer+searches
		})
	}
	t.Logf("%d searches instead of %d", fewer, all)
	if fewer*2 > all {
		t.Errorf("%d searches instead of %d", fewer, all)
	}
}

// TestBatchReadThatResolves: where a batch read resolves additional addresses, that
// is found out once a day, and then nothing is searched; an account that changes its
// mind is found out the next day.
func TestBatchReadThatResolves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 33, SecondaryByEmail: true}, thnksapitest.Options{})
		next := 0
		gifts := func() (contacts map[string]string) {
			contacts = make(map[string]string)
			for range 20 {
				next++
				c, _, _ := w.AddPerson(fmt.Sprintf("main%d@example.com", next))
				w.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", next)})
				contacts[fmt.Sprintf("T-%d", next)] = c
				w.AddGift(fmt.Sprintf("T-%d", next), fmt.Sprintf("p%d@example.com", next), simulation.Day)
				w.AddGift(fmt.Sprintf("U-%d", next), fmt.Sprintf("nobody%d@example.com", next), simulation.Day)
			}
			time.Sleep(time.Hour)
			return contacts
		}
		for _, step := range []struct {
			name            string
			resolves        bool
			wait            time.Duration
			fewest, highest int // searches
		}{
			{"the first day", true, 0, 1, 1},
			{"an hour later", true, time.Hour, 0, 0},
			{"it resolves no more", false, simulation.Day, 2, 8},
			{"nor an hour later", false, time.Hour, 1, 8},
			{"it does again", true, simulation.Day, 1, 1},
		} {
			w.Portal.SetSecondaryByEmail(step.resolves)
			time.Sleep(step.wait)
			contacts := gifts()
			rep := w.Must(giftsync.Backfill)
			if s := rep.HubSpotCalls[hubspot.Search]; s < step.fewest || s > step.highest {
				t.Errorf("%s: %d searches, want %d to %d", step.name, s, step.fewest, step.highest)
			}
			for id, c := range contacts {
				wantContact(w, id, c)
			}
		}
	})
}

// TestListingOfSeveralPages: no contact on the last one is missed.
func TestListingOfSeveralPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := secondaries(t, hubspottest.Options{Seed: 38}, 450)
		w.Bounds.WindowRows = 500
		rep := w.Must(giftsync.Backfill)
		if s := rep.HubSpotCalls[hubspot.Search]; rep.Orphans[plan.NoContact] != 0 || s > 3 {
			t.Errorf("%d records without a contact after %d searches, want 0 after 3", rep.Orphans[plan.NoContact], s)
		}
	})
}

// TestListingThatOverlooksContacts: where a listing of the contacts with additional
// addresses lacks one that was read, each address is searched for.
func TestListingThatOverlooksContacts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 34, HasPropertyBlind: true}, thnksapitest.Options{})
		w.Bounds.WindowRows = 50
		contacts := make(map[string]string)
		for i := range 100 {
			c, _, _ := w.AddPerson(fmt.Sprintf("main%d@example.com", i))
			w.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", i)})
			who := []string{"main", "p"}[i%2]
			w.AddGift(fmt.Sprintf("T-%d", i), fmt.Sprintf("%s%d@example.com", who, i), simulation.Day)
			contacts[fmt.Sprintf("T-%d", i)] = c
		}
		time.Sleep(time.Hour)
		for range 2 {
			w.Must(giftsync.Backfill)
			for id, c := range contacts {
				wantContact(w, id, c)
			}
		}
	})
}

// TestListingThatDoesNotFit: where the contacts with additional addresses, or these
// addresses, are more than a listing may hold, each address is searched for, and nobody
// counts as unknown for want of room.
func TestListingThatDoesNotFit(t *testing.T) {
	t.Parallel()
	const room = 2048 // addresses, of a run that remembers 2,048 people
	for _, each := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 41}, thnksapitest.Options{})
			w.Bounds.CacheSlots = 2 * room
			for i := range room/each + 1 {
				own := fmt.Sprintf("old%d@example.com", i)
				if each == 2 {
					own += fmt.Sprintf(";older%d@example.com", i)
				}
				w.Portal.AddContact(fmt.Sprintf("main%d@example.com", i), map[string]string{"hs_additional_emails": own})
			}
			time.Sleep(time.Hour)
			for i := range 120 { // the last of the contacts are those that do not fit
				w.AddGift(fmt.Sprintf("T-%03d", i), fmt.Sprintf("old%d@example.com", room/each-i), simulation.Day)
			}
			rep := w.Must(giftsync.Backfill)
			if rep.Created != 120 || rep.Orphans[plan.NoContact] != 0 || rep.Choices[0].By != plan.BySearch || rep.HubSpotCalls[hubspot.Search] < 24 {
				t.Errorf("%d addresses each: %d created, %d without a contact, %d searches, %+v", each, rep.Created, rep.Orphans[plan.NoContact], rep.HubSpotCalls[hubspot.Search], rep.Choices)
			}
		})
	}
}

// wantContact checks that a gift is linked to the contact alone.
func wantContact(w *simulation.World, id, contact string) {
	w.T.Helper()
	if got := w.Links(w.Record(id))["contacts"]; !slices.Equal(got, []string{contact}) {
		w.T.Errorf("%s is linked to %v, want contact %s", id, got, contact)
	}
}

// TestAddressGivenDuringARun: a contact that gets an additional address after the
// listing is found by it in a later window.
func TestAddressGivenDuringARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 35}, thnksapitest.Options{PageLimit: 60})
		w.Bounds.WindowRows = 60
		people := make(map[int]string)
		for i := range 240 {
			w.AddGift(fmt.Sprintf("T-%03d", i), fmt.Sprintf("p%d@example.com", i), simulation.Day)
			if i%4 == 0 {
				people[i], _, _ = w.AddPerson(fmt.Sprintf("main%d@example.com", i))
			}
		}
		pages := 0
		w.Configure = func(c *giftsync.Config) {
			c.HubSpot.Contacts = &givesAddresses{c.HubSpot.Contacts, func() {
				if pages++; pages == 2 {
					for i, c := range maps.All(people) {
						w.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", i)})
					}
				}
			}}
		}
		rep := w.Must(giftsync.Backfill)
		late := 0
		for i, c := range people {
			if links := w.Links(w.Record(fmt.Sprintf("T-%03d", i)))["contacts"]; len(links) == 1 && links[0] == c {
				late++
			}
		}
		if late < 15 || rep.Orphans[plan.NoContact] != 240-late {
			t.Errorf("%d contacts found that got their address during the run, %d orphans", late, rep.Orphans[plan.NoContact])
		}
	})
}

// givesAddresses calls a function after each look-up.
type givesAddresses struct {
	portal.Contacts
	after func()
}

func (g *givesAddresses) ContactsByEmail(ctx context.Context, addresses, properties []string) ([]hubspot.ContactsOutcome, error) {
	defer g.after()
	return g.Contacts.ContactsByEmail(ctx, addresses, properties)
}

// TestAddressGivenBeforeTheListingIsComplete: a contact that gets an additional address
// after its page was listed is found by it in the window for which the listing is
// completed.
func TestAddressGivenBeforeTheListingIsComplete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const window = 15 // rows: three searches, which take no more calls than the listing
		w := simulation.New(t, hubspottest.Options{Seed: 43, SearchLag: time.Millisecond}, thnksapitest.Options{PageLimit: window})
		w.Bounds.WindowRows = window
		for i := range 450 {
			w.Portal.AddContact(fmt.Sprintf("main%d@example.com", i), map[string]string{"hs_additional_emails": fmt.Sprintf("old%d@example.com", i)})
		}
		for i := range 2 * window {
			w.AddGift(fmt.Sprintf("T-%03d", i), fmt.Sprintf("p%d@example.com", i), simulation.Day)
		}
		time.Sleep(time.Hour)
		contacts := make(map[string]string)
		w.Configure = func(c *giftsync.Config) {
			c.HubSpot.Contacts = &givesListed{c.HubSpot.Contacts, func(listed []hubspot.Object) {
				for i := window; i < 2*window && len(contacts) < window; i++ {
					c := listed[i].ID
					contacts[fmt.Sprintf("T-%03d", i)] = c
					w.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", i)})
				}
			}}
		}
		rep := w.Must(giftsync.Backfill)
		if len(rep.Choices) == 0 || rep.Choices[0].By != plan.ByListing {
			t.Errorf("chosen is %+v, want a listing in the end", rep.Choices)
		}
		for id, c := range contacts {
			wantContact(w, id, c)
		}
	})
}

// givesListed calls a function with the contacts of each page of the listing.
type givesListed struct {
	portal.Contacts
	after func(listed []hubspot.Object)
}

func (g *givesListed) ContactsWithAdditionalEmail(ctx context.Context, after string, since time.Time, properties []string) (hubspot.SearchPage, error) {
	page, err := g.Contacts.ContactsWithAdditionalEmail(ctx, after, since, properties)
	g.after(page.Objects)
	return page, err
}

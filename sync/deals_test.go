package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// dealsRead is HubSpot where deals cannot be listed, so that each is read.
type dealsRead struct{ portal.Contacts }

func (dealsRead) DealsByID(context.Context, string, time.Time, []string) (hubspot.SearchPage, error) {
	return hubspot.SearchPage{}, &hubspot.Error{Kind: hubspot.Refused}
}

// manyDeals is a random world in which contacts have some deals each, most of them
// closed, and share a few. The same seed makes the same world.
type manyDeals struct {
	*simulation.World
	rng             *rand.Rand
	contacts, deals []string
	archived        map[string]bool
	number          map[string]int // of a deal; its id depends on what the program asks
}

const manyDealsGifts = 300

func newManyDeals(t *testing.T, seed uint64) *manyDeals {
	rng := rand.New(rand.NewPCG(seed, 21))
	m := &manyDeals{rng: rng, archived: make(map[string]bool), number: make(map[string]int), World: simulation.New(t, hubspottest.Options{
		Seed: seed, SearchLag: time.Duration(rng.IntN(60)) * time.Second, ComputedLag: time.Duration(rng.IntN(60)) * time.Second,
	}, thnksapitest.Options{})}
	m.Bounds.WindowRows, m.Bounds.SliceGifts = 100+rng.IntN(200), 20+rng.IntN(100)
	m.Rules.MaxDeals = 1 + rng.IntN(4)
	if rng.IntN(3) == 0 {
		m.Rules.DealLabel = modelLabel
	}
	for i := range manyDealsGifts {
		c := m.Portal.AddContact(fmt.Sprintf("p%d@example.com", i), nil)
		m.contacts = append(m.contacts, c)
		for range 1 + rng.IntN(3) {
			m.deal(c)
		}
		m.AddGift(fmt.Sprintf("T-%03d", i), fmt.Sprintf("p%d@example.com", i), simulation.Day)
	}
	time.Sleep(time.Hour)
	return m
}

func (m *manyDeals) deal(contact string) {
	stage := []string{"qualifiedtobuy", "closedwon", "closedlost", "closedwon"}[m.rng.IntN(4)]
	id := m.Portal.AddDeal(map[string]string{"dealstage": stage, "amount": fmt.Sprint(m.rng.IntN(5000))})
	m.number[id] = len(m.deals)
	m.deals = append(m.deals, id)
	m.tie(contact, id)
}

func (m *manyDeals) tie(contact, deal string) {
	if m.rng.IntN(2) == 0 {
		m.Portal.AssociateLabelled("contacts", contact, "deals", deal, modelLabel)
	} else {
		m.Portal.Associate("contacts", contact, "deals", deal)
	}
}

// people do what users do with deals.
func (m *manyDeals) people() {
	for range 60 {
		c, d := m.contacts[m.rng.IntN(len(m.contacts))], m.deals[m.rng.IntN(len(m.deals))]
		if m.archived[d] {
			continue
		}
		switch m.rng.IntN(6) {
		case 0, 1:
			m.Portal.UpdateProperties("deals", d, map[string]string{"dealstage": []string{"closedwon", "qualifiedtobuy"}[m.rng.IntN(2)]})
		case 2:
			m.Portal.Archive("deals", d)
			m.archived[d] = true
		case 3:
			m.tie(c, d)
		default:
			m.deal(c)
		}
	}
	time.Sleep(time.Hour)
}

func (m *manyDeals) live() (links []map[string]map[string][]string, reads, searches int) {
	for i, mode := range []giftsync.Mode{giftsync.Backfill, giftsync.ReassociateAll, giftsync.ReassociateAll, giftsync.Reassociate} {
		rep := m.Must(mode)
		reads, searches = reads+rep.HubSpotCalls[hubspot.Objects], searches+rep.HubSpotCalls[hubspot.Search]
		all := make(map[string]map[string][]string)
		for n := range manyDealsGifts {
			id := fmt.Sprintf("T-%03d", n)
			all[id] = m.Links(m.Record(id))
			for k, d := range all[id]["deals"] {
				all[id]["deals"][k] = fmt.Sprint(m.number[d])
			}
		}
		links = append(links, all)
		if i == 1 {
			time.Sleep(simulation.Week)
		}
		m.people()
	}
	return links, reads, searches
}

// TestOpenDealsEveryWay: however it is found out which deals are open, the links
// are those that reading each deal makes.
func TestOpenDealsEveryWay(t *testing.T) {
	t.Parallel()
	seeds := uint64(6)
	if simulation.RaceDetector {
		seeds = 1
	}
	listed := 0
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			today := newManyDeals(t, seed)
			today.Configure = func(c *giftsync.Config) { c.HubSpot.Contacts = dealsRead{c.HubSpot.Contacts} }
			want, most, _ := today.live()
			m := newManyDeals(t, seed)
			got, reads, searches := m.live()
			for i := range want {
				if diff := cmp.Diff(want[i], got[i]); diff != "" {
					t.Errorf("seed %d, after pass %d: links differ from those that reading makes (-want +got):\n%s", seed, i, diff)
				}
			}
			t.Logf("seed %d: %d calls and %d searches instead of %d", seed, reads, searches, most)
			if reads < most {
				listed++
			}
		})
	}
	if listed == 0 {
		t.Error("deals were never listed")
	}
}

// TestDealClosedDuringARun: a deal that is closed after the listing gets no gifts
// two minutes later, and one that is opened does.
func TestDealClosedDuringARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 36}, thnksapitest.Options{PageLimit: 400})
		w.Bounds.WindowRows = 400
		const gifts, changed = 1200, 1050 // the last ones
		stages := []string{"qualifiedtobuy", "closedwon"}
		var deals []string
		for i := range gifts {
			address := fmt.Sprintf("p%d@example.com", i)
			c := w.Portal.AddContact(address, nil)
			d := w.Portal.AddDeal(map[string]string{"dealstage": stages[i%2]})
			w.Portal.Associate("contacts", c, "deals", d)
			deals = append(deals, d)
			w.AddGift(fmt.Sprintf("T-%04d", i), address, simulation.Day)
		}
		time.Sleep(time.Hour)
		asked := 0
		w.Configure = func(c *giftsync.Config) {
			c.HubSpot.Contacts = &givesAddresses{c.HubSpot.Contacts, func() {
				if asked++; asked == 2 {
					for i := changed; i < gifts; i++ {
						w.Portal.UpdateProperties("deals", deals[i], map[string]string{"dealstage": stages[1-i%2]})
					}
					time.Sleep(3 * time.Minute) // longer than the state of a listed deal may be old
				}
			}}
		}
		rep := w.Must(giftsync.Backfill)
		if s := rep.HubSpotCalls[hubspot.Search]; s < 4 || asked != 2 {
			t.Fatalf("%d searches, %d look-ups: deals were not listed, or not listed again", s, asked)
		}
		for i, d := range deals {
			var want []string
			if (i%2 == 0) == (i < changed) {
				want = []string{d}
			}
			if got := w.Links(w.Record(fmt.Sprintf("T-%04d", i)))["deals"]; !slices.Equal(got, want) {
				t.Errorf("T-%04d is linked to deals %v, want %v", i, got, want)
			}
		}
	})
}

// someDeals is HubSpot where a listing lacks every other open deal.
type someDeals struct{ portal.Contacts }

func (s someDeals) DealsByID(ctx context.Context, after string, since time.Time, properties []string) (hubspot.SearchPage, error) {
	page, err := s.Contacts.DealsByID(ctx, after, since, properties)
	for i := len(page.Objects) - 2; i > 0; i -= 2 {
		page.Objects = slices.Delete(page.Objects, i, i+1)
		page.Total--
	}
	return page, err
}

// TestListingThatOverlooksDeals: where a listing lacks open deals, each is read.
func TestListingThatOverlooksDeals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 37}, thnksapitest.Options{})
		w.Configure = func(c *giftsync.Config) { c.HubSpot.Contacts = someDeals{c.HubSpot.Contacts} }
		want := make(map[string]string)
		for i := range 400 {
			address := fmt.Sprintf("p%d@example.com", i)
			_, _, d := w.AddPerson(address)
			id := fmt.Sprintf("T-%04d", i)
			w.AddGift(id, address, simulation.Day)
			want[id] = d
		}
		time.Sleep(time.Hour)
		w.Must(giftsync.Backfill)
		for id, d := range want {
			if got := w.Links(w.Record(id))["deals"]; !slices.Equal(got, []string{d}) {
				t.Fatalf("%s is linked to deals %v, want %s", id, got, d)
			}
		}
	})
}

package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

// watchedDeals is HubSpot that tells of each listing of deals, and refuses it where
// refused is set.
type watchedDeals struct {
	portal.Contacts
	refused bool
	listed  int
	changed int
	before  func() // is called before the search for changed deals; may be nil
	linked  func() // is called when the contacts of deals have been read; may be nil
}

func (w *watchedDeals) OpenDeals(ctx context.Context, after string, properties []string) (hubspot.SearchPage, error) {
	if w.refused {
		return hubspot.SearchPage{}, &hubspot.Error{Kind: hubspot.Refused}
	}
	w.listed++
	return w.Contacts.OpenDeals(ctx, after, properties)
}

func (w *watchedDeals) ChangedDeals(ctx context.Context, since time.Time, properties []string) (hubspot.DealChanges, error) {
	if w.before != nil {
		w.before()
	}
	w.changed++
	return w.Contacts.ChangedDeals(ctx, since, properties)
}

func (w *watchedDeals) Associated(ctx context.Context, from, to string, ids []string) ([]hubspot.RelatedOutcome, error) {
	out, err := w.Contacts.Associated(ctx, from, to, ids)
	if from == "deals" && w.linked != nil {
		w.linked()
	}
	return out, err
}

// watchDeals puts what watches between the world's engines and HubSpot.
func watchDeals(w *simulation.World, watched *watchedDeals) {
	w.Configure = func(c *giftsync.Config) { watched.Contacts, c.HubSpot.Contacts = c.HubSpot.Contacts, watched }
}

const dealLabel = "Gift worthy"

// manyDeals is a random world of gifts to people with deals, open and closed, of
// one's own and of several. The same seed makes the same world, record ids included.
type manyDeals struct {
	*simulation.World
	rng      *rand.Rand
	contacts []string
	deals    []string
	gone     map[string]bool
}

const manyGifts = 420

func newManyDeals(t *testing.T, seed uint64) *manyDeals {
	rng := rand.New(rand.NewPCG(seed, 21))
	coin := func() bool { return rng.IntN(2) == 0 }
	m := &manyDeals{rng: rng, gone: make(map[string]bool), World: simulation.New(t, hubspottest.Options{
		Seed: seed, SearchLag: time.Duration(rng.IntN(60)) * time.Second, TextIDs: coin(), NoAssociationsErrors: coin(),
		AssociationPage: []int{0, 2}[rng.IntN(2)],
	}, thnksapitest.Options{PageLimit: 100})}
	m.Bounds.WindowRows, m.Bounds.SliceGifts = 200+rng.IntN(200), 20+rng.IntN(60)
	m.Rules.MaxDeals = 1 + rng.IntN(4)
	if coin() {
		m.Rules.DealLabel = dealLabel
	}
	for i := range 200 {
		address := fmt.Sprintf("p%d@example.com", i)
		contact := m.Portal.AddContact(address, nil)
		if rng.IntN(8) == 0 {
			m.Portal.UpdateProperties("contacts", contact, map[string]string{"hs_additional_emails": "old-" + address})
		}
		m.contacts = append(m.contacts, contact)
		if i%20 == 0 {
			time.Sleep(time.Second) // or deals would all be of one moment
		}
		for range rng.IntN(4) {
			m.addDeal(contact)
		}
	}
	for range 60 { // deals of several people
		m.tie(m.contacts[rng.IntN(200)], m.deals[rng.IntN(len(m.deals))])
	}
	time.Sleep(time.Hour)
	for i := range manyGifts {
		who := []string{"p", "p", "p", "old-p", "nobody"}[rng.IntN(5)]
		m.AddGift(fmt.Sprintf("T-%03d", i), fmt.Sprintf("%s%d@example.com", who, rng.IntN(200)), simulation.Day)
	}
	return m
}

func (m *manyDeals) addDeal(contact string) {
	stage := []string{"qualifiedtobuy", "closedwon", "closedlost", "contractsent"}[m.rng.IntN(4)]
	deal := m.Portal.AddDeal(map[string]string{"dealstage": stage, "amount": fmt.Sprint(m.rng.IntN(5000))})
	m.deals = append(m.deals, deal)
	m.tie(contact, deal)
}

// tie associates a contact and a deal, with the label or without.
func (m *manyDeals) tie(contact, deal string) {
	if m.rng.IntN(2) == 0 {
		m.Portal.AssociateLabelled("contacts", contact, "deals", deal, dealLabel)
	} else {
		m.Portal.Associate("contacts", contact, "deals", deal)
	}
}

// change changes deals and contacts as users do.
func (m *manyDeals) change() {
	for range 25 {
		contact, deal := m.contacts[m.rng.IntN(len(m.contacts))], m.deals[m.rng.IntN(len(m.deals))]
		if m.gone[contact] || m.gone[deal] {
			continue
		}
		switch m.rng.IntN(7) {
		case 0:
			m.Portal.UpdateProperties("deals", deal, map[string]string{"dealstage": "closedwon"})
		case 1:
			m.Portal.UpdateProperties("deals", deal, map[string]string{"dealstage": "qualifiedtobuy"})
		case 2:
			m.gone[deal] = true
			m.Portal.Archive("deals", deal)
		case 3:
			m.gone[contact] = true
			m.Portal.Archive("contacts", contact)
		case 4:
			if other := m.contacts[m.rng.IntN(len(m.contacts))]; other != contact && !m.gone[other] {
				m.gone[contact], m.gone[other] = true, true
				m.contacts = append(m.contacts, m.Portal.Merge("contacts", contact, other))
			}
		case 5:
			if other := m.deals[m.rng.IntN(len(m.deals))]; other != deal && !m.gone[other] {
				m.gone[deal], m.gone[other] = true, true
				m.deals = append(m.deals, m.Portal.Merge("deals", deal, other))
			}
		default:
			m.addDeal(contact)
		}
	}
	time.Sleep(time.Hour)
}

// links are those of all gifts, to the contacts and deals by when they were made:
// their ids depend on the calls before.
func (m *manyDeals) links() map[string][]string {
	name := make(map[string]string)
	for i, id := range m.contacts {
		name[id] = fmt.Sprint("contact ", i)
	}
	for i, id := range m.deals {
		name[id] = fmt.Sprint("deal ", i)
	}
	all := make(map[string][]string)
	for i := range manyGifts {
		id := fmt.Sprintf("T-%03d", i)
		for _, ids := range m.Links(m.Record(id)) {
			for _, to := range ids {
				all[id] = append(all[id], name[to])
			}
		}
		slices.Sort(all[id])
	}
	return all
}

// live runs the passes of a week and returns the links of all gifts after each.
func (m *manyDeals) live() (links []map[string][]string, calls int) {
	for _, mode := range []giftsync.Mode{giftsync.Backfill, giftsync.Reassociate, giftsync.ReassociateAll, giftsync.Incremental} {
		rep := m.Must(mode)
		calls += simulation.Calls(rep)
		links = append(links, m.links())
		m.change()
		for i := range 50 { // whom the next pass finds
			contact := m.Portal.AddContact(fmt.Sprintf("nobody%d@example.com", 50*len(links)-50+i), nil)
			m.contacts = append(m.contacts, contact)
			m.addDeal(contact)
		}
		time.Sleep(time.Hour)
		if mode == giftsync.ReassociateAll {
			time.Sleep(simulation.Week)
		}
	}
	return links, calls
}

// TestDealsEveryWay: however the open deals of contacts are found, the links are
// those that asking for each contact's makes.
func TestDealsEveryWay(t *testing.T) {
	t.Parallel()
	seeds := uint64(10)
	if simulation.RaceDetector {
		seeds = 2
	}
	all, fewer := 0, 0
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			first := newManyDeals(t, seed)
			watchDeals(first.World, &watchedDeals{refused: true})
			want, most := first.live()
			m := newManyDeals(t, seed)
			watched := new(watchedDeals)
			watchDeals(m.World, watched)
			got, calls := m.live()
			for i := range want {
				if diff := cmp.Diff(want[i], got[i]); diff != "" {
					t.Errorf("seed %d, after pass %d: links differ from those by contact (-want +got):\n%s", seed, i, diff)
				}
			}
			t.Logf("seed %d: %d listings, %d renewals, %d calls instead of %d", seed, watched.listed, watched.changed, calls, most)
			all, fewer = all+most, fewer+calls
		})
	}
	if fewer >= all {
		t.Errorf("%d calls instead of %d", fewer, all)
	}
}

// fourWindows is a world of four windows, each of gifts to other people, who have an
// open deal and two closed ones each.
func fourWindows(t *testing.T, o hubspottest.Options) (w *simulation.World, deals []string) {
	w = simulation.New(t, o, thnksapitest.Options{PageLimit: 150})
	w.Bounds.WindowRows, w.Bounds.SliceGifts = 150, 50
	for i := range 600 {
		address := fmt.Sprintf("p%03d@example.com", i)
		contact, _, deal := w.AddPerson(address)
		for range 2 {
			w.Portal.Associate("contacts", contact, "deals", w.Portal.AddDeal(map[string]string{"dealstage": "closedwon"}))
		}
		deals = append(deals, deal)
		w.Thnks.Add(simulation.Transaction(fmt.Sprintf("T-%03d", i), time.Now().Add(time.Duration(i)*time.Second), address))
	}
	time.Sleep(time.Hour)
	return w, deals
}

// TestDealsThatChangeDuringARun: a window links no deal that was closed or deleted
// before it, and one that was reopened or made.
func TestDealsThatChangeDuringARun(t *testing.T) {
	t.Parallel()
	for _, gone := range []string{"", "archived", "merged"} {
		synctest.Test(t, func(t *testing.T) {
			w, deals := fourWindows(t, hubspottest.Options{Seed: 40})
			w.Portal.UpdateProperties("deals", deals[401], map[string]string{"dealstage": "closedlost"})
			time.Sleep(time.Hour)
			var merged string
			watched := &watchedDeals{}
			watched.before = func() {
				if watched.changed > 0 {
					return
				}
				w.Portal.UpdateProperties("deals", deals[400], map[string]string{"dealstage": "closedwon"})
				w.Portal.UpdateProperties("deals", deals[401], map[string]string{"dealstage": "qualifiedtobuy"})
				switch gone {
				case "archived":
					w.Portal.Archive("deals", deals[402])
				case "merged":
					merged = w.Portal.Merge("deals", deals[402], deals[403])
				}
			}
			watchDeals(w, watched)
			rep := w.Must(giftsync.Backfill)
			want := map[int][]string{399: {deals[399]}, 400: nil, 401: {deals[401]}, 402: {deals[402]}}
			switch gone {
			case "archived":
				want[402] = nil
			case "merged":
				want[402], want[403] = []string{merged}, []string{merged}
			}
			for i, ids := range want {
				if got := w.Links(w.Record(fmt.Sprintf("T-%03d", i)))["deals"]; !slices.Equal(got, ids) {
					t.Errorf("%s: gift %d has deals %v, want %v", gone, i, got, ids)
				}
			}
			if rep.Created != 600 || watched.listed == 0 || watched.changed < 1 {
				t.Errorf("%s: %d created, %d pages of a listing, %d renewals", gone, rep.Created, watched.listed, watched.changed)
			}
		})
	}
}

// TestDealsThatGoAfterTheyWereListed: no search shows that deals were deleted since they
// were listed, so that links to them are tried. However many they are and whatever
// HubSpot does with such a link, the gifts are made, with their other links. Where it
// says that a deal is not there, the one that it was merged into is linked instead.
func TestDealsThatGoAfterTheyWereListed(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]hubspottest.InvalidLinks{
		"refused": hubspottest.RefuseRecord, "written all the same": hubspottest.WriteThenRefuse, "dropped": hubspottest.DropLink,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, deals := fourWindows(t, hubspottest.Options{Seed: 40, InvalidLinks: how})
				both := w.Portal.Find("contacts", "email", "p124@example.com")[0].ID
				w.Portal.Associate("contacts", both, "deals", deals[125])
				time.Sleep(time.Hour)
				gone := make(map[int]string) // by gift, the deal that it has instead
				watched := &watchedDeals{}
				watched.linked = func() {
					if len(gone) > 0 {
						return
					}
					for i := 10; i < 40; i++ { // of two slices
						gone[i] = ""
						w.Portal.Archive("deals", deals[i])
					}
					for _, i := range []int{120, 124} { // into one that is open
						gone[i] = w.Portal.Merge("deals", deals[i], deals[i+1])
						gone[i+1] = gone[i]
					}
					w.Portal.UpdateProperties("deals", deals[122], map[string]string{"dealstage": "closedwon"})
					w.Portal.Merge("deals", deals[122], deals[123]) // which is closed
					gone[122], gone[123] = "", ""
				}
				watchDeals(w, watched)
				rep := w.Must(giftsync.Backfill)
				if rep.Created+rep.Updated != 600 || rep.Quarantined != 0 || len(gone) == 0 {
					t.Errorf("report %+v, %d deals gone", rep, len(gone))
				}
				for i := range 600 {
					id := fmt.Sprintf("T-%03d", i)
					links := w.Links(w.Record(id))
					want := []string{deals[i]}
					if deal, ok := gone[i]; ok && deal == "" {
						want = nil
					} else if ok && how == hubspottest.DropLink { // without a word
						want = nil
					} else if ok {
						want = []string{deal}
					}
					if len(links["contacts"]) != 1 || len(links["companies"]) != 1 || !slices.Equal(links["deals"], want) {
						t.Errorf("%s has %v, want a contact, a company and deals %v", id, links, want)
					}
				}
				if how != hubspottest.DropLink {
					w.Check()
				}
			})
		})
	}
}

// TestDealsOfContactsThatChange: of contacts that were merged during the run, and of
// those that changed right before it, the deals are read themselves.
func TestDealsOfContactsThatChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, deals := fourWindows(t, hubspottest.Options{Seed: 40})
		find := func(i int) string {
			return w.Portal.Find("contacts", "email", fmt.Sprintf("p%03d@example.com", i))[0].ID
		}
		var made string
		watched := &watchedDeals{}
		watched.before = func() {
			if watched.changed == 0 {
				w.Portal.Merge("contacts", find(500), find(501))
				made = w.AddDeal(find(502))
				w.Portal.UpdateProperties("contacts", find(502), map[string]string{"firstname": "Ada"})
			}
		}
		watchDeals(w, watched)
		w.Must(giftsync.Backfill)
		for i, want := range map[int][]string{500: {deals[500], deals[501]}, 502: {deals[502], made}} {
			got := w.Links(w.Record(fmt.Sprintf("T-%03d", i)))["deals"]
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("gift %d has deals %v, want %v", i, got, want)
			}
		}
	})
}

// TestManyDealsChange: where more deals change during a run than one search shows,
// those of each contact are read. No search is made for changes until these are old
// enough; then the deals are listed once more.
func TestManyDealsChange(t *testing.T) {
	t.Parallel()
	for _, later := range []time.Duration{0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w, deals := fourWindows(t, hubspottest.Options{Seed: 40})
			watched := &watchedDeals{}
			watched.before = func() {
				if watched.changed > 0 {
					return
				}
				for _, d := range deals[200:500] {
					w.Portal.UpdateProperties("deals", d, map[string]string{"dealstage": "closedwon"})
				}
			}
			watchDeals(w, watched)
			watch := w.Configure
			w.Configure = func(c *giftsync.Config) {
				watch(c)
				c.Progress = func(giftsync.Progress) {
					if watched.changed == 1 {
						time.Sleep(later)
						later = 0
					}
				}
			}
			listed, changed, by := 3, 1, plan.ByContact // 600 deals are on 3 pages
			if later > 0 {                              // 300 on 2
				listed, changed, by = 5, 2, plan.ByListing
			}
			rep := w.Must(giftsync.Backfill)
			for i := range 600 {
				want := []string{deals[i]}
				if i >= 300 && i < 500 { // what was closed before its window
					want = nil
				}
				if got := w.Links(w.Record(fmt.Sprintf("T-%03d", i)))["deals"]; (i < 200 || i >= 300) && !slices.Equal(got, want) {
					t.Fatalf("gift %d has deals %v, want %v", i, got, want)
				}
			}
			if watched.listed != listed || watched.changed != changed || rep.Choices[0].By != by {
				t.Errorf("%d pages of listings, %d searches for changes, at last %+v; want %d, %d and %s", watched.listed, watched.changed, rep.Choices, listed, changed, by)
			}
		})
	}
}

// TestChoicesAreReported: a dry run and a real one say how deals were found, and why.
func TestChoicesAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := fourWindows(t, hubspottest.Options{Seed: 40})
		for i := range 20 {
			w.AddGift(fmt.Sprintf("U-%d", i), fmt.Sprintf("nobody%d@example.com", i), 0)
		}
		for _, dry := range []bool{true, false} {
			rep := w.MustDo(giftsync.Request{Mode: giftsync.Backfill, DryRun: dry})
			if len(rep.Choices) != 2 || rep.Choices[0].Of != plan.OfAddresses || rep.Choices[1].Of != plan.OfDeals ||
				rep.Choices[1].By != plan.ByListing || !strings.HasPrefix(rep.Choices[1].Reason, "listing 600 open deals takes 4 calls, reading the deals of about ") {
				t.Errorf("dry run %v: choices %+v", dry, rep.Choices)
			}
		}
		if rep := w.Must(giftsync.Incremental); len(rep.Choices) != 0 {
			t.Errorf("an idle run chooses %+v", rep.Choices)
		}
	})
}

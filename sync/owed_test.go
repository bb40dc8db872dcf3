package sync_test

import (
	"fmt"
	"net/http"
	"strings"
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

// secondaries makes a world of n gifts, each to the secondary address of another
// contact.
func secondaries(t *testing.T, o hubspottest.Options, n int) *simulation.World {
	w := simulation.New(t, o, thnksapitest.Options{})
	w.Bounds.WindowRows, w.Bounds.SliceGifts = 20, 10
	for i := range n {
		c, _, _ := w.AddPerson(fmt.Sprintf("main%d@example.com", i))
		w.Portal.UpdateProperties("contacts", c, map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", i)})
		w.AddGift(fmt.Sprintf("T-%03d", i), fmt.Sprintf("p%d@example.com", i), simulation.Day)
	}
	time.Sleep(time.Hour)
	return w
}

// TestSearchOwedAfterAFailure: HubSpot's search fails at some point of a
// backfill. The next run that ends well has linked everything, whatever its kind,
// and the one after it has nothing to do.
func TestSearchOwedAfterAFailure(t *testing.T) {
	t.Parallel()
	for _, next := range []giftsync.Mode{giftsync.Incremental, giftsync.Backfill, giftsync.Retry, giftsync.Reassociate} {
		for _, after := range []int{0, 1} { // the first page of the listing, and what changed since
			synctest.Test(t, func(t *testing.T) {
				w := secondaries(t, hubspottest.Options{Seed: 91}, 30)
				w.WrapHubSpot = simulation.Failing("/contacts/search", after, 503, "")
				if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill}); err == nil {
					t.Fatal("the search was to fail")
				}
				w.WrapHubSpot = nil
				time.Sleep(time.Hour)
				if rep := w.Must(next); rep.Orphans[plan.NoContact] != 0 {
					t.Errorf("%s, after %d searches: %d of %d records still without a contact", next, after, rep.Orphans[plan.NoContact], w.Portal.Count("thnks"))
				}
				w.Must(giftsync.Incremental)
				w.Check()
				time.Sleep(time.Hour)
				w.Must(giftsync.Incremental)
				if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
					t.Errorf("%s: an idle pass makes %d calls", next, simulation.Calls(rep))
				}
			})
		}
	}
}

// TestSearchOwedAfterALoss: the state file is lost, and some gifts' recipients
// have become contacts by a secondary address meanwhile.
func TestSearchOwedAfterALoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 92}, thnksapitest.Options{})
		for i := range 10 {
			w.AddGift(fmt.Sprintf("T-%d", i), fmt.Sprintf("p%d@example.com", i), simulation.Day)
		}
		w.Must(giftsync.Backfill)
		for i := range 5 {
			w.Portal.AddContact(fmt.Sprintf("main%d@example.com", i), map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", i)})
		}
		time.Sleep(time.Hour)
		w.Path += ".new"
		if rep := w.Must(giftsync.Incremental); rep.AssociationsCreated != 5 || rep.Orphans[plan.NoContact] != 5 {
			t.Errorf("%+v, want five linked", rep)
		}
		if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
			t.Errorf("an idle pass makes %d calls", simulation.Calls(rep))
		}
	})
}

// TestReassociateBeforeTheIndexShowsIt: an admin adds a secondary address and asks
// at once, while HubSpot's search does not show it yet, and although it was
// searched without success a while ago.
func TestReassociateBeforeTheIndexShowsIt(t *testing.T) {
	t.Parallel()
	for _, mode := range []giftsync.Mode{giftsync.Reassociate, giftsync.ReassociateAll} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 93, SearchLag: 30 * time.Second}, thnksapitest.Options{})
			w.AddGift("T-1", "ann@example.com", simulation.Day)
			ann := w.Portal.AddContact("main@example.com", nil)
			w.Must(giftsync.Backfill)
			time.Sleep(time.Hour)
			w.Portal.UpdateProperties("contacts", ann, map[string]string{"hs_additional_emails": "ann@example.com"})
			w.Must(mode)
			w.WantLinked("T-1", nil)
			time.Sleep(3 * time.Minute)
			w.Must(giftsync.Incremental)
			w.WantLinked("T-1", map[string][]string{"contacts": {ann}})
		})
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{Seed: 93}, thnksapitest.Options{})
			w.AddGift("T-1", "ann@example.com", simulation.Day)
			ann := w.Portal.AddContact("main@example.com", nil)
			w.Must(giftsync.Backfill)
			time.Sleep(time.Hour)
			w.Portal.UpdateProperties("contacts", ann, map[string]string{"hs_additional_emails": "ann@example.com"})
			w.Must(mode)
			w.WantLinked("T-1", map[string][]string{"contacts": {ann}})
		})
	}
}

// TestDryRunOwesNothing: it neither pays nor makes debts.
func TestDryRunOwesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := secondaries(t, hubspottest.Options{Seed: 94}, 30)
		down := true
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if down && strings.Contains(req.URL.Path, "/contacts/search") {
					return simulation.Reply(req, 503, ""), nil
				}
				return next.RoundTrip(req)
			})
		}
		if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill}); err == nil {
			t.Fatal("the search was to fail")
		}
		down = false
		time.Sleep(time.Hour)
		before := w.Portal.Snapshot()
		dry, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental, DryRun: true})
		if err != nil || !simulation.Same(before, w.Portal.Snapshot()) {
			t.Errorf("%+v, %v", dry, err)
		}
		rep := w.Must(giftsync.Incremental)
		if rep.Orphans[plan.NoContact] != 0 || rep.HubSpotCalls[hubspot.Search] == 0 {
			t.Errorf("%+v, want the search to be made after the dry run", rep)
		}
		w.Check()
	})
}

package sync_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// listed is a world whose recipients have one company and one deal each, and in
// which there are other contacts with deals, too.
type listed struct {
	*simulation.World
	deals []string // of the recipients
	mu    sync.Mutex
	calls []string // method and path, of the listing alone
}

func newListed(t *testing.T, listing bool) *listed {
	w := &listed{World: simulation.New(t, hubspottest.Options{Seed: 1}, thnksapitest.Options{})}
	w.Configure = func(c *giftsync.Config) { c.Listing = listing }
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 30, Recipients: 30})
	w.Thnks.Add(txs...)
	for i, email := range thnksapitest.Recipients(txs) {
		contact := w.Portal.AddContact(email, nil)
		company := w.Portal.AddCompany(map[string]string{"name": fmt.Sprintf("Company %d", i)})
		w.Portal.SetPrimaryCompany(contact, company)
		deal := w.Portal.AddDeal(map[string]string{"amount": fmt.Sprint(100 + i), "dealstage": "qualifiedtobuy"})
		w.Portal.Associate("deals", deal, "contacts", contact)
		w.deals = append(w.deals, deal)
		if i == 0 { // of a recipient, though no gift is linked to it: it is none of the others
			lost := w.Portal.AddDeal(map[string]string{"amount": "7", "dealstage": "closedwon"})
			w.Portal.Associate("deals", lost, "contacts", contact)
		}
	}
	for i := range 20 {
		contact := w.Portal.AddContact(fmt.Sprintf("other%d@example.org", i), nil)
		deal := w.Portal.AddDeal(map[string]string{"amount": "7", "dealstage": []string{"closedwon", "closedlost", "qualifiedtobuy", "closedlost"}[i%4]})
		if i%5 > 0 { // one without contacts says nothing of them
			w.Portal.Associate("deals", deal, "contacts", contact)
		}
	}
	w.Portal.Watch(func(x hubspottest.Exchange) {
		w.mu.Lock()
		defer w.mu.Unlock()
		path := x.Request.URL.Path
		if strings.HasSuffix(path, "/deals") && x.Request.Method == http.MethodGet && !strings.Contains(path, "pipelines") ||
			strings.HasSuffix(path, "deals/contacts/batch/read") || strings.HasSuffix(path, "companies/batch/read") {
			w.calls = append(w.calls, path)
		}
	})
	return w
}

func (w *listed) outcomes() giftsync.Outcomes {
	st := w.Open()
	defer st.Close()
	o, err := giftsync.RecallOutcomes(st)
	if err != nil {
		w.T.Fatal(err)
	}
	return o
}

// TestDailyListing: once a day the listing finds what became of each deal that a
// gift is linked to, how others end, and the companies' names.
func TestDailyListing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newListed(t, true)
		w.Must(giftsync.Backfill)
		for i, deal := range w.deals {
			if stage := []string{"closedwon", "closedlost", ""}[i%3]; stage != "" {
				w.Portal.UpdateProperties("deals", deal, map[string]string{"dealstage": stage})
			}
		}
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		want := giftsync.Outcomes{Calls: len(w.calls) + 1, Deals: map[string]giftsync.Outcome{}, Companies: map[string]string{}}
		for i, deal := range w.deals {
			want.Deals[deal] = giftsync.Outcome{
				Closed: i%3 < 2, Won: i%3 == 0, Amount: plan.Money{Value: decimal.NewFromInt(int64(100 + i)), Currency: "USD"},
			}
		}
		for c := range w.Portal.Records("companies") {
			want.Companies[c.ID] = c.Properties["name"]
		}
		for i := range 20 {
			if i%5 > 0 && i%4 != 2 {
				want.WithoutClosed++
				if i%4 == 0 {
					want.WithoutWon++
				}
			}
		}
		if d := cmp.Diff(want, w.outcomes(), cmpopts.IgnoreFields(giftsync.Outcomes{}, "At")); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		if n := len(w.calls); n != 3 {
			t.Errorf("%d calls for 51 deals and 30 companies, want 3: %v", n, w.calls)
		}

		// Idle passes of the same day make no call; the next day's lists again.
		before := len(w.calls)
		for range 20 {
			time.Sleep(time.Hour)
			rep := w.Must(giftsync.Incremental)
			for class, n := range rep.HubSpotCalls {
				if n > 0 && rep.Mode == giftsync.Incremental {
					t.Errorf("an idle pass made %d calls of class %s", n, class)
				}
			}
		}
		if n := len(w.calls) - before; n > 0 {
			t.Errorf("%d calls of a listing on the same day", n)
		}
		time.Sleep(5 * time.Hour)
		w.Must(giftsync.Incremental)
		if n := len(w.calls) - before; n != 3 {
			t.Errorf("%d calls on the next day, want 3", n)
		}
		st := w.Open()
		defer st.Close()
		if s, err := giftsync.SpentToday(st, time.Now()); err != nil || s.Listing == 0 || s.Listing > s.Calls {
			t.Errorf("calls of the day: %+v, %v", s, err)
		}
	})
}

// TestListingIsASetting: without it no deal is listed.
func TestListingIsASetting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newListed(t, false)
		w.Must(giftsync.Backfill)
		time.Sleep(25 * time.Hour)
		w.Must(giftsync.Incremental)
		if len(w.calls) > 0 || !w.outcomes().At.IsZero() {
			t.Errorf("calls %v", w.calls)
		}
	})
}

// TestListingThatFails: no gift depends on it, what is known stays, and it is tried
// again after a day.
func TestListingThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newListed(t, true)
		w.Must(giftsync.Backfill)
		w.Must(giftsync.Incremental)
		known := w.outcomes()
		if known.At.IsZero() {
			t.Fatal("nothing was listed")
		}
		scopes := hubspottest.DefaultScopes()
		w.Portal.SetScopes(slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == "crm.objects.companies.read" })...)
		time.Sleep(25 * time.Hour)
		w.Must(giftsync.Incremental)
		if d := cmp.Diff(known, w.outcomes()); d != "" {
			t.Errorf("after a listing that failed:\n%s", d)
		}
		w.Portal.SetScopes(scopes...)
		w.Must(giftsync.Incremental)
		if d := cmp.Diff(known, w.outcomes()); d != "" {
			t.Errorf("tried again on the same day:\n%s", d)
		}
		time.Sleep(25 * time.Hour)
		w.Must(giftsync.Incremental)
		if got := w.outcomes(); !got.At.After(known.At) {
			t.Errorf("listed at %v, not again", got.At)
		}
	})
}

// TestListingWithoutTheScopeOfDeals: companies are named where deals may not be read, too, and
// what is known of deals stays as of when it was listed.
func TestListingWithoutTheScopeOfDeals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newListed(t, true)
		w.Portal.SetScopes(scopesWithout("crm.objects.deals.read")...)
		w.Must(giftsync.Backfill)
		w.Must(giftsync.Incremental)
		if got := w.outcomes(); len(got.Companies) != 30 || !got.At.IsZero() || got.Calls != 0 {
			t.Errorf("%d companies have names, want 30; deals listed at %v in %d calls", len(got.Companies), got.At, got.Calls)
		}
		w.Portal.SetScopes(hubspottest.DefaultScopes()...)
		w.Must(giftsync.ReassociateAll)
		time.Sleep(25 * time.Hour)
		w.Must(giftsync.Incremental)
		known := w.outcomes()
		if known.At.IsZero() || len(known.Deals) == 0 || len(known.Companies) != 30 {
			t.Errorf("with the scope: %+v", known)
		}
		w.Portal.SetScopes(scopesWithout("crm.objects.deals.read")...)
		for id := range known.Companies {
			w.Portal.UpdateProperties("companies", id, map[string]string{"name": "Renamed " + id})
			known.Companies[id] = "Renamed " + id
		}
		time.Sleep(25 * time.Hour)
		w.Must(giftsync.Incremental)
		if d := cmp.Diff(known, w.outcomes()); d != "" {
			t.Errorf("without the scope again:\n%s", d)
		}
	})
}

// TestListingWithoutToken: a token that HubSpot no longer accepts ends each pass,
// though it has nothing to write, until there is a new one.
func TestListingWithoutToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newListed(t, true)
		w.Must(giftsync.Backfill)
		w.Must(giftsync.Incremental)
		known := w.outcomes()
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				req = req.Clone(req.Context())
				req.Header.Set("Authorization", "Bearer pat-na1-another")
				return next.RoundTrip(req)
			})
		}
		time.Sleep(25 * time.Hour)
		for range 2 {
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental})
			var fatal *giftsync.Fatal
			if !errors.As(err, &fatal) || !strings.Contains(fatal.Remedy, "token") {
				t.Fatalf("a pass whose token is not accepted: %v, want a remedy", err)
			}
			time.Sleep(time.Hour)
		}
		w.WrapHubSpot = nil
		w.Must(giftsync.Incremental)
		if got := w.outcomes(); !got.At.After(known.At) {
			t.Errorf("listed at %v, not again with a token", got.At)
		}
	})
}

package hubspot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// Pages begin behind each other, show each contact with additional addresses once,
// by id, and only those that have changed since where that is asked.
func TestContactsWithAdditionalEmail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := contract.New(t, hubspottest.Options{Seed: 1, Token: "test"})
		var want []string
		for i := range 450 {
			id := p.AddContact(fmt.Sprintf("main%d@example.com", i), map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", i)})
			p.AddContact(fmt.Sprintf("other%d@example.com", i), nil)
			want = append(want, id)
		}
		time.Sleep(time.Hour)
		since := time.Now()
		p.UpdateProperties("contacts", want[7], map[string]string{"firstname": "Ada"})

		c := clientOf(t, p)
		var got []string
		for after, left := "", 450; left > 0; {
			page, err := c.ContactsWithAdditionalEmail(t.Context(), after, time.Time{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if page.Total != left || len(page.Objects) != min(left, 200) {
				t.Fatalf("behind %q: %d contacts of %d, want %d of %d", after, len(page.Objects), page.Total, min(left, 200), left)
			}
			for _, o := range page.Objects {
				got = append(got, o.ID)
			}
			left -= len(page.Objects)
			after = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d contacts, want %d, by id", len(got), len(want))
		}
		page, err := c.ContactsWithAdditionalEmail(t.Context(), "", since, nil)
		if err != nil || page.Total != 1 || page.Objects[0].ID != want[7] || page.Objects[0].Properties["hs_additional_emails"] != "p7@example.com" {
			t.Errorf("changed since: %+v, %v; want contact %s", page, err, want[7])
		}
		if calls := c.Calls(); calls[Search] != 4 || calls[Objects] != 0 {
			t.Errorf("calls %v, want 4 searches", calls)
		}
	})
}

// An answer that is not sorted, or shows fewer than it says, does not tell who has
// additional addresses.
func TestContactsWithAdditionalEmailUnexpected(t *testing.T) {
	for name, body := range map[string]any{
		"no results":  map[string]any{"total": 0},
		"too few":     map[string]any{"total": 3, "results": []any{map[string]any{"id": "7"}}},
		"not sorted":  map[string]any{"total": 2, "results": []any{map[string]any{"id": "9"}, map[string]any{"id": "8"}}},
		"twice":       map[string]any{"total": 2, "results": []any{map[string]any{"id": "9"}, map[string]any{"id": "9"}}},
		"one before":  map[string]any{"total": 1, "results": []any{map[string]any{"id": "5"}}},
		"without ids": map[string]any{"total": 1, "results": []any{map[string]any{}}},
	} {
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) }))
		_, err := c.ContactsWithAdditionalEmail(t.Context(), "5", time.Time{}, nil)
		t.Log(name)
		checkKind(t, err, Unexpected)
	}
}

// TestOpenDeals: the deals that are not closed are listed by id, page by page.
func TestOpenDeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := contract.New(t, hubspottest.Options{Seed: 2, Token: "test"})
		var want []string
		for range 250 {
			want = append(want, p.AddDeal(nil))
			p.AddDeal(map[string]string{"dealstage": "closedwon"})
		}
		p.Archive("deals", p.AddDeal(nil))
		c := clientOf(t, p)
		var got []string
		for after, left := "", 250; left > 0; {
			page, err := c.OpenDeals(t.Context(), after, []string{"dealstage", "amount"})
			if err != nil || page.Total != left || len(page.Objects) != min(left, 200) {
				t.Fatalf("behind %q: %d deals of %d, %v", after, len(page.Objects), page.Total, err)
			}
			for _, o := range page.Objects {
				got = append(got, o.ID)
			}
			left -= len(page.Objects)
			after = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d deals, want %d, by id", len(got), len(want))
		}
	})
}

// TestChangedDeals: changes of deals show with the number of those that are open, and
// where they are more than a page, that is said.
func TestChangedDeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := contract.New(t, hubspottest.Options{Seed: 3, Token: "test"})
		var deals []string
		for range 300 {
			deals = append(deals, p.AddDeal(nil))
		}
		time.Sleep(time.Hour)
		since := time.Now()
		p.UpdateProperties("deals", deals[3], map[string]string{"dealstage": "closedlost"})
		time.Sleep(time.Second)
		p.UpdateProperties("deals", deals[9], map[string]string{"amount": "7"})
		p.Archive("deals", deals[20])
		c := clientOf(t, p)
		found, err := c.ChangedDeals(t.Context(), since, []string{"amount"})
		if err != nil || !found.All || found.Open != 298 || len(found.Deals) != 2 ||
			found.Deals[0].ID != deals[9] || found.Deals[0].Properties["amount"] != "7" || found.Deals[1].Properties["hs_is_closed"] != "true" {
			t.Errorf("%+v, %v; want deals %s and %s, 298 open", found, err, deals[9], deals[3])
		}
		for i := range 201 {
			p.UpdateProperties("deals", deals[30+i], map[string]string{"amount": "8"})
		}
		if found, err = c.ChangedDeals(t.Context(), since, nil); err != nil || found.All {
			t.Errorf("%d of 203 changes are all: %v", len(found.Deals), err)
		}
		if found, err = c.ChangedDeals(t.Context(), time.Now().Add(time.Second), nil); err != nil || !found.All || len(found.Deals) != 0 || found.Open != 298 {
			t.Errorf("%d changes in the future, %d open, %v; want 0 and 298", len(found.Deals), found.Open, err)
		}
		if calls := c.Calls(); calls[Search] != 3 {
			t.Errorf("%d searches, want 3", calls[Search])
		}
	})
}

// Deals that do not come newest first do not tell that no other has changed.
func TestChangedDealsUnexpected(t *testing.T) {
	deal := func(id, at string) map[string]any {
		return map[string]any{"id": id, "properties": map[string]any{"hs_lastmodifieddate": at}}
	}
	for name, results := range map[string][]any{
		"oldest first":   {deal("1", "2026-01-01T00:00:00Z"), deal("2", "2026-01-02T00:00:00Z")},
		"without a time": {deal("1", "")},
	} {
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			reply(w, 200, map[string]any{"total": len(results), "results": results})
		}))
		_, err := c.ChangedDeals(t.Context(), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), nil)
		t.Log(name)
		checkKind(t, err, Unexpected)
	}
}

// TestTooLargeSearch: a page of a search, or of owners, whose answer is too large is
// asked for again with half as many, until it fits; nothing is left out. Where a single
// one does not fit the call fails.
func TestTooLargeSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := contract.New(t, hubspottest.Options{Seed: 4, Token: "test"})
		const most = 30
		fits := most
		for i := range 250 {
			p.AddDeal(nil)
			p.AddContact(fmt.Sprintf("p%d@acme.example", i), map[string]string{"hs_additional_emails": fmt.Sprintf("old%d@acme.example", i)})
		}
		for i := range 100 {
			p.AddOwner(fmt.Sprintf("sam%d@acme.example", i), "Sam", "Poe")
		}
		time.Sleep(time.Hour)
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var asked struct {
				Limit int `json:"limit"`
			}
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if json.Unmarshal(body, &asked); r.Method == http.MethodGet {
				asked.Limit, _ = strconv.Atoi(r.URL.Query().Get("limit"))
			}
			if asked.Limit > fits {
				w = largeWriter{w}
			}
			p.ServeHTTP(w, r)
		}))
		deals := 0
		for after, left := "", 1; left > 0; {
			page, err := c.OpenDeals(t.Context(), after, []string{"amount"})
			if err != nil || len(page.Objects) == 0 || len(page.Objects) > most {
				t.Fatalf("behind %q: %d deals, %v", after, len(page.Objects), err)
			}
			deals += len(page.Objects)
			left = page.Total - len(page.Objects)
			after = page.Objects[len(page.Objects)-1].ID
		}
		found, err := c.ContactsByAdditionalEmail(t.Context(), []string{"old7@acme.example"}, nil)
		if err != nil || deals != 250 || len(found[0].Found) != 1 {
			t.Errorf("%d deals, %d contacts, %v; want 250 and one", deals, len(found[0].Found), err)
		}
		if owners, err := c.Owners(t.Context()); err != nil || len(owners) != 100 {
			t.Errorf("%d owners, %v; want 100", len(owners), err)
		}
		var contacts []string
		for r := range p.Records("contacts") {
			contacts = append(contacts, r.ID)
		}
		if shown, err := c.Shown(t.Context(), "contacts", contacts[:100]); err == nil && len(shown.IDs) != 100 {
			t.Errorf("%d of 100 contacts are shown, as if the others were gone", len(shown.IDs))
		}
		if changes, err := c.ChangedDeals(t.Context(), time.Now().Add(-2*time.Hour), []string{"amount"}); err != nil || changes.All {
			t.Errorf("changes %v, %v; want not all of them", changes.All, err)
		}
		fits = 0
		_, err = c.OpenDeals(t.Context(), "", []string{"amount"})
		checkKind(t, err, Unexpected)
		_, err = c.Owners(t.Context())
		checkKind(t, err, Unexpected)
	})
}

package hubspottest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// TestComputedLag: reads and searches show the old value until it is computed
// anew, after the last of several changes.
func TestComputedLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lag = 10 * time.Second
		c := newCaller(t, hubspottest.Options{ComputedLag: lag})
		contact, first, second := c.portal.AddContact("", nil), c.portal.AddCompany(nil), c.portal.AddCompany(nil)
		deal := c.portal.AddDeal(nil)
		company := func() string {
			t.Helper()
			r := c.must(200, "POST /crm/objects/2026-09/contacts/batch/read", `{"properties":["associatedcompanyid"],"inputs":[{"id":"`+contact+`"}]}`)
			return r.str("results", 0, "properties", "associatedcompanyid")
		}
		closed := func() string {
			t.Helper()
			r := c.must(200, "GET /crm/objects/2026-09/deals/"+deal+"?properties=hs_is_closed,hs_is_closed_won,dealstage", "")
			if r.str("properties", "hs_is_closed") != r.str("properties", "hs_is_closed_won") {
				t.Errorf("computed values disagree: %s", r.text)
			}
			return r.str("properties", "dealstage") + " " + r.str("properties", "hs_is_closed")
		}
		type state struct{ company, deal string }
		check := func(when string, want state) {
			t.Helper()
			if got := (state{company(), closed()}); got != want {
				t.Errorf("%s: %v, want %v", when, got, want)
			}
		}
		c.portal.SetPrimaryCompany(contact, first)
		check("just linked", state{"<nil>", "qualifiedtobuy false"})
		time.Sleep(lag)
		check("computed", state{first, "qualifiedtobuy false"})

		c.portal.SetPrimaryCompany(contact, second)
		c.portal.UpdateProperties("deals", deal, map[string]string{"dealstage": "closedwon"})
		check("just changed", state{first, "closedwon false"})
		if got := c.portal.Links("contacts", contact)["companies"]; len(got) != 2 || len(got[1].Types) != 2 {
			t.Errorf("the associations lag too: %v", got)
		}
		time.Sleep(lag - time.Second)
		c.portal.Archive("companies", second)
		time.Sleep(2 * time.Second)
		check("changed once more", state{first, "closedwon true"})
		time.Sleep(lag)
		check("all computed", state{"<nil>", "closedwon true"})
		search := `{"filterGroups":[{"filters":[{"propertyName":"hs_is_closed","operator":"EQ","value":"true"}]}]}`
		c.portal.UpdateProperties("deals", deal, map[string]string{"dealstage": "contractsent", "amount": "5"})
		if r := c.must(200, "POST /crm/objects/2026-09/deals/search", search); r.len("results") != 1 {
			t.Errorf("search knows before reads do: %s", r.text)
		}
		// A change that nothing is computed from delays nothing.
		time.Sleep(lag - time.Second)
		c.portal.UpdateProperties("deals", deal, map[string]string{"amount": "6"})
		time.Sleep(time.Second)
		check("re-opened", state{"<nil>", "contractsent false"})
	})
}

// TestNoComputedLag: unless asked for, values are computed at once.
func TestNoComputedLag(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	contact, company := c.portal.AddContact("", nil), c.portal.AddCompany(nil)
	c.portal.SetPrimaryCompany(contact, company)
	if rec, _ := c.portal.Record("contacts", contact); rec.Properties["associatedcompanyid"] != company {
		t.Errorf("primary company %q, want %s", rec.Properties["associatedcompanyid"], company)
	}
}

package hubspottest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

func TestPopulate(t *testing.T) {
	emails := []string{"", "not an address", "Doubled@Example.com", "doubled@example.com"}
	for i := range 1000 {
		emails = append(emails, fmt.Sprintf("p%d@example.com", i))
	}
	pop := hubspottest.Population{Matched: 0.8, Secondary: 0.1, WithCompany: 0.9, DealsPer: 2, OpenDeals: 0.5, Seed: 1}
	p := contract.Probed(t, hubspottest.Options{Seed: 1})
	got := p.Populate(emails, pop)
	for name, test := range map[string]struct{ got, want int }{
		"contacts": {got.Contacts, 801}, "secondary": {got.Secondary, 80}, "companies": {got.Companies, 180}, "deals": {got.Deals, 1602}, "open": {got.OpenDeals, 801},
	} {
		if test.got < test.want*8/10 || test.got > test.want*12/10 {
			t.Errorf("%s = %d, want about %d", name, test.got, test.want)
		}
	}
	if p.Count("contacts") != got.Contacts || p.Count("companies") != got.Companies || p.Count("deals") != got.Deals ||
		len(p.Find("deals", "hs_is_closed", "false")) != got.OpenDeals {
		t.Errorf("the portal holds %d contacts, %d companies, %d deals; made %+v", p.Count("contacts"), p.Count("companies"), p.Count("deals"), got)
	}
	primary := 0
	last := ""
	for rec := range p.Records("contacts") {
		if rec.ID <= last {
			t.Fatal("records are not in the order of their ids")
		}
		last = rec.ID
		links := p.Links("contacts", rec.ID)
		if len(links["deals"]) != 2 {
			t.Fatalf("contact %s has deals %v", rec.ID, links["deals"])
		}
		if company := rec.Properties["associatedcompanyid"]; company != "" {
			primary++
			if links["companies"][0].ToID != company {
				t.Errorf("company %s, links %v", company, links["companies"])
			}
		}
		if rec.Properties["email"] != strings.ToLower(rec.Properties["email"]) {
			t.Errorf("address %q", rec.Properties["email"])
		}
	}
	if primary < got.Contacts*8/10 {
		t.Errorf("%d of %d contacts have a company", primary, got.Contacts)
	}
	if again := p.Populate(emails, pop); again.Contacts > 250 {
		t.Errorf("a second run made %d contacts more for the same addresses", again.Contacts)
	}
	q := contract.Probed(t, hubspottest.Options{Seed: 1})
	q.Populate(emails, pop)
	r := contract.Probed(t, hubspottest.Options{Seed: 1})
	r.Populate(emails, pop)
	if diff := cmp.Diff(withoutDates(q.Snapshot()), withoutDates(r.Snapshot())); diff != "" {
		t.Errorf("the same seed made another portal:\n%s", diff)
	}
}

// withoutDates drops the close dates, which follow the clock.
func withoutDates(s hubspottest.Snapshot) hubspottest.Snapshot {
	for _, records := range s {
		for _, r := range records {
			delete(r.Properties, "closedate")
		}
	}
	return s
}

func TestSnapshot(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	gift, contact := c.gifts("T-1")[0], c.portal.AddContact("a@example.com", nil)
	before := c.portal.Snapshot()
	if cmp.Diff(before, c.portal.Snapshot()) != "" {
		t.Error("two snapshots of the same portal differ")
	}
	c.portal.Associate("gift", gift, "contacts", contact)
	linked := c.portal.Snapshot()
	if cmp.Diff(before, linked) == "" || linked["gift"][gift].Links["contacts"][0].ToID != contact {
		t.Error("a snapshot does not show an association")
	}
	c.portal.Dissociate("gift", gift, "contacts", contact)
	if diff := cmp.Diff(before, c.portal.Snapshot()); diff != "" {
		t.Errorf("after undoing it (-before +now):\n%s", diff)
	}
}

func TestAccountAndPipelines(t *testing.T) {
	c := newCaller(t, hubspottest.Options{ID: 99, TimeZone: "Europe/Paris", Currency: "EUR"})
	r := c.must(200, "GET /account-info/2026-09/details", "")
	if r.str("portalId") != "99" || r.str("timeZone") != "Europe/Paris" || r.str("companyCurrency") != "EUR" || r.str("uiDomain") != "app.hubspot.com" || r.str("accountType") != "STANDARD" {
		t.Errorf("%s", r.text)
	}
	r = c.must(200, "GET /crm/pipelines/2026-09/deals", "")
	if r.str("results", 0, "stages", 5, "id") != "closedwon" || r.at("results", 0, "stages", 5, "metadata", "isClosed") != "true" || r.at("results", 0, "stages", 0, "metadata", "probability") != "0.2" {
		t.Errorf("%s", r.text)
	}
	old := newCaller(t, hubspottest.Options{NoIsClosed: true})
	if r := old.must(200, "GET /crm/pipelines/2026-09/deals", ""); strings.Contains(r.text, "isClosed") {
		t.Errorf("%s", r.text)
	}
	id := c.portal.AddOwner("Owner@example.com", "Olga", "Owner")
	c.portal.AddOwner("second@example.com", "S", "O")
	if r := c.must(200, "GET /crm/owners/2026-09?email=owner@example.com", ""); r.len("results") != 1 || r.str("results", 0, "id") != id {
		t.Errorf("%s", r.text)
	}
	if r := c.must(200, "GET /crm/owners/2026-09?limit=1", ""); r.len("results") != 1 || r.str("paging", "next", "after") != id {
		t.Errorf("%s", r.text)
	}
	c.must(200, "POST /oauth/v2/private-apps/get/access-token-info", `{"tokenKey":"pat-test"}`).wantJSON(
		`{"userId":1,"hubId":99,"appId":1,"isUserToken":false,"scopes":["automation","crm.objects.companies.read","crm.objects.contacts.read","crm.objects.contacts.write","crm.objects.custom.read",
		 "crm.objects.custom.write","crm.objects.deals.read","crm.objects.owners.read","crm.schemas.custom.read","crm.schemas.custom.write","oauth"]}`)
}

func TestRecordLimit(t *testing.T) {
	c := newCaller(t, hubspottest.Options{MaxCustomRecords: 1})
	c.withGifts()
	c.gifts("T-1")
	if r := c.must(400, createGift, `{"properties":{"key":"T-2"}}`); r.str("subCategory") != "PORTAL_WIDE_CUSTOM_OBJECT_LIMIT_EXCEEDED" {
		t.Errorf("%s", r.text)
	}
	r := c.must(200, "GET /crm/limits/2026-09/records", "")
	if r.str("customObjectTypes", "overallUsage") != "1" || r.str("customObjectTypes", "byObjectType", 0, "usage") != "1" {
		t.Errorf("%s", r.text)
	}
}

func TestBigIDs(t *testing.T) {
	c := newCaller(t, hubspottest.Options{FirstID: 1 << 60})
	contact, deal := c.portal.AddContact("", nil), c.portal.AddDeal(nil)
	c.portal.Associate("contacts", contact, "deals", deal)
	r := c.must(200, "GET /crm/objects/2026-09/contacts/"+contact+"/associations/deals", "")
	if !strings.Contains(r.text, `"toObjectId":`+deal+"}") {
		t.Errorf("%s", r.text)
	}
	if rec, ok := c.portal.Record("contacts", contact); !ok || rec.ID != contact {
		t.Errorf("record %s is not found again", contact)
	}
}

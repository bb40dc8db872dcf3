package hubspottest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// kind is the id of the unlabelled association type between two types.
func (c *caller) kind(from, to string) string {
	c.t.Helper()
	r := c.must(200, "GET /crm/associations/2026-09/"+from+"/"+to+"/labels", "")
	for i := range r.len("results") {
		if r.at("results", i, "label") == nil {
			return r.str("results", i, "typeId")
		}
	}
	c.t.Fatalf("no unlabelled type: %s", r.text)
	return ""
}

func TestPrimaryCompany(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	contact, first, second := c.portal.AddContact("", nil), c.portal.AddCompany(nil), c.portal.AddCompany(nil)
	c.portal.SetPrimaryCompany(contact, first)
	c.must(201, "POST /crm/associations/2026-09/contacts/companies/batch/create",
		`{"inputs":[{"from":{"id":"`+contact+`"},"to":{"id":"`+second+`"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":279}]}]}`)
	c.must(200, "POST /crm/associations/2026-09/0-1/0-2/batch/read", `{"inputs":[{"id":"`+contact+`"}]}`).wantJSON(
		`{"status":"COMPLETE","requestedAt":"*","startedAt":"*","completedAt":"*","results":[{"from":{"id":"` + contact + `"},"to":[
		 {"toObjectId":` + first + `,"associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":279,"label":null},{"category":"HUBSPOT_DEFINED","typeId":1,"label":"Primary"}]},
		 {"toObjectId":` + second + `,"associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":279,"label":null}]}]}]}`)
	if rec, _ := c.portal.Record("contacts", contact); rec.Properties["associatedcompanyid"] != first {
		t.Errorf("associatedcompanyid = %q, want %s", rec.Properties["associatedcompanyid"], first)
	}
	// A new primary company takes the label from the old one.
	c.must(201, "PUT /crm/objects/2026-09/companies/"+second+"/associations/contacts/"+contact, `[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":2}]`)
	want := map[string][]hubspottest.Link{"companies": {{ToID: first, Types: []int{279}}, {ToID: second, Types: []int{1, 279}}}}
	if diff := cmp.Diff(want, c.portal.Links("contacts", contact)); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	r := c.must(200, "GET /crm/objects/2026-09/contacts/"+contact+"?associations=companies,deals", "")
	if got := fmt.Sprint(r.at("associations", "companies", "results")); !strings.Contains(got, "contact_to_company_unlabeled") || !strings.Contains(got, "type:contact_to_company]") || r.at("associations", "deals") != nil {
		t.Errorf("%s", r.text)
	}
}

// Types of custom objects differ by portal and direction, and only the right
// one is accepted.
func TestCustomTypesAreThePortalsOwn(t *testing.T) {
	ids := make(map[string]bool)
	for seed := range uint64(5) {
		c := newCaller(t, hubspottest.Options{Seed: seed})
		typ := c.withGifts()
		there, back := c.kind(typ, "contacts"), c.kind("contacts", typ)
		if there == back || ids[there+typ] {
			t.Errorf("seed %d: types %s and %s", seed, there, back)
		}
		ids[there+typ] = true
		gift, contact := c.gifts("T-1")[0], c.portal.AddContact("", nil)
		body := func(kind, category string) string {
			return `{"inputs":[{"from":{"id":"` + gift + `"},"to":{"id":"` + contact + `"},"types":[{"associationCategory":"` + category + `","associationTypeId":` + kind + `}]}]}`
		}
		const path = "POST /crm/associations/2026-09/p62515_gift/contacts/batch/create"
		c.must(400, path, body(back, "USER_DEFINED"))
		c.must(400, path, body(there, "HUBSPOT_DEFINED"))
		c.must(400, path, body("279", "HUBSPOT_DEFINED"))
		c.must(400, path, `{"inputs":[{"from":{"id":"1"},"to":{"id":"2"},"types":[]}]}`)
		for range 2 { // what exists is no error
			r := c.must(201, path, body(there, "USER_DEFINED"))
			if r.str("results", 0, "fromObjectTypeId") != typ || r.str("results", 0, "toObjectTypeId") != "0-1" {
				t.Errorf("%s", r.text)
			}
		}
		if got := c.portal.Links("contacts", contact)["gift"]; len(got) != 1 || got[0].ToID != gift || fmt.Sprint(got[0].Types[0]) != back {
			t.Errorf("seed %d: the contact's links = %v", seed, got)
		}
	}
}

func TestAssociationPartialSuccess(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	gift, contact := c.gifts("T-1")[0], c.portal.AddContact("", nil)
	kind := c.kind("p62515_gift", "contacts")
	pair := func(from, to string) string {
		return `{"from":{"id":"` + from + `"},"to":{"id":"` + to + `"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":` + kind + `}]}`
	}
	r := c.must(207, "POST /crm/associations/2026-09/p62515_gift/contacts/batch/create", `{"inputs":[`+pair(gift, contact)+`,`+pair(gift, "5")+`]}`)
	if r.len("results") != 1 || fmt.Sprint(r.at("errors", 0, "context")) != "map[fromObjectId:["+gift+"] toObjectId:[5]]" {
		t.Errorf("%s", r.text)
	}
	c.must(400, "POST /crm/associations/2026-09/p62515_gift/contacts/batch/create", `{"inputs":[`+strings.Repeat(pair("1", "2")+",", 2000)+pair("1", "2")+`]}`)
	c.must(400, "POST /crm/associations/2026-09/p62515_gift/contacts/batch/read", `{"inputs":[`+strings.Repeat(`{"id":"1"},`, 1000)+`{"id":"2"}]}`)
}

func TestNoAssociations(t *testing.T) {
	for _, asErrors := range []bool{false, true} {
		c := newCaller(t, hubspottest.Options{NoAssociationsErrors: asErrors, TextIDs: true})
		with, without, deal := c.portal.AddContact("", nil), c.portal.AddContact("", nil), c.portal.AddDeal(nil)
		c.portal.Associate("contacts", with, "deals", deal)
		r := c.call("POST /crm/associations/2026-09/contacts/deals/batch/read", `{"inputs":[{"id":"`+with+`"},{"id":"`+without+`"},{"id":"6"}]}`)
		if r.len("results") != 1 || r.at("results", 0, "to", 0, "toObjectId") != deal {
			t.Errorf("%s", r.text)
		}
		switch {
		case !asErrors && (r.status != 200 || r.at("errors") != nil):
			t.Errorf("status %d: %s", r.status, r.text)
		case asErrors && (r.status != 207 || r.len("errors") != 2 || r.str("errors", 0, "subCategory") != "crm.associations.NO_ASSOCIATIONS_FOUND"):
			t.Errorf("status %d: %s", r.status, r.text)
		}
	}
}

func TestAssociationPages(t *testing.T) {
	c := newCaller(t, hubspottest.Options{AssociationPage: 2})
	contact := c.portal.AddContact("", nil)
	want := make(map[string]bool)
	for range 5 {
		deal := c.portal.AddDeal(nil)
		want[deal] = true
		c.portal.Associate("contacts", contact, "deals", deal)
	}
	after := ""
	for range 3 {
		cursor := ""
		if after != "" {
			cursor = `,"after":"` + after + `"`
		}
		r := c.must(200, "POST /crm/associations/2026-09/contacts/deals/batch/read", `{"inputs":[{"id":"`+contact+`"`+cursor+`}]}`)
		for i := range r.len("results", 0, "to") {
			delete(want, fmt.Sprintf("%.0f", r.at("results", 0, "to", i, "toObjectId")))
		}
		if after = r.str("results", 0, "paging", "next", "after"); r.at("results", 0, "paging") == nil {
			after = ""
		}
	}
	if len(want) != 0 || after != "" {
		t.Errorf("missing after three pages: %v, cursor %q", want, after)
	}
	if r := c.must(200, "GET /crm/objects/2026-09/contacts/"+contact+"/associations/deals?limit=3", ""); r.len("results") != 3 || r.at("paging") == nil {
		t.Errorf("%s", r.text)
	}
}

func TestLabelsAndDefaults(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	contact, deal := c.portal.AddContact("", nil), c.portal.AddDeal(nil)
	r := c.must(200, "POST /crm/associations/2026-09/contacts/deals/labels", `{"name":"champion","label":"Champion","inverseLabel":"Championed by"}`)
	label := r.str("results", 0, "typeId")
	c.must(409, "POST /crm/associations/2026-09/contacts/deals/labels", `{"name":"champion","label":"Champion"}`)
	path := "/crm/objects/2026-09/contacts/" + contact + "/associations/deals/" + deal
	if r := c.must(201, "PUT "+path, `[{"associationCategory":"USER_DEFINED","associationTypeId":`+label+`}]`); r.str("labels", 0) != "Champion" {
		t.Errorf("%s", r.text)
	}
	if got := c.portal.Links("deals", deal)["contacts"]; len(got) != 1 || len(got[0].Types) != 2 || got[0].Types[0] != 3 {
		t.Errorf("a labelled association = %v, want the unlabelled type 3 as well", got)
	}
	// PUT replaces the labels, DELETE removes everything.
	c.must(201, "PUT "+path, `[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":4}]`)
	if got := c.portal.Links("contacts", contact)["deals"]; len(got) != 1 || len(got[0].Types) != 1 {
		t.Errorf("after replacing = %v", got)
	}
	c.must(204, "DELETE "+path, "")
	r = c.must(200, "PUT /crm/objects/2026-09/contacts/"+contact+"/associations/default/deals/"+deal, "")
	if r.len("results") != 2 || c.portal.Links("contacts", contact)["deals"] == nil {
		t.Errorf("%s", r.text)
	}
	c.must(204, "POST /crm/associations/2026-09/contacts/deals/batch/archive", `{"inputs":[{"from":{"id":"`+contact+`"},"to":[{"id":"`+deal+`"}]}]}`)
	if got := c.portal.Links("contacts", contact); len(got) != 0 {
		t.Errorf("after archiving = %v", got)
	}
	c.must(200, "POST /crm/associations/2026-09/contacts/deals/batch/associate/default", `{"inputs":[{"from":{"id":"`+contact+`"},"to":{"id":"`+deal+`"}}]}`)
	if got := c.portal.AssociateLabelled("contacts", contact, "deals", deal, "Champion"); fmt.Sprint(got) != label {
		t.Errorf("the label's type = %d, want %s", got, label)
	}
}

func TestAssociationLimit(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	company, gifts, kind := c.portal.AddCompany(nil), c.gifts("T-1", "T-2"), c.kind("p62515_gift", "companies")
	c.portal.LimitAssociations("companies", "gift", 1)
	var inputs []string
	for _, g := range gifts {
		inputs = append(inputs, `{"from":{"id":"`+g+`"},"to":{"id":"`+company+`"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":`+kind+`}]}`)
	}
	r := c.must(207, "POST /crm/associations/2026-09/p62515_gift/companies/batch/create", `{"inputs":[`+strings.Join(inputs, ",")+`]}`)
	if r.len("results") != 1 || r.str("errors", 0, "subCategory") != "ASSOCIATION_LIMIT_EXCEEDED" {
		t.Errorf("%s", r.text)
	}
	c.must(400, "POST /crm/objects/2026-09/p62515_gift", `{"properties":{"key":"T-3"},"associations":[{"to":{"id":"`+company+`"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":`+kind+`}]}]}`)
}

func TestArchiveDropsAssociations(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	contact, deal := c.portal.AddContact("a@example.com", nil), c.portal.AddDeal(nil)
	c.portal.Associate("contacts", contact, "deals", deal)
	c.portal.Archive("contacts", contact)
	if got := c.portal.Links("deals", deal); len(got) != 0 {
		t.Errorf("links to an archived contact: %v", got)
	}
	if !c.portal.Restore("contacts", contact) || len(c.portal.Links("contacts", contact)) != 0 || len(c.portal.Find("contacts", "email", "a@example.com")) != 1 {
		t.Error("a restored contact is not as it should be")
	}
}

// TestAssociateUnknownRecord: a pair that lacks a record is no pair, and refuses all.
func TestAssociateUnknownRecord(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	contact, deal := c.portal.AddContact("", nil), c.portal.AddDeal(nil)
	whole := `{"from":{"id":"` + contact + `"},"to":{"id":"` + deal + `"}}`
	const path = "POST /crm/v4/associations/contacts/deals/batch/associate/default"
	for _, half := range []string{`{"to":{"id":"` + deal + `"}}`, `{"from":{"id":"` + contact + `"}}`, `{"from":{},"to":{"id":"` + deal + `"}}`} {
		c.must(400, path, `{"inputs":[`+whole+`,`+half+`]}`)
	}
	if links := c.portal.Links("contacts", contact); len(links) != 0 {
		t.Errorf("associated all the same: %v", links)
	}
	c.must(200, path, `{"inputs":[`+whole+`]}`)
}

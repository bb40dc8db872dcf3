package hubspottest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

func TestPaths(t *testing.T) {
	c := newCaller(t, hubspottest.Options{ID: 71, Seed: 5})
	typ := c.withGifts()
	id := c.gifts("T-1")[0]
	contact := c.portal.AddContact("ada@example.com", nil)
	for _, path := range []string{
		"/crm/objects/2026-09/p71_gift/" + id, "/crm/objects/2026-03/" + typ + "/" + id, "/crm/v3/objects/p71_gift/" + id, "/crm/objects/v3/p71_gift/" + id,
		"/crm/v3/objects/0-1/" + contact, "/crm/v4/objects/p71_gift/" + id + "/associations/contacts", "/crm/v4/associations/p71_gift/contacts/labels",
		"/crm-object-schemas/2026-03/schemas", "/crm/v3/schemas/p71_gift", "/crm/v3/properties/contacts", "/crm/properties/2026-09/p71_gift/key",
		"/crm/v3/pipelines/deals", "/crm/pipelines/2026-09/deals/default", "/crm/owners/2026-09", "/account-info/v3/details", "/account-info/2026-09/details",
		"/crm/limits/2026-09/custom-object-types", "/crm/limits/2026-09/records", "/crm/objects/2026-09/contacts/ada%40example.com?idProperty=email",
	} {
		if r := c.must(200, "GET "+path, ""); r.header.Get("X-HubSpot-Correlation-Id") == "" {
			t.Errorf("%s: no correlation id", path)
		}
	}
	for _, path := range []string{
		"/crm/objects/2025-09/p71_gift/" + id, "/crm/objects/2026-10/contacts", "/crm/2026-09/objects/contacts", "/crm/v4/objects/contacts",
		"/crm/v3/associations/p71_gift/contacts/labels", "/crm/schemas/2026-09", "/crm-object-schemas/v3/other", "/crm/account/2026-09/details", "/crm/schemas/2026-09/schemas", "/nonsense", "/", "/crm/objects/2026-09/p71_gift/999", "/crm/objects/2026-09/p71_gift/abc",
	} {
		c.must(404, "GET "+path, "")
	}
	// A custom object goes by its type id or its fully qualified name.
	c.must(400, "GET /crm/objects/2026-09/gift/"+id, "")
	c.must(400, "GET /crm/associations/2026-09/gift/contacts/labels", "")
	c.must(404, "GET /crm-object-schemas/2026-09/schemas/gift", "")
	c.must(414, "GET /crm/objects/2026-09/contacts?properties="+strings.Repeat("x,", 4096), "")
	// A wrong version is refused before the token is checked.
	c.token = "stolen"
	c.must(404, "GET /crm/objects/2025-09/contacts", "")
	c.must(401, "GET /crm/objects/2026-09/contacts", "").wantJSON(`{"status":"error","category":"INVALID_AUTHENTICATION","correlationId":"*",
	 "message":"Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"}`)
}

func TestListOfRecords(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	var want []string
	for i := range 7 {
		want = append(want, c.gifts(fmt.Sprintf("T-%d", i))...)
	}
	c.must(204, "DELETE /crm/objects/2026-09/p62515_gift/"+want[3], "")
	var got []string
	for after := ""; ; {
		path := "GET /crm/objects/2026-09/p62515_gift?limit=2&properties=key,amount"
		if after != "" {
			path += "&after=" + after
		}
		r := c.must(200, path, "")
		for i := range r.len("results") {
			got = append(got, r.str("results", i, "id"))
		}
		if r.at("paging") == nil {
			break
		}
		after = r.str("paging", "next", "after")
		if link := r.str("paging", "next", "link"); link != "https://api.hubapi.com/crm/objects/2026-09/p62515_gift?after="+after+"&limit=2&properties=key%2Camount" {
			t.Errorf("link = %s", link)
		}
	}
	if diff := cmp.Diff(append(append([]string{}, want[:3]...), want[4:]...), got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if r := c.must(200, "GET /crm/objects/2026-09/p62515_gift?archived=true", ""); r.len("results") != 1 || r.str("results", 0, "id") != want[3] {
		t.Errorf("archived: %s", r.text)
	}
	c.must(400, "GET /crm/objects/2026-09/p62515_gift?limit=101", "")
}

func TestGetAndPatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{})
		id := c.portal.AddContact("Ada@Example.com", map[string]string{"firstname": "Ada"})
		c.must(200, "GET /crm/objects/2026-09/contacts/"+id, "").wantJSON(`{"id":"` + id + `","archived":false,"createdAt":"2000-01-01T00:00:00.000Z","updatedAt":"2000-01-01T00:00:00.000Z",
		 "url":"https://app.hubspot.com/contacts/62515/record/0-1/` + id + `",
		 "properties":{"createdate":"2000-01-01T00:00:00.000Z","email":"ada@example.com","firstname":"Ada","hs_object_id":"` + id + `","lastmodifieddate":"2000-01-01T00:00:00.000Z","lastname":null}}`)
		r := c.must(200, "PATCH /crm/objects/2026-09/contacts/ada%40example.com?idProperty=email", `{"properties":{"email":"ADA.L@example.com"}}`)
		if got := r.str("properties", "email"); got != "ada.l@example.com" {
			t.Errorf("stored address = %q, want lower case", got)
		}
		r = c.must(400, "POST /crm/objects/2026-09/contacts", `{"properties":{"email":"not an address"}}`)
		if r.str("errors", 0, "code") != "INVALID_EMAIL" || r.str("errors", 0, "context", "propertyName", 0) != "email" {
			t.Errorf("%s", r.text)
		}
		c.must(404, "GET /crm/objects/2026-09/contacts/5", "").
			wantJSON(`{"status":"error","message":"Object not found.  objectId are usually numeric.","category":"OBJECT_NOT_FOUND","correlationId":"*"}`)
		c.must(400, "GET /crm/objects/2026-09/nonsense/5", "")
	})
}

func TestMerge(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	a := c.portal.AddContact("a@example.com", map[string]string{"firstname": "A"})
	b := c.portal.AddContact("b@example.com", map[string]string{"firstname": "B", "lastname": "Bee"})
	company, other := c.portal.AddCompany(nil), c.portal.AddCompany(nil)
	deal := c.portal.AddDeal(nil)
	c.portal.SetPrimaryCompany(a, company)
	c.portal.SetPrimaryCompany(b, other)
	c.portal.Associate("contacts", b, "deals", deal)

	id := c.portal.Merge("contacts", a, b)
	if id == a || id == b {
		t.Fatalf("a merge kept the id %s", id)
	}
	for _, old := range []string{a, b} {
		if r := c.must(200, "GET /crm/objects/2026-09/contacts/"+old+"?properties=hs_merged_object_ids,hs_additional_emails,firstname,lastname,email,associatedcompanyid", ""); r.str("id") != id ||
			r.str("properties", "hs_merged_object_ids") != a+";"+b || r.str("properties", "hs_additional_emails") != "b@example.com" ||
			r.str("properties", "firstname") != "A" || r.str("properties", "lastname") != "Bee" || r.str("properties", "associatedcompanyid") != company {
			t.Errorf("GET %s: %s", old, r.text)
		}
	}
	if r := c.must(200, "PATCH /crm/v3/objects/contacts/"+b, `{"properties":{"lastname":"Cee"}}`); r.str("id") != id {
		t.Errorf("PATCH of a merged id answers %s, want %s", r.str("id"), id)
	}
	// In batches the old ids are gone without a word.
	live := c.portal.AddContact("c@example.com", nil)
	r := c.must(200, "POST /crm/objects/2026-09/contacts/batch/update", `{"inputs":[{"id":"`+a+`","objectWriteTraceId":"1","properties":{}},{"id":"`+live+`","objectWriteTraceId":"2","properties":{}}]}`)
	if r.len("results") != 1 || r.at("numErrors") != nil {
		t.Errorf("batch update: %s", r.text)
	}
	if r := c.must(200, "POST /crm/objects/2026-09/contacts/batch/read", `{"inputs":[{"id":"`+a+`"},{"id":"`+live+`"}]}`); r.len("results") != 1 {
		t.Errorf("batch read: %s", r.text)
	}
	links := c.portal.Links("contacts", id)
	want := map[string][]hubspottest.Link{
		"companies": {{ToID: company, Types: []int{1, 279}}, {ToID: other, Types: []int{279}}},
		"deals":     {{ToID: deal, Types: []int{4}}},
	}
	if diff := cmp.Diff(want, links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	// By address: the loser's is an additional one now.
	const read = `{"idProperty":"email","inputs":[{"id":"b@example.com"}]}`
	if r := c.must(207, "POST /crm/objects/2026-09/contacts/batch/read", read); r.len("results") != 0 {
		t.Errorf("%s", r.text)
	}
	again := c.must(200, "POST /crm/objects/2026-09/contacts/merge", `{"primaryObjectId":"`+live+`","objectIdToMerge":"`+a+`"}`).str("id")
	if rec, ok := c.portal.Record("contacts", b); !ok || rec.ID != again {
		t.Errorf("a twice merged id resolves to %v, want %s", rec.ID, again)
	}
}

func TestSecondaryByEmail(t *testing.T) {
	c := newCaller(t, hubspottest.Options{SecondaryByEmail: true})
	id := c.portal.AddContact("main@example.com", map[string]string{"hs_additional_emails": "old@example.com;older@example.com"})
	r := c.must(200, "POST /crm/objects/2026-09/contacts/batch/read", `{"idProperty":"email","inputs":[{"id":"main@example.com"},{"id":"older@example.com"}]}`)
	if r.len("results") != 1 || r.str("results", 0, "id") != id {
		t.Errorf("%s", r.text)
	}
}

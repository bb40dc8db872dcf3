package hubspottest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

func (c *caller) hits(typ, filters string) string {
	c.t.Helper()
	r := c.must(200, "POST /crm/objects/2026-09/"+typ+"/search", `{"filterGroups":[{"filters":[`+filters+`]}],"properties":["firstname"]}`)
	var names []string
	for i := range r.len("results") {
		names = append(names, r.str("results", i, "properties", "firstname"))
	}
	if r.str("total") != fmt.Sprint(len(names)) {
		c.t.Errorf("total %s of %v", r.str("total"), names)
	}
	return strings.Join(names, " ")
}

func TestSearchOperators(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	ada := c.portal.AddContact("ada@example.com", map[string]string{"firstname": "Ada", "hs_additional_emails": "countess@example.com;b.ada@other.example.com"})
	c.portal.AddContact("bob@example.com", map[string]string{"firstname": "Bob", "lastname": "Byte"})
	gone := c.portal.AddContact("eve@example.com", map[string]string{"firstname": "Eve"})
	c.portal.Archive("contacts", gone)
	for _, test := range []struct{ filter, want string }{
		{`{"propertyName":"email","operator":"EQ","value":"ADA@Example.com"}`, "Ada"},
		{`{"propertyName":"email","operator":"IN","values":["ada@example.com","bob@example.com","eve@example.com"]}`, "Ada Bob"},
		{`{"propertyName":"email","operator":"IN","values":["Ada@example.com"]}`, ""},
		{`{"propertyName":"email","operator":"IN","values":["countess@example.com"]}`, ""}, // blind to additional addresses
		{`{"propertyName":"hs_additional_emails","operator":"CONTAINS_TOKEN","value":"countess@example.com"}`, "Ada"},
		{`{"propertyName":"hs_additional_emails","operator":"EQ","value":"countess@example.com"}`, "Ada"},
		{`{"propertyName":"hs_additional_emails","operator":"CONTAINS_TOKEN","value":"ada@other.example.com"}`, "Ada"}, // words, not addresses
		{`{"propertyName":"email","operator":"CONTAINS_TOKEN","value":"b*"}`, "Bob"},
		{`{"propertyName":"lastname","operator":"HAS_PROPERTY"}`, "Bob"},
		{`{"propertyName":"lastname","operator":"NOT_HAS_PROPERTY"}`, "Ada"},
		{`{"propertyName":"firstname","operator":"NEQ","value":"ada"}`, "Bob"},
		{`{"propertyName":"firstname","operator":"NOT_IN","values":["bob"]}`, "Ada"},
		{`{"propertyName":"hs_object_id","operator":"GT","value":"` + ada + `"}`, "Bob"},
		{`{"propertyName":"hs_object_id","operator":"IN","values":["` + ada + `","` + gone + `"]}`, "Ada"},
		{`{"propertyName":"firstname","operator":"BETWEEN","value":"a","highValue":"b"}`, "Ada"},
		{`{"propertyName":"createdate","operator":"LT","value":"946684800000"}`, ""},
		{`{"propertyName":"createdate","operator":"GTE","value":"946684800000"}`, "Ada Bob"},
		{`{"propertyName":"firstname","operator":"EQ","value":"bob"},{"propertyName":"lastname","operator":"EQ","value":"nobody"}`, ""},
	} {
		if got := c.hits("contacts", test.filter); got != test.want {
			t.Errorf("%s finds %q, want %q", test.filter, got, test.want)
		}
	}
	r := c.must(200, "POST /crm/v3/objects/contacts/search", `{"query":"byte","properties":["email"]}`)
	if r.len("results") != 1 || r.str("results", 0, "properties", "email") != "bob@example.com" {
		t.Errorf("query: %s", r.text)
	}
	r = c.must(200, "POST /crm/v3/objects/contacts/search", `{"sorts":[{"propertyName":"firstname","direction":"DESCENDING"}],"limit":1,"properties":["lastname"]}`)
	if r.str("results", 0, "properties", "lastname") != "Byte" || r.str("paging", "next", "after") != "1" {
		t.Errorf("sorted: %s", r.text)
	}
	r = c.must(200, "POST /crm/v3/objects/contacts/search", `{"sorts":[{"propertyName":"firstname","direction":"DESCENDING"}],"limit":1,"after":"1","properties":["lastname"]}`)
	if v, ok := r.at("results", 0, "properties").(map[string]any)["lastname"]; !ok || v != nil || r.at("paging") != nil {
		t.Errorf("second page: %s", r.text)
	}
}

// TestSearchSorts: a sort is an object, or a name as HubSpot's clients send it.
func TestSearchSorts(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	first, last := c.portal.AddContact("a@example.com", nil), c.portal.AddContact("b@example.com", nil)
	for sort, want := range map[string]string{
		`{"propertyName":"email"}`: first, `{"propertyName":"email","direction":"DESCENDING"}`: last,
		`"email"`: first, `"-email"`: last,
	} {
		r := c.must(200, "POST /crm/v3/objects/contacts/search", `{"sorts":[`+sort+`],"limit":1}`)
		if got := r.str("results", 0, "id"); got != want {
			t.Errorf("%s: %s comes first, want %s", sort, got, want)
		}
	}
	c.must(400, "POST /crm/v3/objects/contacts/search", `{"sorts":[1]}`)
}

// Enumerations keep their case; the other properties do not.
func TestSearchEnumeration(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.portal.AddDeal(map[string]string{"dealstage": "closedwon"})
	open := c.portal.AddDeal(nil)
	for filter, want := range map[string]int{
		`{"propertyName":"dealstage","operator":"EQ","value":"ClosedWon"}`:       0,
		`{"propertyName":"dealstage","operator":"EQ","value":"closedwon"}`:       1,
		`{"propertyName":"hs_is_closed","operator":"EQ","value":"false"}`:        1,
		`{"propertyName":"hs_is_closed","operator":"NEQ","value":"true"}`:        1,
		`{"propertyName":"hs_object_id","operator":"EQ","value":"` + open + `"}`: 1,
	} {
		r := c.must(200, "POST /crm/objects/2026-09/deals/search", `{"filterGroups":[{"filters":[`+filter+`]}]}`)
		if r.len("results") != want {
			t.Errorf("%s finds %d, want %d", filter, r.len("results"), want)
		}
	}
}

func TestSearchBounds(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	const f = `{"propertyName":"email","operator":"HAS_PROPERTY"}`
	group := func(n int) string {
		return `{"filters":[` + strings.TrimSuffix(strings.Repeat(f+",", n), ",") + `]}`
	}
	groups := func(n, each int) string {
		return `{"filterGroups":[` + strings.TrimSuffix(strings.Repeat(group(each)+",", n), ",") + `]}`
	}
	for body, want := range map[string]int{
		groups(5, 1): 200, groups(6, 1): 400, groups(1, 6): 200, groups(1, 7): 400, groups(3, 6): 200, groups(4, 5): 400,
		`{"limit":200}`: 200, `{"limit":201}`: 400, `{"limit":200,"after":"9800"}`: 200, `{"limit":200,"after":"9801"}`: 400, `{"after":"x"}`: 400,
		`{"query":"` + strings.Repeat("x", 3000) + `"}`:                                           400,
		`{"filterGroups":[{"filters":[{"propertyName":"nope","operator":"EQ","value":"1"}]}]}`:    400,
		`{"filterGroups":[{"filters":[{"propertyName":"email","operator":"LIKE","value":"1"}]}]}`: 400,
		`{"filterGroups":[{"filters":[{"propertyName":"email","operator":"IN"}]}]}`:               400,
		`{"sorts":[{"propertyName":"email"},{"propertyName":"email"}]}`:                           400,
	} {
		if r := c.call("POST /crm/objects/2026-09/contacts/search", body); r.status != want {
			t.Errorf("%.80s: status %d, want %d: %s", body, r.status, want, r.text)
		}
	}
}

func TestSearchLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{SearchLag: 10 * time.Second})
		const byName = `{"propertyName":"firstname","operator":"EQ","value":"ada"}`
		const byEmail = `{"propertyName":"email","operator":"EQ","value":"ada@example.com"}`
		id := c.portal.AddContact("ada@example.com", map[string]string{"firstname": "Ada"})
		if got := c.hits("contacts", byName) + c.hits("contacts", byEmail); got != "" {
			t.Errorf("a new contact is found at once: %q", got)
		}
		time.Sleep(10 * time.Second)
		if got := c.hits("contacts", byName) + c.hits("contacts", byEmail); got != "AdaAda" {
			t.Errorf("after the lag: %q", got)
		}
		c.portal.UpdateProperties("contacts", id, map[string]string{"firstname": "Eve", "email": "eve@example.com"})
		if got := c.hits("contacts", byName) + c.hits("contacts", byEmail); got != "AdaAda" {
			t.Errorf("a change is visible at once: %q", got)
		}
		time.Sleep(10 * time.Second)
		if got := c.hits("contacts", byName) + c.hits("contacts", byEmail); got != "" {
			t.Errorf("the old values stay: %q", got)
		}
		c.portal.UpdateProperties("contacts", id, map[string]string{"firstname": "Ada"})
		time.Sleep(10 * time.Second)
		c.portal.Archive("contacts", id)
		if got := c.hits("contacts", byName); got != "" {
			t.Errorf("an archived contact is found: %q", got)
		}
	})
}

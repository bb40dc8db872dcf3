package hubspottest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

func TestOwners(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	ada, bob, eve := c.portal.AddOwner("ada@example.com", "Ada", "A"), c.portal.AddOwner("bob@example.com", "Bob", "B"), c.portal.AddOwner("eve@example.com", "Eve", "E")
	c.portal.ArchiveOwner(bob)
	ids := func(query string) (got []string) {
		t.Helper()
		after := ""
		for {
			r := c.must(200, "GET /crm/owners/2026-09?limit=1"+query+after, "")
			for i := range r.len("results") {
				got = append(got, r.str("results", i, "id"))
			}
			if r.at("paging") == nil {
				return got
			}
			after = "&after=" + r.str("paging", "next", "after")
		}
	}
	if got := ids(""); !slices.Equal(got, []string{ada, eve}) {
		t.Errorf("active owners %v", got)
	}
	if got := ids("&archived=true"); !slices.Equal(got, []string{bob}) {
		t.Errorf("archived owners %v", got)
	}
	if got := ids("&email=EVE@example.com"); !slices.Equal(got, []string{eve}) {
		t.Errorf("owners by address %v", got)
	}
	scopes := slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return s == "crm.objects.owners.read" })
	c.portal.SetScopes(scopes...)
	if r := c.must(403, "GET /crm/owners/2026-09", ""); r.str("category") != "MISSING_SCOPES" || r.str("errors", 0, "context", "requiredGranularScopes", 0) != "crm.objects.owners.read" {
		t.Errorf("%s", r.text)
	}
}

// TestInlineAssociationLimit: limits count what the earlier inputs of a batch
// take, on either side, and refuse the item, or its link, by the switch.
func TestInlineAssociationLimit(t *testing.T) {
	for _, tt := range []struct {
		invalid          hubspottest.InvalidLinks
		written, refused int // of three records that are linked to a company with one place
	}{
		{hubspottest.RefuseRecord, 1, 2},
		{hubspottest.DropLink, 3, 0},
		{hubspottest.WriteThenRefuse, 3, 2},
	} {
		c := newCaller(t, hubspottest.Options{InvalidLinks: tt.invalid})
		c.withGifts()
		company := c.portal.AddCompany(nil)
		c.portal.LimitAssociations("companies", "gift", 1)
		create := func(key string, to ...string) string {
			var links []string
			for _, id := range to {
				links = append(links, `{"to":{"id":"`+id+`"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":`+c.kind("p62515_gift", "companies")+`}]}`)
			}
			return `{"objectWriteTraceId":"` + key + `","properties":{"key":"` + key + `"},"associations":[` + strings.Join(links, ",") + `]}`
		}
		r := c.call("POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[`+create("T-1", company)+`,`+create("T-2", company)+`,`+create("T-3", company, company)+`]}`)
		if want := map[bool]int{true: 207, false: 201}[tt.refused > 0]; r.status != want || r.len("errors") != tt.refused || r.len("results") != 3-tt.refused {
			t.Errorf("%v: status %d: %s", tt.invalid, r.status, r.text)
		}
		if tt.refused > 0 && (r.str("errors", 0, "subCategory") != "ASSOCIATION_LIMIT_EXCEEDED" || r.str("errors", 0, "context", "objectWriteTraceId", 0) != "T-2") {
			t.Errorf("%v: %s", tt.invalid, r.text)
		}
		if n, links := c.portal.Count("gift"), c.portal.Links("companies", company)["gift"]; n != tt.written || len(links) != 1 {
			t.Errorf("%v: %d records written, the company has %d of 1 link", tt.invalid, n, len(links))
		}

		// The other side: a gift has room for one company.
		other := c.portal.AddCompany(nil)
		c.portal.LimitAssociations("gift", "companies", 1)
		r = c.call("POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[`+create("T-4", other, c.portal.AddCompany(nil))+`,`+create("T-5")+`]}`)
		if got := c.portal.Find("gift", "key", "T-4"); (len(got) == 1) != (tt.invalid != hubspottest.RefuseRecord) || len(got) == 1 && len(c.portal.Links("gift", got[0].ID)["companies"]) != 1 {
			t.Errorf("%v: %v: %s", tt.invalid, got, r.text)
		}
	}
}

// TestMergeOfCompaniesAndCustomRecords: as of contacts, the third record has
// both old ones' associations, and of the unique values the first one's.
func TestMergeOfCompaniesAndCustomRecords(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	gifts := c.gifts("T-1", "T-2")
	person, companies := c.portal.AddContact("", nil), []string{c.portal.AddCompany(map[string]string{"name": "A"}), c.portal.AddCompany(map[string]string{"name": "B"})}
	c.portal.SetPrimaryCompany(person, companies[1])
	for i := range gifts {
		c.portal.Associate("gift", gifts[i], "companies", companies[i])
	}
	c.portal.Associate("gift", gifts[1], "contacts", person)

	company := c.portal.Merge("companies", companies[0], companies[1])
	gift := c.portal.Merge("gift", gifts[0], gifts[1])
	want := map[string][]hubspottest.Link{"contacts": c.portal.Links("gift", gift)["contacts"], "companies": c.portal.Links("gift", gift)["companies"]}
	if diff := cmp.Diff(want, c.portal.Links("gift", gift)); diff != "" || len(want["contacts"]) != 1 || want["contacts"][0].ToID != person || len(want["companies"]) != 1 || want["companies"][0].ToID != company {
		t.Errorf("links of the merged record %v", c.portal.Links("gift", gift))
	}
	if rec, _ := c.portal.Record("contacts", person); rec.Properties["associatedcompanyid"] != company {
		t.Errorf("primary company %q, want the merged %s", rec.Properties["associatedcompanyid"], company)
	}
	for typ, old := range map[string][]string{"p62515_gift": gifts, "companies": companies} {
		current := map[string]string{"p62515_gift": gift, "companies": company}[typ]
		for _, id := range old {
			if id == current {
				t.Fatalf("%s: the merge kept the id %s", typ, id)
			}
			if r := c.must(200, "GET /crm/objects/2026-09/"+typ+"/"+id, ""); r.str("id") != current {
				t.Errorf("%s: the old id resolves to %s, want %s", typ, r.str("id"), current)
			}
			if r := c.must(200, "POST /crm/objects/2026-09/"+typ+"/batch/read", `{"inputs":[{"id":"`+id+`"}]}`); r.len("results") != 0 || r.at("errors") != nil {
				t.Errorf("%s: a merged id in a batch: %s", typ, r.text)
			}
		}
	}
	r := c.must(207, "POST /crm/objects/2026-09/p62515_gift/batch/read", `{"idProperty":"key","properties":["key","hs_merged_object_ids"],"inputs":[{"id":"T-1"},{"id":"T-2"}]}`)
	if r.len("results") != 1 || r.str("results", 0, "properties", "key") != "T-1" || fmt.Sprint(r.at("errors", 0, "context", "ids")) != "[T-2]" {
		t.Errorf("%s", r.text)
	}
	// In a batch, an old id has no associations.
	if r := c.must(200, "POST /crm/associations/2026-09/p62515_gift/companies/batch/read", `{"inputs":[{"id":"`+gifts[0]+`"}]}`); r.len("results") != 0 {
		t.Errorf("%s", r.text)
	}
}

func TestRemoveLabel(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	contact, deal := c.portal.AddContact("", nil), c.portal.AddDeal(nil)
	c.portal.AssociateLabelled("contacts", contact, "deals", deal, "Champion")
	c.portal.RemoveLabel("contacts", contact, "deals", deal, "Champion")
	for from, links := range map[string][]hubspottest.Link{"contact": c.portal.Links("contacts", contact)["deals"], "deal": c.portal.Links("deals", deal)["contacts"]} {
		if len(links) != 1 || len(links[0].Types) != 1 {
			t.Errorf("the %s's links without the label: %v", from, links)
		}
	}
}

// TestArchivedIsNotListed: a restored record is live again in every call.
func TestArchivedIsNotListed(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	id := c.gifts("T-1")[0]
	read := `{"idProperty":"key","inputs":[{"id":"T-1"}]}`
	count := func() (n [4]int) {
		t.Helper()
		n[0] = c.must(200, "GET /crm/objects/2026-09/p62515_gift", "").len("results")
		n[1] = c.must(200, "GET /crm/objects/2026-09/p62515_gift?archived=true", "").len("results")
		n[2] = c.call("POST /crm/objects/2026-09/p62515_gift/batch/read", read).len("results")
		n[3] = c.call("POST /crm/objects/2026-09/p62515_gift/batch/read?archived=true", read).len("results")
		return n
	}
	if got := count(); got != [4]int{1, 0, 1, 0} {
		t.Errorf("live: %v", got)
	}
	c.portal.Archive("gift", id)
	if got := count(); got != [4]int{0, 1, 0, 1} {
		t.Errorf("archived: %v", got)
	}
	c.must(404, "GET /crm/objects/2026-09/p62515_gift/"+id, "")
	c.must(200, "GET /crm/objects/2026-09/p62515_gift/"+id+"?archived=true", "")
	if !c.portal.Restore("gift", id) {
		t.Fatal("not restored")
	}
	if got := count(); got != [4]int{1, 0, 1, 0} {
		t.Errorf("restored: %v", got)
	}
}

package hubspottest_test

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

const listContacts = "GET /crm/objects/2026-09/contacts"

func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{Limits: hubspottest.Limits{Burst: 110, SearchPerSecond: 5, AssociationsPer10s: 3}})
		contact := c.portal.AddContact("", nil)
		first := c.must(200, listContacts, "")
		for name, want := range map[string]string{
			"X-Hubspot-Ratelimit-Max": "110", "X-Hubspot-Ratelimit-Remaining": "109", "X-Hubspot-Ratelimit-Interval-Milliseconds": "10000",
			"X-Hubspot-Ratelimit-Secondly": "11", "X-Hubspot-Ratelimit-Secondly-Remaining": "10", "X-Hubspot-Ratelimit-Daily": "",
		} {
			if got := first.header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		for i := range 109 {
			time.Sleep(50 * time.Millisecond)
			if got, want := c.must(200, listContacts, "").header.Get("X-Hubspot-Ratelimit-Remaining"), strconv.Itoa(108-i); got != want {
				t.Fatalf("remaining = %s, want %s", got, want)
			}
		}
		c.must(429, listContacts, "").wantJSON(`{"status":"error","message":"You have reached your ten_secondly_rolling limit.","errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING","correlationId":"*"}`)
		// Search and association batches have budgets of their own, one link has not.
		search := c.must(200, "POST /crm/objects/2026-09/contacts/search", "{}")
		if search.header.Get("X-Hubspot-Ratelimit-Max") != "" {
			t.Error("a search answer carries rate headers")
		}
		c.must(200, "POST /crm/associations/2026-09/contacts/deals/batch/read", `{"inputs":[{"id":"`+contact+`"}]}`)
		c.must(429, "GET /crm/objects/2026-09/contacts/"+contact+"/associations/deals", "")
		c.must(429, "GET /crm/properties/2026-09/contacts", "")
		// The window rolls: one place for each call that has become old.
		time.Sleep(10*time.Second - 109*50*time.Millisecond)
		c.must(200, listContacts, "")
		c.must(429, listContacts, "")
		time.Sleep(50 * time.Millisecond)
		c.must(200, listContacts, "")
		if n := c.portal.Requests(); n.ByStatus[429] != 4 || n.ByClass[hubspottest.ClassSearch] != 1 || n.ByClass[hubspottest.ClassAssociations] != 1 {
			t.Errorf("requests = %+v", n)
		}
	})
}

func TestSearchAndAssociationLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{Limits: hubspottest.Limits{SearchPerSecond: 5, AssociationsPer10s: 3}})
		for range 5 {
			c.must(200, "POST /crm/objects/2026-09/deals/search", "{}")
		}
		r := c.must(429, "POST /crm/objects/2026-09/contacts/search", "{}")
		if r.str("policyName") != "SECONDLY" || r.str("message") != "You have reached your secondly limit." {
			t.Errorf("%s", r.text)
		}
		time.Sleep(time.Second)
		c.must(200, "POST /crm/objects/2026-09/contacts/search", "{}")
		const read, body = "POST /crm/associations/2026-09/contacts/deals/batch/read", `{"inputs":[{"id":"1"}]}`
		for range 3 {
			c.must(200, read, body)
		}
		c.must(429, read, body)
		time.Sleep(10 * time.Second)
		c.must(200, read, body)
	})
}

// The daily budget comes back at midnight of the portal's zone, also on the
// day that lacks an hour.
func TestDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone, err := time.LoadLocation("America/New_York")
		if err != nil {
			t.Skip("no time zones on this machine")
		}
		c := newCaller(t, hubspottest.Options{TimeZone: zone.String(), Limits: hubspottest.Limits{Daily: 2, DailyHeaders: true}})
		time.Sleep(time.Until(time.Date(2000, 4, 2, 0, 30, 0, 0, zone)))
		c.must(200, listContacts, "")
		r := c.must(200, listContacts, "")
		if r.header.Get("X-Hubspot-Ratelimit-Daily") != "2" || r.header.Get("X-Hubspot-Ratelimit-Daily-Remaining") != "0" {
			t.Errorf("headers = %v", r.header)
		}
		midnight := time.Date(2000, 4, 3, 0, 0, 0, 0, zone)
		time.Sleep(time.Until(midnight) - time.Second)
		if r := c.must(429, listContacts, ""); r.str("policyName") != "DAILY" || r.str("message") != "You have reached your daily limit." {
			t.Errorf("%s", r.text)
		}
		time.Sleep(time.Second)
		c.must(200, listContacts, "")
	})
}

func TestNoLimits(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	for range 300 {
		c.must(200, listContacts, "")
	}
	if got := c.must(200, listContacts, "").header.Get("X-Hubspot-Ratelimit-Max"); got != "1000000" {
		t.Errorf("max = %s", got)
	}
}

func TestSpendBudget(t *testing.T) {
	c := newCaller(t, hubspottest.Options{Limits: hubspottest.Limits{Burst: 10}})
	c.portal.SpendBudget(9)
	if got := c.must(200, listContacts, "").header.Get("X-Hubspot-Ratelimit-Remaining"); got != "0" {
		t.Errorf("remaining = %s", got)
	}
	c.must(429, listContacts, "")
}

func TestScopesAndTier(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	gift, contact, kind := c.gifts("T-1")[0], c.portal.AddContact("", nil), ""
	kind = c.kind("p62515_gift", "contacts")
	c.must(403, "POST /crm/objects/2026-09/deals", `{"properties":{"dealname":"x"}}`).wantJSON(
		`{"status":"error","message":"This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
		 "correlationId":"*","errors":[{"message":"One or more of the following scopes are required.","context":{"requiredGranularScopes":["crm.objects.deals.write"]}}],
		 "links":{"scopes":"https://developers.hubspot.com/scopes"},"category":"MISSING_SCOPES"}`)
	link := func() reply {
		return c.call("POST /crm/associations/2026-09/p62515_gift/contacts/batch/create",
			`{"inputs":[{"from":{"id":"`+gift+`"},"to":{"id":"`+contact+`"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":`+kind+`}]}]}`)
	}
	c.portal.SetScopes("crm.objects.custom.write", "crm.objects.contacts.read")
	if r := link(); r.status != 201 {
		t.Errorf("write on one side, read on the other: %s", r.text)
	}
	c.portal.SetScopes("crm.objects.custom.write")
	if r := link(); r.status != 403 || r.str("errors", 0, "context", "requiredGranularScopes", 1) != "crm.objects.contacts.read" {
		t.Errorf("%s", r.text)
	}
	c.portal.SetScopes(hubspottest.DefaultScopes()...)
	c.portal.SetTier(hubspottest.Professional)
	for _, request := range []string{"GET /crm-object-schemas/2026-09/schemas", "GET /crm/objects/2026-09/p62515_gift", "GET /crm/properties/2026-09/p62515_gift"} {
		if r := c.must(403, request, ""); !strings.Contains(r.text, "custom.read") {
			t.Errorf("%s: %s", request, r.text)
		}
	}
	c.must(200, listContacts, "")
	c.portal.SetTier(hubspottest.Enterprise)
	c.must(200, "GET /crm/objects/2026-09/p62515_gift", "")
	c.portal.SetToken("pat-new")
	c.must(401, listContacts, "")

	strict := newCaller(t, hubspottest.Options{FarSideWrite: true, Scopes: []string{
		"crm.objects.custom.read", "crm.objects.custom.write", "crm.schemas.custom.write", "crm.objects.contacts.read",
	}})
	strict.withGifts()
	gift, contact, kind = strict.gifts("T-1")[0], strict.portal.AddContact("", nil), strict.kind("p62515_gift", "contacts")
	c = strict
	if r := link(); r.status != 403 || !strings.Contains(r.text, "crm.objects.contacts.write") {
		t.Errorf("far side: %s", r.text)
	}
}

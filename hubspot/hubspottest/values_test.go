package hubspottest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

func TestValues(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	id := c.gifts("T-1")[0]
	for _, test := range []struct {
		version, property, value string
		want                     string // stored value, or the code of the refusal
	}{
		{"2026-09", "amount", `"25.00"`, "25.00"},
		{"2026-09", "amount", `-3`, "-3"},
		{"2026-09", "amount", `"1,000"`, "INVALID_INTEGER"},
		{"2026-09", "amount", `"1.2.3"`, "INVALID_INTEGER"},
		{"2026-09", "amount", `"."`, "INVALID_INTEGER"},
		{"2026-09", "flag", `true`, "true"},
		{"2026-09", "flag", `"yes"`, "INVALID_BOOLEAN"},
		{"2026-09", "status", `"sent"`, "sent"},
		{"2026-09", "status", `"Sent"`, "INVALID_OPTION"},
		{"2026-09", "status", `"sent;opened"`, "INVALID_OPTION"},
		{"2026-09", "tags", `"a;b"`, "a;b"},
		{"2026-09", "tags", `"a;c"`, "INVALID_OPTION"},
		{"2026-09", "hs_object_id", `"5"`, "READ_ONLY_VALUE"},
		{"2026-09", "hs_lastmodifieddate", `"5"`, "READ_ONLY_VALUE"},
		{"2026-09", "nonsense", `"5"`, "PROPERTY_DOESNT_EXIST"},
		{"2026-09", "sent_at", `"2026-11-01T10:00:00Z"`, "2026-11-01T10:00:00.000Z"},
		{"2026-09", "sent_at", `"2026-11-01T10:00:00.5+02:00"`, "2026-11-01T08:00:00.500Z"},
		{"2026-09", "sent_at", `1793527200000`, "2026-11-01T10:00:00.000Z"},
		{"2026-09", "sent_at", `"yesterday"`, "INVALID_DATE"},
		{"2026-09", "day", `"2026-11-01"`, "2026-11-01"},
		{"2026-09", "day", `"1793491200000"`, "2026-11-01"},
		// Unusual dates are normalised on 2026-09 only.
		{"2026-09", "sent_at", `"1793527200"`, "2026-11-01T10:00:00.000Z"},
		{"2026-03", "sent_at", `"1793527200"`, "INVALID_DATE"},
		{"2026-09", "day", `"1793527200000"`, "2026-11-01"},
		{"2026-03", "day", `"1793527200000"`, "INVALID_DATE"},
		{"2026-09", "day", `"2026-11-01T10:00:00Z"`, "2026-11-01"},
		{"2026-09", "sent_at", `"2026-11-01T10:00:00"`, "2026-11-01T10:00:00.000Z"},
		{"2026-03", "sent_at", `"2026-11-01T10:00:00"`, "INVALID_DATE"},
	} {
		r := c.call("PATCH /crm/objects/"+test.version+"/p62515_gift/"+id, `{"properties":{"`+test.property+`":`+test.value+`}}`)
		if code := r.at("errors", 0, "code"); code != nil {
			if code != test.want || r.status != 400 || r.str("errors", 0, "context", "propertyName", 0) != test.property {
				t.Errorf("%s %s = %s: refused with %s", test.version, test.property, test.value, r.text)
			}
			continue
		}
		if got := r.str("properties", test.property); got != test.want {
			t.Errorf("%s %s = %s: stored %q, want %q", test.version, test.property, test.value, got, test.want)
		}
		stored, _ := c.portal.Record("gift", id)
		if stored.Properties[test.property] != test.want {
			t.Errorf("%s holds %q", test.property, stored.Properties[test.property])
		}
	}
	// A leading semicolon appends.
	c.must(200, "PATCH /crm/objects/2026-09/p62515_gift/"+id, `{"properties":{"tags":"a"}}`)
	if r := c.must(200, "PATCH /crm/objects/2026-09/p62515_gift/"+id, `{"properties":{"tags":";b"}}`); r.str("properties", "tags") != "a;b" {
		t.Errorf("appended: %s", r.text)
	}
}

func TestNormalisationWarns(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	r := c.must(201, "POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[{"properties":{"key":"T","day":"2026-11-01T10:00:00Z","sent_at":"2026-11-01T10:00:00Z"}}]}`)
	if r.len("results", 0, "warnings") != 1 || r.str("results", 0, "warnings", 0, "category") != "PROPERTY_VALUE_NORMALIZED" ||
		r.str("results", 0, "warnings", 0, "context", "normalizedValue") != "2026-11-01" || r.str("results", 0, "warnings", 0, "context", "rawValue") != "2026-11-01T10:00:00Z" {
		t.Errorf("%s", r.text)
	}
}

func TestOptionRefusalRepeatsTheList(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	r := c.must(400, "POST /crm/objects/2026-09/p62515_gift", `{"properties":{"key":"T","status":"gone"}}`)
	if n := strings.Count(r.str("message"), `label: \"Opened\"`); n != 2 {
		t.Errorf("the message lists the options %d times, want 2: %s", n, r.str("message"))
	}
}

func TestTextLength(t *testing.T) {
	const limit = 65_536
	for _, test := range []struct {
		unit hubspottest.LengthUnit
		text string
		want int
	}{
		{hubspottest.Runes, strings.Repeat("a", limit), 201},
		{hubspottest.Runes, strings.Repeat("a", limit+1), 400},
		{hubspottest.Runes, strings.Repeat("🎁", limit), 201},
		{hubspottest.Runes, strings.Repeat("🎁", limit+1), 400},
		{hubspottest.UTF16, strings.Repeat("🎁", limit/2), 201},
		{hubspottest.UTF16, strings.Repeat("🎁", limit/2) + "a", 400},
		{hubspottest.Bytes, strings.Repeat("ä", limit/2), 201},
		{hubspottest.Bytes, strings.Repeat("ä", limit/2) + "a", 400},
	} {
		c := newCaller(t, hubspottest.Options{LengthUnit: test.unit})
		c.withGifts()
		body, err := json.Marshal(map[string]any{"properties": map[string]string{"key": "T", "gift_name": test.text}})
		if err != nil {
			t.Fatal(err)
		}
		if r := c.call("POST /crm/objects/2026-09/p62515_gift", string(body)); r.status != test.want {
			t.Errorf("unit %d, %d bytes: status %d, want %d", test.unit, len(test.text), r.status, test.want)
		}
	}
}

func TestPropertyRules(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	c.portal.RequireProperty("gift", "gift_name")
	c.portal.AddConditionalRule("gift", "status", "opened", "amount")
	create := func(version, body string) reply {
		return c.call("POST /crm/objects/"+version+"/p62515_gift", body)
	}
	if r := create("2026-03", `{"properties":{"key":"T-0","status":"opened"}}`); r.status != 201 {
		t.Errorf("2026-03: %s", r.text)
	}
	r := create("2026-09", `{"properties":{"key":"T-1"}}`)
	if r.status != 400 || r.str("errors", 0, "code") != "MISSING_REQUIRED_PROPERTY" || r.str("message") != "A value for gift_name must be provided" {
		t.Errorf("%s", r.text)
	}
	r = create("2026-09", `{"properties":{"key":"T-1","gift_name":"x","status":"opened"}}`)
	if r.status != 400 || r.str("errors", 0, "code") != "MISSING_CONDITIONAL_REQUIRED_PROPERTY" || r.str("errors", 0, "context", "propertyName", 0) != "amount" ||
		r.str("message") != "amount is required because of a conditional property rule based on [status]" {
		t.Errorf("%s", r.text)
	}
	if r := create("2026-09", `{"properties":{"key":"T-1","gift_name":"x","status":"opened","amount":"1"}}`); r.status != 201 {
		t.Errorf("%s", r.text)
	}
	id := c.portal.Find("gift", "key", "T-0")[0].ID
	c.must(400, "PATCH /crm/objects/2026-09/p62515_gift/"+id, `{"properties":{"gift_name":"y"}}`)
	r = c.must(207, "POST /crm/objects/2026-09/p62515_gift/batch/update", `{"inputs":[{"id":"`+id+`","objectWriteTraceId":"a","properties":{"gift_name":"y"}}]}`)
	if r.str("errors", 0, "errors", 0, "code") != "MISSING_CONDITIONAL_REQUIRED_PROPERTY" {
		t.Errorf("%s", r.text)
	}
	c.portal.ClearRules()
	c.must(200, "PATCH /crm/objects/2026-09/p62515_gift/"+id, `{"properties":{"gift_name":"y"}}`)

	c = newCaller(t, hubspottest.Options{BatchesSkipRules: true})
	c.withGifts()
	c.portal.RequireProperty("gift", "gift_name")
	c.must(201, "POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[{"properties":{"key":"T"}}]}`)
	c.must(400, "POST /crm/objects/2026-09/p62515_gift", `{"properties":{"key":"T-1"}}`)
}

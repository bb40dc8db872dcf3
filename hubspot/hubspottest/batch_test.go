package hubspottest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

func TestBatchCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{Seed: 3})
		typ := c.withGifts()
		r := c.must(201, "POST /crm/objects/2026-09/"+typ+"/batch/create",
			`{"inputs":[{"objectWriteTraceId":"row-1","properties":{"key":"T-1","amount":25.50,"flag":true,"sent_at":"946684800000"}}]}`)
		r.wantJSON(`{"status":"COMPLETE","requestedAt":"2000-01-01T00:00:00.000Z","startedAt":"2000-01-01T00:00:00.000Z","completedAt":"2000-01-01T00:00:00.000Z",
		 "results":[{"id":"*","objectWriteTraceId":"row-1","archived":false,"createdAt":"2000-01-01T00:00:00.000Z","updatedAt":"2000-01-01T00:00:00.000Z","url":"*",
		  "properties":{"key":"T-1","amount":"25.50","flag":"true","sent_at":"2000-01-01T00:00:00.000Z","hs_object_id":"*","hubspot_owner_id":null,
		   "hs_createdate":"2000-01-01T00:00:00.000Z","hs_lastmodifieddate":"2000-01-01T00:00:00.000Z"}}]}`)
		if id := r.str("results", 0, "id"); id != r.str("results", 0, "properties", "hs_object_id") {
			t.Errorf("hs_object_id differs from id %s", id)
		}
	})
}

// One bad row fails everything, unless every input has a trace id of its own.
func TestPartialSuccessIsOptIn(t *testing.T) {
	const good, bad = `"properties":{"key":"T-1"}`, `"properties":{"key":"T-2","missing":"x"}`
	for _, test := range []struct{ name, first, second string }{
		{"none", "", ""},
		{"one", `"objectWriteTraceId":"a",`, ""},
		{"the same", `"objectWriteTraceId":"a",`, `"objectWriteTraceId":"a",`},
	} {
		t.Run("whole/"+test.name, func(t *testing.T) {
			c := newCaller(t, hubspottest.Options{})
			c.withGifts()
			r := c.must(400, "POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[{`+test.first+good+`},{`+test.second+bad+`}]}`)
			if n := c.portal.Count("gift"); n != 0 || r.str("category") != "VALIDATION_ERROR" {
				t.Errorf("%d records written; %s", n, r.text)
			}
		})
	}
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	r := c.must(207, "POST /crm/objects/2026-09/p62515_gift/batch/create",
		`{"inputs":[{"objectWriteTraceId":"row-1",`+good+`},{"objectWriteTraceId":"row-2",`+bad+`}]}`)
	if r.len("results") != 1 || r.str("numErrors") != "1" || r.str("status") != "COMPLETE" {
		t.Errorf("%s", r.text)
	}
	if got := r.str("errors", 0, "context", "objectWriteTraceId", 0); got != "row-2" {
		t.Errorf("trace of the error = %q", got)
	}
	if msg := r.str("errors", 0, "message"); !strings.HasPrefix(msg, `Property values were not valid: [{"isValid":false,"message":"Property \"missing\" does not exist","error":"PROPERTY_DOESNT_EXIST","name":"missing"`) ||
		r.at("errors", 0, "errors") != nil {
		t.Errorf("item = %v", r.at("errors", 0))
	}
}

func TestUniqueConflict(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	typ := c.withGifts()
	id := c.gifts("T-1")[0]
	r := c.must(400, "POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[{"properties":{"key":"T-0"}},{"properties":{"key":"T-1"}}]}`)
	msg := r.str("message")
	if !strings.HasPrefix(msg, "Cannot set PropertyValueCoordinates{portalId=62515, objectTypeId="+typ+", propertyName=key, value=T-1} on ") ||
		!strings.HasSuffix(msg, ". "+id+" already has that value.") {
		t.Errorf("message = %q", msg)
	}
	if n := c.portal.Count("gift"); n != 1 {
		t.Errorf("%d gifts after a refused batch, want 1", n)
	}
	// Twice in one batch is a conflict too.
	r = c.must(207, "POST /crm/objects/2026-09/p62515_gift/batch/create",
		`{"inputs":[{"objectWriteTraceId":"a","properties":{"key":"T-2"}},{"objectWriteTraceId":"b","properties":{"key":"T-2"}}]}`)
	if r.len("results") != 1 || r.len("errors") != 1 {
		t.Errorf("%s", r.text)
	}
	// An update can conflict as well.
	c.must(400, "PATCH /crm/objects/2026-09/p62515_gift/"+id, `{"properties":{"key":"T-2"}}`)
}

func TestArchivedUniqueValue(t *testing.T) {
	for _, hold := range []bool{false, true} {
		c := newCaller(t, hubspottest.Options{ArchivedHoldUnique: hold})
		c.withGifts()
		id := c.gifts("T-1")[0]
		c.must(204, "DELETE /crm/objects/2026-09/p62515_gift/"+id, "")
		c.must(204, "DELETE /crm/objects/2026-09/p62515_gift/"+id, "")
		const read = `{"idProperty":"key","inputs":[{"id":"T-1"}]}`
		if r := c.must(207, "POST /crm/objects/2026-09/p62515_gift/batch/read", read); r.len("results") != 0 {
			t.Errorf("hold %t: an archived record was read: %s", hold, r.text)
		}
		if r := c.must(200, "POST /crm/objects/2026-09/p62515_gift/batch/read?archived=true", read); r.str("results", 0, "id") != id || r.at("results", 0, "archived") != true {
			t.Errorf("hold %t: archived record: %s", hold, r.text)
		}
		want := 201
		if hold {
			want = 400
		}
		c.must(want, "POST /crm/objects/2026-09/p62515_gift", `{"properties":{"key":"T-1"}}`)
		if got := c.portal.Restore("gift", id); got != hold {
			t.Errorf("hold %t: Restore = %t", hold, got)
		}
	}
}

func TestContactConflict(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	id := c.portal.AddContact("ada@example.com", map[string]string{"hs_additional_emails": "countess@example.com"})
	for _, email := range []string{"ADA@example.com", "countess@example.com"} {
		body := `{"inputs":[{"properties":{"email":"` + email + `"}}]}`
		c.must(409, "POST /crm/v3/objects/contacts/batch/create", body).
			wantJSON(`{"status":"error","message":"Contact already exists. Existing ID: ` + id + `","correlationId":"*","category":"CONFLICT"}`)
		if r := c.must(409, "POST /crm/objects/2026-09/contacts/batch/create", body); r.str("error") != "CONTACT_EXISTS" {
			t.Errorf("%s", r.text)
		}
	}
	// A conflict over the address fails a whole upsert, trace ids or not.
	r := c.must(200, "POST /crm/objects/2026-09/contacts/batch/upsert", `{"inputs":[{"id":"ada@example.com","idProperty":"email","objectWriteTraceId":"a","properties":{"firstname":"Ada"}}]}`)
	if r.at("results", 0, "new") != false || r.str("results", 0, "id") != id {
		t.Errorf("%s", r.text)
	}
}

// Missing ids are one error, merged ones vanish, the order is random.
func TestBatchRead(t *testing.T) {
	c := newCaller(t, hubspottest.Options{Seed: 9})
	var inputs []string
	for i := range 20 {
		c.portal.AddContact(fmt.Sprintf("p%d@example.com", i), nil)
		inputs = append(inputs, fmt.Sprintf(`{"id":"p%d@example.com"}`, i))
	}
	body := `{"idProperty":"email","properties":["email","associatedcompanyid","nonsense"],"inputs":[` + strings.Join(inputs, ",") + `,{"id":"x@example.com"},{"id":"y@example.com"}]}`
	r := c.must(207, "POST /crm/objects/2026-09/contacts/batch/read", body)
	if r.str("numErrors") != "1" || r.len("errors") != 1 {
		t.Errorf("errors: %v", r.at("errors"))
	}
	first := r.at("errors", 0).(map[string]any)
	if first["category"] != "OBJECT_NOT_FOUND" || fmt.Sprint(first["context"]) != "map[ids:[x@example.com y@example.com]]" ||
		first["message"] != "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid." {
		t.Errorf("error = %v", first)
	}
	inOrder := true
	for i := range 20 {
		inOrder = inOrder && r.str("results", i, "properties", "email") == fmt.Sprintf("p%d@example.com", i)
	}
	if inOrder {
		t.Error("results stand in input order")
	}
	props := r.at("results", 0, "properties").(map[string]any)
	if v, ok := props["associatedcompanyid"]; !ok || v != nil {
		t.Errorf("a requested property without value = %v, %t; want null", v, ok)
	}
	if _, ok := props["nonsense"]; ok {
		t.Error("an unknown property was answered")
	}
	if _, ok := props["firstname"]; ok {
		t.Error("the answer has a property that the request did not name")
	}
}

func TestBatchRefusals(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	id := c.gifts("T-1")[0]
	many := strings.Repeat(`{"properties":{}},`, 100) + `{"properties":{}}`
	for _, test := range []struct {
		request, body, message string
	}{
		{"create", `{"inputs":[]}`, "inputs"},
		{"create", `{"inputs":[` + many + `]}`, "Too many inputs: 101"},
		{"read", `{"inputs":[{"id":"1"},{"id":"1"}]}`, "Duplicate IDs"},
		{"read", `{"idProperty":"key","inputs":[{"id":"T-1"},{"id":"t-1"}]}`, "Duplicate IDs"},
		{"read", `{"idProperty":"gift_name","inputs":[{"id":"T-1"}]}`, "non-unique"},
		{"update", `{"inputs":[{"id":"` + id + `"},{"id":"` + id + `"}]}`, "Duplicate IDs"},
		{"upsert", `{"inputs":[{"id":"T-1","idProperty":"key","objectWriteTraceId":"a"},{"id":"t-1","idProperty":"key","objectWriteTraceId":"b"}]}`, "Duplicate IDs"},
		{"upsert", `{"inputs":[{"id":"1","idProperty":"hs_object_id"}]}`, "Unable to perform update/upsert by non-unique"},
		{"upsert", `{"inputs":[{"id":"1"}]}`, "idProperty"},
		{"create", `{"inputs":[{"properties":{"gift_name":"no key"}}]}`, "Some required properties were not set"},
		{"create", `{"inputs":[`, "Invalid input JSON"},
	} {
		r := c.must(400, "POST /crm/objects/2026-09/p62515_gift/batch/"+test.request, test.body)
		if !strings.Contains(r.str("message"), test.message) {
			t.Errorf("%s %.60s: %q lacks %q", test.request, test.body, r.str("message"), test.message)
		}
	}
	r := c.must(400, "POST /crm/objects/2026-09/contacts/batch/update", `{"inputs":[{"id":"a@example.com","idProperty":"email"}]}`)
	if !strings.Contains(r.str("message"), "non-unique 0-1 property") {
		t.Errorf("%s", r.text)
	}
}

func TestBatchUpdate(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	ids := c.gifts("T-1", "T-2")
	r := c.must(207, "POST /crm/objects/2026-09/p62515_gift/batch/update",
		`{"inputs":[{"id":"`+ids[0]+`","objectWriteTraceId":"a","properties":{"status":"opened","gift_name":"x"}},{"id":"1","objectWriteTraceId":"b","properties":{"status":"sent"}}]}`)
	if ctx := fmt.Sprint(r.at("errors", 0, "context")); ctx != "map[ids:[1] objectWriteTraceId:[b]]" || r.len("results") != 1 {
		t.Errorf("%s", r.text)
	}
	c.must(404, "POST /crm/objects/2026-09/p62515_gift/batch/update", `{"inputs":[{"id":"`+ids[0]+`","properties":{"status":"sent"}},{"id":"1","properties":{}}]}`)
	if rec, _ := c.portal.Record("gift", ids[0]); rec.Properties["status"] != "opened" {
		t.Errorf("a refused batch wrote: %v", rec.Properties)
	}
	c.must(200, "POST /crm/objects/2026-09/p62515_gift/batch/update", `{"inputs":[{"id":"`+ids[0]+`","properties":{"gift_name":""}}]}`)
	if rec, _ := c.portal.Record("gift", ids[0]); rec.Properties["gift_name"] != "" || rec.Properties["key"] != "T-1" {
		t.Errorf("after clearing: %v", rec.Properties)
	}
}

func TestUpsert(t *testing.T) {
	for _, answers201 := range []bool{false, true} {
		c := newCaller(t, hubspottest.Options{UpsertAnswers201: answers201})
		c.withGifts()
		id := c.gifts("T-1")[0]
		contact := c.portal.AddContact("ada@example.com", nil)
		want := 200
		if answers201 {
			want = 201
		}
		r := c.must(want, "POST /crm/objects/2026-09/p62515_gift/batch/upsert", `{"inputs":[
		 {"id":"T-1","idProperty":"key","objectWriteTraceId":"a","properties":{"amount":"1"}},
		 {"id":"T-2","idProperty":"key","objectWriteTraceId":"b","properties":{"amount":"2"},"associations":[{"to":{"id":"`+contact+`"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":1}]}]}]}`)
		old, made := r.find("results", "objectWriteTraceId", "a"), r.find("results", "objectWriteTraceId", "b")
		if old["new"] != false || old["id"] != id || made["new"] != true {
			t.Errorf("%s", r.text)
		}
		if len(c.portal.Links("gift", made["id"].(string))) != 0 {
			t.Error("an upsert made an association")
		}
	}
}

func TestInvalidInlineLink(t *testing.T) {
	for mode, test := range map[hubspottest.InvalidLinks]struct{ status, written int }{
		hubspottest.RefuseRecord:    {400, 0},
		hubspottest.DropLink:        {201, 1},
		hubspottest.WriteThenRefuse: {400, 1},
	} {
		c := newCaller(t, hubspottest.Options{InvalidLinks: mode})
		typ := c.withGifts()
		kind := c.must(200, "GET /crm/associations/2026-09/"+typ+"/contacts/labels", "").str("results", 0, "typeId")
		link := `"associations":[{"to":{"id":"77"},"types":[{"associationCategory":"USER_DEFINED","associationTypeId":` + kind + `}]}]`
		c.must(test.status, "POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[{"properties":{"key":"T-1"},`+link+`}]}`)
		if n := c.portal.Count("gift"); n != test.written {
			t.Errorf("mode %d: %d records written, want %d", mode, n, test.written)
		}
		if test.status == 400 {
			r := c.must(207, "POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[{"objectWriteTraceId":"x","properties":{"key":"T-2"},`+link+`}]}`)
			if r.len("results") != 0 || r.len("errors") != 1 || c.portal.Count("gift") != 2*test.written {
				t.Errorf("mode %d: %s", mode, r.text)
			}
		}
	}
}

func TestTraceEcho(t *testing.T) {
	c := newCaller(t, hubspottest.Options{NoTraceEcho: true})
	c.withGifts()
	r := c.must(201, "POST /crm/objects/2026-09/p62515_gift/batch/create", `{"inputs":[{"objectWriteTraceId":"x","properties":{"key":"T-2"}}]}`)
	if r.at("results", 0, "objectWriteTraceId") != nil {
		t.Errorf("%s", r.text)
	}
}

package hubspottest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

const schemas = "/crm-object-schemas/2026-09/schemas"

func TestCreateSchema(t *testing.T) {
	c := newCaller(t, hubspottest.Options{ID: 71})
	r := c.must(201, "POST "+schemas, giftSchema)
	typ := r.str("id")
	if r.str("objectTypeId") != typ || !strings.HasPrefix(typ, "2-") || r.str("fullyQualifiedName") != "p71_gift" {
		t.Errorf("ids: %s", r.text)
	}
	for _, name := range []string{"key", "hs_object_id", "hs_createdate", "hs_lastmodifieddate", "hubspot_owner_id"} {
		if r.find("properties", "name", name) == nil {
			t.Errorf("property %s is missing", name)
		}
	}
	if got := r.find("properties", "name", "key")["groupName"]; got != "gift_information" {
		t.Errorf("default group = %v", got)
	}
	directions := make(map[string]bool)
	for i := range r.len("associations") {
		if _, ok := r.at("associations", i, "id").(string); !ok {
			t.Errorf("association id %v is not a string", r.at("associations", i, "id"))
		}
		directions[r.str("associations", i, "fromObjectTypeId")+">"+r.str("associations", i, "toObjectTypeId")] = true
	}
	for _, other := range []string{"0-1", "0-2", "0-3"} {
		if !directions[typ+">"+other] || !directions[other+">"+typ] {
			t.Errorf("associations with %s: %v", other, directions)
		}
	}
	// The same name again: 201, and nothing of the new definition.
	again := c.must(201, "POST "+schemas, strings.Replace(giftSchema, `"Gifts"`, `"Presents"`, 1))
	if again.str("id") != typ || again.str("labels", "plural") != "Gifts" {
		t.Errorf("existing name: %s", again.text)
	}
	c.must(409, "POST "+schemas, strings.Replace(giftSchema, `"gift"`, `"GIFT"`, 1)).wantJSON(
		`{"status":"error","message":"*","correlationId":"*","category":"OBJECT_ALREADY_EXISTS","subCategory":"InboundDbObjectTypeError.OBJECT_TYPE_ALREADY_EXIST"}`)
}

func TestSchemaRefusals(t *testing.T) {
	c := newCaller(t, hubspottest.Options{MaxCustomTypes: 1, MaxCustomProperties: 9})
	for old, test := range map[string][2]string{
		`"name":"gift"`:                                 {`"name":"9 gifts"`, "InboundDbObjectTypeError.OBJECT_TYPE_NAME_FORMAT"},
		`"primaryDisplayProperty":"gift_name"`:          {`"primaryDisplayProperty":""`, "ObjectSchemaError.PRIMARY_DISPLAY_PROPERTY_REQUIRED"},
		`"searchableProperties":["gift_name","key"]`:    {`"searchableProperties":["nope"]`, "<nil>"},
		`"type":"number","fieldType":"number"`:          {`"type":"number","fieldType":"text"`, "<nil>"},
		`"COMPANY"`:                                     {`"PLANET"`, "<nil>"},
		`"value":"opened"`:                              {`"value":"sent"`, "<nil>"},
		`"numberDisplayHint":"currency"`:                {`"numberDisplayHint":"money"`, "<nil>"},
		`"requiredProperties":["key"]`:                  {`"requiredProperties":["nope"]`, "<nil>"},
		`"labels":{"singular":"Gift","plural":"Gifts"}`: {`"labels":{}`, "<nil>"},
		`"name":"key","label":"Key"`:                    {`"name":"Key!","label":"Key"`, "<nil>"},
		`"primaryDisplayProperty":"gift_name",`:         {`"primaryDisplayProperty":"nope",`, "ObjectSchemaError.INVALID_PRIMARY_DISPLAY_PROPERTY"},
	} {
		body := strings.Replace(giftSchema, old, test[0], 1)
		if body == giftSchema {
			t.Errorf("%s is not in the schema", old)
			continue
		}
		r := c.must(400, "POST "+schemas, body)
		if got := r.str("subCategory"); got != test[1] {
			t.Errorf("%s: subCategory %q, want %q", test[0], got, test[1])
		}
	}
	c.withGifts()
	c.must(400, "POST "+schemas, strings.Replace(giftSchema, `"gift"`, `"other"`, 1))
	c.must(201, "POST /crm/properties/2026-09/p62515_gift", `{"name":"ninth","label":"N","type":"string","fieldType":"text","groupName":"gift_information"}`)
	c.must(400, "POST /crm/properties/2026-09/p62515_gift", `{"name":"tenth","label":"N","type":"string","fieldType":"text","groupName":"gift_information"}`)
	if r := c.must(200, "GET /crm/limits/2026-09/custom-object-types", ""); r.str("usage") != "1" || r.str("limit") != "1" || r.str("percentage") != "100" {
		t.Errorf("%s", r.text)
	}
}

func TestListSchemas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{SchemaLag: 3 * time.Second})
		typ := c.withGifts()
		if r := c.must(200, "GET "+schemas, ""); r.len("results") != 0 {
			t.Error("a new schema is listed at once")
		}
		c.must(200, "GET "+schemas+"/p62515_gift", "")
		time.Sleep(3 * time.Second)
		r := c.must(200, "GET "+schemas, "")
		if r.len("results") != 1 || r.at("results", 0, "properties") != nil || r.at("results", 0, "associations") != nil {
			t.Errorf("%s", r.text)
		}
		r = c.must(200, "GET "+schemas+"?includePropertyDefinitions=true&includeAssociationDefinitions=true", "")
		if r.len("results", 0, "properties") < 8 || r.len("results", 0, "associations") != 6 {
			t.Errorf("%s", r.text)
		}
		r = c.must(200, "PATCH "+schemas+"/"+typ, `{"labels":{"singular":"Present","plural":"Presents"},"searchableProperties":["key"]}`)
		if r.str("labels", "plural") != "Presents" || r.at("properties") != nil {
			t.Errorf("%s", r.text)
		}
		if got := c.must(200, "GET "+schemas+"/"+typ, "").str("labels", "plural"); got != "Gifts" {
			t.Errorf("right after the change the label is %q, want the old one", got)
		}
		time.Sleep(3 * time.Second)
		if got := c.must(200, "GET "+schemas+"/"+typ, "").str("labels", "plural"); got != "Presents" {
			t.Errorf("the label stays %q", got)
		}
	})
}

func TestDeleteSchema(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	old := c.withGifts()
	id := c.gifts("T-1")[0]
	if r := c.must(400, "DELETE "+schemas+"/p62515_gift", ""); r.str("subCategory") != "ObjectSchemaError.EXISTING_OBJECT_RECORDS" {
		t.Errorf("%s", r.text)
	}
	c.portal.Archive("gift", id)
	c.must(204, "DELETE "+schemas+"/p62515_gift", "")
	c.must(404, "GET "+schemas+"/p62515_gift", "")
	c.must(400, "GET /crm/objects/2026-09/p62515_gift", "")
	if r := c.must(200, "GET "+schemas+"?archived=true", ""); r.len("results") != 1 {
		t.Errorf("%s", r.text)
	}
	c.must(204, "DELETE "+schemas+"/"+old+"?archived=true", "")
	if again := c.withGifts(); again == old {
		t.Error("a new type has the old id")
	}
}

func TestAssociationDefinitions(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	typ := c.must(201, "POST "+schemas, strings.Replace(giftSchema, `["0-1","COMPANY","0-3"]`, `[]`, 1)).str("id")
	c.must(400, "GET /crm/associations/2026-09/p62515_gift/contacts/labels", "")
	r := c.must(201, "POST "+schemas+"/p62515_gift/associations", `{"fromObjectTypeId":"`+typ+`","toObjectTypeId":"0-1","name":"gift_to_contact"}`)
	if got := c.kind("p62515_gift", "contacts"); got != r.str("id") {
		t.Errorf("unlabelled type %s, definition %s", got, r.text)
	}
	c.must(204, "DELETE "+schemas+"/p62515_gift/associations/"+r.str("id"), "")
	c.must(400, "GET /crm/associations/2026-09/p62515_gift/contacts/labels", "")
	c.must(400, "POST "+schemas+"/p62515_gift/associations", `{"fromObjectTypeId":"0-1","toObjectTypeId":"0-2","name":"x"}`)
	again := c.must(201, "POST "+schemas+"/p62515_gift/associations", `{"fromObjectTypeId":"`+typ+`","toObjectTypeId":"0-1"}`)
	if again.str("id") == r.str("id") {
		t.Error("made anew with the old id")
	}
	c.portal.UndefineAssociation("gift", "contacts")
	for _, pair := range []string{"p62515_gift/contacts", "contacts/p62515_gift"} {
		c.must(400, "GET /crm/associations/2026-09/"+pair+"/labels", "")
	}
}

func TestProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{PropertyLag: 500 * time.Millisecond})
		c.withGifts()
		const path = "/crm/properties/2026-09/p62515_gift"
		const note = `{"name":"note","label":"Note","type":"string","fieldType":"textarea","groupName":"gift_information"}`
		c.must(400, "POST "+path, strings.Replace(note, `,"groupName":"gift_information"`, "", 1))
		c.must(400, "POST "+path, strings.Replace(note, "gift_information", "nowhere", 1))
		c.must(201, "POST "+path, note)
		c.must(409, "POST "+path, note).wantJSON(`{"status":"error","message":"A property named 'note' already exists.","correlationId":"*","category":"OBJECT_ALREADY_EXISTS","subCategory":"Properties.PROPERTY_WITH_NAME_EXISTS"}`)
		c.must(404, "GET "+path+"/note", "")
		c.must(400, "POST /crm/objects/2026-09/p62515_gift", `{"properties":{"key":"T","note":"n"}}`)
		time.Sleep(500 * time.Millisecond)
		c.must(200, "GET "+path+"/note", "")
		c.must(201, "POST /crm/objects/2026-09/p62515_gift", `{"properties":{"key":"T","note":"n"}}`)

		// Archived, it comes back as it was, whatever is asked for.
		c.must(204, "DELETE "+path+"/note", "")
		c.must(404, "GET "+path+"/note", "")
		r := c.must(201, "POST "+path, strings.NewReplacer(`"string"`, `"number"`, `"textarea"`, `"number"`).Replace(note))
		if r.str("type") != "string" {
			t.Errorf("a restored property is a %s, want the old type", r.str("type"))
		}
		for _, used := range []string{"key", "gift_name", "hs_object_id"} {
			if r := c.must(400, "DELETE "+path+"/"+used, ""); r.str("subCategory") != "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE" {
				t.Errorf("%s", r.text)
			}
		}
		// An option says all four of label, value, displayOrder and hidden.
		c.must(400, "PATCH "+path+"/status", `{"options":[{"label":"Gone","value":"gone","displayOrder":0}]}`)
		c.must(400, "PATCH "+path+"/status", `{"options":[{"label":"Gone","value":"gone","hidden":false}]}`)
		// Options are replaced, not merged.
		r = c.must(200, "PATCH "+path+"/status", `{"options":[{"label":"Gone","value":"gone","displayOrder":0,"hidden":false}]}`)
		if r.len("options") != 1 {
			t.Errorf("%s", r.text)
		}
		c.must(400, "PATCH "+path+"/status", `{"hasUniqueValue":true}`)
		r = c.must(207, "POST "+path+"/batch/create", `{"inputs":[`+note+`,`+strings.Replace(note, `"note"`, `"second"`, 1)+`]}`)
		if r.len("results") != 1 || fmt.Sprint(r.at("errors", 0, "context")) != "map[name:[note]]" {
			t.Errorf("%s", r.text)
		}
		c.must(201, "POST "+path+"/groups", `{"name":"g","label":"G"}`)
		c.must(409, "POST "+path+"/groups", `{"name":"g","label":"G"}`)
		if r := c.must(200, "GET "+path+"/groups", ""); r.len("results") != 2 {
			t.Errorf("%s", r.text)
		}
	})
}

func TestForeignSchema(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	typ := c.portal.AddForeignSchema("thnks")
	r := c.must(200, "GET "+schemas+"?includePropertyDefinitions=true", "")
	if r.str("results", 0, "id") != typ || r.find("results", "name", "thnks") == nil {
		t.Errorf("%s", r.text)
	}
	if s, ok := c.portal.SchemaOf("thnks"); !ok || len(s.Groups) != 1 || s.Groups[0] != "thnks_information" || len(s.AssociatedWith) != 3 {
		t.Errorf("%+v", s)
	}
}

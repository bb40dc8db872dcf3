package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A wireTest is a call with the request it must make and the answer it gets.
type wireTest struct {
	name    string
	call    func(ctx context.Context, c *Client) (any, error)
	request string // method, path and query
	body    string // JSON, "" for none
	status  int    // 200 when 0
	answer  string
	want    any
	kind    Kind // of the error, 0 for none
}

func (tt *wireTest) run(t *testing.T) {
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Method + " " + r.URL.String()[len("https://portal.example"):]; got != tt.request {
			t.Errorf("request %s, want %s", got, tt.request)
		}
		data, _ := io.ReadAll(r.Body)
		var got, want any
		_, _ = json.Unmarshal(data, &got), json.Unmarshal([]byte(tt.body), &want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(max(tt.status, 200))
		fmt.Fprint(w, tt.answer)
	}))
	got, err := tt.call(t.Context(), c)
	if e, _ := AsError(err); (e != nil) != (tt.kind != 0) || e != nil && e.Kind != tt.kind {
		t.Fatalf("error %v, want kind %v", err, tt.kind)
	}
	if diff := cmp.Diff(tt.want, got); tt.kind == 0 && diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestDefinitions(t *testing.T) {
	schema := `{"id":"9","objectTypeId":"2-123","name":"thnks","fullyQualifiedName":"p1_thnks","labels":{"singular":"Thnks gift","plural":"Thnks gifts"},
		"primaryDisplayProperty":"gift_name","searchableProperties":["gift_name"],"requiredProperties":["thnks_transaction_id"],"unheard":{"of":1},
		"properties":[{"name":"status","label":"Status","type":"enumeration","fieldType":"select","hasUniqueValue":false,"displayOrder":-1,
			"options":[{"label":"Sent","value":"sent","displayOrder":0,"hidden":false,"description":null}]}],
		"associations":[{"id":"37","fromObjectTypeId":"2-123","toObjectTypeId":"0-1","name":"thnks_to_contact"},{"id":38,"fromObjectTypeId":"0-1","toObjectTypeId":"2-123"}]}`
	want := Schema{
		ObjectTypeID: "2-123", Name: "thnks", FullyQualifiedName: "p1_thnks", Labels: Labels{"Thnks gift", "Thnks gifts"},
		PrimaryDisplayProperty: "gift_name", SearchableProperties: []string{"gift_name"}, RequiredProperties: []string{"thnks_transaction_id"},
		Properties:   []Property{{Name: "status", Label: "Status", Type: "enumeration", FieldType: "select", Options: []Option{{Label: "Sent", Value: "sent"}}}},
		Associations: []SchemaAssociation{{37, "2-123", "0-1", "thnks_to_contact"}, {38, "0-1", "2-123", ""}},
	}
	none := func(err error) (any, error) { return nil, err }
	tests := []wireTest{
		{
			name:    "schemas",
			call:    func(ctx context.Context, c *Client) (any, error) { return c.Schemas(ctx) },
			request: "GET /crm-object-schemas/2026-09/schemas?includeAssociationDefinitions=true&includePropertyDefinitions=true",
			answer:  `{"results":[` + schema + `]}`,
			want:    []Schema{want},
		},
		{
			name:    "schemas without a list",
			call:    func(ctx context.Context, c *Client) (any, error) { return c.Schemas(ctx) },
			request: "GET /crm-object-schemas/2026-09/schemas?includeAssociationDefinitions=true&includePropertyDefinitions=true",
			answer:  `{}`,
			kind:    Unexpected,
		},
		{
			name: "create a schema",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateSchema(ctx, NewSchema{
					Name: "thnks", Labels: Labels{"Thnks gift", "Thnks gifts"}, PrimaryDisplayProperty: "gift_name",
					RequiredProperties: []string{"thnks_transaction_id"}, AssociatedObjects: []string{"0-1"},
					Properties: []Property{{Name: "thnks_transaction_id", Label: "Transaction ID", Type: "string", FieldType: "text", HasUniqueValue: true}},
				})
			},
			request: "POST /crm-object-schemas/2026-09/schemas",
			body: `{"name":"thnks","labels":{"singular":"Thnks gift","plural":"Thnks gifts"},"primaryDisplayProperty":"gift_name",
				"secondaryDisplayProperties":[],"searchableProperties":[],
				"requiredProperties":["thnks_transaction_id"],"associatedObjects":["0-1"],
				"properties":[{"name":"thnks_transaction_id","label":"Transaction ID","type":"string","fieldType":"text","hasUniqueValue":true}],
				"allowsSensitiveProperties":false}`,
			status: 201, answer: schema, want: &want,
		},
		{
			name: "create a schema without lists, odd answer",
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.CreateSchema(ctx, NewSchema{
					Name: "thnks", Labels: Labels{"Gift", "Gifts"}, PrimaryDisplayProperty: "name",
					Properties: []Property{{Name: "name", Label: "Name", Type: "string", FieldType: "text"}},
				})
			},
			request: "POST /crm-object-schemas/2026-09/schemas",
			body: `{"name":"thnks","labels":{"singular":"Gift","plural":"Gifts"},"primaryDisplayProperty":"name",
				"secondaryDisplayProperties":[],"searchableProperties":[],"requiredProperties":[],"associatedObjects":[],
				"properties":[{"name":"name","label":"Name","type":"string","fieldType":"text"}],"allowsSensitiveProperties":false}`,
			answer: `{}`, kind: Unexpected,
		},
		{
			name: "define an association",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.CreateAssociationDefinition(ctx, "2-123", "0-3", "thnks_to_deal"))
			},
			request: "POST /crm-object-schemas/2026-09/schemas/2-123/associations",
			body:    `{"fromObjectTypeId":"2-123","toObjectTypeId":"0-3","name":"thnks_to_deal"}`,
			status:  201, answer: `{"id":"40"}`,
		},
		{
			name:    "no Enterprise tier",
			call:    func(ctx context.Context, c *Client) (any, error) { return c.Schemas(ctx) },
			request: "GET /crm-object-schemas/2026-09/schemas?includeAssociationDefinitions=true&includePropertyDefinitions=true",
			status:  403, answer: `{"category":"MISSING_SCOPES"}`, kind: Forbidden,
		},
		{
			name:    "properties",
			call:    func(ctx context.Context, c *Client) (any, error) { return c.Properties(ctx, "2-123") },
			request: "GET /crm/properties/2026-09/2-123",
			answer: `{"results":[{"name":"gift_amount","label":"Gift Amount","groupName":"g","type":"number","fieldType":"number",
				"numberDisplayHint":"currency","currencyPropertyName":"gift_currency","hasUniqueValue":true,"archived":true,"description":"d","textDisplayHint":"email"}]}`,
			want: []Property{{
				Name: "gift_amount", Label: "Gift Amount", GroupName: "g", Type: "number", FieldType: "number", NumberDisplayHint: "currency",
				CurrencyPropertyName: "gift_currency", HasUniqueValue: true, Archived: true, Description: "d", TextDisplayHint: "email",
			}},
		},
		{
			name: "update a property",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.UpdateProperty(ctx, "2-123", "status", PropertyPatch{Options: []Option{{Label: "Sent", Value: "sent"}}}))
			},
			request: "PATCH /crm/properties/2026-09/2-123/status",
			body:    `{"options":[{"label":"Sent","value":"sent","displayOrder":0,"hidden":false}]}`,
			answer:  `{"name":"status"}`,
		},
		{
			name:    "property groups",
			call:    func(ctx context.Context, c *Client) (any, error) { return c.PropertyGroups(ctx, "2-123") },
			request: "GET /crm/properties/2026-09/2-123/groups",
			answer:  `{"results":[{"name":"thnks_hubspot_sync","label":"Thnks","displayOrder":1,"archived":false}]}`,
			want:    []PropertyGroup{{"thnks_hubspot_sync", "Thnks"}},
		},
		{
			name: "create a property group that exists",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.CreatePropertyGroup(ctx, "2-123", PropertyGroup{"a", "A"}))
			},
			request: "POST /crm/properties/2026-09/2-123/groups",
			body:    `{"name":"a","label":"A"}`,
			status:  409, answer: `{"category":"OBJECT_ALREADY_EXISTS"}`,
		},
		{
			name: "create a refused property group",
			call: func(ctx context.Context, c *Client) (any, error) {
				return none(c.CreatePropertyGroup(ctx, "2-123", PropertyGroup{"b", "A"}))
			},
			request: "POST /crm/properties/2026-09/2-123/groups",
			body:    `{"name":"b","label":"A"}`,
			status:  400, answer: `{"category":"VALIDATION_ERROR"}`, kind: Refused,
		},
		{
			name:    "account",
			call:    func(ctx context.Context, c *Client) (any, error) { return c.Account(ctx) },
			request: "GET /account-info/2026-09/details",
			answer:  `{"portalId":62515,"accountType":"STANDARD","timeZone":"Europe/Berlin","companyCurrency":"EUR","uiDomain":"app-eu1.hubspot.com"}`,
			want:    &Account{ID: "62515", TimeZone: "Europe/Berlin", Currency: "EUR", UIDomain: "app-eu1.hubspot.com", Type: "STANDARD"},
		},
		{
			name:    "account without an id",
			call:    func(ctx context.Context, c *Client) (any, error) { return c.Account(ctx) },
			request: "GET /account-info/2026-09/details",
			answer:  `{"portalId":null}`, kind: Unexpected,
		},
		{
			name:    "pipelines",
			call:    func(ctx context.Context, c *Client) (any, error) { return c.Pipelines(ctx, "deals") },
			request: "GET /crm/pipelines/2026-09/deals",
			answer: `{"results":[{"id":"default","label":"Sales","stages":[
				{"id":"1","label":"Open","metadata":{"isClosed":"false","probability":"1.0"}},{"id":"2","label":"Won","metadata":{"isClosed":"true"}},
				{"id":"3","label":"Old won","metadata":{"probability":"1.0"}},{"id":"4","label":"Old open","metadata":{"probability":"0.4"}},
				{"id":"5","label":"Old lost","metadata":{"probability":"0.0"}},{"id":"6","label":"Bare"}]}]}`,
			want: []Pipeline{{ID: "default", Label: "Sales", Stages: []Stage{
				{"1", "Open", false}, {"2", "Won", true}, {"3", "Old won", true}, {"4", "Old open", false}, {"5", "Old lost", true}, {"6", "Bare", false},
			}}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// A batch of properties has one result per input, however HubSpot refuses.
func TestCreateProperties(t *testing.T) {
	for _, whole := range []bool{false, true} {
		made := map[string]bool{"there": true}
		var calls []string
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls = append(calls, r.URL.Path)
			var body struct {
				Property
				Inputs []Property
			}
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			ok := func(p Property) bool { return p.Name != "bad" && !made[p.Name] }
			if r.URL.Path == "/crm/properties/2026-09/2-123" {
				switch {
				case made[body.Name]:
					reply(w, 409, problem("OBJECT_ALREADY_EXISTS"))
				case !ok(body.Property):
					reply(w, 400, problem("VALIDATION_ERROR"))
				default:
					made[body.Name] = true
					reply(w, 201, body.Property)
				}
				return
			}
			results := []Property{}
			for _, p := range body.Inputs {
				if ok(p) {
					results = append(results, p)
				} else if whole {
					reply(w, 409, problem("OBJECT_ALREADY_EXISTS"))
					return
				}
			}
			for _, p := range results {
				made[p.Name] = true
			}
			reply(w, 207, map[string]any{"results": results, "errors": []any{problem("VALIDATION_ERROR")}})
		}))
		in := textProperties("a", "bad", "there", "b")
		errs, err := c.CreateProperties(t.Context(), "2-123", in)
		if err != nil || len(errs) != 4 {
			t.Fatalf("%d errors, error %v", len(errs), err)
		}
		if errs[0] != nil || errs[2] != nil || errs[3] != nil || !made["a"] || !made["b"] {
			t.Errorf("errors %v, made %v", errs, made)
		}
		checkKind(t, errs[1], Refused)
		if !whole && !slices.Equal(calls, []string{"/crm/properties/2026-09/2-123/batch/create", "/crm/properties/2026-09/2-123", "/crm/properties/2026-09/2-123"}) {
			t.Errorf("calls %q", calls)
		}
	}
}

// TestCreateManyProperties: more than fit into a batch are all made, and after a batch
// that fails none is asked for.
func TestCreateManyProperties(t *testing.T) {
	var names []string
	for i := range 2*BatchSize + 1 {
		names = append(names, fmt.Sprint("p", i))
	}
	for _, status := range []int{201, 403} {
		var sizes []int
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct{ Inputs []Property }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			if sizes = append(sizes, len(body.Inputs)); status == 403 {
				reply(w, status, problem("MISSING_SCOPES"))
				return
			}
			reply(w, status, map[string]any{"results": body.Inputs})
		}))
		errs, err := c.CreateProperties(t.Context(), "2-123", textProperties(names...))
		want := []int{BatchSize, BatchSize, 1}
		if status == 403 {
			want = want[:1]
		}
		if !slices.Equal(sizes, want) || (err == nil) != (status == 201) || slices.ContainsFunc(errs, func(e error) bool { return e != err }) {
			t.Errorf("%d: batches of %d, %v", status, sizes, err)
		}
	}
}

func TestCreatePropertiesEndsEarly(t *testing.T) {
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply(w, 403, problem("MISSING_SCOPES"))
	}))
	errs, err := c.CreateProperties(t.Context(), "2-123", textProperties("a"))
	checkKind(t, err, Forbidden)
	if errs[0] != err {
		t.Errorf("input's error %v, want %v", errs[0], err)
	}
}

// textProperties are properties as plain as can be.
func textProperties(names ...string) []Property {
	var all []Property
	for _, name := range names {
		all = append(all, Property{Name: name, Label: name, GroupName: "thnks", Type: "string", FieldType: "text"})
	}
	return all
}

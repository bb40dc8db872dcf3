package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
)

// A recorder is a test that only remembers whether it failed.
type recorder struct {
	testing.TB
	said     []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Error(args ...any) {
	r.said = append(r.said, fmt.Sprint(args...))
}

// end ends the recorded test and returns what it said.
func (r *recorder) end() string {
	for _, f := range r.cleanups {
		f()
	}
	return strings.Join(r.said, "\n")
}

func TestDocumentIsValid(t *testing.T) {
	doc, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	all, err := operations()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range all {
		if op.body != nil && unsure(op.body.quick) {
			t.Errorf("%s: the body has something that a quick does not read", op.name)
		}
		for status, a := range op.answers {
			if a.body != nil && unsure(a.body.quick) {
				t.Errorf("%s: answer %s has something that a quick does not read", op.name, status)
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			if o.ExternalDocs == nil || !strings.HasPrefix(o.ExternalDocs.URL, "https://developers.hubspot.com/docs/") {
				t.Errorf("%s %s does not name its page", method, path)
			}
		}
	}
}

// unsure reports whether any part of a schema is left to kin-openapi: then
// every exchange would be. Values in a request are, where they are no text.
func unsure(q *quick) bool {
	if q == nil {
		return false
	}
	if q.unsure || unsure(q.items) || unsure(q.other) || slices.ContainsFunc(q.anyOf, unsure) {
		return true
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(q.fields)), func(f field) bool { return unsure(f.quick) })
}

// TestOperations calls every method of the client and of the OAuth app, and compares the operations
// that it takes with those of the document: none is missing there, and none is
// dead.
func TestOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hubspottest.New(hubspottest.Options{App: hubspottest.App{ClientID: "client", ClientSecret: "hunter2", RedirectURI: "https://sync.example.com/oauth/callback"}})
		court := newCourt(t)
		court.watch(p)
		app, err := hubspot.NewApp(hubspot.AppConfig{
			ClientID: "client", ClientSecret: func() (hubspot.Secret, error) { return hubspot.SecretOf("hunter2"), nil },
			AuthorizeURL: "https://app.hubspot.com/oauth/authorize", RedirectURL: "https://sync.example.com/oauth/callback",
			Transport: hubspottest.Transport(p),
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := hubspot.New(hubspot.Config{
			Token:     oauth2.StaticTokenSource(&oauth2.Token{AccessToken: p.Token()}),
			Transport: hubspottest.Transport(p),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		contact, deal := p.AddContact("ada@example.com", nil), p.AddDeal(nil)
		p.AddOwner("eve@example.com", "Eve", "E")
		definition := hubspot.NewSchema{
			Name: "gift", Labels: hubspot.Labels{Singular: "Gift", Plural: "Gifts"}, PrimaryDisplayProperty: "key",
			Properties: []hubspot.Property{{Name: "key", Label: "Key", Type: "string", FieldType: "text", HasUniqueValue: true}},
		}
		schema, err := c.CreateSchema(ctx, definition)
		if err != nil {
			t.Fatal(err)
		}
		gift := schema.ObjectTypeID
		old := p.AddRecord(gift, map[string]string{"key": "T-0"})
		p.Merge(gift, old, p.AddRecord(gift, map[string]string{"key": "T-1"}))
		types := []hubspot.AssociationType{{Category: "HUBSPOT_DEFINED", ID: 4}}
		note := hubspot.Property{Name: "note", Label: "Note", GroupName: "thnks", Type: "string", FieldType: "text"}
		patch := []hubspot.Patch{{ID: old, Properties: map[string]string{"key": "T-2"}}}
		waits := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"outputFields":{"hs_execution_state":"BLOCK"}}`)
		})
		workflow := hubspottest.Workflow{URL: "https://sync.example.com/action", Client: &http.Client{Transport: hubspottest.Transport(waits)}}
		execution := p.Enrol(ctx, workflow, contact, nil)
		calls := []struct {
			method string
			call   func() error
		}{
			{"CreateSchema", func() error { _, err := c.CreateSchema(ctx, definition); return err }},
			{"Account", func() error { _, err := c.Account(ctx); return err }},
			{"Scopes", func() error { _, err := c.Scopes(ctx); return err }},
			{"CompleteCallback", func() error {
				return c.CompleteCallback(ctx, execution.CallbackID, map[string]string{"hs_execution_state": "SUCCESS"})
			}},
			{"Owners", func() error { _, err := c.Owners(ctx); return err }},
			{"Pipelines", func() error { _, err := c.Pipelines(ctx, "deals"); return err }},
			{"Schemas", func() error { _, err := c.Schemas(ctx); return err }},
			{"CreateAssociationDefinition", func() error { return c.CreateAssociationDefinition(ctx, gift, "0-1", "gift_to_contact") }},
			{"AssociationTypes", func() error { _, err := c.AssociationTypes(ctx, gift, "contacts"); return err }},
			{"PropertyGroups", func() error { _, err := c.PropertyGroups(ctx, gift); return err }},
			{"CreatePropertyGroup", func() error {
				return c.CreatePropertyGroup(ctx, gift, hubspot.PropertyGroup{Name: "thnks", Label: "Thnks"})
			}},
			// One property twice: the second is passed over, and then defined singly.
			{"CreateProperties", func() error {
				_, err := c.CreateProperties(ctx, gift, []hubspot.Property{note, {
					Name: "odd", Label: "Odd", GroupName: "thnks", Type: "string", FieldType: "number",
				}})
				return err
			}},
			{"UpdateProperty", func() error {
				return c.UpdateProperty(ctx, gift, "note", hubspot.PropertyPatch{Label: "Words"})
			}},
			{"Properties", func() error { _, err := c.Properties(ctx, gift); return err }},
			{"ArchivedProperties", func() error { _, err := c.ArchivedProperties(ctx, gift); return err }},
			{"Create", func() error {
				_, err := c.Create(ctx, gift, "key", []hubspot.NewObject{{Properties: map[string]string{"key": "T-9"}}})
				return err
			}},
			{"Update", func() error { _, err := c.Update(ctx, gift, patch); return err }}, // merged: read and changed singly
			{"Get", func() error { _, err := c.Get(ctx, gift, old, []string{"key"}, false); return err }},
			{"List", func() error { _, err := c.List(ctx, gift, "", 100, false, []string{"key"}); return err }},
			{"Read", func() error { _, err := c.Read(ctx, "contacts", []string{contact}, []string{"email"}); return err }},
			{"ReadByKey", func() error {
				_, err := c.ReadByKey(ctx, gift, "key", []string{"T-2"}, nil, false)
				return err
			}},
			{"ContactsByEmail", func() error { _, err := c.ContactsByEmail(ctx, []string{"ada@example.com"}, nil); return err }},
			{"ContactsWithAdditionalEmail", func() error {
				_, err := c.ContactsWithAdditionalEmail(ctx, "1", time.Now(), nil)
				return err
			}},
			{"Shown", func() error { _, err := c.Shown(ctx, "contacts", []string{contact}); return err }},
			{"OpenDeals", func() error { _, err := c.OpenDeals(ctx, "1", []string{"amount"}); return err }},
			{"ChangedDeals", func() error { _, err := c.ChangedDeals(ctx, time.Now(), []string{"amount"}); return err }},
			{"ContactsByAdditionalEmail", func() error {
				_, err := c.ContactsByAdditionalEmail(ctx, []string{"ada@example.com"}, nil)
				return err
			}},
			{"Associate", func() error {
				_, err := c.Associate(ctx, "contacts", "deals", []hubspot.Pair{{FromID: contact, ToID: deal, Types: types}})
				return err
			}},
			{"Associated", func() error { _, err := c.Associated(ctx, "contacts", "deals", []string{contact}); return err }},
		}
		var grant *hubspot.Grant
		calls = append(calls, []struct {
			method string
			call   func() error
		}{
			{"Exchange", func() (err error) {
				grant, err = app.Exchange(ctx, p.Install(), hubspot.Secret{})
				return err
			}},
			{"Renew", func() error { _, err := app.Renew(ctx, grant.Refresh); return err }},
			{"Introspect", func() error { _, err := app.Introspect(ctx, grant.Refresh); return err }},
			{"IntrospectAccess", func() error { _, err := app.IntrospectAccess(ctx, grant.Access); return err }},
			{"Uninstall", func() error { return app.Uninstall(ctx, grant.Access) }},
			{"Revoke", func() error { return app.Revoke(ctx, grant.Refresh) }},
			{"Introspect of what is over", func() error {
				said, err := app.Introspect(ctx, grant.Refresh)
				if err == nil && said.Active {
					t.Error("a revoked token is active")
				}
				return err
			}},
			{"Renew of what is over", func() error {
				_, err := app.Renew(ctx, grant.Refresh)
				if e, ok := hubspot.AsError(err); ok && e.Kind == hubspot.Revoked {
					return nil
				}
				return fmt.Errorf("renewed by a revoked token: %w", err)
			}},
		}...)
		var tried []string
		for _, call := range calls {
			if method, again, _ := strings.Cut(call.method, " "); again == "" {
				tried = append(tried, method)
			}
			if err := call.call(); err != nil {
				t.Errorf("%s: %v", call.method, err)
			}
		}
		var methods []string
		for _, v := range []any{c, app} {
			for m := range reflect.TypeOf(v).Methods() {
				if !slices.Contains([]string{"AuthorizeURL", "Budget", "Calls", "Close", "Peer"}, m.Name) { // these make no call
					methods = append(methods, m.Name)
				}
			}
		}
		slices.Sort(methods)
		slices.Sort(tried)
		if diff := cmp.Diff(methods, tried); diff != "" {
			t.Errorf("methods of the client (-want +tried):\n%s", diff)
		}
		var want []string
		for _, op := range court.operations {
			want = append(want, op.name)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(court.seen))); diff != "" {
			t.Errorf("operations (-in the document +called):\n%s", diff)
		}
	})
}

// An edit makes one thing wrong with an exchange.
type edit func(*hubspottest.Exchange)

func path(p string) edit {
	return func(x *hubspottest.Exchange) { x.Request.URL.Path = p }
}

func replace(old, with string) edit {
	return func(x *hubspottest.Exchange) {
		x.Body = []byte(strings.Replace(string(x.Body), old, with, 1))
		x.Answer = []byte(strings.Replace(string(x.Answer), old, with, 1))
	}
}

// sound is an exchange in order.
func sound() hubspottest.Exchange {
	r := httptest.NewRequest(http.MethodPost, "/crm/objects/2026-09/2-1/batch/read?archived=true", nil)
	r.Header = http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/json"}}
	return hubspottest.Exchange{
		Request: r, Body: []byte(`{"idProperty":"key","properties":["key"],"inputs":[{"id":"T-1"}]}`), Status: http.StatusOK,
		Header: http.Header{
			"Date": {"Sun, 01 Nov 2026 10:00:00 GMT"}, "X-Hubspot-Correlation-Id": {"00000000-0000-4000-8000-000000000000"}, "X-Hubspot-Ratelimit-Max": {"190"},
			"Content-Type": {"application/json;charset=utf-8"},
		},
		Answer: []byte(`{"status":"COMPLETE","startedAt":"2026-11-01T10:00:00.000Z","completedAt":"2026-11-01T10:00:00.000Z","results":[` +
			`{"id":"5","properties":{"key":"T-\u0031","note":null},"createdAt":"2026-11-01T10:00:00.000Z","updatedAt":"2026-11-01T10:00:00.000Z","archived":true}]}`),
	}
}

// renewal makes an exchange one that renews a token, with a form.
func renewal(form string) edit {
	return func(x *hubspottest.Exchange) {
		x.Request = httptest.NewRequest(http.MethodPost, "/oauth/2026-09/token", nil)
		x.Request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		x.Body = []byte(form)
		delete(x.Header, "X-Hubspot-Ratelimit-Max")
		x.Answer = []byte(`{"token_type":"bearer","access_token":"a","refresh_token":"r","expires_in":1800,"hub_id":1,"scopes":["oauth"]}`)
	}
}

// both makes two edits.
func both(first, second edit) edit {
	return func(x *hubspottest.Exchange) {
		first(x)
		second(x)
	}
}

func TestViolations(t *testing.T) {
	const renew = "grant_type=refresh_token&client_id=c&client_secret=s&refresh_token=r"

	all, err := operations()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name            string
		edit            edit
		request, answer string // what is wrong, in part; "" for nothing
	}{
		{"none", func(*hubspottest.Exchange) {}, "", ""},
		{"other path", path("/crm/objects/2026-09/2-1/batch/upsert"), "no such operation", ""},
		{"other method", func(x *hubspottest.Exchange) { x.Request.Method = http.MethodPut }, "no such operation", ""},
		{"other version", path("/crm/objects/v3/2-1/batch/read"), "no such operation", ""},
		{"empty segment", path("/crm/objects/2026-09//batch/read"), "path {objectType} /: ", ""},
		{"bare name", path("/crm/objects/2026-09/gift/batch/read"), "path {objectType} /: ", ""},
		{"unknown query", func(x *hubspottest.Exchange) { x.Request.URL.RawQuery = "portalId=1" }, "query portalId", ""},
		{"query twice", func(x *hubspottest.Exchange) { x.Request.URL.RawQuery = "archived=true&archived=true" }, "more than once", ""},
		{"odd query", func(x *hubspottest.Exchange) { x.Request.URL.RawQuery = "archived=1" }, "not true or false", ""},
		{"no token", func(x *hubspottest.Exchange) { x.Request.Header.Del("Authorization") }, "no bearer token", ""},
		{"form", func(x *hubspottest.Exchange) {
			x.Request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}, "Content-Type", ""},
		{"no body", func(x *hubspottest.Exchange) { x.Body = nil }, "not JSON", ""},
		{"two bodies", func(x *hubspottest.Exchange) { x.Body = append(x.Body, x.Body...) }, "more than one", ""},
		{"unknown field", replace(`{"id":"T-1"}`, `{"id":"T-1","name":"x"}`), `body /inputs/0: property "name" is unsupported`, ""},
		{"number for text", replace(`"id":"T-1"`, `"id":1`), "body /inputs/0/id", ""},
		{"nothing to read", replace(`{"id":"T-1"}`, ""), "body /inputs: minimum number of items", ""},
		{"too much to read", replace(`{"id":"T-1"}`, strings.Repeat(`{"id":"T-1"},`, 100)+`{"id":"T-1"}`), "body /inputs: maximum number of items", ""},
		{"unknown status", func(x *hubspottest.Exchange) { x.Status = http.StatusAccepted }, "", "status 202"},
		{"unknown header", func(x *hubspottest.Exchange) { x.Header.Set("X-HubSpot-Mood", "good") }, "", "header X-Hubspot-Mood"},
		{"Retry-After on success", func(x *hubspottest.Exchange) { x.Header.Set("Retry-After", "1") }, "", "header Retry-After"},
		{"odd header", func(x *hubspottest.Exchange) { x.Header.Set("X-HubSpot-RateLimit-Max", "many") }, "", "not an integer"},
		{"no correlation id", func(x *hubspottest.Exchange) { x.Header.Del("X-HubSpot-Correlation-Id") }, "", "Correlation-Id: missing"},
		{"odd correlation id", func(x *hubspottest.Exchange) { x.Header.Set("X-HubSpot-Correlation-Id", "c-1") }, "", "header X-Hubspot-Correlation-Id /: "},
		{"no date", func(x *hubspottest.Exchange) { x.Header.Del("Date") }, "", "header Date: missing"},
		{"odd date", func(x *hubspottest.Exchange) { x.Header.Set("Date", "2026-11-01T10:00:00Z") }, "", "header Date /: "},
		{"a gateway's page", func(x *hubspottest.Exchange) { x.Header.Set("Content-Type", "text/html") }, "", "Content-Type"},
		{"a lie", func(x *hubspottest.Exchange) { x.Status, x.Lie = 999, true }, "", ""},
		{"cut short", func(x *hubspottest.Exchange) { x.Answer = x.Answer[:40] }, "", "not JSON"},
		{"invented field", replace(`"archived":true`, `"archived":true,"portalId":1`), "", `body /results/0: property "portalId" is unsupported`},
		{"missing field", replace(`"updatedAt":"2026-11-01T10:00:00.000Z",`, ""), "", `body /results/0/updatedAt: property "updatedAt" is missing`},
		{"odd instant", replace(`"updatedAt":"2026-11-01T10:00:00.000Z"`, `"updatedAt":"1793527200000"`), "", "body /results/0/updatedAt"},
		{"an hour of one digit", replace(`"updatedAt":"2026-11-01T10:`, `"updatedAt":"2026-11-01T1:`), "", "body /results/0/updatedAt"},
		{"comma for point", replace(`"updatedAt":"2026-11-01T10:00:00.`, `"updatedAt":"2026-11-01T10:00:00,`), "", "body /results/0/updatedAt"},
		{"asked twice", replace(`"id":"T-1"`, `"id":"T-1","id":"T-1"`), `body: the name "id" twice in one object`, ""},
		{"named twice", replace(`"key":"T-\u0031"`, `"key":"T-1","k\u0065y":"T-1"`), "", `body: the name "key" twice in one object`},
		{"errors without 207", replace(`"status":"COMPLETE"`, `"status":"COMPLETE","numErrors":1`), "", `property "numErrors" is unsupported`},
		{"207 without errors", func(x *hubspottest.Exchange) { x.Status = http.StatusMultiStatus }, "", `property "errors" is missing`},
		{"a renewal", renewal(renew), "", ""},
		{"a renewal with more", renewal(renew + "&scope=oauth"), "body", ""},
		{"a renewal by a code", renewal(renew + "&code=c"), "body", ""},
		{"a renewal of two tokens", renewal(renew + "&refresh_token=q"), "refresh_token given more than once", ""},
		{"no form", renewal("%"), "not a form", ""},
		{"JSON for a form", both(renewal(renew), func(x *hubspottest.Exchange) { x.Request.Header.Set("Content-Type", "application/json") }), "Content-Type", ""},
		{"a form with a bearer token", both(renewal(renew), func(x *hubspottest.Exchange) { x.Request.Header.Set("Authorization", "Bearer b") }), "takes none", ""},
		{"limits of the token endpoint", both(renewal(renew), func(x *hubspottest.Exchange) { x.Header.Set("X-HubSpot-RateLimit-Max", "1") }), "", "header X-Hubspot-Ratelimit-Max"},
		{"a token without a refresh token", both(renewal(renew), replace(`,"refresh_token":"r"`, "")), "", "refresh_token"},
		{"a record of lists", replace(`"note":null`, `"note":[]`), "", "body /results/0/properties/note"},
	} {
		x := sound()
		tt.edit(&x)
		v := judge(all, x)
		for side, pair := range map[string][2]string{
			"request": {tt.request, strings.Join(v.request, "; ")}, "answer": {tt.answer, strings.Join(v.answer, "; ")},
		} {
			if want, got := pair[0], pair[1]; !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("%s: %s: got %q, want %q", tt.name, side, got, want)
			}
		}
	}
}

// post makes a raw call of a portal.
func post(t *testing.T, p *hubspottest.Portal, path, body string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header = http.Header{"Authorization": {"Bearer " + p.Token()}, "Content-Type": {"application/json"}}
	p.ServeHTTP(httptest.NewRecorder(), r)
}

// TestWhoFails looks at which tests fail over what.
func TestWhoFails(t *testing.T) {
	const (
		batch = "/crm/objects/2026-09/contacts/batch/read"
		good  = `{"inputs":[{"id":"1"}]}`
		empty = `{"inputs":[]}`                     // refused
		extra = `{"inputs":[{"id":"1"}],"limit":5}` // accepted, though undocumented
	)
	for _, tt := range []struct {
		path, body           string
		fails, failsIfProbed bool
	}{
		{batch, good, false, false},
		{batch, empty, true, false},
		{batch, extra, true, true},
		{"/crm/objects/2026-09/contacts/batch/archive", good, true, false},
	} {
		for name, make := range map[string]func(testing.TB, hubspottest.Options) *hubspottest.Portal{"New": New, "Probed": Probed} {
			r := &recorder{TB: t}
			post(t, make(r, hubspottest.Options{}), tt.path, tt.body)
			fails := tt.fails
			if name == "Probed" {
				fails = tt.failsIfProbed
			}
			if said := r.end(); (said != "") != fails || fails && !strings.Contains(said, "POST "+tt.path+", request") {
				t.Errorf("%s, %s %s: said %q", name, tt.path, tt.body, said)
			}
		}
	}
}

// TestProbedOldVersions looks at the answers on the paths that HubSpot's own
// client calls.
func TestProbedOldVersions(t *testing.T) {
	invented := replace(`"archived":true`, `"archived":true,"portalId":1`)
	for _, tt := range []struct {
		path   string
		edit   edit
		judged bool
	}{
		{"/crm/v3/objects/2-1/batch/read", func(*hubspottest.Exchange) {}, false},
		{"/crm/v3/objects/2-1/batch/read", invented, true},
		{"/crm/v3/objects/2-1/batch/read/", invented, true},
		{"/crm/objects/v3/2-1/batch/read", invented, true},
		{"/crm/v4/associations/2-1/0-1/batch/read", invented, true},
		{"/crm/v3/properties/2-1/batch/create", invented, true},
		{"/crm/v3/schemas", invented, true},
		{"/crm-object-schemas/v3/schemas", invented, true},
		{"/crm/v3/objects/2-1/batch/read", replace(`"id":"T-1"`, `"id":"T-1","name":"x"`), false}, // its requests are not
		{"/crm/v3/objects/2-1/batch/upsert", invented, false},
		{"/crm/v33/objects/2-1/batch/read", invented, false},
	} {
		r := &recorder{TB: t}
		x := sound()
		tt.edit(&x)
		path(tt.path)(&x)
		newCourt(r).probe(x)
		if said := r.end(); (said != "") != tt.judged || tt.judged && !strings.Contains(said, "POST "+tt.path+", answer") {
			t.Errorf("%s: said %q", tt.path, said)
		}
	}
}

// TestDeliberateFaults lets the emulator break answers on purpose: that is no
// breach, but the request is looked at all the same.
func TestDeliberateFaults(t *testing.T) {
	for _, f := range []hubspottest.Fault{
		{Kind: hubspottest.ResetConn},
		{Kind: hubspottest.ResetConn, AfterEffect: true},
		{Kind: hubspottest.TruncateJSON},
		{Kind: hubspottest.EmptyAnswer},
		{Kind: hubspottest.RedirectAway},
		{Status: 502, HTML: true},
		{Status: 400, Body: `{"category":7}`},
	} {
		r := &recorder{TB: t}
		p := New(r, hubspottest.Options{})
		for _, path := range []string{"/crm/objects/2026-09/contacts/batch/read", "/crm/objects/2026-09/contacts/batch/archive"} {
			p.Fault(f)
			func() {
				defer func() { _ = recover() }() // how a handler resets the connection
				post(t, p, path, `{"inputs":[{"id":"1"}]}`)
			}()
		}
		if said := r.end(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "batch/archive, request") {
			t.Errorf("%+v: said %q", f, said)
		}
	}
}

// TestRequests looks at the requests that a made-up HubSpot gets.
func TestRequests(t *testing.T) {
	r := &recorder{TB: t}
	got := ""
	transport := Requests(r, hubspottest.Transport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = string(body)
	})))
	req := httptest.NewRequest(http.MethodPost, "https://hubspot.test/crm/objects/2026-09/deals/batch/read", strings.NewReader(`{"inputs":[{"id":7}]}`))
	req.Header = http.Header{"Authorization": {"Bearer token"}, "Content-Type": {"application/json"}}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if said := r.end(); got != `{"inputs":[{"id":7}]}` || !strings.Contains(said, "body /inputs/0/id") {
		t.Errorf("the handler got %q; said %q", got, said)
	}
}

// FuzzQuick looks for a body that a quick accepts and kin-openapi does not.
func FuzzQuick(f *testing.F) {
	all, err := operations()
	if err != nil {
		f.Fatal(err)
	}
	x := sound()
	for _, seed := range []string{
		string(x.Body), string(x.Answer), `{}`, `[]`, `null`, `{"results":[]}`, ` { "inputs" : [ { "id" : "\u0041\"" } ] } `,
		`{"total":0,"results":[],"paging":{"next":{"after":"1"}}}`, `{"name":"a","label":"A"}`, `{"inputs":[{"properties":{"a":"b"}}]}`,
		`{"status":"error","message":"m","correlationId":"00000000-0000-4000-8000-000000000000","context":{"ids":["1"]}}`,
		`{"results":[{"category":"USER_DEFINED","typeId":1,"label":null}]}`, `{"properties":{"a":"1"}}`, `{"filterGroups":[],"limit":1}`,
		`{"status":"error","message":"m","correlationId":"c-1"}`, `{"properties":{"a":"1","a":"2"}}`,
		strings.ReplaceAll(string(x.Answer), "T10:", "T1:"), strings.ReplaceAll(string(x.Answer), "00.000Z", "00,5Z"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, op := range all {
			bodies := map[string]*body{"request": op.body}
			for status, a := range op.answers {
				bodies[status] = a.body
			}
			for what, b := range bodies {
				if b == nil || b.quick == nil || !b.quick.accepts(text) {
					continue
				}
				var v any
				if err := json.Unmarshal(text, &v); err != nil {
					t.Fatalf("%s, %s: accepted, but: %v", op.name, what, err)
				}
				if bad := visit("body", b.schema, v); bad != nil {
					t.Fatalf("%s, %s: accepted, but: %v", op.name, what, bad)
				}
				if name, twice := repeated(text); twice {
					t.Fatalf("%s, %s: accepted, but %q stands there twice", op.name, what, name)
				}
			}
		}
	})
}

// TestBrokenRequest kills a sender in the middle of its request, which is no
// violation.
func TestBrokenRequest(t *testing.T) {
	r := &recorder{TB: t}
	p := New(r, hubspottest.Options{})
	body := io.MultiReader(strings.NewReader(`{"inputs":[`), iotest.ErrReader(io.ErrUnexpectedEOF))
	p.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/crm/objects/2026-09/contacts/batch/read", body))
	if said := r.end(); said != "" {
		t.Errorf("said %q", said)
	}
}

package hubspottest_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

var testApp = hubspottest.App{ClientID: "client", ClientSecret: "hunter2", RedirectURI: "https://sync.example.com/oauth"}

// form posts name, value, name, value… beside the app's credentials, of which
// later pairs can make others.
func (c *caller) form(path string, pairs ...string) reply {
	c.t.Helper()
	form := url.Values{"client_id": {testApp.ClientID}, "client_secret": {testApp.ClientSecret}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return c.post(path, "application/x-www-form-urlencoded", form.Encode())
}

func (c *caller) post(path, contentType, body string) reply {
	c.t.Helper()
	res, err := c.client.Post("https://api.hubapi.com"+path, contentType, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	r := reply{t: c.t, status: res.StatusCode, header: res.Header, text: string(text), err: err}
	if json.Unmarshal(text, &r.json) != nil {
		r.json = nil
	}
	return r
}

// redeem is form with a new code.
func (c *caller) redeem(path string) reply {
	c.t.Helper()
	r := c.form(path, "grant_type", "authorization_code", "redirect_uri", testApp.RedirectURI, "code", c.portal.Install())
	if r.status != http.StatusOK {
		c.t.Fatalf("%s: %d %s", path, r.status, r.text)
	}
	return r
}

func TestTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := testApp
		app.TokenLife = 10 * time.Minute
		c := newCaller(t, hubspottest.Options{ID: 71, App: app, Scopes: []string{"oauth", "crm.objects.contacts.read"}})
		first := c.redeem("/oauth/2026-09/token")
		old, refresh := first.str("access_token"), first.str("refresh_token")
		first.wantJSON(`{"token_type":"bearer","token_use":"access_token","access_token":"*","refresh_token":"*","expires_in":600,
		 "hub_id":71,"scopes":["crm.objects.contacts.read","oauth"],"user_id":1}`)
		if first.header.Get("X-Hubspot-Ratelimit-Max") != "" {
			t.Error("the token endpoint counts against the rates")
		}
		time.Sleep(time.Minute)
		second := c.form("/oauth/v1/token", "grant_type", "refresh_token", "refresh_token", refresh)
		current := second.str("access_token")
		second.wantJSON(`{"token_type":"bearer","access_token":"*","refresh_token":"` + refresh + `","expires_in":600,
		 "hub_id":71,"scopes":["crm.objects.contacts.read","oauth"]}`)
		if old == current {
			t.Error("a refresh gives the old token")
		}

		// Several tokens are good at once, the static one too, and each ends by itself.
		for _, token := range []string{c.token, old, current} {
			c.token = token
			c.must(200, listContacts, "")
			c.must(403, "GET /crm/objects/2026-09/deals", "")
		}
		time.Sleep(9 * time.Minute)
		c.token = old
		c.must(401, listContacts, "").wantJSON(`{"status":"error","category":"EXPIRED_AUTHENTICATION","correlationId":"*",
		 "message":"The OAuth token used to make this call expired 0 second(s) ago."}`)
		c.token = current
		c.must(200, listContacts, "")
		c.token = "CKother"
		if r := c.must(401, listContacts, ""); r.str("category") != "INVALID_AUTHENTICATION" {
			t.Errorf("%s", r.text)
		}
	})
}

func TestTokenInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{App: testApp, Scopes: []string{"oauth"}})
		issued := c.redeem("/oauth/v3/token")
		access, refresh := issued.str("access_token"), issued.str("refresh_token")
		time.Sleep(time.Second)
		common := `"token":"*","user":"admin@example.com","hub_domain":"hub.example.com","hub_id":62515,"user_id":1,"scopes":["oauth"]`
		c.must(200, "GET /oauth/v1/access-tokens/"+access, "").wantJSON(`{` + common + `,"token_type":"access","app_id":1,"expires_in":1799,"is_private_distribution":false}`)
		c.must(200, "GET /oauth/v1/refresh-tokens/"+refresh, "").wantJSON(`{` + common + `,"token_type":"refresh","client_id":"client"}`)
		c.must(404, "GET /oauth/v1/access-tokens/"+refresh, "")
		c.must(404, "GET /oauth/v1/refresh-tokens/"+access, "")
		common += `,"active":true,"token_type":"bearer","client_id":"client","app_id":1`
		c.form("/oauth/2026-09/token/introspect", "token", access).wantJSON(`{` + common + `,"token_use":"access_token","expires_in":1799,"is_private_distribution":false}`)
		c.form("/oauth/2026-09/token/introspect", "token", refresh).wantJSON(`{` + common + `,"token_use":"refresh_token"}`)
		c.form("/oauth/2026-09/token/introspect", "token", "other").wantJSON(`{"active":false}`)

		// Both ways of ending a refresh token leave the access token alone.
		if r := c.form("/oauth/2026-09/token/revoke", "token", refresh); r.status != 200 {
			t.Errorf("revoke: %d %s", r.status, r.text)
		}
		c.form("/oauth/2026-09/token/introspect", "token", refresh).wantJSON(`{"active":false}`)
		again := c.redeem("/oauth/2026-03/token").str("refresh_token")
		c.must(204, "DELETE /oauth/v1/refresh-tokens/"+again, "")
		for _, token := range []string{refresh, again} {
			if r := c.form("/oauth/v1/token", "grant_type", "refresh_token", "refresh_token", token); r.str("status") != "BAD_REFRESH_TOKEN" {
				t.Errorf("%d %s", r.status, r.text)
			}
		}
		c.must(200, "GET /oauth/v1/access-tokens/"+access, "")
		for operation := range maps.Keys(c.portal.Requests().ByOperation) {
			if strings.Contains(operation, access) || strings.Contains(operation, again) {
				t.Errorf("a token among the counters: %s", operation)
			}
		}
	})
}

func TestBadGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{App: testApp})
		c.form("/oauth/2026-09/token", "grant_type", "refresh_token", "refresh_token", "na1-other").wantJSON(
			`{"error":"invalid_grant","error_description":"refresh token is invalid, expired or revoked","status":"BAD_REFRESH_TOKEN","message":"refresh token is invalid, expired or revoked"}`)
		used, late, good := c.portal.Install(), c.portal.Install(), []string{"grant_type", "authorization_code", "redirect_uri", testApp.RedirectURI, "code"}
		if r := c.form("/oauth/2026-09/token", append(good, used)...); r.status != 200 {
			t.Errorf("%d %s", r.status, r.text)
		}
		time.Sleep(10 * time.Minute)
		fresh := c.portal.Install()
		for _, tt := range []struct {
			pairs         []string
			error, status string
		}{
			{append(good, used), "invalid_grant", "BAD_AUTH_CODE"},
			{append(good, late), "invalid_grant", "BAD_AUTH_CODE"},
			{append(good, fresh, "redirect_uri", "https://other.example.com/"), "invalid_grant", "BAD_REDIRECT_URI"},
			{append(good, fresh, "client_id", "other"), "invalid_client", "BAD_CLIENT_ID"},
			{append(good, fresh, "client_secret", ""), "invalid_client", "BAD_CLIENT_SECRET"},
			{append(good, fresh, "grant_type", "password"), "unsupported_grant_type", "BAD_GRANT_TYPE"},
		} {
			r := c.form("/oauth/2026-09/token", tt.pairs...)
			if r.status != 400 || r.str("error") != tt.error || r.str("status") != tt.status || r.str("message") != r.str("error_description") {
				t.Errorf("%q: %d %s", tt.pairs, r.status, r.text)
			}
		}
		// No refusal used it up. Only v1 reads the query, and none reads JSON.
		query := "?client_id=client&client_secret=hunter2&grant_type=authorization_code&redirect_uri=" + url.QueryEscape(testApp.RedirectURI) + "&code=" + fresh
		if r := c.post("/oauth/2026-09/token"+query, "application/x-www-form-urlencoded", ""); r.str("status") != "BAD_CLIENT_ID" {
			t.Errorf("%d %s", r.status, r.text)
		}
		if r := c.post("/oauth/v1/token"+query, "application/json", "{}"); r.status != 415 {
			t.Errorf("%d %s", r.status, r.text)
		}
		if r := c.post("/oauth/v1/token"+query, "application/x-www-form-urlencoded", ""); r.status != 200 {
			t.Errorf("%d %s", r.status, r.text)
		}
	})
	c := newCaller(t, hubspottest.Options{})
	if r := c.form("/oauth/2026-09/token", "grant_type", "refresh_token", "client_id", ""); r.str("status") != "BAD_CLIENT_ID" {
		t.Errorf("a portal that knows no app: %d %s", r.status, r.text)
	}
	for _, path := range []string{"/oauth/v1/token/introspect", "/oauth/v2/token", "/oauth/v4/token", "/oauth/2026-09/access-tokens/x"} {
		if r := c.form(path); r.status != 404 {
			t.Errorf("%s: %d %s", path, r.status, r.text)
		}
	}
}

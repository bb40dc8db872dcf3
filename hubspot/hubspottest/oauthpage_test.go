package hubspottest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// link is an install link of the test's app, with these parameters besides.
func link(pairs ...string) string {
	q := url.Values{"client_id": {testApp.ClientID}, "redirect_uri": {testApp.RedirectURI}, "scope": {"oauth"}, "state": {"s+1"}}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "/oauth/authorize?" + q.Encode()
}

// decide follows an install link and decides; back is where the browser is sent.
func (c *caller) decide(link, decision string) (back *url.URL) {
	c.t.Helper()
	client := *c.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.PostForm("https://app.hubspot.com"+link, url.Values{"decision": {decision}})
	if err != nil {
		c.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusFound {
		c.t.Fatalf("%s: %s", link, res.Status)
	}
	if back, err = res.Location(); err != nil {
		c.t.Fatal(err)
	}
	return back
}

// code is the form of redeeming a code.
func code(code string, pairs ...string) []string {
	return append([]string{"grant_type", "authorization_code", "redirect_uri", testApp.RedirectURI, "code", code}, pairs...)
}

func TestInstallPage(t *testing.T) {
	app := testApp
	app.Required = []string{"oauth", "crm.objects.contacts.read"}
	c := newCaller(t, hubspottest.Options{App: app, Tier: hubspottest.Professional})
	both := "oauth crm.objects.contacts.read"
	for why, bad := range map[string]string{
		"another app":              link("scope", both, "client_id", "other"),
		"another redirect":         link("scope", both, "redirect_uri", testApp.RedirectURI+"/"),
		"a required scope less":    link("scope", "oauth"),
		"a scope that it has not":  link("scope", both+" crm.import"),
		"an optional one likewise": link("scope", both, "optional_scope", "crm.import"),
		"one of another tier":      link("scope", both+" crm.objects.custom.read"),
		"another account":          strings.Replace(link("scope", both), "/oauth/", "/oauth/1/", 1),
		"a plain challenge":        link("scope", both, "code_challenge", "x", "code_challenge_method", "plain"),
	} {
		if r := c.must(400, "GET "+bad, ""); !strings.Contains(r.text, "cannot be connected") {
			t.Errorf("%s: %s", why, r.text)
		}
	}
	good := link("scope", both, "optional_scope", "crm.objects.custom.read crm.objects.owners.read")
	if r := c.must(200, "GET "+strings.Replace(good, "/oauth/", "/oauth/62515/", 1), ""); !strings.Contains(r.text, "account 62515") || strings.Contains(r.text, "custom") {
		t.Errorf("the page is %s", r.text)
	}
	back := c.decide(good, "cancel")
	if q := back.Query(); q.Get("error") != "access_denied" || q.Get("state") != "s+1" || q.Has("code") {
		t.Errorf("a refusal sends to %s", back)
	}
	back = c.decide(good, "connect")
	if q := back.Query(); !strings.HasPrefix(back.String(), testApp.RedirectURI+"?") || q.Get("state") != "s+1" || q.Get("code") == "" {
		t.Fatalf("a consent sends to %s", back)
	}
	r := c.form("/oauth/2026-09/token", code(back.Query().Get("code"))...)
	if r.status != 200 || !strings.Contains(r.text, `["crm.objects.contacts.read","crm.objects.owners.read","oauth"]`) {
		t.Errorf("granted: %d %s", r.status, r.text)
	}
	if r := c.must(200, "GET /crm/objects/2026-09/contacts", ""); r.status != 200 || len(c.portal.UsedScopes()) != 0 {
		t.Errorf("a static token counts as the app's: %q", c.portal.UsedScopes())
	}
	c.token = r.str("access_token")
	c.must(200, "GET /crm/objects/2026-09/contacts", "")
	c.must(403, "GET /crm/objects/2026-09/deals", "")
	if used := c.portal.UsedScopes(); !slices.Equal(used, []string{"crm.objects.contacts.read"}) {
		t.Errorf("used are %q", used)
	}
}

func TestCodeVerifier(t *testing.T) {
	// RFC 7636, appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	withChallenge := link("code_challenge", challenge, "code_challenge_method", "S256")
	c := newCaller(t, hubspottest.Options{App: testApp})
	given := c.decide(withChallenge, "connect").Query().Get("code")
	for _, wrong := range [][]string{code(given), code(given, "code_verifier", "other")} {
		if r := c.form("/oauth/2026-09/token", wrong...); r.str("status") != "BAD_CODE_VERIFIER" {
			t.Errorf("%d %s", r.status, r.text)
		}
	}
	if r := c.form("/oauth/2026-09/token", code(given, "code_verifier", verifier)...); r.status != 200 {
		t.Errorf("%d %s", r.status, r.text)
	}
	app := testApp
	app.NoPKCE, app.NoChallenge = true, true
	c = newCaller(t, hubspottest.Options{App: app})
	c.must(400, "GET "+withChallenge, "")
	given = c.decide(link(), "connect").Query().Get("code")
	if r := c.form("/oauth/2026-09/token", code(given, "code_verifier", verifier)...); r.str("status") != "BAD_CODE_VERIFIER" {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := c.form("/oauth/2026-09/token", code(given)...); r.status != 200 {
		t.Errorf("%d %s", r.status, r.text)
	}
}

func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, rotation := range []hubspottest.Rotation{hubspottest.NewToken, hubspottest.NewTokenFamily} {
			app := testApp
			app.Rotation, app.Grace, app.TokenLength = rotation, 10*time.Second, 512
			c := newCaller(t, hubspottest.Options{App: app})
			refresh := func(token string) reply {
				return c.form("/oauth/2026-09/token", "grant_type", "refresh_token", "refresh_token", token)
			}
			old := c.redeem("/oauth/2026-09/token").str("refresh_token")
			first := refresh(old)
			next := first.str("refresh_token")
			if next == old || len(next) != 512 {
				t.Fatalf("%v: from %s to %s", rotation, old, next)
			}
			time.Sleep(9 * time.Second)
			if r := refresh(old); r.status != 200 {
				t.Errorf("%v: within its grace: %d %s", rotation, r.status, r.text)
			}
			c.token = first.str("access_token")
			c.must(200, listContacts, "")
			time.Sleep(time.Second)
			if r := refresh(old); r.str("status") != "BAD_REFRESH_TOKEN" {
				t.Errorf("%v: after its grace: %d %s", rotation, r.status, r.text)
			}
			lives := map[bool]int{true: 200, false: 401}[rotation == hubspottest.NewToken]
			c.must(lives, listContacts, "")
			if r := refresh(next); (r.status == 200) != (lives == 200) {
				t.Errorf("%v: the newer token: %d %s", rotation, r.status, r.text)
			}
		}
	})
}

func TestUninstall(t *testing.T) {
	for _, ends := range []bool{false, true} {
		app := testApp
		app.UninstallEndsAccess = ends
		c := newCaller(t, hubspottest.Options{App: app})
		c.must(403, "DELETE /appinstalls/2026-09/external-install", "")
		c.token = c.redeem("/oauth/2026-09/token").str("access_token")
		if c.must(204, "DELETE /appinstalls/2026-09/external-install", ""); c.portal.Installed() {
			t.Error("the app is installed still")
		}
		c.must(map[bool]int{false: 200, true: 401}[ends], listContacts, "")
	}
}

func TestHubOfInstalls(t *testing.T) {
	first := contract.Probed(t, hubspottest.Options{ID: 1, Seed: 1, Token: "pat-1", App: testApp})
	second := contract.Probed(t, hubspottest.Options{ID: 2, Seed: 2, Token: "pat-2", App: testApp})
	hub := hubspottest.NewHub(first, second)
	c := newCaller(t, hubspottest.Options{})
	c.client = &http.Client{Transport: hubspottest.Transport(hub)}
	for _, p := range []*hubspottest.Portal{first, second} {
		hub.Choose = func() *hubspottest.Portal { return p }
		issued := c.form("/oauth/2026-09/token", code(c.decide(link(), "connect").Query().Get("code"))...)
		again := c.form("/oauth/2026-09/token", "grant_type", "refresh_token", "refresh_token", issued.str("refresh_token"))
		c.token = again.str("access_token")
		r := c.must(200, "GET /account-info/2026-09/details", "")
		if got := int64(r.json.(map[string]any)["portalId"].(float64)); got != p.ID() {
			t.Errorf("account %d answers for %d", got, p.ID())
		}
	}
	if r := c.form("/oauth/2026-09/token/introspect", "token", "other"); r.text != `{"active":false}` {
		t.Errorf("%s", r.text)
	}
}

package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/app"
	"thnks-hubspot-sync/sync/portal"
)

const (
	public      = "https://sync.example.com"
	clientID    = "6f2c7c4e"
	clientWords = "hunter2-client-secret"
)

// A memoryState is a state file in memory that can fail.
type memoryState struct {
	mu    sync.Mutex
	meta  map[string][]byte
	audit []string
	fail  error
	// dies is called before and after each commit.
	dies func()
}

func (s *memoryState) Meta(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta[name], nil
}

func (s *memoryState) Commit(c store.Commit) error {
	if s.dies != nil {
		s.dies()
		defer s.dies()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	for name, value := range c.Meta {
		if s.meta[name] = value; value == nil {
			delete(s.meta, name)
		}
	}
	for _, e := range c.Audit {
		s.audit = append(s.audit, e.Action)
	}
	return nil
}

// A world is a portal that is to be connected, beside another one, with HubSpot
// behind both.
type world struct {
	t         *testing.T
	account   *hubspottest.Portal // the portal's
	other     *hubspottest.Portal // of portal umbrella
	stranger  *hubspottest.Portal // of nobody
	hub       *hubspottest.Hub
	state     *memoryState
	keys      *store.Keyring
	holding   app.Holding
	installer *app.Installer
	connected int
	log       strings.Builder
}

func newWorld(t *testing.T, o hubspottest.App, pkce bool) *world {
	t.Helper()
	o.ClientID, o.ClientSecret, o.RedirectURI = clientID, clientWords, public+app.CallbackPath
	w := &world{t: t, state: &memoryState{meta: make(map[string][]byte)}}
	for i, p := range []**hubspottest.Portal{&w.account, &w.other, &w.stranger} {
		*p = contract.Probed(t, hubspottest.Options{ID: int64(i + 1), Seed: uint64(i + 1), Token: fmt.Sprint("pat-", i), App: o})
	}
	w.hub = hubspottest.NewHub(w.account, w.other, w.stranger)
	var err error
	if w.keys, err = store.NewKeyring([]byte(strings.Repeat("k", 32))); err != nil {
		t.Fatal(err)
	}
	w.holding = w.hold()
	p := app.Portal{
		Name: "acme", AccountID: "1", App: w.holding.App, PKCE: pkce, Rules: portal.LinkRules{Companies: true, MaxDeals: 10},
		Hold: func() (app.Holding, error) { return w.holding, nil }, Connected: func() { w.connected++ },
	}
	umbrella := p
	umbrella.Name, umbrella.AccountID = "umbrella", "2"
	w.installer = app.NewInstaller(public, []app.Portal{p, umbrella}, slog.New(slog.NewTextHandler(&w.log, nil)))
	return w
}

// hold is what a new process holds.
func (w *world) hold() app.Holding {
	w.t.Helper()
	a, err := hubspot.NewApp(hubspot.AppConfig{
		ClientID: clientID, ClientSecret: func() (hubspot.Secret, error) { return hubspot.SecretOf(clientWords), nil },
		AuthorizeURL: "https://app.hubspot.com/oauth/authorize", RedirectURL: public + app.CallbackPath,
		Transport: hubspottest.Transport(w.hub),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	v := &app.Vault{Portal: "acme", State: w.state, Keys: func() (*store.Keyring, error) { return w.keys, nil }}
	return app.Holding{App: a, Vault: v, Tokens: hubspot.NewTokens(hubspot.TokensConfig{App: a, Vault: v, AccountID: "1"})}
}

// get is what a browser gets from our side.
func (w *world) get(address string) *http.Response {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.installer.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, strings.TrimPrefix(address, public), nil))
	return rec.Result()
}

// atHubSpot decides on HubSpot's page, and returns where the browser is sent.
func (w *world) atHubSpot(page, decision string) string {
	w.t.Helper()
	client := &http.Client{Transport: hubspottest.Transport(w.hub), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.PostForm(page, url.Values{"decision": {decision}})
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusFound {
		w.t.Fatalf("HubSpot's page answers %s", res.Status)
	}
	return res.Header.Get("Location")
}

// connect goes the whole way and returns the last page.
func (w *world) connect(decision string) (link app.Link, status int, page string) {
	w.t.Helper()
	link, err := w.installer.Begin("acme")
	if err != nil {
		w.t.Fatal(err)
	}
	at := link.URL
	for range 5 {
		res := w.get(at)
		if res.StatusCode != http.StatusSeeOther {
			body, err := io.ReadAll(res.Body)
			if err != nil {
				w.t.Fatal(err)
			}
			return link, res.StatusCode, string(body)
		}
		at = w.atHubSpot(res.Header.Get("Location"), decision)
	}
	w.t.Fatal("the browser goes in circles")
	return link, 0, ""
}

func (w *world) nothingStored() {
	w.t.Helper()
	if len(w.state.meta) != 0 || w.connected != 0 {
		w.t.Errorf("something was stored: %d entries, %d times connected", len(w.state.meta), w.connected)
	}
}

func TestConnect(t *testing.T) {
	for name, tt := range map[string]struct {
		app  hubspottest.App
		pkce bool
	}{
		"with PKCE":                        {hubspottest.App{}, true},
		"without":                          {hubspottest.App{}, false},
		"HubSpot refuses the verifier":     {hubspottest.App{NoPKCE: true}, true},
		"HubSpot says no life":             {hubspottest.App{NoExpiresIn: true}, true},
		"HubSpot does not say whose it is": {hubspottest.App{NoHubID: true}, true},
		"a new refresh token at each step": {hubspottest.App{Rotation: hubspottest.NewTokenFamily}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.app, tt.pkce)
			link, status, page := w.connect("connect")
			if status != http.StatusOK || !strings.Contains(page, "<h1>Connected</h1>") || !strings.Contains(page, "account 1 ") {
				t.Fatalf("%d %s", status, page)
			}
			c, err := w.installer.Wait(t.Context(), link.Ticket)
			if err != nil || c.Portal != "acme" || c.Account != "1" || len(c.Scopes) != 11 || len(c.Lost) != 0 || w.connected != 1 {
				t.Errorf("%+v, %v, connected %d times", c, err, w.connected)
			}
			if _, err := w.holding.Tokens.Token(); err != nil {
				t.Error(err)
			}
			if len(w.state.audit) != 1 || w.state.audit[0] != "connect" {
				t.Errorf("the audit is %q", w.state.audit)
			}
			g, err := w.holding.Vault.Grant()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{g.Access.Reveal(), g.Refresh.Reveal(), clientWords, link.Ticket} {
				if strings.Contains(string(w.state.meta["grant"])+page+w.log.String(), s) {
					t.Error("a secret is in clear in the state file, on the page or in the log")
				}
			}
		})
	}
}

// TestRefusedParameter: HubSpot may send a browser back because it does not know
// the challenge; the same ticket then begins once more, and only once.
func TestRefusedParameter(t *testing.T) {
	w := newWorld(t, hubspottest.App{NoChallenge: true}, true)
	link, err := w.installer.Begin("acme")
	if err != nil {
		t.Fatal(err)
	}
	at := func(res *http.Response) *url.URL {
		u, err := res.Location()
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	first := at(w.get(link.URL))
	back := public + app.CallbackPath + "?error=invalid_request&state=" + first.Query().Get("state")
	second := at(w.get(back))
	if !first.Query().Has("code_challenge") || second.Query().Has("code_challenge") || second.Query().Get("state") == first.Query().Get("state") {
		t.Errorf("first %s, then %s", first, second)
	}
	if res := w.get(back); res.StatusCode != http.StatusNotFound {
		t.Errorf("a state that was used is taken again: %s", res.Status)
	}
	if res := w.get(w.atHubSpot(second.String(), "connect")); res.StatusCode != http.StatusOK || w.connected != 1 {
		t.Errorf("%s", res.Status)
	}
}

func TestNotConnected(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare  func(*world)
		decision string
		status   int
		page     string
		err      string
	}{
		"refused on HubSpot's page": {func(*world) {}, "cancel", 200, "Not connected", "refused"},
		"a stranger's account": {func(w *world) {
			w.hub.Choose = func() *hubspottest.Portal { return w.stranger }
		}, "connect", 409, "another account", "account 3, but this portal has account_id 1"},
		"the account of another portal": {func(w *world) {
			w.hub.Choose = func() *hubspottest.Portal { return w.other }
		}, "connect", 409, "another account", "that of portal umbrella"},
		"the token endpoint is down": {func(w *world) {
			w.account.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Count: -1, Kind: hubspottest.RespondStatus, Status: 503})
		}, "connect", 502, "HubSpot did not accept", "503"},
		"the state file is full": {func(w *world) { w.state.fail = errors.New("no room") }, "connect", 500, "could not be stored", "no room"},
		"a wrong client secret":  {func(w *world) { w.account.SetSecret("other") }, "connect", 502, "HubSpot did not accept", "BAD_CLIENT_SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, hubspottest.App{}, true)
			// On HubSpot's page a person can choose any account.
			anyAccount(w)
			tt.prepare(w)
			link, status, page := w.connect(tt.decision)
			if status != tt.status || !strings.Contains(page, tt.page) {
				t.Errorf("%d %s", status, page)
			}
			_, err := w.installer.Wait(t.Context(), link.Ticket)
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("the command says %v", err)
			}
			w.nothingStored()
			want := "connect refused"
			switch name {
			case "a stranger's account":
				want = "revoke, connect refused"
			case "the state file is full":
				want = ""
			}
			if got := strings.Join(w.state.audit, ", "); got != want {
				t.Errorf("the audit says %q, want %q", got, want)
			}
			if name == "a stranger's account" && w.stranger.Installed() {
				t.Error("the grant of a stranger's account was not revoked")
			}
			if name == "the account of another portal" && !w.other.Installed() {
				t.Error("the other portal's access was revoked")
			}
		})
	}
}

// anyAccount has the accounts answer to links that name another one, as HubSpot
// does where a person switches accounts.
func anyAccount(w *world) {
	w.hub.AnyAccount = true
}

func TestOtherRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.App{}, true)
		link, err := w.installer.Begin("acme")
		if err != nil {
			t.Fatal(err)
		}
		for address, want := range map[string]int{
			"/oauth/install": 404,
			"/oauth/install?ticket=" + link.Ticket + "x":                      404,
			"/oauth/install?ticket=" + link.Ticket + "&ticket=" + link.Ticket: 404,
			"/oauth/install/?ticket=" + link.Ticket:                           404,
			"/oauth/callback?code=x&state=y":                                  404,
			"/oauth/callback?code=x&state=":                                   404,
			"/oauth/callback?code=x":                                          200, // begun inside HubSpot
			"/oauth/":                                                         404,
		} {
			res := w.get(address)
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != want || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%s: %d %s", address, res.StatusCode, body)
			}
			if want == 200 && !strings.Contains(string(body), "thnks-hubspot-sync connect --portal") {
				t.Errorf("the page does not name the command: %s", body)
			}
			for _, header := range []string{"Content-Security-Policy", "Referrer-Policy", "Cache-Control"} {
				if res.Header.Get(header) == "" {
					t.Errorf("%s has no %s", address, header)
				}
			}
		}
		for _, method := range []string{http.MethodHead, http.MethodPost} {
			rec := httptest.NewRecorder()
			w.installer.ServeHTTP(rec, httptest.NewRequest(method, strings.TrimPrefix(link.URL, public), nil))
			if rec.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s: %d", method, rec.Code)
			}
		}
		w.nothingStored()
		// A link is good once …
		if res := w.get(link.URL); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s", res.Status)
		}
		if res := w.get(link.URL); res.StatusCode != http.StatusNotFound {
			t.Errorf("a used link: %s", res.Status)
		}
		// … and for ten minutes.
		if link, err = w.installer.Begin("acme"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(linkLife + time.Second)
		if res := w.get(link.URL); res.StatusCode != http.StatusNotFound {
			t.Errorf("an old link: %s", res.Status)
		}
		if _, err := w.installer.Wait(t.Context(), link.Ticket); !errors.Is(err, app.ErrNoTicket) {
			t.Errorf("who waits hears %v", err)
		}
		if _, err := w.installer.Begin("unknown"); err == nil {
			t.Error("a portal without an app gets a link")
		}
	})
}

const linkLife = 10 * time.Minute

func TestWaitForTheInstall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.App{}, true)
		link, err := w.installer.Begin("acme")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		left := errors.New("left")
		stop(left)
		if _, err := w.installer.Wait(ctx, link.Ticket); !errors.Is(err, left) {
			t.Errorf("%v", err)
		}
		began := time.Now()
		if _, err := w.installer.Wait(t.Context(), link.Ticket); !errors.Is(err, app.ErrNoTicket) || time.Since(began) != linkLife {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		// No flood of links grows without bound.
		for range 1000 {
			if _, err = w.installer.Begin("acme"); err != nil {
				break
			}
		}
		if err == nil {
			t.Error("a thousand links are open")
		}
		time.Sleep(linkLife + time.Second)
		if _, err := w.installer.Begin("acme"); err != nil {
			t.Error(err)
		}
	})
}

// TestLostScopes: what an account has not granted is explained.
func TestLostScopes(t *testing.T) {
	lost := portal.Lost(portal.LinkRules{Companies: true, MaxDeals: 1}, []string{"oauth", "crm.objects.contacts.read", "crm.objects.contacts.write"})
	var names []string
	for _, f := range lost {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, ", "); got != "companies, deals, gift records, owners, the workflow action" {
		t.Errorf("lost are %s", got)
	}
}

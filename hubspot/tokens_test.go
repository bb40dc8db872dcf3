package hubspot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

const (
	testClient   = "client"
	testSecret   = "hunter2-client-secret"
	testRedirect = "https://sync.example.com/oauth/callback"
)

// A memoryVault keeps a grant as a state file does: its times lose their
// monotonic clock.
type memoryVault struct {
	mu    sync.Mutex
	grant *Grant
	fail  error
	saved int
}

func (v *memoryVault) Grant() (*Grant, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.grant == nil {
		return nil, nil
	}
	g := *v.grant
	return &g, nil
}

func (v *memoryVault) Save(g *Grant) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fail != nil {
		return v.fail
	}
	kept := *g
	kept.Issued, kept.Expires = g.Issued.Round(0), g.Expires.Round(0)
	v.grant, v.saved = &kept, v.saved+1
	return nil
}

// An oauthWorld is an emulated account, the app, and a portal that is connected.
type oauthWorld struct {
	t      *testing.T
	portal *hubspottest.Portal
	app    *App
	vault  *memoryVault
	tokens *Tokens
	secret string // the client secret in our file

	registered hubspottest.App // as HubSpot knows the app
	server     http.Handler    // the account, or several
}

func newOAuthWorld(t *testing.T, o hubspottest.Options) *oauthWorld {
	t.Helper()
	o.App.ClientID, o.App.ClientSecret, o.App.RedirectURI = testClient, testSecret, testRedirect
	w := &oauthWorld{t: t, portal: contract.Probed(t, o), vault: new(memoryVault), secret: testSecret, registered: o.App}
	w.server = w.portal
	w.app = w.newApp(hubspottest.Transport(w.portal))
	w.connect()
	w.restart()
	return w
}

// connect stores a new grant.
func (w *oauthWorld) connect() {
	w.t.Helper()
	g, err := w.app.Exchange(w.t.Context(), w.portal.Install(), Secret{})
	if err != nil {
		w.t.Fatal(err)
	}
	g.AccountID = fmt.Sprint(w.portal.ID()) // which an install asks for where the answer lacks it
	if err := w.vault.Save(g); err != nil {
		w.t.Fatal(err)
	}
}

func (w *oauthWorld) newApp(transport http.RoundTripper) *App {
	w.t.Helper()
	app, err := NewApp(AppConfig{
		ClientID: testClient, ClientSecret: func() (Secret, error) { return SecretOf(w.secret), nil },
		AuthorizeURL: "https://app.hubspot.com/oauth/authorize", RedirectURL: testRedirect, Transport: transport,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return app
}

// secrets are what no log line may have.
func (w *oauthWorld) secrets() []string {
	all := []string{testSecret}
	if g, err := w.vault.Grant(); err == nil && g != nil {
		all = append(all, g.Access.Reveal(), g.Refresh.Reveal(), g.Previous.Reveal())
	}
	return all
}

// restart is a new process.
func (w *oauthWorld) restart() {
	w.tokens = NewTokens(TokensConfig{App: w.app, Vault: w.vault, AccountID: fmt.Sprint(w.portal.ID()), Logger: watched(w.t, w.secrets)})
}

func (w *oauthWorld) client() *Client {
	w.t.Helper()
	c, err := New(Config{Token: w.tokens, Transport: hubspottest.Transport(w.server), Logger: watched(w.t, w.secrets)})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// asked is how many requests the token endpoint got.
func (w *oauthWorld) asked() int { return w.portal.Requests().ByClass[hubspottest.ClassOAuth] }

func wantKind(t *testing.T, err error, kind Kind, category string) {
	t.Helper()
	if e, ok := AsError(err); !ok || e.Kind != kind || e.Category != category {
		t.Errorf("the error is %v (%#v), want %v %s", err, err, kind, category)
	}
}

// TestTokenIsRenewedEarly: in six hours of calls none is refused, and the token is
// renewed as often as its life asks for.
func TestTokenIsRenewedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{})
		c, before := w.client(), w.asked()
		for range 6 * 60 {
			if _, err := c.Account(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if refused := w.portal.Requests().ByStatus[401]; refused != 0 {
			t.Errorf("%d calls were refused", refused)
		}
		if n := w.asked() - before; n != 14 { // after each 24 minutes
			t.Errorf("renewed %d times", n)
		}
	})
}

// TestOneRenewalAtATime: however many ask, a period has one renewal, and a grant
// that dies of a doubled one lives.
func TestOneRenewalAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{App: hubspottest.App{Rotation: hubspottest.NewTokenFamily}})
		w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Count: -1, Kind: hubspottest.DelayAnswer, Delay: time.Second})
		c, before := w.client(), w.asked()
		for range 10 {
			time.Sleep(25 * time.Minute)
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() {
					if _, err := c.Account(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		if n := w.asked() - before; n != 10 {
			t.Errorf("10 periods had %d renewals", n)
		}
		if err := w.tokens.Probe(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestCrashAroundARenewal: a process that dies before, during or after a renewal costs the
// grant only where HubSpot has already forgotten the token that is stored. It
// then asks once.
func TestCrashAroundARenewal(t *testing.T) {
	died := errors.New("died")
	for _, rotation := range []hubspottest.Rotation{hubspottest.SameToken, hubspottest.NewToken, hubspottest.NewTokenFamily} {
		for _, grace := range []time.Duration{0, 10 * time.Second, 30 * time.Second} {
			for _, at := range []string{"before the request", "before the answer", "before the vault", "after the vault"} {
				t.Run(fmt.Sprint(rotation, grace, at), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newOAuthWorld(t, hubspottest.Options{App: hubspottest.App{Rotation: rotation, Grace: grace}})
						time.Sleep(29 * time.Minute)
						switch at {
						case "before the answer":
							w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Kind: hubspottest.ResetConn, AfterEffect: true})
						case "before the vault":
							w.vault.fail = died
						}
						if at != "before the request" {
							_, _ = w.tokens.Token()
						}
						w.vault.fail = nil
						w.restart()
						time.Sleep(5 * time.Second)
						before := w.asked()
						token, err := w.tokens.Token()
						lost := rotation != hubspottest.SameToken && grace == 0 && (at == "before the answer" || at == "before the vault")
						if !lost {
							if err != nil {
								t.Fatal(err)
							}
							if _, err := w.client().Account(t.Context()); err != nil || token.AccessToken != w.vault.grant.Access.Reveal() {
								t.Errorf("the token does not work or is not stored: %v", err)
							}
							return
						}
						for range 24 {
							wantKind(t, err, Revoked, "BAD_REFRESH_TOKEN")
							time.Sleep(time.Hour)
							w.restart()
							_, err = w.tokens.Token()
						}
						if n := w.asked() - before; n != 1 {
							t.Errorf("asked %d times", n)
						}
					})
				})
			}
		}
	}
}

// TestTokensAreStoredBeforeUse: what could not be stored is not used, and what HubSpot
// gave is not lost while the process lives.
func TestTokensAreStoredBeforeUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{App: hubspottest.App{Rotation: hubspottest.NewTokenFamily}})
		old := w.vault.grant
		time.Sleep(25 * time.Minute)
		w.vault.fail = errors.New("no room")
		for range 3 {
			_, err := w.tokens.Token()
			wantKind(t, err, Unkept, "")
			if !strings.Contains(err.Error(), "no room") {
				t.Error(err)
			}
		}
		w.vault.fail = nil
		before := w.asked()
		if _, err := w.tokens.Token(); err != nil || w.asked() != before {
			t.Errorf("%v, after %d further requests", err, w.asked()-before)
		}
		if g := w.vault.grant; g.Refresh.Equal(old.Refresh) || !g.Previous.Equal(old.Refresh) {
			t.Error("the new refresh token and the one before are not in the vault")
		}
	})
}

// TestUnsavedTokensGiveWay: what is stored while renewed tokens wait to be stored, as a
// new connection or a disconnection, is not overwritten by them.
func TestUnsavedTokensGiveWay(t *testing.T) {
	for _, wiped := range []bool{false, true} {
		t.Run(fmt.Sprintf("wiped %v", wiped), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newOAuthWorld(t, hubspottest.Options{App: hubspottest.App{Rotation: hubspottest.NewTokenFamily}})
				time.Sleep(25 * time.Minute)
				w.vault.fail = errors.New("no room")
				_, err := w.tokens.Token()
				wantKind(t, err, Unkept, "")
				wantKind(t, w.tokens.Alone(func() error {
					t.Error("something else is stored before the renewed tokens")
					return nil
				}), Unkept, "")
				w.vault.fail = nil
				if err := w.tokens.Alone(func() error {
					if wiped {
						w.vault.grant = nil
					} else {
						w.connect()
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				stored := w.vault.grant
				token, err := w.tokens.Token()
				if wiped {
					wantKind(t, err, Revoked, CodeNotConnected)
				} else if err != nil || token.AccessToken != stored.Access.Reveal() {
					t.Errorf("the token given out is not the stored one, %v", err)
				}
				if g, err := w.tokens.Grant(); err != nil || (g == nil) != wiped {
					t.Errorf("the grant is %v, %v", g, err)
				}
			})
		})
	}
}

// TestRevokedGrantStopsCalls: a grant that is over costs a handful of calls, for ever, and a
// new one works at once.
func TestRevokedGrantStopsCalls(t *testing.T) {
	for how, end := range map[string]func(*oauthWorld){
		"uninstalled in HubSpot": func(w *oauthWorld) { w.portal.Uninstall() },
		"revoked": func(w *oauthWorld) {
			if err := w.app.Revoke(w.t.Context(), w.vault.grant.Refresh); err != nil {
				w.t.Error(err)
			}
		},
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newOAuthWorld(t, hubspottest.Options{App: hubspottest.App{UninstallEndsAccess: true}})
				time.Sleep(time.Hour)
				end(w)
				w.portal.ResetRequests()
				for hour := range 24 {
					_, err := w.client().Account(t.Context())
					wantKind(t, err, Revoked, "BAD_REFRESH_TOKEN")
					time.Sleep(time.Hour)
					if hour == 12 {
						w.restart()
					}
				}
				if n := w.portal.Requests().Total; n > 3 {
					t.Errorf("%d calls after the end", n)
				}
				g, err := w.app.Exchange(t.Context(), w.portal.Install(), Secret{})
				if err != nil {
					t.Fatal(err)
				}
				if err := w.vault.Save(g); err != nil {
					t.Fatal(err)
				}
				if _, err := w.client().Account(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestProbeFindsAnUninstall: the daily question finds an uninstall before the token ends.
func TestProbeFindsAnUninstall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{})
		if err := w.tokens.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.portal.Uninstall()
		wantKind(t, w.tokens.Probe(t.Context()), Revoked, CodeInactive)
		before := w.asked()
		_, err := w.tokens.Token()
		wantKind(t, err, Revoked, CodeInactive)
		wantKind(t, w.tokens.Probe(t.Context()), Revoked, CodeInactive)
		if w.asked() != before {
			t.Error("HubSpot is asked about a grant that is over")
		}
	})
}

// TestProbeBelievesHubSpotAlone: an answer that does not say whether the grant stands,
// as a gateway gives it, ends nothing.
func TestProbeBelievesHubSpotAlone(t *testing.T) {
	for _, body := range []string{`{}`, `null`, `{"status":"error"}`, `{"active":null}`} {
		synctest.Test(t, func(t *testing.T) {
			w := newOAuthWorld(t, hubspottest.Options{})
			w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Kind: hubspottest.RespondStatus, Status: 200, Body: body})
			wantKind(t, w.tokens.Probe(t.Context()), Unexpected, "")
			if _, err := w.tokens.Token(); err != nil || !w.vault.grant.Ended.IsZero() {
				t.Errorf("%s: the grant is over since %v: %v", body, w.vault.grant.Ended, err)
			}
			if err := w.tokens.Probe(t.Context()); err != nil {
				t.Errorf("%s: asked again: %v", body, err)
			}
		})
	}
}

// TestTokenEndpointOutage: four minutes without the token endpoint cost no call, whatever
// it answers, and few requests.
func TestTokenEndpointOutage(t *testing.T) {
	for name, fault := range map[string]hubspottest.Fault{
		"503":           {Kind: hubspottest.RespondStatus, Status: 503},
		"429":           {Kind: hubspottest.RespondStatus, Status: 429, RetryAfter: "20"},
		"a proxy's 403": {Kind: hubspottest.RespondStatus, Status: 403, HTML: true},
		"reset":         {Kind: hubspottest.ResetConn},
		"no answer":     {Kind: hubspottest.DelayAnswer, Delay: time.Hour},
		"cut":           {Kind: hubspottest.TruncateJSON},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newOAuthWorld(t, hubspottest.Options{})
				c := w.client()
				time.Sleep(23 * time.Minute)
				fault.Class, fault.Count = hubspottest.ClassOAuth, -1
				w.portal.Fault(fault)
				before := w.asked()
				for began := time.Now(); time.Since(began) < 5*time.Minute; time.Sleep(time.Second) {
					if _, err := c.Account(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if n := w.asked() - before; n < 4 || n > 16 {
					t.Errorf("asked %d times in 5 minutes", n)
				}
				w.portal.ClearFaults()
				time.Sleep(time.Minute)
				if _, err := c.Account(t.Context()); err != nil {
					t.Error(err)
				}
				if !fresh(w.vault.grant, time.Now()) {
					t.Error("not renewed after the outage")
				}
			})
		})
	}
}

// TestWrongSecretEndsNoGrant: a wrong secret stops renewals for the app, ends no grant,
// and is over when the secret is right.
func TestWrongSecretEndsNoGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{})
		w.secret = "wrong"
		time.Sleep(31 * time.Minute)
		before := w.asked()
		for range 50 {
			_, err := w.client().Account(t.Context())
			wantKind(t, err, Misconfigured, "BAD_CLIENT_SECRET")
			time.Sleep(time.Minute)
		}
		if n := w.asked() - before; n != 1 {
			t.Errorf("asked %d times within the hour", n)
		}
		if !w.vault.grant.Ended.IsZero() {
			t.Error("the grant counts as over")
		}
		w.secret = testSecret
		if _, err := w.client().Account(t.Context()); err != nil {
			t.Error(err)
		}
		// The same secret is tried again after an hour: HubSpot may have been wrong.
		w.portal.SetSecret("other")
		time.Sleep(31 * time.Minute)
		_, err := w.client().Account(t.Context())
		wantKind(t, err, Misconfigured, "BAD_CLIENT_SECRET")
		w.portal.SetSecret(testSecret)
		time.Sleep(time.Hour)
		if _, err := w.client().Account(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestRefusedTokenIsRenewedOnce: a token that HubSpot takes for ended, whatever our clock says, is
// renewed once, and the call repeated; writes that could double are not.
func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{})
		c := w.client()
		id := w.portal.AddContact("ann@acme.example", nil)
		time.Sleep(2 * time.Minute)
		for what, call := range map[string]func() error{
			"read": func() error { _, err := c.Account(t.Context()); return err },
			"update": func() error {
				outcomes, err := c.Update(t.Context(), "contacts", []Patch{{ID: id, Properties: map[string]string{"firstname": "Ann"}}})
				return cmpErr(outcomes, err)
			},
			"keyed create": func() error {
				outcomes, err := c.Create(t.Context(), "contacts", "email", []NewObject{{Properties: map[string]string{"email": "bob@acme.example"}}})
				return cmpErr(outcomes, err)
			},
		} {
			w.portal.ExpireAccess()
			w.portal.ResetRequests()
			if err := call(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if r := w.portal.Requests(); r.ByStatus[401] != 1 || w.asked() != 1 {
				t.Errorf("%s: refused %d times, renewed %d times", what, r.ByStatus[401], w.asked())
			}
			time.Sleep(2 * time.Minute)
		}
		w.portal.ExpireAccess()
		w.portal.ResetRequests()
		err := c.CreateAssociationDefinition(t.Context(), "2-1", "0-1", "thnks_to_contact")
		if e, ok := AsError(err); !ok || e.Kind != Transient || e.Status != 401 {
			t.Errorf("an unkeyed create ends with %v", err)
		}
		if n := w.portal.Requests().ByOperation["POST schemas/2-1/associations"]; n != 1 {
			t.Errorf("sent %d times", n)
		}
		// A token refused the moment it was made is not renewed over and over.
		w.portal.Fault(hubspottest.Fault{PathContains: "account-info", Count: -1, Kind: hubspottest.RespondStatus, Status: 401})
		w.portal.ResetRequests()
		for range 20 {
			_, err := c.Account(t.Context())
			wantKind(t, err, Unauthorised, "INVALID_AUTHENTICATION")
		}
		if n := w.asked(); n > 1 {
			t.Errorf("renewed %d times", n)
		}
	})
}

// TestRefusedTokenInAnOutage: while a token that HubSpot refuses cannot be renewed it is
// not used again, so that a call fails for the outage and not for the token, and works
// after it.
func TestRefusedTokenInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{})
		c := w.client()
		time.Sleep(2 * time.Minute)
		w.portal.ExpireAccess()
		w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Count: -1, Kind: hubspottest.RespondStatus, Status: 503})
		w.portal.ResetRequests()
		for range 3 {
			_, err := c.Account(t.Context())
			wantKind(t, err, Transient, "")
		}
		if n := w.portal.Requests().ByStatus[401]; n != 1 {
			t.Errorf("the refused token was sent %d times", n)
		}
		w.portal.ClearFaults()
		time.Sleep(time.Minute)
		if _, err := c.Account(t.Context()); err != nil {
			t.Errorf("after the outage: %v", err)
		}
	})
}

func cmpErr(outcomes []Outcome, err error) error {
	for _, o := range outcomes {
		if err == nil {
			err = o.Err
		}
	}
	return err
}

// TestLongTokens: tokens of 4 KiB work; what is longer than 8 KiB is none.
func TestLongTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{App: hubspottest.App{TokenLength: 4 << 10, Rotation: hubspottest.NewToken}})
		time.Sleep(time.Hour)
		if _, err := w.client().Account(t.Context()); err != nil || len(w.vault.grant.Refresh.Reveal()) != 4<<10 {
			t.Error(err)
		}
		long := strings.Repeat("x", maxToken+1)
		w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Count: -1, Kind: hubspottest.RespondStatus, Status: 200, Body: `{"access_token":"` + long + `","refresh_token":"r","expires_in":1800}`})
		_, err := w.app.Renew(t.Context(), SecretOf("r"))
		wantKind(t, err, Unexpected, "")
	})
	// Each of the two may have 8 KiB to the byte, and is needed.
	fits, long := strings.Repeat("x", maxToken), strings.Repeat("x", maxToken+1)
	for _, tt := range []struct {
		access, refresh string
		ok              bool
	}{{fits, fits, true}, {long, "r", false}, {"a", long, false}, {"a", "", false}} {
		w := newOAuthWorld(t, hubspottest.Options{})
		body := fmt.Sprintf(`{"access_token":%q,"refresh_token":%q,"expires_in":1800}`, tt.access, tt.refresh)
		w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Kind: hubspottest.RespondStatus, Status: 200, Body: body})
		if g, err := w.app.Exchange(t.Context(), "code", Secret{}); (err == nil) != tt.ok || tt.ok && g.Refresh.Reveal() != tt.refresh {
			t.Errorf("tokens of %d and %d bytes: %v", len(tt.access), len(tt.refresh), err)
		}
	}
}

// TestTokensOfAnotherAccountAreRefused: tokens of another account are neither stored nor used.
func TestTokensOfAnotherAccountAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{})
		time.Sleep(25 * time.Minute)
		saved := w.vault.saved
		w.portal.Fault(hubspottest.Fault{
			Class: hubspottest.ClassOAuth, Count: -1, Kind: hubspottest.RespondStatus, Status: 200,
			Body: `{"access_token":"a","refresh_token":"r","expires_in":1800,"hub_id":666}`,
		})
		time.Sleep(10 * time.Minute)
		_, err := w.tokens.Token()
		wantKind(t, err, OtherAccount, "")
		w.portal.ClearFaults()
		w.vault.grant.AccountID = "666"
		w.restart()
		_, err = w.tokens.Token()
		wantKind(t, err, OtherAccount, "")
		if w.vault.saved != saved {
			t.Error("tokens of another account were stored")
		}
	})
}

// TestSwappedTokensStopThePortal: where HubSpot mixes two accounts up, it is noticed when it is
// asked, by the next renewal, and by a client that may not read the account's details.
// From then on nothing is given out and nothing asked, until another grant is stored.
func TestSwappedTokensStopThePortal(t *testing.T) {
	for name, notice := range map[string]func(*oauthWorld) error{
		"probe": func(w *oauthWorld) error { return w.tokens.Probe(w.t.Context()) },
		"renewal": func(w *oauthWorld) error {
			time.Sleep(26 * time.Minute)
			_, err := w.tokens.Token()
			return err
		},
		"account": func(w *oauthWorld) error {
			account, err := w.client().Account(w.t.Context())
			if account != nil && account.ID != "2" {
				t.Errorf("the client says that it is account %s", account.ID)
			}
			return err
		},
	} {
		for _, silent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s silent %v", name, silent), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					options := hubspottest.Options{App: hubspottest.App{NoHubID: silent}}
					w := newOAuthWorld(t, options)
					options.ID, options.Seed, options.App = 2, 2, w.registered
					other := contract.Probed(t, options)
					hub := hubspottest.NewHub(w.portal, other)
					w.app = w.newApp(hubspottest.Transport(hub))
					w.restart()
					w.server = hub
					w.portal.SetScopes("crm.objects.contacts.read")
					other.SetScopes("crm.objects.contacts.read")
					if name == "renewal" {
						if err := notice(w); err != nil {
							t.Fatal(err)
						}
					}
					hub.Swap(w.portal, other)
					wantKind(t, notice(w), OtherAccount, "")
					before := other.Requests().Total + w.portal.Requests().Total
					time.Sleep(5 * time.Minute)
					_, err := w.tokens.Token()
					wantKind(t, err, OtherAccount, "")
					wantKind(t, w.tokens.Probe(t.Context()), OtherAccount, "")
					if n := other.Requests().Total + w.portal.Requests().Total; n != before {
						t.Errorf("%d requests after it was known", n-before)
					}
					hub.Swap(w.portal, other)
					w.connect()
					if _, err := w.tokens.Token(); err != nil {
						t.Errorf("connected again: %v", err)
					}
				})
			})
		}
	}
}

// TestInstallLink is what HubSpot's page gets, letter for letter.
func TestInstallLink(t *testing.T) {
	w := newOAuthWorld(t, hubspottest.Options{})
	scopes, optional := []string{"oauth", "crm.objects.contacts.read"}, []string{"crm.objects.owners.read", "automation"}
	got := w.app.AuthorizeURL("62515", "state", scopes, optional, Secret{})
	want := "https://app.hubspot.com/oauth/62515/authorize?client_id=client&optional_scope=crm.objects.owners.read%20automation" +
		"&redirect_uri=https%3A%2F%2Fsync.example.com%2Foauth%2Fcallback&response_type=code&scope=oauth%20crm.objects.contacts.read&state=state"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	u, err := url.Parse(w.app.AuthorizeURL("", "state", scopes, nil, NewVerifier()))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Path != "/oauth/authorize" || len(q.Get("code_challenge")) != 43 || q.Get("code_challenge_method") != "S256" || q.Has("optional_scope") {
		t.Errorf("%s", u)
	}
}

// TestRefusalsOfTheTokenEndpoint: only known codes end a grant.
func TestRefusalsOfTheTokenEndpoint(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		kind   Kind
		code   string
	}{
		{400, `{"error":"invalid_grant","status":"BAD_REFRESH_TOKEN"}`, Revoked, "BAD_REFRESH_TOKEN"},
		{400, `{"status":"BAD_HUB","message":"missing or unknown hub id","error":"access_denied"}`, Revoked, "BAD_HUB"},
		{400, `{"error":"invalid_grant"}`, Revoked, "invalid_grant"},
		{400, `{"error":"access_denied"}`, Revoked, "access_denied"},
		{403, `{"error":"access_denied"}`, Misconfigured, "access_denied"},
		{401, `{"error":"access_denied"}`, Misconfigured, "access_denied"},
		{401, `{"error":"invalid_client","status":"BAD_CLIENT_SECRET"}`, Misconfigured, "BAD_CLIENT_SECRET"},
		{400, `{"error":"invalid_grant","status":"BAD_REDIRECT_URI"}`, Misconfigured, "BAD_REDIRECT_URI"},
		{400, `{"error":"brand_new"}`, Misconfigured, "brand_new"},
		{404, `{}`, Misconfigured, ""},
		{400, `{"error":"Ann Lee <ann@acme.example>"}`, Misconfigured, ""},
		{400, `<html>blocked</html>`, Transient, ""},
		{423, `{}`, Transient, ""},
		{429, `{"error":"invalid_grant"}`, Transient, "invalid_grant"},
		{477, `{}`, Transient, ""},
		{502, `<html>`, Transient, ""},
		{302, ``, Unexpected, ""},
	} {
		w := newOAuthWorld(t, hubspottest.Options{})
		w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Count: -1, Kind: hubspottest.RespondStatus, Status: tt.status, Body: tt.body + " "})
		_, err := w.app.Renew(t.Context(), SecretOf("r"))
		wantKind(t, err, tt.kind, tt.code)
		if err != nil && (strings.Contains(err.Error(), "acme.example") || strings.Contains(err.Error(), "html")) {
			t.Errorf("HubSpot's words are quoted: %v", err)
		}
	}
}

// TestNothingSecretIsPrinted: no error of the app holds a secret, and a grant
// does not print its tokens.
func TestNothingSecretIsPrinted(t *testing.T) {
	w := newOAuthWorld(t, hubspottest.Options{})
	g := w.vault.grant
	secrets := []string{testSecret, g.Access.Reveal(), g.Refresh.Reveal(), "the-code", "the-verifier"}
	printed := func(what, text string) {
		if slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(text, s) }) {
			t.Errorf("%s prints a secret: %s", what, text)
		}
	}
	printed("%v", fmt.Sprintf("%v %+v %#v %s", g, *g, g, g.Refresh))
	for _, f := range []hubspottest.Fault{
		{Kind: hubspottest.ResetConn},
		{Kind: hubspottest.RespondStatus, Status: 400, Body: strings.Join(secrets, " ")},
		{Kind: hubspottest.RespondStatus, Status: 400, Body: `{"message":"` + strings.Join(secrets, " ") + `"}`},
		{Kind: hubspottest.RespondStatus, Status: 200, Body: `{"access_token":"` + g.Access.Reveal()},
		{Kind: hubspottest.RedirectAway},
	} {
		w.portal.ClearFaults()
		f.Count = -1
		w.portal.Fault(f)
		_, exchange := w.app.Exchange(t.Context(), "the-code", SecretOf("the-verifier"))
		_, renew := w.app.Renew(t.Context(), g.Refresh)
		_, introspect := w.app.Introspect(t.Context(), g.Refresh)
		for _, err := range []error{exchange, renew, introspect, w.app.Uninstall(t.Context(), g.Access)} {
			if err != nil { // where nothing is decoded, 200 is a success
				printed("an error", err.Error())
			}
		}
	}
}

// TestOperationsOfTheApp: the client secret goes to the token endpoint and
// nowhere else.
func TestOperationsOfTheApp(t *testing.T) {
	w := newOAuthWorld(t, hubspottest.Options{})
	for _, to := range []string{"https://api.hubapi.com/oauth/2026-09/token?x=1", "https://api.hubapi.com/crm/objects/2026-09/contacts", "https://evil.example/oauth/2026-09/token", "http://api.hubapi.com/oauth/2026-09/token"} {
		res, err := w.app.http.Post(to, "", nil)
		if err == nil {
			res.Body.Close()
			t.Errorf("%s was sent", to)
		}
	}
}

// TestUninstall: an app that has uninstalled itself has no tokens of the account any
// more, and one that may not says so.
func TestUninstall(t *testing.T) {
	w := newOAuthWorld(t, hubspottest.Options{})
	g := w.vault.grant
	if err := w.app.Uninstall(t.Context(), SecretOf("another")); err == nil {
		t.Error("another's token has uninstalled it")
	}
	if _, err := w.app.Renew(t.Context(), g.Refresh); err != nil {
		t.Fatal(err)
	}
	if err := w.app.Uninstall(t.Context(), w.vault.grant.Access); err != nil {
		t.Fatal(err)
	}
	_, err := w.app.Renew(t.Context(), g.Refresh)
	wantKind(t, err, Revoked, "BAD_REFRESH_TOKEN")
}

// TestDefaultLife: a token whose life HubSpot does not say is renewed in time.
func TestDefaultLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{App: hubspottest.App{NoExpiresIn: true}})
		for range 60 {
			time.Sleep(time.Minute)
			if _, err := w.client().Account(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.portal.Requests().ByStatus[401]; n != 0 {
			t.Errorf("%d calls were refused", n)
		}
	})
}

// TestAccountForbidden: where HubSpot forbids the call about the account, the grant
// says whose it is.
func TestAccountForbidden(t *testing.T) {
	w := newOAuthWorld(t, hubspottest.Options{})
	w.portal.SetScopes("crm.objects.contacts.read")
	if account, err := w.client().Account(t.Context()); err != nil || account.ID != "62515" {
		t.Errorf("%+v, %v", account, err)
	}
	static, err := New(Config{Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: w.portal.Token()}), Transport: hubspottest.Transport(w.portal)})
	if err != nil {
		t.Fatal(err)
	}
	w.portal.Fault(hubspottest.Fault{PathContains: "account-info", Kind: hubspottest.RespondStatus, Status: 403})
	_, err = static.Account(t.Context())
	wantKind(t, err, Forbidden, "MISSING_SCOPES")
}

// TestRequestsForTokensAreCounted: each request to the token endpoint is, with the
// status of its answer, and for the portal that it was made for.
func TestRequestsForTokensAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newOAuthWorld(t, hubspottest.Options{})
		var got []int
		w.tokens = NewTokens(TokensConfig{
			App: w.app, Vault: w.vault, AccountID: fmt.Sprint(w.portal.ID()),
			Answered: func(class Class, status int) {
				if class != OAuth {
					t.Errorf("class %s", class)
				}
				got = append(got, status)
			},
		})
		if _, err := w.app.Introspect(t.Context(), w.vault.grant.Refresh); err != nil { // another portal's
			t.Fatal(err)
		}
		_ = w.tokens.Probe(t.Context())
		time.Sleep(25 * time.Minute)
		_, _ = w.tokens.Token()
		time.Sleep(25 * time.Minute)
		w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Kind: hubspottest.RespondStatus, Status: 503, Count: 1})
		_, _ = w.tokens.Token()
		time.Sleep(time.Minute)
		w.portal.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Kind: hubspottest.ResetConn, Count: 1})
		_, _ = w.tokens.Token()
		if want := []int{200, 200, 503, 0}; !slices.Equal(got, want) {
			t.Errorf("counted are %v, want %v", got, want)
		}
	})
}

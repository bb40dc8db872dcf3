package hubspot

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

func TestNewRefusesConfig(t *testing.T) {
	token := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token"})
	for _, tt := range []struct {
		cfg  Config
		want string // in the error, "" for none
	}{
		{Config{Token: token}, ""},
		{Config{Token: token, BaseURL: "https://api.hubapi.com/"}, ""},
		{Config{Token: token, BaseURL: "http://127.0.0.1:8080"}, ""},
		{Config{Token: token, BaseURL: "http://[::1]:8080"}, ""},
		{Config{Token: token, BaseURL: "http://localhost:8080", Version: "v3"}, ""},
		{Config{Token: token, BaseURL: "http://api.hubapi.com"}, "in clear"},
		{Config{Token: token, BaseURL: "http://127.0.0.1.example.com"}, "in clear"},
		{Config{Token: token, BaseURL: "ftp://localhost"}, "in clear"},
		{Config{Token: token, BaseURL: "api.hubapi.com"}, "plain address"},
		{Config{Token: token, BaseURL: "https://ann:secret@api.hubapi.com"}, "plain address"},
		{Config{Token: token, BaseURL: "https://api.hubapi.com?hapikey=secret"}, "plain address"},
		{Config{Token: token, BaseURL: "https://api.hubapi.com:secret"}, "plain address"},
		{Config{Token: token, Version: "../v3"}, "version"},
		{Config{Token: token, RequestsPer10s: -1}, "requests_per_10s"},
		{Config{}, "access token"},
	} {
		_, err := New(tt.cfg)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%+v: %v", tt.cfg, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%+v: got %v, want %q", tt.cfg, err, tt.want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("a secret in %v", err)
		}
	}
}

func TestRequestAddress(t *testing.T) {
	for _, tt := range []struct{ base, path, want string }{
		{"", "/crm/objects/{version}/contacts", "https://api.hubapi.com/crm/objects/2026-09/contacts?limit=1"},
		{"https://proxy.example/hubspot/", "/crm/x", "https://proxy.example/hubspot/crm/x?limit=1"},
		{"https://proxy.example/a%2Fb", "/crm/c%2Fd", "https://proxy.example/a%2Fb/crm/c%2Fd?limit=1"},
		// No path leads to another host.
		{"", "//other.example/x", "https://api.hubapi.com//other.example/x?limit=1"},
		{"", "/@other.example/x?a#b", "https://api.hubapi.com/@other.example/x%3Fa%23b?limit=1"},
	} {
		var got string
		c := clientOver(t, transportFunc(func(req *http.Request) (*http.Response, error) {
			got = req.URL.String()
			return respond(req, http.StatusOK, ""), nil
		}), func(cfg *Config) { cfg.BaseURL = tt.base })
		_, err := c.do(t.Context(), request{class: Other, method: http.MethodGet, path: tt.path, query: url.Values{"limit": {"1"}}})
		if err != nil || got != tt.want {
			t.Errorf("%s: got %s, want %s (%v)", tt.path, got, tt.want, err)
		}
	}
	for _, path := range []string{"https://other.example/", "x", "", "/%zz"} {
		c := clientOver(t, transportFunc(func(*http.Request) (*http.Response, error) { panic("sent") }))
		if _, err := c.do(t.Context(), request{class: Other, method: http.MethodGet, path: path}); err == nil {
			t.Errorf("%q was accepted", path)
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var hosts []string
	c := clientOver(t, transportFunc(func(req *http.Request) (*http.Response, error) {
		hosts = append(hosts, req.URL.Host)
		return respond(req, http.StatusTemporaryRedirect, "", "Location", "https://other.example/"), nil
	}))
	call, err := c.do(t.Context(), request{class: Other, method: http.MethodGet, path: "/x"})
	if e, ok := AsError(err); !ok || e.Kind != Unexpected || call.Status != 307 {
		t.Errorf("got %v, call %+v", err, call)
	}
	if len(hosts) != 1 || hosts[0] != "api.hubapi.com" {
		t.Errorf("asked %v", hosts)
	}
}

func TestBodyBounds(t *testing.T) {
	for _, tt := range []struct {
		name string
		body string
		want Kind // 0: none
	}{
		{"8 MiB", `"` + strings.Repeat("x", maxBody-2) + `"`, 0},
		{"one byte more", `"` + strings.Repeat("x", maxBody-1) + `"`, Unexpected},
		{"depth", strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), 0},
		{"one deeper", strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), Unexpected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, once := range []bool{false, true} {
				s := answers(body(http.StatusOK, tt.body))
				var out json.RawMessage
				_, err := clientOver(t, s).do(t.Context(), request{class: Other, method: http.MethodGet, path: "/x", out: &out, once: once})
				e, _ := AsError(err)
				if tt.want == 0 && err != nil || tt.want != 0 && (e == nil || e.Kind != tt.want || e.Lost != once) {
					t.Errorf("once %v: got %v", once, err)
				}
				if len(s.at) != 1 {
					t.Errorf("%d requests", len(s.at))
				}
			}
		})
	}
}

// TestGzipBomb goes through the real transport, which unpacks.
func TestGzipBomb(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("accepts %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		n := 10
		if r.URL.Path == "/bomb" {
			n = maxBody
		}
		fmt.Fprintf(z, `"%s"`, bytes.Repeat([]byte{'x'}, n))
	}))
	defer server.Close()
	c := clientOver(t, nil, func(cfg *Config) { cfg.BaseURL = server.URL })
	defer c.Close()
	var out string
	if _, err := c.do(t.Context(), request{class: Other, method: http.MethodGet, path: "/small", out: &out}); err != nil || len(out) != 10 {
		t.Errorf("got %q, %v", out, err)
	}
	_, err := c.do(t.Context(), request{class: Other, method: http.MethodGet, path: "/bomb", out: &out})
	if e, ok := AsError(err); !ok || e.Kind != Unexpected {
		t.Errorf("got %v", err)
	}
}

// rotating is a token source whose token is replaced while it is refused.
type rotating struct{ tokens []string }

func (r *rotating) Token() (*oauth2.Token, error) {
	token := r.tokens[0]
	if len(r.tokens) > 1 {
		r.tokens = r.tokens[1:]
	}
	return &oauth2.Token{AccessToken: token}, nil
}

func TestUnauthorised(t *testing.T) {
	accepts := func(token string) transportFunc {
		return func(req *http.Request) (*http.Response, error) {
			if req.Header.Get("Authorization") != "Bearer "+token {
				return respond(req, http.StatusUnauthorized, `{"category":"INVALID_AUTHENTICATION"}`), nil
			}
			return respond(req, http.StatusOK, `{}`), nil
		}
	}
	for _, tt := range []struct {
		name   string
		tokens []string
		sent   int
		ok     bool
	}{
		{"the source has a new token", []string{"old", "new"}, 2, true},
		{"it has only the refused one", []string{"old"}, 2, false},
		{"the new one is refused, too", []string{"old", "older", "oldest", "new"}, 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := answers(accepts("new"))
			c := clientOver(t, s, func(cfg *Config) { cfg.Token = &rotating{tt.tokens} })
			_, err := c.do(t.Context(), request{class: Objects, method: http.MethodPost, path: "/x", once: true})
			e, _ := AsError(err)
			if tt.ok != (err == nil) || !tt.ok && (e.Kind != Unauthorised || e.Lost) {
				t.Errorf("got %v", err)
			}
			if len(s.at) != tt.sent {
				t.Errorf("%d requests, want %d", len(s.at), tt.sent)
			}
		})
	}
}

type brokenSource struct{ err error }

func (b brokenSource) Token() (*oauth2.Token, error) { return nil, b.err }

func TestTokenSourceFails(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want Kind
	}{
		{errors.New("grant revoked"), Unauthorised},
		{&Error{Kind: Daily}, Daily},
		{refusedDial, Transient},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := clientOver(t, transportFunc(func(*http.Request) (*http.Response, error) { panic("sent") }),
				func(cfg *Config) { cfg.Token = brokenSource{tt.err} })
			_, err := c.do(t.Context(), request{class: Objects, method: http.MethodGet, path: "/x"})
			if e, ok := AsError(err); !ok || e.Kind != tt.want || e.Path != "/x" {
				t.Errorf("%v: got %v", tt.err, err)
			}
			if n := c.objects.inFlight; n != 0 {
				t.Errorf("%d slots are still taken", n)
			}
		})
	}
}

// TestLimitedCallsWait, whether their class has a bucket or not.
func TestLimitedCallsWait(t *testing.T) {
	for _, class := range Classes() {
		synctest.Test(t, func(t *testing.T) {
			var sent []time.Time
			c := clientOver(t, transportFunc(func(req *http.Request) (*http.Response, error) {
				if sent = append(sent, time.Now()); len(sent) == 1 {
					return body(http.StatusTooManyRequests, `{"policyName":"TEN_SECONDLY_ROLLING"}`)(req)
				}
				return body(http.StatusOK, "{}")(req)
			}))
			if _, err := c.do(t.Context(), request{class: class, method: http.MethodGet, path: "/x"}); err != nil {
				t.Fatal(err)
			}
			if len(sent) != 2 || sent[1].Sub(sent[0]) < 10*time.Second {
				t.Errorf("%s: sent at %v, want a wait of ten seconds", class, sent)
			}
		})
	}
}

// TestSecretsStaySecret searches the errors and log lines of every failure for the
// token and a record's values.
func TestSecretsStaySecret(t *testing.T) {
	const token, address, note = "pat-na1-11111111-2222-4333-8444-canary555555", "canary@example.com", "canary note"
	leak := fmt.Sprintf(`{"status":"error","category":%q,"message":%q,"correlationId":%q,"policyName":%q,
		"errors":[{"code":%[1]q,"message":%[1]q,"context":{"requiredGranularScopes":[%[1]q],"propertyName":[%[1]q]}}]}`, address, note+" "+token, address, note)
	// The token in each place that a name of HubSpot's or an id of its own has.
	quoted := fmt.Sprintf(`{"status":%q,"category":%[1]q,"subCategory":%[1]q,"correlationId":%[1]q,"policyName":%[1]q,"errorType":%[1]q,
		"errors":[{"code":%[1]q,"subCategory":%[1]q,"in":%[1]q,"context":{"requiredGranularScopes":[%[1]q],"propertyName":[%[1]q]}}]}`, token)
	failures := []transportFunc{
		fails(fmt.Errorf("malformed HTTP response %q of %s", note, token)),
		fails(&url.Error{Op: "Post", URL: "https://x/?q=" + address, Err: errors.New(note)}),
		body(http.StatusOK, `{"n":"`+note+`"}`), body(http.StatusOK, note), cut,
	}
	for _, code := range []int{301, 400, 401, 403, 404, 409, 423, 429, 477, 500, 502} {
		failures = append(failures, body(code, leak), func(req *http.Request) (*http.Response, error) {
			return respond(req, code, quoted, "X-HubSpot-Correlation-Id", token, "Retry-After", token), nil
		})
	}
	for i, failure := range failures {
		for _, once := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var logged bytes.Buffer
				c := clientOver(t, answers(failure), func(cfg *Config) {
					cfg.Token = oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})
					cfg.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
				})
				var out struct{ N int }
				_, err := c.do(t.Context(), request{
					class: Objects, method: http.MethodPost, path: "/x",
					query: url.Values{"email": {address}}, in: map[string]string{"note": note}, out: &out, once: once,
				})
				if err == nil {
					t.Fatalf("failure %d: no error", i)
				}
				said := err.Error() + logged.String()
				for _, secret := range []string{token, address, note} {
					if strings.Contains(said, secret) {
						t.Errorf("failure %d: %q in %s", i, secret, said)
					}
				}
			})
		}
	}
}

// TestOddIDsAreNotShown: an id that HubSpot gave a record, or a sender one of its events,
// is asked for as it is, and shown only if it looks like one.
func TestOddIDsAreNotShown(t *testing.T) {
	for id, shown := range map[string]string{
		"101": "101", "2-123": "2-123", "ap-1-2-3": "ap-1-2-3",
		"canary@example.com": "{id}", "Ann Canary": "{id}", "a/canary": "{id}", "\u202ecanary": "{id}", strings.Repeat("7", 101): "{id}",
	} {
		asked := ""
		c := clientOver(t, answers(func(req *http.Request) (*http.Response, error) {
			asked = req.URL.Path
			return respond(req, http.StatusBadRequest, `{"status":"error"}`), nil
		}))
		_, err := c.Get(t.Context(), "contacts", id, nil, false)
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "/contacts/"+shown+":") || !strings.HasSuffix(asked, "/"+id) {
			t.Errorf("%q: asked for %q, and said %v", id, asked, err)
		}
	}
}

func TestRetriesAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		c := clientOver(t, answers(status(502, "X-HubSpot-Correlation-Id", "c-1"), body(200, "")), func(cfg *Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		call, err := c.do(t.Context(), request{class: Search, method: http.MethodPost, path: "/x"})
		if err != nil || call.Status != 200 || c.Calls()[Search] != 2 {
			t.Fatalf("%+v, %v", call, err)
		}
		for _, want := range []string{"level=DEBUG", "class=search", "path=/x", "status=502", "wait=", "correlation=c-1"} {
			if !strings.Contains(logged.String(), want) {
				t.Errorf("no %s in %s", want, logged.String())
			}
		}
	})
}

func TestCallsIsASnapshot(t *testing.T) {
	c := clientOver(t, transportFunc(func(req *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, req.Body)
		return respond(req, http.StatusNoContent, ""), nil
	}))
	before := c.Calls()
	for _, class := range []Class{Objects, Other, Associations, Search, OAuth, OAuth} {
		if _, err := c.do(t.Context(), request{class: class, method: http.MethodGet, path: "/x"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(before) != 0 {
		t.Errorf("the snapshot grew: %v", before)
	}
	if got := fmt.Sprint(c.Calls()); got != "map[associations:1 oauth:2 objects:1 other:1 search:1]" {
		t.Errorf("got %s", got)
	}
	if got := c.objects.occupied(); got != 2 {
		t.Errorf("%d slots of the objects bucket in use, want those of the objects and the other call", got)
	}
}

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/page"
	"thnks-hubspot-sync/sync/stats"
)

const adminToken = "token-canary-0123456789"

// servePages serves the private pages of a service on loopback.
func servePages(t *testing.T, service Service, o PagesOptions) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- ServePages(ctx, l, Pages(service, o), nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("ServePages: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

// request sends one request, on a connection of its own.
func request(t *testing.T, method, url string, adjust func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if adjust != nil {
		adjust(r)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func ready(portals ...giftsync.Status) fake {
	return fake{
		status: func(context.Context) ([]giftsync.Status, error) { return portals, nil },
		stats: func(_ context.Context, portal string, _ stats.Query) (stats.Report, error) {
			return canaries(portal), nil
		},
	}
}

// canaries are statistics whose recipients are recognised in any output.
func canaries(portal string) stats.Report {
	rep := filled[stats.Report](1)
	rep.Portal = portal
	rep.ByCurrency = []stats.Money{{Currency: "USD", Gifts: 1, Sent: "5.00", Refunded: "1.00", Net: "4.00", AtRisk: "2.00", Refundable: "2.00"}}
	rep.MoneyAtRisk = []stats.Risk{{Days: "< 7", Count: 1, Value: stats.Amounts{"USD": "2.00"}, Refundable: stats.Amounts{"USD": "2.00"}}}
	rep.Influenced = stats.Influenced{Deals: 1, Gifts: 1, Won: 1, WonValue: stats.Amounts{"USD": "7.00"}, LostValue: stats.Amounts{}, OpenValue: stats.Amounts{}}
	for i, recipient := range []string{"NameCanary One", "two@canary.example", "+15550004711", ""} {
		a := filled[stats.Activity](i)
		a.Recipient = recipient
		rep.RecentActivity = append(rep.RecentActivity, a)
	}
	return rep
}

func TestPages(t *testing.T) {
	t.Parallel()
	base := servePages(t, ready(giftsync.Status{Portal: "acme", Ready: true}), PagesOptions{})
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/healthz", 200, "ok\n"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/readyz", 200, `{"ready":true,"portals":[{"portal":"acme","ready":true}]}` + "\n"},
		{"HEAD", "/stats.json", 200, ""},
		{"POST", "/healthz", 405, ""},
		{"PUT", "/nowhere", 405, ""},
		{"OPTIONS", "/stats.json", 405, ""},
		{"TRACE", "/readyz", 405, ""},
		{"HEAD", "/", 200, ""},
		{"GET", "/?part=numbers", 200, ""},
		{"POST", "/", 405, ""},
		{"GET", "/?portal=acme&protal=acme", 400, ""},
		{"GET", "/index.html", 404, ""},
		{"GET", "/metrics", 404, ""},
		{"GET", "/healthz/", 404, ""},
		{"GET", "//healthz", 404, ""},
		{"GET", "/x/../healthz", 404, ""},
		{"GET", "/v1/status", 404, ""},
	} {
		resp, body := request(t, tt.method, base+tt.path, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") })
		if resp.StatusCode != tt.status || tt.body != "" && body != tt.body {
			t.Errorf("%s %s: %s %q, want %d %q", tt.method, tt.path, resp.Status, body, tt.status, tt.body)
		}
		if allow := resp.Header.Get("Allow"); (allow == "GET, HEAD") != (tt.status == 405) {
			t.Errorf("%s %s: Allow %q", tt.method, tt.path, allow)
		}
		policy := "default-src 'none'; frame-ancestors 'none'"
		if path, _, _ := strings.Cut(tt.path, "?"); path == "/" && tt.status != 405 {
			policy = page.Policy(true)
		}
		for name, want := range map[string]string{
			"Cache-Control":               "no-store",
			"Content-Security-Policy":     policy,
			"X-Content-Type-Options":      "nosniff",
			"X-Frame-Options":             "DENY",
			"Access-Control-Allow-Origin": "",
			"Server":                      "",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", tt.method, tt.path, name, got, want)
			}
		}
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 405 ") {
		t.Errorf("OPTIONS *: %s, %v", answer, err)
	}
}

// TestHosts: a request under a name that is not configured gets nothing (DNS
// rebinding).
func TestHosts(t *testing.T) {
	t.Parallel()
	named := servePages(t, ready(), PagesOptions{Hosts: []string{"Sync.Example:9090", "10.1.2.3:9090"}})
	every := servePages(t, ready(), PagesOptions{Hosts: []string{":9090"}})
	zeroes := servePages(t, ready(), PagesOptions{Hosts: []string{"[::]:9090"}})
	for host, want := range map[string]struct{ named, every bool }{
		"127.0.0.1:9090":             {true, true},
		"127.9.9.9":                  {true, true},
		"[::1]:1234":                 {true, true},
		"[::1]":                      {true, true},
		"[0:0:0:0:0:0:0:1]:9090":     {true, true},
		"localhost":                  {true, true},
		"LOCALHOST.:80":              {true, true},
		"sync.example:1":             {true, false},
		"SYNC.example.":              {true, false},
		"10.1.2.3:9090":              {true, true},
		"10.1.2.4:9090":              {false, true},
		"evil.example:9090":          {false, false},
		"localhost.evil.example":     {false, false},
		"sync.example.evil.example":  {false, false},
		"127.0.0.1.evil.example":     {false, false},
		"evil.example@localhost":     {false, false},
		"127.0.0.1:9090:evil.exampl": {false, false},
		"0x7f.1":                     {false, false},
	} {
		for base, known := range map[string]bool{named: want.named, every: want.every, zeroes: want.every} {
			resp, body := request(t, "GET", base+"/healthz", func(r *http.Request) { r.Host = host })
			if ok := resp.StatusCode == 200; ok != known || !ok && resp.StatusCode != 421 && resp.StatusCode != 400 {
				t.Errorf("Host %q: %s %s", host, resp.Status, body)
			}
		}
	}
	p := Pages(ready(), PagesOptions{Hosts: []string{"", "0.0.0.0"}}).(*pages)
	if p.known("") || p.known("evil.example") || !p.known("192.0.2.1") {
		t.Error("every address is not every name")
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	broken := filled[giftsync.Status](1)
	broken.Ready = false
	for _, tt := range []struct {
		service fake
		want    readiness
	}{
		{ready(giftsync.Status{Portal: "a", Ready: true}, broken), readiness{Portals: []giftsync.Status{{Portal: "a", Ready: true}, broken}}},
		{
			fake{status: func(context.Context) ([]giftsync.Status, error) { return nil, errors.New("no status today") }},
			readiness{Problem: "no status today"},
		},
		{
			fake{status: func(context.Context) ([]giftsync.Status, error) { panic("NameCanary") }},
			readiness{Problem: errBug.Error()},
		},
	} {
		resp, body := request(t, "GET", servePages(t, tt.service, PagesOptions{})+"/readyz", nil)
		var got readiness
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || resp.StatusCode != 503 {
			t.Errorf("%s (-want +got):\n%s", resp.Status, diff)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	d := ready(giftsync.Status{Portal: "acme"}, giftsync.Status{Portal: "other"})
	guarded, open := servePages(t, d, PagesOptions{Token: adminToken}), servePages(t, d, PagesOptions{})
	for _, tt := range []struct {
		base          string
		authorization []string
		status        int
		unmasked      bool
	}{
		{guarded, nil, 200, false},
		{guarded, []string{"Bearer " + adminToken}, 200, true},
		{guarded, []string{"bearer " + adminToken}, 200, true},
		{guarded, []string{"Bearer " + adminToken + "x"}, 401, false},
		{guarded, []string{"Bearer"}, 401, false},
		{guarded, []string{""}, 401, false},
		{guarded, []string{"Basic " + adminToken}, 401, false},
		{guarded, []string{adminToken}, 401, false},
		{guarded, []string{"Bearer " + adminToken, "Bearer wrong"}, 401, false},
		{open, nil, 200, false},
		{open, []string{"Bearer " + adminToken}, 200, false},
		{open, []string{"Bearer "}, 200, false},
	} {
		resp, body := request(t, "GET", tt.base+"/stats.json", func(r *http.Request) { r.Header["Authorization"] = tt.authorization })
		if resp.StatusCode != tt.status {
			t.Errorf("%q: %s", tt.authorization, resp.Status)
		}
		if strings.Contains(body, "token-canary") {
			t.Errorf("%q: the answer holds the token: %s", tt.authorization, body)
		}
		if tt.status != 200 {
			if resp.Header.Get("WWW-Authenticate") == "" || strings.Contains(body, "acme") {
				t.Errorf("%q: %v %s", tt.authorization, resp.Header, body)
			}
			continue
		}
		var got statsDocument
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		want := statsDocument{Portals: []stats.Report{canaries("acme"), canaries("other")}}
		all, err := stats.Over(want.Portals)
		if err != nil || all.TotalSent != 2*want.Portals[0].TotalSent {
			t.Fatalf("together %+v: %v", all, err)
		}
		want.Overall = &all
		if !tt.unmasked {
			for _, canary := range []string{"NameCanary", "canary.example", "+1555"} {
				if strings.Contains(body, canary) {
					t.Errorf("%q: the answer holds %q", tt.authorization, canary)
				}
			}
			for _, rep := range want.Portals {
				for i := range rep.RecentActivity {
					rep.RecentActivity[i].Recipient = "(hidden)"
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.authorization, diff)
		}
	}
}

// TestPagesBounds: slow clients are cut off, and keep no other waiting meanwhile.
func TestPagesBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- ServePages(ctx, l, Pages(ready(), PagesOptions{}), nil) }()
		began := time.Now()
		var slow []net.Conn
		for range connections {
			slow = append(slow, l.dial())
		}
		late := l.dial()
		go func() {
			_, _ = io.WriteString(late, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		}()
		answer, err := io.ReadAll(late)
		if err != nil || !strings.HasSuffix(string(answer), "ok\n") {
			t.Errorf("the connection over the limit: %q, %v", answer, err)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("it waited %v", waited)
		}
		for _, c := range slow {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("a slow client reads %v", err)
			}
		}
		if took := time.Since(began); took != headerTimeout {
			t.Errorf("the last slow client was cut off after %v, want %v", took, headerTimeout)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// TestMetricsPage: metrics are a page like the others, where there are any.
func TestMetricsPage(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	base := servePages(t, ready(), PagesOptions{Metrics: metrics, Token: "admin-token-0123456789abcdef-0123456789"})
	for _, tt := range []struct {
		method, path, host string
		status             int
		body               string
	}{
		{"GET", "/metrics", "", 200, "up 1\n"},
		{"HEAD", "/metrics", "", 200, ""},
		{"POST", "/metrics", "", 405, "the private side is read-only: use GET\n"},
		{"GET", "/metrics/", "", 404, "there is no such page\n"},
		{"GET", "/metrics", "evil.example", 421, "this host name is not allowed here: use a loopback address, or the host of admin_listen\n"},
	} {
		resp, body := request(t, tt.method, base+tt.path, func(r *http.Request) { r.Host = tt.host })
		if resp.StatusCode != tt.status || body != tt.body {
			t.Errorf("%s %s of %q: %s %q, want %d %q", tt.method, tt.path, tt.host, resp.Status, body, tt.status, tt.body)
		}
		if got := resp.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s %s: Cache-Control %q", tt.method, tt.path, got)
		}
	}
}

package admin

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// TestGuessing: an address that sends many wrong tokens has to wait, and so do
// its neighbours in one IPv6 network. The right token, other addresses and
// requests without a token never do.
func TestGuessing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ from, alike, other string }{
		{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"},
		{"[::ffff:192.0.2.1]:1", "192.0.2.1:2", "192.0.2.2:1"},
		{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.2:1"},
		{"[2001:db8:1:2::3]:1", "[2001:db8:1:2:ffff::4]:1", "[2001:db8:1:3::3]:1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			h := Pages(ready(giftsync.Status{Portal: "acme"}), PagesOptions{
				Token: adminToken, Hosts: []string{":9090"}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			send := func(from, token string) *http.Response {
				r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/stats.json", nil)
				r.RemoteAddr = from
				if token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Result()
			}
			for i := range 10 {
				if res := send(tt.from, fmt.Sprint("guess", i)); res.StatusCode != 401 {
					t.Fatalf("wrong token %d: %s", i+1, res.Status)
				}
				time.Sleep(time.Second)
			}
			for _, from := range []string{tt.from, tt.alike} {
				res := send(from, "guess")
				if res.StatusCode != 429 || res.Header.Get("Retry-After") != "51" {
					t.Errorf("the next wrong one of %s: %s, Retry-After %q", from, res.Status, res.Header.Get("Retry-After"))
				}
			}
			for _, good := range []struct{ from, token string }{{tt.from, adminToken}, {tt.from, ""}, {tt.other, adminToken}} {
				if res := send(good.from, good.token); res.StatusCode != 200 {
					t.Errorf("%s with %q: %s", good.from, good.token, res.Status)
				}
			}
			if res := send(tt.other, "guess"); res.StatusCode != 401 {
				t.Errorf("a wrong one of another address: %s", res.Status)
			}
			if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "many wrong admin tokens") || strings.Contains(text, "guess") {
				t.Errorf("the log is\n%s", text)
			}
			time.Sleep(time.Minute)
			if res := send(tt.from, "guess"); res.StatusCode != 401 {
				t.Errorf("a minute later: %s", res.Status)
			}
		})
	}
}

// TestManyGuessers: the table of addresses is bounded.
func TestManyGuessers(t *testing.T) {
	t.Parallel()
	var g guesses
	now := time.Now()
	for i := range maxGuessers + 100 {
		g.wrong(fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff), now)
	}
	if n := len(g.n); n > maxGuessers+1 {
		t.Errorf("%d addresses are counted", n)
	}
	if wait, _ := g.wrong("198.51.100.1:1", now); wait == 0 {
		t.Error("addresses beyond the table are not counted at all")
	}
}

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/configs"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/webhook"
)

// TestHooksOfTwoPortals gives two portals of one process sources of events that
// differ in every setting, and lets each sender call at each endpoint: only its own
// takes its events.
func TestHooksOfTwoPortals(t *testing.T) {
	t.Parallel()
	secret := func(name string) string { return name + ", a secret of more than 24 bytes" }
	sign := func(name, body, stamp string) []byte {
		mac := hmac.New(sha256.New, []byte(secret(name)))
		io.WriteString(mac, stamp+"."+body)
		return mac.Sum(nil)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	const body = `{"id": "E-1"}`
	senders := []struct {
		endpoint string
		headers  map[string]string
	}{
		{"one/gift-events", map[string]string{"X-Sign-One": "one=" + hex.EncodeToString(sign("hook-one", body, now)), "X-Time-One": now}},
		{"two/gift-events", map[string]string{"X-Sign-Two": "two:" + base64.StdEncoding.EncodeToString(sign("hook-two", body, now)), "X-Time-Two": now}},
		{"one/thyngs", map[string]string{"Authorization": secret("thyngs-one")}},
		{"one/zoho-thrive", map[string]string{"X-Thrive-One": secret("thrive-one")}},
		{"two/zoho-thrive", map[string]string{"X-Thrive-Two": secret("thrive-two")}},
	}

	dir := t.TempDir()
	files := map[string]string{"config.yaml": `state_dir: state
portals:
  - name: one
    hubspot: {token_file: token-one, account_id: 1}
    thnks: {api_key_file: key-one}
    webhooks:
      gift-events: {scheme: hmac, header: X-Sign-One, algorithm: sha256, encoding: hex, prefix: one=, timestamp_header: X-Time-One, secret_files: [hook-one]}
      thyngs: {token_files: [thyngs-one]}
      zoho-thrive: {header: X-Thrive-One, token_files: [thrive-one]}
  - name: two
    hubspot: {token_file: token-two, account_id: 2}
    thnks: {api_key_file: key-two}
    webhooks:
      gift-events: {scheme: hmac, header: X-Sign-Two, algorithm: sha256, encoding: base64, prefix: "two:", timestamp_header: X-Time-Two, secret_files: [hook-two]}
      zoho-thrive: {header: X-Thrive-Two, token_files: [thrive-two]}
`}
	for _, kind := range []string{"token", "key", "hook", "thyngs", "thrive"} {
		for _, portal := range []string{"one", "two"} {
			files[kind+"-"+portal] = secret(kind + "-" + portal)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := configs.Load(filepath.Join(dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(cfg, cfg.Portals, io.Discard, false)
	d, err := s.newDaemon()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	hooks, err := s.public(d)
	if err != nil {
		t.Fatal(err)
	}
	for i, endpoint := range senders {
		for j, sender := range senders {
			r := httptest.NewRequest(http.MethodPost, webhook.Prefix+endpoint.endpoint, strings.NewReader(body))
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", 10*i+j) // wrong ones of one address are slowed
			r.Header.Set("Content-Type", "application/json")
			for name, value := range sender.headers {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			hooks.ServeHTTP(w, r)
			want := http.StatusUnauthorized
			if i == j {
				want = http.StatusOK
			}
			if w.Code != want {
				t.Errorf("%s answers the sender of %s with %d, want %d", endpoint.endpoint, sender.endpoint, w.Code, want)
			}
		}
	}
	for _, portal := range []struct {
		name    string
		sources int
	}{{"one", 3}, {"two", 2}} {
		list, err := d.Events(t.Context(), portal.name, giftsync.EventQuery{})
		if err != nil || len(list.Events) != portal.sources {
			t.Errorf("portal %s has %d events, %v; want one of each of its %d sources", portal.name, len(list.Events), err, portal.sources)
		}
	}
}

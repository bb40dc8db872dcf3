package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
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
	"thnks-hubspot-sync/sync/plan"
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
	d, err := s.newDaemon(t.Context())
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

// TestMetadataHasItsOwnProperties: no property of a gift can be named for metadata.
func TestMetadataHasItsOwnProperties(t *testing.T) {
	t.Parallel()
	for _, f := range plan.Fields() {
		cfg := configs.Default()
		p := configs.DefaultPortal()
		p.Webhooks.GiftEvents = &configs.GiftEvents{MetadataProperties: map[string]string{"k": f.Name}, Scheme: configs.SchemeStandard}
		cfg.Portals = []configs.Portal{p}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), f.Name+" is a property of every gift") {
			t.Errorf("%s may be a property of metadata: %v", f.Name, err)
		}
	}
}

// TestHookSecretUnreadable: the events of an endpoint whose secret cannot be read are
// asked for again later, and each such secret is named once. Other endpoints go on.
func TestHookSecretUnreadable(t *testing.T) {
	t.Parallel()
	const canary = "canary, a secret of more than 24 bytes"
	for name, spoil := range map[string]func(path string) error{
		"missing":    os.Remove,
		"for others": func(path string) error { return os.Chmod(path, 0o644) },
		"a folder":   func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"short":      func(path string) error { return os.WriteFile(path, []byte("canary"), 0o600) },
		"empty":      func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range map[string]string{
				"token": canary, "key": canary, "bad": canary, "good": "another " + canary,
				"config.yaml": `state_dir: state
portals:
  - name: acme
    hubspot: {token_file: token}
    thnks: {api_key_file: key}
    webhooks:
      thyngs: {token_files: [bad]}
      zoho-thrive: {header: X-Thrive, token_files: [good]}
`,
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cfg, err := configs.Load(filepath.Join(dir, "config.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			if err := spoil(filepath.Join(dir, "bad")); err != nil {
				t.Fatal(err)
			}
			var logs bytes.Buffer
			s := newSession(cfg, cfg.Portals, &logs, false)
			d, err := s.newDaemon(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			hooks, err := s.public(d)
			if err != nil {
				t.Fatal(err)
			}
			said := logs.String()
			if strings.Count(said, "\n") != 1 || !strings.Contains(said, "webhooks.thyngs") || strings.Contains(said, "canary") {
				t.Errorf("the log says %q, want one line that names the endpoint and quotes no secret", said)
			}
			for endpoint, want := range map[string]int{"acme/thyngs": http.StatusServiceUnavailable, "acme/zoho-thrive": http.StatusOK} {
				r := httptest.NewRequest(http.MethodPost, webhook.Prefix+endpoint, strings.NewReader("{}"))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", canary)
				r.Header.Set("X-Thrive", "another "+canary)
				w := httptest.NewRecorder()
				hooks.ServeHTTP(w, r)
				if later := w.Header().Get("Retry-After"); w.Code != want || (later != "") != (want != http.StatusOK) {
					t.Errorf("%s answers %d, and to try again after %q; want %d", endpoint, w.Code, later, want)
				}
			}
		})
	}
}

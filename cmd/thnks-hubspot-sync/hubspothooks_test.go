package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/configs"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/webhook"
)

// TestHubSpotHooks gives a process two apps and three portals: an event counts for
// the portals that name the app which has signed it, and have the account.
func TestHubSpotHooks(t *testing.T) {
	t.Parallel()
	d, hooks, logs := hubspotHooksOf(t, "")
	post := func(secret string, account int) int {
		return postHubSpot(hooks, secret, fmt.Sprintf(`[{"eventId":1,"portalId":%d,"occurredAt":1,"subscriptionType":"contact.creation","objectId":%d}]`, account, time.Now().UnixNano()))
	}
	for _, tt := range []struct {
		secret  string
		account int
		code    int
	}{
		{"canary-main", 1, 200},
		{"canary-main", 2, 200},
		{"canary-main", 3, 200},
		{"canary-other", 3, 200},
		{"canary-other", 1, 200},
		{"canary", 1, 401},
	} {
		if code := post(tt.secret, tt.account); code != tt.code {
			t.Errorf("%s for account %d is answered %d, want %d", tt.secret, tt.account, code, tt.code)
		}
	}
	for portal, want := range map[string]int{"one": 1, "two": 1, "three": 1} {
		list, err := d.Events(t.Context(), portal, giftsync.EventQuery{Source: webhook.HubSpot})
		if err != nil || len(list.Events) != want {
			t.Errorf("portal %s has %d events, want %d (%v)", portal, len(list.Events), want, err)
		}
	}
	if strings.Contains(logs.String(), "canary") {
		t.Errorf("the log says %s", logs)
	}
}

// TestHubSpotSecretUnreadable: while the secret of an app cannot be read, HubSpot is
// asked to send its events again later, as they might be that app's.
func TestHubSpotSecretUnreadable(t *testing.T) {
	t.Parallel()
	_, hooks, logs := hubspotHooksOf(t, "other.client-secret")
	for _, secret := range []string{"canary-main", "canary-other"} {
		if code := postHubSpot(hooks, secret, `[]`); code != http.StatusServiceUnavailable {
			t.Errorf("%s is answered %d", secret, code)
		}
	}
	if said := logs.String(); strings.Count(said, "HubSpot's webhooks are not received") != 1 || strings.Contains(said, "canary") {
		t.Errorf("the log says %s", said)
	}
}

// hubspotHooksOf returns the daemon and the public side of two apps and three
// portals, without one of the files with secrets.
func hubspotHooksOf(t *testing.T, without string) (d interface {
	Events(ctx context.Context, portal string, q giftsync.EventQuery) (giftsync.EventList, error)
}, hooks http.Handler, logs *bytes.Buffer,
) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.client-secret": "canary-main", "other.client-secret": "canary-other", "key": "canary-key", "key2": "canary-key-2", "key3": "canary-key-3",
		"config.yaml": `state_dir: state
public_url: https://sync.example.com/thnks
hubspot_apps:
  - {name: main, app_id: 54321, client_id: a, client_secret_file: main.client-secret}
  - {name: other, app_id: 54322, client_id: b, client_secret_file: other.client-secret}
portals:
  - {name: one, hubspot: {app: main, account_id: 1}, thnks: {api_key_file: key}}
  - {name: two, hubspot: {app: main, account_id: 2}, thnks: {api_key_file: key2}}
  - {name: three, hubspot: {app: other, account_id: 3}, thnks: {api_key_file: key3}}
`,
	} {
		if name == without {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := configs.Load(filepath.Join(dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	logs = new(bytes.Buffer)
	s := newSession(cfg, cfg.Portals, logs, false)
	daemon, err := s.newDaemon()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(daemon.Close)
	if hooks, err = s.public(daemon); err != nil {
		t.Fatal(err)
	}
	return daemon, hooks, logs
}

// postHubSpot posts a body that is signed by version 3, and returns the answer's
// status.
func postHubSpot(hooks http.Handler, secret, body string) int {
	stamp := fmt.Sprint(time.Now().UnixMilli())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("POSThttps://sync.example.com/thnks/hubspot/webhooks" + body + stamp))
	r := httptest.NewRequest(http.MethodPost, webhook.HubSpotPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
	w := httptest.NewRecorder()
	hooks.ServeHTTP(w, r)
	return w.Code
}

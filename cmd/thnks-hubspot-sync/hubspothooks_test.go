package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot/hubspottest"
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

// TestHubSpotEventsReachTheDaemon lets HubSpot send its webhooks, some twice and out of order,
// to a process whose portal was connected through the app: a new contact's orphans are
// linked, gifts follow a merged contact, and a person who is deleted for privacy is
// erased. What the app did itself, what another account's event says and what no app
// has signed counts for nothing.
func TestHubSpotEventsReachTheDaemon(t *testing.T) {
	i := connected(t)
	address := i.public + webhook.HubSpotPath
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sender := i.portal.Subscribe(ctx, hubspottest.Webhook{URL: address, AppID: 54321, Secret: oauthSecret, Seed: 1, Duplicates: 0.5, Reorder: 0.5})
	p := start(t, exec.Command("thnks-hubspot-sync", "run", "--config", i.config))
	await(t, "the daemon is ready", func() bool { return p.said("daemon ready") })

	// giftsTo are the records of the gifts to an address, and who they are linked to.
	giftsTo := func(email string) map[string]string {
		to := make(map[string]string)
		for _, r := range i.portal.Find(sandboxObject, "recipient_email", email) {
			to[r.ID] = ""
			for _, l := range i.portal.Links(sandboxObject, r.ID)["contacts"] {
				to[r.ID] += l.ToID
			}
		}
		return to
	}
	linkedTo := func(email, contact string) func() bool {
		return func() bool {
			to := giftsTo(email)
			for _, id := range to {
				if id != contact {
					return false
				}
			}
			return len(to) > 0
		}
	}
	b := &sandbox{portal: i.portal}
	_, ann := b.orphan()
	contact := i.portal.AddContact(ann, nil)
	await(t, "the orphans of a new contact are linked", linkedTo(ann, contact))
	_, bob := b.orphan()
	other := i.portal.AddContact(bob, nil)
	await(t, "the orphans of another one are linked", linkedTo(bob, other))
	both := i.portal.Merge("contacts", contact, other)
	await(t, "the gifts follow the merged contact", func() bool { return linkedTo(ann, both)() && linkedTo(bob, both)() })
	records := giftsTo(bob)

	list := func() (l giftsync.EventList) {
		t.Helper()
		out, _ := i.command(done, "events", "list", "--source", webhook.HubSpot, "--limit", "0", "--json")
		var doc document[giftsync.EventList]
		if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Portals) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		return doc.Portals[0]
	}
	await(t, "the merge was followed", func() bool {
		l := list()
		return len(l.Events) == 3 && l.Counts["applied"] == 3
	})
	// The app's own change is no news, nor is an event of an account that is not
	// connected through it.
	if got := i.asApp(t, http.MethodPost, "/crm/objects/2026-09/contacts", `{"properties":{"email":"own@acme.example"}}`); got != http.StatusCreated {
		t.Fatalf("HubSpot answers %d", got)
	}
	if err := sender.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	foreign := `[{"eventId":1,"portalId":99,"occurredAt":1564113600000,"subscriptionType":"contact.privacyDeletion","objectId":` + both + `}]`
	for secret, want := range map[string]int{oauthSecret: 200, "the secret of another app": 401} {
		if got := postHubSpotTo(t, address, secret, foreign); got != want {
			t.Errorf("answered %d, want %d", got, want)
		}
	}
	await(t, "the log says that the event was dropped", func() bool { return p.said("no portal of this app has the account") })
	if out, _ := i.command(done, "events", "list"); !strings.Contains(out, "contact.merge  contact "+both+", ") {
		t.Errorf("the list does not name the merged contact:\n%s", out)
	}
	if l := list(); len(l.Events) != 3 {
		t.Errorf("%d events: %+v", len(l.Events), l.Events)
	}

	i.portal.DeleteForPrivacy(both)
	await(t, "the person is erased in HubSpot", func() bool { return len(giftsTo(ann))+len(giftsTo(bob)) == 0 })
	await(t, "both events have ended", func() bool { l := list(); return l.Counts["applied"] == 5 })
	for id := range records {
		if r, _ := i.portal.Record(sandboxObject, id); r.Properties["recipient_name"] != "" {
			t.Errorf("record %s still names %s", id, r.Properties["recipient_name"])
		}
	}
	for _, private := range []string{ann, bob, oauthSecret} {
		if p.said(private) {
			t.Error("the log has personal data or a secret in it")
		}
	}
}

// asApp makes a call with the app's own access token, and returns the answer's status.
func (i *oauthInstallation) asApp(t *testing.T, method, path, body string) (status int) {
	t.Helper()
	for _, token := range i.portal.Tokens() {
		r := httptest.NewRequest(method, "https://api.hubapi.com"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		i.portal.ServeHTTP(w, r)
		if status = w.Code; status != http.StatusUnauthorized { // as it is for refresh tokens
			return status
		}
	}
	return status
}

// postHubSpotTo posts a body that is signed by version 3 to an address, and returns
// the answer's status.
func postHubSpotTo(t testing.TB, address, secret, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	signHubSpot(r, secret, address, body)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection serves again
	return res.StatusCode
}

// signHubSpot signs a request by version 3, as HubSpot does that calls the address.
func signHubSpot(r *http.Request, secret, address, body string) {
	stamp := fmt.Sprint(time.Now().UnixMilli())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(r.Method + address + body + stamp))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	r.Header.Set("X-HubSpot-Request-Timestamp", stamp)
}

// postHubSpot posts a body that is signed by version 3, and returns the answer's
// status.
func postHubSpot(hooks http.Handler, secret, body string) int {
	r := httptest.NewRequest(http.MethodPost, webhook.HubSpotPath, strings.NewReader(body))
	signHubSpot(r, secret, "https://sync.example.com/thnks/hubspot/webhooks", body)
	w := httptest.NewRecorder()
	hooks.ServeHTTP(w, r)
	return w.Code
}

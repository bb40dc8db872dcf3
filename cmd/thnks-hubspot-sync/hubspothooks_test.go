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
	"slices"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/card"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/webhook"
)

// TestHubSpotHooks gives a process two apps and three portals: an event counts for
// the portals that name the app which has signed it, and have the account.
func TestHubSpotHooks(t *testing.T) {
	t.Parallel()
	side := hubspotSideOf(t, "")
	post := func(secret string, account int) int {
		return postHubSpot(side, secret, fmt.Sprintf(`[{"eventId":1,"portalId":%d,"occurredAt":1,"subscriptionType":"contact.creation","objectId":%d}]`, account, time.Now().UnixNano()))
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
		list, err := side.daemon.Events(t.Context(), portal, giftsync.EventQuery{Source: webhook.HubSpot})
		if err != nil || len(list.Events) != want {
			t.Errorf("portal %s has %d events, want %d (%v)", portal, len(list.Events), want, err)
		}
	}
	if strings.Contains(side.logs.String(), "canary") {
		t.Errorf("the log says %s", side.logs)
	}
}

// TestHubSpotSecretUnreadable: while the secret of an app cannot be read, HubSpot is
// asked to make the requests again that might be that app's, and its portals need
// attention. When the file is put right both are over, without a reload.
func TestHubSpotSecretUnreadable(t *testing.T) {
	t.Parallel()
	const file = "other.client-secret"
	side := hubspotSideOf(t, file)
	side.want(t, "canary-main", true)
	side.want(t, "canary-other", false, http.StatusServiceUnavailable)
	side.want(t, "canary", false, http.StatusServiceUnavailable)
	if got := postHubSpot(side, "", `[]`); got != http.StatusServiceUnavailable {
		t.Errorf("what is signed with an empty secret is answered %d", got)
	}
	if got := side.named(t, file); !slices.Equal(got, []string{"three"}) {
		t.Errorf("%q need the file", got)
	}
	if said := side.logs.String(); strings.Count(said, "app needs attention") != 1 || strings.Contains(said, "canary") {
		t.Errorf("the log says %s", said)
	}
	side.put(t, file, "canary-other", 0o600)
	side.want(t, "canary-other", true)
	side.want(t, "canary", false, http.StatusUnauthorized)
	if got := side.named(t, file); len(got) > 0 {
		t.Errorf("%q still need the file", got)
	}
}

// TestHubSpotSecretReplaced: a replaced secret counts at the next request, and the one
// before no more. While the file cannot be read, the last one that was read counts.
func TestHubSpotSecretReplaced(t *testing.T) {
	t.Parallel()
	const file = "other.client-secret"
	side := hubspotSideOf(t, "")
	side.want(t, "canary-other", true)
	side.put(t, file, "canary-new", 0o600)
	side.want(t, "canary-new", true)
	side.want(t, "canary-other", false, http.StatusUnauthorized)
	if err := os.Remove(filepath.Join(side.dir, file)); err != nil {
		t.Fatal(err)
	}
	side.want(t, "canary-new", true)
	side.put(t, file, "canary-newest", 0o644) // which others can read, so that we do not
	side.want(t, "canary-new", true)
	side.want(t, "canary-newest", false, http.StatusServiceUnavailable)
	for _, text := range []string{file, "that was read last"} {
		if got := side.named(t, text); !slices.Equal(got, []string{"three"}) {
			t.Errorf("the problems of %q have %q", got, text)
		}
	}
	if err := os.Chmod(filepath.Join(side.dir, file), 0o600); err != nil {
		t.Fatal(err)
	}
	side.want(t, "canary-newest", true)
	side.want(t, "canary-new", false, http.StatusUnauthorized)
	if strings.Contains(side.logs.String(), "canary") {
		t.Errorf("the log says %s", side.logs)
	}
}

// A hubspotSide is the public side of two apps and three portals.
type hubspotSide struct {
	http.Handler
	daemon *daemon.Daemon
	logs   *bytes.Buffer
	dir    string // of the files
}

// want makes a webhook and a page's request, both signed with a secret, and checks whether
// they are taken, or what they are answered.
func (s *hubspotSide) want(t *testing.T, secret string, taken bool, refused ...int) {
	t.Helper()
	hook, page := http.StatusOK, http.StatusBadRequest // as it does not say who asks
	if !taken {
		hook, page = refused[0], refused[0]
	}
	if got := postHubSpot(s, secret, `[]`); got != hook {
		t.Errorf("a webhook signed with %s is answered %d, want %d", secret, got, hook)
	}
	r := httptest.NewRequest(http.MethodGet, card.CardPrefix+"gifts", nil)
	signHubSpot(r, secret, "https://sync.example.com/thnks"+card.CardPrefix+"gifts", "")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != page {
		t.Errorf("a page's request signed with %s is answered %d, want %d: %s", secret, w.Code, page, w.Body)
	}
}

// named returns the portals whose problem has a text.
func (s *hubspotSide) named(t *testing.T, text string) (portals []string) {
	t.Helper()
	all, err := s.daemon.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range all {
		if strings.Contains(at.Problem, text) {
			portals = append(portals, at.Portal)
		}
	}
	return portals
}

func (s *hubspotSide) put(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, file), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// hubspotSideOf returns the public side, without one of the files with secrets.
func hubspotSideOf(t *testing.T, without string) *hubspotSide {
	t.Helper()
	side := &hubspotSide{dir: t.TempDir(), logs: new(bytes.Buffer)}
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
		side.put(t, name, text, 0o600)
	}
	cfg, err := configs.Load(filepath.Join(side.dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(cfg, cfg.Portals, side.logs, false)
	if side.daemon, err = s.newDaemon(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(side.daemon.Close)
	public, err := s.public(side.daemon)
	if err != nil {
		t.Fatal(err)
	}
	side.Handler = withCards(s.cards(side.daemon), public)
	return side
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

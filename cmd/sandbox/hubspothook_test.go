package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHubSpotWebhook: a contact that is made by hand is reported to the endpoint, and the
// configuration has the app that signs it.
func TestHubSpotWebhook(t *testing.T) {
	came := make(chan string, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != hubspotPath || r.Header.Get("X-HubSpot-Signature-v3") == "" {
			t.Errorf("%s, %v, signed %q", r.URL, err, r.Header.Get("X-HubSpot-Signature-v3"))
		}
		came <- string(body)
	}))
	defer endpoint.Close()
	dir := filepath.Join(t.TempDir(), "made")
	r := start(t, "--transactions", "20", "--hubspot-webhook", endpoint.URL+hubspotPath, "--webhook-unreliable", "--config-dir", dir)

	address := "ann@acme.example"
	status, body := send(t, r.Control+"/contacts?email="+url.QueryEscape(address))
	var made MadeContact
	if json.Unmarshal([]byte(body), &made) != nil || status != 200 || made.Contact == "" || made.Email != address || made.Gift != "" {
		t.Errorf("answered %d: %s", status, body)
	}
	if event := <-came; !strings.Contains(event, `"subscriptionType":"object.creation"`) || !strings.Contains(event, `"objectId":`+made.Contact) || !strings.Contains(event, `"appId":54321`) {
		t.Errorf("it posts %s", event)
	}
	for query, want := range map[string]int{"?email=" + address: 409, "?email=ann": 400, "": 404} { // nothing is in HubSpot yet
		if status, body := send(t, r.Control+"/contacts"+query); status != want {
			t.Errorf("POST /contacts%s answers %d: %s", query, status, body)
		}
	}
	config, err := os.ReadFile(r.Config)
	for _, want := range []string{"\nlisten: " + strings.TrimPrefix(endpoint.URL, "http://") + "\n", "\npublic_url: \"" + endpoint.URL + "\"\n", "app: sandbox, account_id: 62515}"} {
		if err != nil || !strings.Contains(string(config), want) {
			t.Errorf("%v, %s is not in\n%s", err, want, config)
		}
	}
	for _, name := range []string{"client-secret", "master-key"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestHubSpotWebhookRefused: what is no address of HubSpot's webhooks is said to be
// none.
func TestHubSpotWebhookRefused(t *testing.T) {
	for _, args := range [][]string{
		{"--hubspot-webhook", "http://127.0.0.1:8080"},
		{"--hubspot-webhook", "127.0.0.1:8080" + hubspotPath},
		{"--hubspot-webhook", "http://127.0.0.1:8080" + hubspotPath, "--portals", "2"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "--hubspot-webhook") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func send(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Post(url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

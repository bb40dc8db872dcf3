package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestWebhook lets the sandbox post to a real socket: what is asked for by
// hand, and what comes by itself.
func TestWebhook(t *testing.T) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it never fails
	file := filepath.Join(t.TempDir(), "secret")
	text := "whsec_" + base64.StdEncoding.EncodeToString(secret) + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	came := make(chan string, 100)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		at, err := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
		if err != nil {
			t.Error(err)
		}
		want := thnksapitest.Standard{Secrets: [][]byte{secret}}.Sign(r.Header.Get("Webhook-Id"), body, time.Unix(at, 0))
		if got := r.Header["Webhook-Signature"]; !slices.Equal(got, want["Webhook-Signature"]) {
			t.Errorf("signed %q, want %q", got, want["Webhook-Signature"])
		}
		select {
		case came <- string(body):
		default: // more than anyone reads
		}
	}))
	defer endpoint.Close()

	dir := filepath.Join(t.TempDir(), "made")
	r := start(t, "--transactions", "20", "--webhook", endpoint.URL+"/hook", "--webhook-secret-file", file, "--config-dir", dir)
	if status := post(t, r.Control+"/events?id=T-000007&status=expired"); status != http.StatusNoContent {
		t.Errorf("POST /events answers %d", status)
	}
	if body := <-came; !strings.Contains(body, `"giftId":"T-000007","metadata"`) || !strings.Contains(body, `"status":"expired"`) {
		t.Errorf("it posts %s", body)
	}
	for query, want := range map[string]int{"id=T-000099&status=opened": 404, "id=T-000007": 400} {
		if status := post(t, r.Control+"/events?"+query); status != want {
			t.Errorf("POST /events?%s answers %d, want %d", query, status, want)
		}
	}
	config, _ := os.ReadFile(r.Config)
	if !strings.Contains(string(config), "gift-events: {scheme: standard, secret_files: [gift-events]}") {
		t.Errorf("no endpoint in\n%s", config)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "gift-events")); string(got) != text {
		t.Error("the secret was not copied")
	}

	r = start(t, "--transactions", "20", "--tick", "5ms", "--webhook", endpoint.URL+"/hook", "--webhook-secret-file", file)
	for range 20 {
		<-came
	}
	_, body := ask(t, r.Control+"/counts", "")
	var c Counts
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatal(err)
	}
	if c.Webhook[thnksapitest.Acknowledged] < 19 || c.Transactions <= 20 || c.Missing != c.Transactions {
		t.Errorf("after 20 events: %+v", c)
	}
}

func post(t *testing.T, url string) (status int) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

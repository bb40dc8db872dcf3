package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start runs the program in the background and returns its line.
func start(t *testing.T, args ...string) Ready {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, args, in, io.Discard)
		in.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no line: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run ended with %v", err)
		}
	})
	var r Ready
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func ask(t *testing.T, url, auth string) (status int, body string) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", auth)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func TestSandbox(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	r := start(t, "--transactions", "50", "--recipients", "10", "--matched", "1", "--config-dir", dir)

	if status, body := ask(t, r.HubSpot+"/account-info/2026-09/details", "Bearer "+r.Token); status != 200 {
		t.Errorf("HubSpot answers %d: %s", status, body)
	}
	if status, _ := ask(t, r.HubSpot+"/account-info/2026-09/details", "Bearer other"); status != 401 {
		t.Errorf("HubSpot answers another token with %d", status)
	}
	status, body := ask(t, r.Thnks+"/api/v1/transactions?limit=500", r.Key)
	if n := strings.Count(body, `"id":"T-`); status != 200 || n != 50 {
		t.Errorf("Thnks answers %d with %d transactions", status, n)
	}

	_, body = ask(t, r.Control+"/counts", "")
	var c Counts
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatal(err)
	}
	if c.Transactions != 50 || c.Gifts != 0 || c.Missing != 50 || len(c.MissingIDs) != shownMissing || c.Doubled != 0 {
		t.Errorf("before any sync: %+v", c)
	}
	if c.ThnksCalls != 1 || c.HubSpotStatus[401] != 1 {
		t.Errorf("calls miscounted: %+v", c)
	}

	for _, name := range []string{"config.yaml", "hubspot-token", "thnks-key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	if config, _ := os.ReadFile(r.Config); !strings.Contains(string(config), r.HubSpot) {
		t.Errorf("config.yaml does not name %s:\n%s", r.HubSpot, config)
	}
}

// TestSeveralPortals: each has its own gifts, and its own address on all three
// sides.
func TestSeveralPortals(t *testing.T) {
	r := start(t, "--portals", "2", "--transactions", "5", "--config-dir", t.TempDir())
	for i, at := range []string{"/1", "/2"} {
		if status, body := ask(t, r.HubSpot+at+"/account-info/2026-09/details", "Bearer "+tokenOf(i)); status != 200 {
			t.Errorf("HubSpot below %s answers %d: %s", at, status, body)
		}
		if status, body := ask(t, r.Thnks+at+"/api/v1/transactions", r.Key); status != 200 || strings.Count(body, `"id":"T-`) != 5 {
			t.Errorf("Thnks below %s answers %d: %s", at, status, body)
		}
	}
	var c Counts
	if _, body := ask(t, r.Control+"/2/counts", ""); json.Unmarshal([]byte(body), &c) != nil || c.ThnksCalls != 1 {
		t.Errorf("the second portal counts %s", body)
	}
	config, err := os.ReadFile(r.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"name: sandbox-1\n", "name: sandbox-2\n", r.HubSpot + "/1", r.Thnks + "/2"} {
		if !strings.Contains(string(config), want) {
			t.Errorf("config.yaml does not have %q:\n%s", want, config)
		}
	}
}

// TestFilledByHand fills the portal by hand: one gift twice, one unknown id.
func TestFilledByHand(t *testing.T) {
	w := build(size{transactions: 3, recipients: 1, seed: 1}, 0, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	schema := `{"name": "gifts", "labels": {"singular": "Gift", "plural": "Gifts"},
		"primaryDisplayProperty": "thnks_transaction_id", "requiredProperties": [], "associatedObjects": ["CONTACT"],
		"properties": [{"name": "thnks_transaction_id", "label": "ID", "type": "string", "fieldType": "text"}]}`
	req := httptest.NewRequest(http.MethodPost, "/crm/v3/schemas", strings.NewReader(schema))
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp := httptest.NewRecorder()
	if w.portal.ServeHTTP(resp, req); resp.Code != http.StatusCreated {
		t.Fatalf("schema refused: %s", resp.Body)
	}
	for _, id := range []string{"T-000001", "T-000002", "T-000002", "T-000099"} {
		w.portal.AddRecord("gifts", map[string]string{"thnks_transaction_id": id})
	}
	c := w.count("gifts")
	if c.Transactions != 3 || c.Gifts != 4 || c.Doubled != 1 || c.Missing != 1 || len(c.MissingIDs) != 1 || c.MissingIDs[0] != "T-000003" {
		t.Errorf("%+v", c)
	}
}

// TestPeopleAndDeals: the shares are those that were asked for.
func TestPeopleAndDeals(t *testing.T) {
	t.Parallel()
	w := build(size{transactions: 5000, matched: 0.7, deals: 2, open: 0.25, further: 30, seed: 1}, 0, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	contacts, further, deals, open := 0, 0, 0, 0
	for c := range w.portal.Records("contacts") {
		if contacts++; c.Properties["hs_additional_emails"] != "" {
			further++
		}
	}
	for d := range w.portal.Records("deals") {
		if deals++; d.Properties["hs_is_closed"] == "false" {
			open++
		}
	}
	known := contacts - further
	if further != 30 || known < 650 || known > 750 || deals != 2*known || open < deals/5 || open > deals*3/10 {
		t.Errorf("of 1,000 recipients %d are contacts, beside %d further ones, with %d deals of which %d are open; want about 700 beside 30, and a quarter", known, further, deals, open)
	}
}

func TestRefusedFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--hubspot", "0.0.0.0:0"},
		{"--thnks", "example.com:80"},
		{"--matched", "1.5"},
		{"--open-deals", "NaN"},
		{"--further-contacts", "-1"},
		{"--transactions", "-1"},
		{"extra"},
		{"--unknown"},
		{"--tick", "-1s"},
		{"--portals", "0"},
		{"--portals", "2", "--tick", "1s"},
		{"--webhook", "127.0.0.1:8080/hook", "--webhook-secret-file", "main.go"},
		{"--webhook", "http://127.0.0.1:1/hook"},
		{"--webhook", "http://127.0.0.1:1/hook", "--webhook-secret-file", "main.go"},
		{"--webhook", "http://127.0.0.1:1/hook", "--webhook-secret-file", "missing"},
		{"--webhook-unreliable"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestAPIVersion: every dated path has the version that the configuration says.
func TestAPIVersion(t *testing.T) {
	t.Parallel()
	const ours, documented = "/2027-03", "/2026-09"
	w := newWorld(t, thnksapitest.Data{Seed: 7, N: 20, Recipients: 5, End: time.Now()})
	var mu sync.Mutex
	dated := 0
	hubspot := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		mu.Lock()
		if strings.Contains(req.URL.Path, ours) {
			dated++
		}
		if strings.Contains(req.URL.Path, documented) {
			t.Errorf("%s has another version", req.URL.Path)
		}
		mu.Unlock()
		req.URL.Path = strings.Replace(req.URL.Path, ours, documented, 1)
		w.portal.ServeHTTP(rw, req)
	}))
	defer hubspot.Close()
	thnks := httptest.NewServer(w.thnks)
	defer thnks.Close()
	dir := t.TempDir()
	if err := writeConfig(dir, hubspot.URL, thnks.URL); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config.yaml")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("token_file:"), []byte(`api_version: "2027-03", token_file:`), 1)
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("thnks-hubspot-sync", "sync", "--backfill", "--config", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := w.portal.Count(sandboxObject); n != 20 || dated == 0 {
		t.Errorf("%d records by %d dated calls, want 20", n, dated)
	}
}

// TestThnksPace: a key makes no more calls a second than the configuration says.
func TestThnksPace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thnksapitest.Data{Seed: 7, N: 5, Recipients: 5, End: time.Now()})
	hubspot := httptest.NewServer(w.portal)
	defer hubspot.Close()
	var mu sync.Mutex
	var calls []time.Time
	thnks := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		mu.Lock()
		calls = append(calls, time.Now())
		mu.Unlock()
		w.thnks.ServeHTTP(rw, req)
	}))
	defer thnks.Close()
	dir := t.TempDir()
	if err := writeConfig(dir, hubspot.URL, thnks.URL); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config.yaml")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("api_key_file:"), []byte("requests_per_second: 1, dialect: {paging: {size: 2}}, api_key_file:"), 1)
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("thnks-hubspot-sync", "sync", "--backfill", "--config", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(calls) < 3 {
		t.Fatalf("%d calls, want one for each of three pages", len(calls))
	}
	for i := 1; i < len(calls); i++ {
		if gap := calls[i].Sub(calls[i-1]); gap < 900*time.Millisecond {
			t.Errorf("call %d came %v after the one before", i, gap)
		}
	}
}

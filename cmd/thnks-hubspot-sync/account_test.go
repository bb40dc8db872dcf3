package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	giftportal "thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestOneAccountOnePortal has two portals with different tokens of one account.
// The second one to come there stops, with words, and writes nothing; with an
// object of its own it works.
func TestOneAccountOnePortal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thnksapitest.Data{Seed: 7, N: 20, Recipients: 5, End: time.Now()})
	hub := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+worldToken) // of whatever app
		w.portal.ServeHTTP(rw, r)
	}))
	defer hub.Close()
	thnks := httptest.NewServer(w.thnks)
	defer thnks.Close()
	dir := t.TempDir()
	config := func(more string) string {
		text := fmt.Sprintf(`state_dir: state
portals:
  - name: first
    hubspot: {base_url: %[1]q, token_file: token-a}
    thnks: {base_url: %[2]q, api_key_file: key}
  - name: second
    hubspot: {base_url: %[1]q, token_file: token-b%[3]s}
    thnks: {base_url: %[2]q, api_key_file: key}
`, hub.URL, thnks.URL, more)
		file := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, text := range map[string]string{"token-a": "pat-one", "token-b": "pat-two", "key": worldKey} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	does := func(want status, says string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), args, &stdout, &stderr); got != want || !strings.Contains(stdout.String()+stderr.String(), says) {
			t.Errorf("%q: status %d, want %d; says\n%s%s", args, got, want, &stdout, &stderr)
		}
	}
	file := config("")
	const refusal = "belong to portal first, which came there first: give this portal a HubSpot account, or an object.name, of its own"
	does(done, "dry run", "sync", "--dry-run", "--backfill", "--portal", "second", "--config", file)
	does(done, "created", "sync", "--backfill", "--portal", "first", "--config", file)
	for range 2 {
		does(failed, refusal, "sync", "--backfill", "--portal", "second", "--config", file)
	}
	does(failed, refusal, "sync", "--dry-run", "--portal", "second", "--config", file)
	does(failed, "belong to portal first, which came there first", "check", "--portal", "second", "--config", file)
	does(done, "", "sync", "--portal", "first", "--config", file)
	// So it is after a release that did not note owners, whichever portal runs first.
	if err := os.RemoveAll(filepath.Join(dir, "state", ownersDir)); err != nil {
		t.Fatal(err)
	}
	does(done, "dry run", "sync", "--dry-run", "--backfill", "--portal", "second", "--config", file)
	does(failed, refusal, "sync", "--backfill", "--portal", "second", "--config", file)
	does(failed, refusal, "sync", "--backfill", "--config", file)
	file = config(", object: {name: gifts}")
	for range 2 {
		does(done, "backfill done", "sync", "--backfill", "--portal", "second", "--config", file)
	}
}

// TestOwners: who owns an object of an account, as the configuration changes.
func TestOwners(t *testing.T) {
	t.Parallel()
	portal := func(name, base, object string) configs.Portal {
		p := configs.DefaultPortal()
		p.Name, p.HubSpot.BaseURL, p.HubSpot.Object.Name = name, base, object
		return p
	}
	const eu, us = "https://api-eu1.hubapi.com", "https://api.hubapi.com"
	dir := t.TempDir()
	state := func(name string) string { return filepath.Join(dir, name+".db") }
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(state(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	owns := func(id string, dryRun bool, asking configs.Portal, others ...configs.Portal) bool {
		t.Helper()
		o := &owners{cfg: &configs.Config{StateDir: dir, Portals: append(others, asking)}}
		err := o.own(asking, id, dryRun)
		var fatal *giftportal.Fatal
		if err != nil && !errors.As(err, &fatal) {
			t.Fatal(err)
		}
		return err == nil
	}
	a, b := portal("a", us, "thnks"), portal("b", us, "thnks")
	check := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	check("a dry run", owns("7", true, b, a), true)
	check("the first after a dry run", owns("7", false, a, b), true)
	check("the second", owns("7", false, b, a), false)
	check("the second at a server of the same accounts", owns("7", false, portal("b", eu, "Thnks"), a), false)
	check("the second at another server", owns("7", false, portal("b", "http://127.0.0.1:1", "thnks"), a), true)
	check("the first, again", owns("7", false, a, b), true)
	check("another account", owns("8", false, b, a), true)
	check("another object", owns("7", false, portal("b", us, "gifts"), a), true)
	check("the first has another object now", owns("7", true, b, portal("a", us, "gifts")), true)
	check("the first is not configured any more", owns("7", true, b), true)
	if err := os.Remove(state("a")); err != nil {
		t.Fatal(err)
	}
	check("the first has no state any more", owns("7", false, b, a), true)
	if err := os.WriteFile(state("a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("the first comes back", owns("7", false, a, b), false)

	// Of many that ask at once, one gets it.
	o := &owners{cfg: &configs.Config{StateDir: dir}}
	for i := range 20 {
		name := fmt.Sprint("p", i)
		o.cfg.Portals = append(o.cfg.Portals, portal(name, us, "thnks"))
		if err := os.WriteFile(state(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var asking sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for _, p := range o.cfg.Portals {
		asking.Go(func() {
			if o.own(p, "9", false) == nil {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	if n != 1 {
		t.Errorf("%d of 20 own it", n)
	}
}

// namesSynced are the directories whose names were made durable, in all tests.
var namesSynced sync.Map

// TestOwnersAreDurable: a portal does not lose its account to a power cut.
func TestOwnersAreDurable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	cfg := &configs.Config{StateDir: state, Portals: []configs.Portal{{Name: "acme"}}}
	o := &owners{cfg: cfg}
	if err := o.own(cfg.Portals[0], "7", false); err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{state, filepath.Join(state, ownersDir)} {
		if _, ok := namesSynced.Load(made); !ok {
			t.Errorf("%s was not synced", made)
		}
	}
}

// TestSharedPaces: portals of one account share its pace, however it is known.
func TestSharedPaces(t *testing.T) {
	t.Parallel()
	var p paces
	us, eu := configs.HubSpot{BaseURL: "https://api.hubapi.com"}, configs.HubSpot{BaseURL: "https://api-eu1.hubapi.com"}
	one := p.shared(us, "", "token-1")
	same := map[string]*hubspot.Pace{
		"the same token":                    p.shared(us, "", "token-1"),
		"once its account is known":         p.shared(us, "7", "token-1"),
		"another token of that account":     p.shared(us, "7", "token-2"),
		"that token, account not known":     p.shared(us, "", "token-2"),
		"the account under another address": p.shared(eu, "7", "token-3"),
	}
	for what, pace := range same {
		if pace != one {
			t.Errorf("%s: another pace", what)
		}
	}
	for what, pace := range map[string]*hubspot.Pace{
		"another token":   p.shared(us, "", "token-4"),
		"another account": p.shared(us, "8", "token-5"),
		"another server":  p.shared(configs.HubSpot{BaseURL: "http://127.0.0.1:1"}, "7", "token-6"),
	} {
		if pace == one {
			t.Errorf("%s: the same pace", what)
		}
	}
}

// TestSharedKeyPace: portals with one key of one server share its pace, and one
// that is opened anew goes on where it was.
func TestSharedKeyPace(t *testing.T) {
	t.Parallel()
	var starts []time.Time
	thnks := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		starts = append(starts, time.Now())
		rw.WriteHeader(404)
	}))
	defer thnks.Close()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("key-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSession(configs.Default(), nil, io.Discard, false)
	ask := func(server, portal string) {
		t.Helper()
		p := configs.DefaultPortal()
		p.Name, p.Thnks.BaseURL, p.Thnks.APIKeyFile, p.Thnks.RequestsPerSecond = portal, server, key, 1
		keys, err := s.keys(p)
		if err != nil {
			t.Fatal(err)
		}
		clients, err := s.clients(p, keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := clients[0].Transaction(t.Context(), "T-1"); err == nil {
			t.Error("a gift that there is not")
		}
	}
	ask(thnks.URL, "acme")
	ask(thnks.URL, "globex")
	ask(thnks.URL+"/", "acme")
	if len(starts) != 3 || starts[1].Sub(starts[0]) < 900*time.Millisecond || starts[2].Sub(starts[1]) < 900*time.Millisecond {
		t.Errorf("calls at %v, want one a second", starts)
	}
	p := configs.DefaultPortal()
	p.Name, p.Thnks.BaseURL, p.Thnks.APIKeyFile, p.Thnks.RequestsPerSecond = "initech", thnks.URL, key, 1
	api, err := senderOf(s, p, key)
	if err != nil {
		t.Fatal(err)
	}
	_ = api.Send(t.Context(), thnksapi.GiftRequest{GiftID: 1, Recipient: thnksapi.Recipient{Email: "bea@acme.example"}, Message: "Hi"})
	if len(starts) != 4 || starts[3].Sub(starts[2]) < 900*time.Millisecond {
		t.Errorf("calls at %v, and a gift without its place among them", starts)
	}
	one := s.keyPaces.shared("https://api.thnks.com", "key-1")
	for what, pace := range map[string]*thnksapi.Pace{
		"another key":    s.keyPaces.shared("https://api.thnks.com", "key-2"),
		"another server": s.keyPaces.shared(thnks.URL, "key-1"),
	} {
		if pace == one {
			t.Errorf("%s: the same pace", what)
		}
	}
}

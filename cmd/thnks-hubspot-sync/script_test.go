package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestMain lets the test binary stand in for the program: scripts, and the
// tests that kill it, run it as a process of its own.
func TestMain(m *testing.M) {
	syncDir = func(dir string) error {
		namesSynced.Store(dir, true)
		return fsyncDir(dir)
	}
	testscript.Main(m, map[string]func(){"thnks-hubspot-sync": main})
}

// A world is the two vendors that a test's processes talk to.
type world struct {
	portal *hubspottest.Portal
	thnks  *thnksapitest.Server
}

const (
	worldKey   = "key-canary-4711"
	worldToken = "pat-canary-4711"
)

// newWorld makes transactions that one API key sees, most of whose recipients
// HubSpot knows. What the program and HubSpot say to each other is held against
// the contract.
func newWorld(t testing.TB, data thnksapitest.Data) *world {
	t.Helper()
	return newWorldOf(t, data, map[string]string{worldKey: ""})
}

// newWorldOf is newWorld with several API keys, each of which sees the
// transactions of one sender.
func newWorldOf(t testing.TB, data thnksapitest.Data, keys map[string]string) *world {
	t.Helper()
	w := &world{
		portal: contract.New(t, hubspottest.Options{
			Seed: 1, Token: worldToken,
			Limits: hubspottest.Limits{Burst: 1_000_000}, // clients keep to what the headers say
		}),
		thnks: thnksapitest.New(thnksapitest.Options{Keys: keys}),
	}
	w.thnks.Add(thnksapitest.Generate(data)...)
	w.portal.Populate(data.Addresses(), hubspottest.Population{Seed: 1, Matched: 0.9, WithCompany: 1, DealsPer: 1, OpenDeals: 0.8})
	return w
}

// writeConfig puts a configuration of the portal acme, with its secrets, into
// dir. more are lines for it.
func writeConfig(dir, hubspotURL, thnksURL string, more ...string) error {
	config := fmt.Sprintf(`state_dir: %s
listen: 127.0.0.1:0
log: {level: debug}
%s
portals:
  - name: acme
    hubspot: {base_url: %q, token_file: hubspot-token}
    thnks: {base_url: %q, api_key_file: thnks-key}
`, filepath.Join(dir, "state"), strings.Join(more, "\n"), hubspotURL, thnksURL)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(dir, "hubspot-token"), []byte(worldToken), 0o600),
		os.WriteFile(filepath.Join(dir, "thnks-key"), []byte(worldKey), 0o600),
	)
}

type worldKeyType struct{}

// TestScripts runs the program as its users do.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		WorkdirRoot:         shortDir(t), // as sockets are made below it
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			w := newWorld(t, thnksapitest.Data{Seed: 7, N: 60, Recipients: 12, End: time.Now()})
			hubspot, thnks := httptest.NewServer(w.portal), httptest.NewServer(w.thnks)
			env.Defer(hubspot.Close)
			env.Defer(thnks.Close)
			env.Values[worldKeyType{}] = w
			env.Setenv("CONFIG", filepath.Join(env.WorkDir, "config.yaml"))
			env.Setenv("ADMIN", freeAddress())
			env.Setenv("LISTEN", freeAddress())
			env.Setenv("HUBSPOT", hubspot.URL)
			env.Setenv("THNKS", thnks.URL)
			env.Setenv("NEXT", time.Now().Add(72*time.Hour).UTC().Format(time.RFC3339))
			return errors.Join(
				writeConfig(env.WorkDir, hubspot.URL, thnks.URL, "admin_listen: "+env.Getenv("ADMIN")),
				expand(filepath.Join(env.WorkDir, "two.yaml"), env),
				expand(filepath.Join(env.WorkDir, "csv.yaml"), env),
				expand(filepath.Join(env.WorkDir, "hooks.yaml"), env),
				expand(filepath.Join(env.WorkDir, "nowhere.yaml"), env),
				expand(filepath.Join(env.WorkDir, "test.yaml"), env),
				expand(filepath.Join(env.WorkDir, "live.yaml"), env),
				os.WriteFile(filepath.Join(env.WorkDir, "gift-events"), []byte(worldHookSecret), 0o600),
			)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"field":   field,
			"records": records,
			"advance": advance,
			"retouch": retouch,
			"rule":    rule,
			"empty":   empty,
			"gifts":   gifts,
			"thnks":   thnks,
			"optout":  optOut,
			"soon":    soon,
			"becomes": becomes,
			"answers": answers,
			"synced":  synced,
			"event":   event,
			"posts":   posts,
			"shows":   shows,
			"stands":  stands,
			"private": private,

			"recipient": recipient,
			"forgotten": forgotten,
		},
	})
}

// expand replaces $NAME in a script's file, where the script has it, by the
// script's environment.
func expand(file string, env *testscript.Env) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, os.WriteFile(file, []byte(os.Expand(string(text), env.Getenv)), 0o600))
}

// exits STATUS PROGRAM [ARG]... runs a program and checks its exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG]...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// field PATH PATTERN checks that standard output is one JSON document, and
// that what stands at the dotted path matches the pattern.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: field PATH PATTERN")
	}
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("standard output is not one JSON document: %v", err)
	}
	found := true
	for step := range strings.SplitSeq(args[0], ".") {
		switch at := v.(type) {
		case map[string]any:
			v, found = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			ts.Check(err)
			if found = i < len(at); found {
				v = at[i]
			}
		default:
			found = false
		}
		if !found {
			break
		}
	}
	text, err := json.Marshal(v)
	ts.Check(err)
	value := strings.Trim(string(text), `"`)
	if !found {
		value = ""
	}
	if regexp.MustCompile(args[1]).MatchString(value) == neg {
		ts.Fatalf("%s is %q", args[0], value)
	}
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKeyType{}).(*world) }

// records N checks how many gifts HubSpot holds.
func records(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(worldOf(ts).portal.Count(sandboxObject)); got != args[0] {
		ts.Fatalf("HubSpot holds %s gifts, want %s", got, args[0])
	}
}

// advance ID STATUS lets a transaction reach a status now, whatever it was in
// before.
func advance(ts *testscript.TestScript, _ bool, args []string) {
	if !worldOf(ts).thnks.Update(args[0], func(t *thnksapitest.Transaction) { t.Status = args[1] }) {
		ts.Fatalf("no transaction %s", args[0])
	}
}

// retouch ID|new [PROPERTY=VALUE]... lets people change the record of a transaction
// in HubSpot, delete it where no property is given, or make a record.
func retouch(ts *testscript.TestScript, _ bool, args []string) {
	properties := make(map[string]string)
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		properties[name] = value
	}
	p := worldOf(ts).portal
	if args[0] == "new" {
		p.AddRecord(sandboxObject, properties)
		return
	}
	found := p.Find(sandboxObject, "thnks_transaction_id", args[0])
	if len(found) != 1 {
		ts.Fatalf("%d records of %s", len(found), args[0])
	}
	if len(properties) == 0 {
		p.Archive(sandboxObject, found[0].ID)
		return
	}
	p.UpdateProperties(sandboxObject, found[0].ID, properties)
}

// rule on|off makes HubSpot demand a property that no gift has, of the gifts
// that are redeemed.
func rule(ts *testscript.TestScript, _ bool, args []string) {
	w := worldOf(ts)
	if args[0] == "off" {
		w.portal.ClearRules()
		return
	}
	w.portal.AddConditionalRule(sandboxObject, "status", "redeemed", "thank_you_note")
}

// empty DIR checks that nothing is in a folder.
func empty(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s was left behind in %s", e.Name(), args[0])
	}
}

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A tenant is one of two portals in one installation. Everything of it has its own
// word: secrets, people, gifts, ids.
type tenant struct {
	name, word string
	portal     *hubspottest.Portal
	thnks      *thnksapitest.Server
	config     string // its part of the configuration

	mu   sync.Mutex
	sent strings.Builder // all that either vendor of it was sent
}

// record keeps what a vendor is sent, headers included.
func (n *tenant) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		n.mu.Lock()
		fmt.Fprintln(&n.sent, r.URL, r.Header, string(body))
		n.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func newTenant(t *testing.T, dir, name, word string, account int64) *tenant {
	t.Helper()
	n := &tenant{name: name, word: word}
	n.portal = contract.New(t, hubspottest.Options{Seed: 1, Token: "pat-" + word, ID: account, Limits: hubspottest.Limits{Burst: 1_000_000}})
	n.thnks = thnksapitest.New(thnksapitest.Options{Keys: map[string]string{"key-" + word: ""}})
	for i, tx := range thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 20, Recipients: 5, End: time.Now()}) {
		tx.ID, tx.Message, tx.Gift.Name = fmt.Sprintf("%s-%d", word, i), "Message "+word, "Gift "+word
		for _, p := range []*thnksapitest.Person{&tx.Sender, &tx.Recipient} {
			p.FirstName, p.Email = word, strings.Replace(p.Email, "@", "."+word+"@", 1)
		}
		if i == 0 {
			tx.Recipient.Email = "shared@acme.example" // the same person in both
			n.portal.AddContact(tx.Recipient.Email, map[string]string{"firstname": word})
		}
		if i == 1 {
			tx.Amount = "five" // goes into quarantine
		}
		n.thnks.Add(tx)
	}
	hubspot, thnks := httptest.NewServer(n.record(n.portal)), httptest.NewServer(n.record(n.thnks))
	t.Cleanup(hubspot.Close)
	t.Cleanup(thnks.Close)
	for file, text := range map[string]string{name + "-token": "pat-" + word, name + "-key": "key-" + word} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.config = fmt.Sprintf("  - name: %s\n    hubspot: {base_url: %q, token_file: %[1]s-token}\n    thnks: {base_url: %[3]q, api_key_file: %[1]s-key}\n", name, hubspot.URL, thnks.URL)
	return n
}

// TestIsolation: nothing of a portal crosses to another one of the same
// installation. The ways to cross that are tried here, by every command that reads
// or writes a portal:
//
//   - requests: what one portal's vendors are sent, in paths, headers and bodies
//   - files: the raw bytes of a portal's state file and of its list of erased people
//   - log: lines that name one portal
//   - figures: statistics, quarantine, runs and audit of one portal
//   - erasure: who is erased from one portal stays in the other, and is called
//     otherwise in its log
//   - one portal's files under the other's name
//
// That two portals cannot have one account and object, or one secret, is tried by
// TestAccounts and the tests of the configuration; that a webhook of one counts for
// no other by those of package webhook.
func TestIsolation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tenants := []*tenant{newTenant(t, dir, "first", "qzalpha", 1001), newTenant(t, dir, "second", "qzbravo", 1002)}
	config := fmt.Sprintf("state_dir: %s\nlog: {level: debug}\nportals:\n%s%s", filepath.Join(dir, "state"), tenants[0].config, tenants[1].config)
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := 0
	say := func(want status, args ...string) string {
		t.Helper()
		cmd := exec.Command("thnks-hubspot-sync", append(args, "--config", filepath.Join(dir, "config.yaml"))...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the status says it
		if got := status(cmd.ProcessState.ExitCode()); got != want {
			t.Errorf("%q: exit status %d, want %d\n%s", args, got, want, stderr.String())
		}
		for line := range strings.Lines(stderr.String()) {
			for i, n := range tenants {
				if other := tenants[1-i]; strings.Contains(line, "portal="+n.name) {
					lines++
					if strings.Contains(line, other.word) || strings.Contains(line, "portal="+other.name) {
						t.Errorf("%q logs of %s what is %s's: %s", args, n.name, other.name, line)
					}
				}
			}
		}
		return stdout.String()
	}
	// figures runs a command for each portal alone.
	figures := func(want status, args ...string) {
		t.Helper()
		for i, n := range tenants {
			if out := say(want, append(args, "--portal", n.name)...); strings.Contains(out, tenants[1-i].word) || out == "" {
				t.Errorf("%q of %s prints what is %s's, or nothing:\n%s", args, n.name, tenants[1-i].name, out)
			}
		}
	}

	say(quarantined, "sync", "--backfill")
	say(done, "sync")
	say(quarantined, "quarantine", "retry")
	say(done, "sync", "--reassociate=all")
	figures(done, "stats", "--json")
	figures(done, "stats", "--format", "html")
	figures(done, "quarantine", "list", "--json")
	figures(done, "runs", "list", "--json")
	figures(done, "audit", "export")
	figures(done, "check", "--json")

	called := say(done, "erase", "--portal", "first", "--email", "shared@acme.example", "--json")
	say(quarantined, "sync", "--backfill")
	for i, want := range []string{"", "shared@acme.example"} {
		n := tenants[i]
		found := n.portal.Find(sandboxObject, "thnks_transaction_id", n.word+"-0")
		if len(found) != 1 || found[0].Properties["recipient_email"] != want {
			t.Errorf("%s: the record of who was erased from the first portal is %+v", n.name, found)
		}
	}
	if again := say(done, "erase", "--portal", "second", "--email", "shared@acme.example", "--json"); personIn(again) == personIn(called) || personIn(called) == "" {
		t.Errorf("a person is called %q in the logs of both portals", personIn(called))
	}

	for i, n := range tenants {
		other := tenants[1-i]
		for _, file := range []string{n.name + ".db", n.name + ".suppressed"} {
			raw, err := os.ReadFile(filepath.Join(dir, "state", file))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(other.word)) {
				t.Errorf("%s holds what is %s's", file, other.name)
			}
			if strings.HasSuffix(file, ".db") && !bytes.Contains(raw, []byte(n.word)) {
				t.Errorf("%s does not even hold what is its own: the test shows nothing", file)
			}
		}
		n.mu.Lock()
		if sent := n.sent.String(); strings.Contains(sent, other.word) || !strings.Contains(sent, n.word) {
			t.Errorf("the vendors of %s were sent what is %s's, or nothing", n.name, other.name)
		}
		n.mu.Unlock()
	}

	// A state file under another portal's name belongs to another account.
	before := tenants[1].portal.Requests().Total
	for _, suffix := range []string{".db", ".suppressed"} {
		text, err := os.ReadFile(filepath.Join(dir, "state", "first"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "state", "second"+suffix), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := tenants[1].portal.Snapshot()
	say(failed, "sync", "--backfill", "--portal", "second")
	if tenants[1].portal.Requests().Total > before+20 || fmt.Sprint(snapshot) != fmt.Sprint(tenants[1].portal.Snapshot()) {
		t.Error("a run with another portal's state file has written")
	}
	if lines < 20 {
		t.Errorf("only %d lines of the log name a portal", lines)
	}
}

// personIn is what a report of an erasure calls the person.
func personIn(report string) string {
	_, rest, _ := strings.Cut(report, `"person": "`)
	person, _, _ := strings.Cut(rest, `"`)
	return person
}

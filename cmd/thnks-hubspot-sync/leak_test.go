package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// The canaries: what must not be found in any output.
var (
	secretCanaries   = []string{worldToken, worldKey, "pat-wrong-4711"}
	messageCanaries  = []string{"MessageCanary"}
	personalCanaries = []string{"NameCanary", "canary.example", "+15550004711"}
)

// TestNothingLeaks runs every command at log level debug, through success, refusals,
// retries and failure, over data that is nothing but canaries. Secrets and
// messages never show. Personal data shows in the statistics, which are about
// people, and in what HubSpot said of a refused record, and nowhere else: above
// all not in a log.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thnksapitest.Data{Seed: 3, N: 40, Recipients: 10, End: time.Now()})
	for _, tx := range w.thnks.Transactions() {
		w.thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) {
			tx.Message = "MessageCanary for you"
			for _, p := range []*thnksapitest.Person{&tx.Sender, &tx.Recipient} {
				p.FirstName, p.LastName, p.Phone = "NameCanary", "NameCanary", "+15550004711"
				p.Email = strings.Replace(p.Email, "@", "@canary.example.", 1)
			}
		})
	}
	email := strings.ToLower(w.thnks.Transactions()[10].Recipient.Email)
	w.portal.AddContact("one@canary.example", map[string]string{"firstname": "NameCanary"})
	hubspot, thnks := httptest.NewServer(w.portal), httptest.NewServer(w.thnks)
	defer hubspot.Close()
	defer thnks.Close()
	dir := t.TempDir()
	if err := writeConfig(dir, hubspot.URL, thnks.URL); err != nil {
		t.Fatal(err)
	}

	// say runs a command and looks at what it printed; mayName says that its
	// standard output is about people.
	logged := 0
	say := func(want status, mayName bool, args ...string) {
		t.Helper()
		cmd := exec.Command("thnks-hubspot-sync", append(args, "--config", filepath.Join(dir, "config.yaml"))...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the status says it
		if got := status(cmd.ProcessState.ExitCode()); got != want {
			t.Errorf("%q: exit status %d, want %d\n%s", args, got, want, stderr.String())
		}
		logged += stderr.Len()
		banned := append(append([]string{}, secretCanaries...), messageCanaries...)
		for _, c := range banned {
			if strings.Contains(stdout.String()+stderr.String(), c) {
				t.Errorf("%q prints %q", args, c)
			}
		}
		for _, c := range personalCanaries {
			if strings.Contains(stderr.String(), c) {
				t.Errorf("%q logs %q:\n%s", args, c, stderr.String())
			}
			if !mayName && strings.Contains(stdout.String(), c) {
				t.Errorf("%q prints %q:\n%s", args, c, stdout.String())
			}
		}
	}

	say(done, false, "sync", "--backfill", "--dry-run", "--all")
	say(done, false, "sync", "--backfill", "--dry-run", "--json")
	w.portal.Fault(hubspottest.Fault{PathContains: "batch/create", Kind: hubspottest.RespondStatus, Status: 502, HTML: true})
	say(done, false, "sync", "--backfill")
	w.portal.AddConditionalRule(sandboxObject, "status", "redeemed", "thank_you_note")
	for _, tx := range w.thnks.Transactions()[:5] {
		w.thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Status = "redeemed" })
	}
	w.thnks.Add(thnksapitest.Transaction{Message: "MessageCanary", Recipient: thnksapitest.Person{FirstName: "NameCanary", Email: "x@canary.example"}, CreatedAt: time.Now(), UpdatedAt: time.Now()})
	w.portal.Fault(hubspottest.Fault{
		PathContains: "batch/update", Count: -1, Kind: hubspottest.RespondStatus, Status: 400,
		Body: `{"status":"error","category":"VALIDATION_ERROR","message":"NameCanary x@canary.example was not valid"}`,
	})
	say(quarantined, false, "sync")
	if w.portal.Struck() < 2 { // beside the 502
		t.Error("HubSpot has not quoted anybody: the test has seen less than it should")
	}
	w.portal.ClearFaults()
	say(done, true, "quarantine", "list")
	say(done, true, "quarantine", "list", "--json")
	say(quarantined, false, "quarantine", "retry", "--json")
	say(done, true, "stats")
	say(done, true, "stats", "--json")
	w.thnks.Fault(thnksapitest.Fault{Count: 20, Status: 403, Body: `{"error":"NameCanary MessageCanary"}`})
	say(failed, false, "sync")
	if err := os.WriteFile(filepath.Join(dir, "hubspot-token"), []byte("pat-wrong-4711"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.thnks.ClearFaults()
	say(failed, false, "sync", "--backfill")
	for _, args := range [][]string{{"runs", "list", "--limit", "0"}, {"runs", "list", "--json"}, {"audit", "list", "--limit", "0"}, {"audit", "list", "--json"}, {"audit", "export"}, {"audit", "export", "--format", "csv"}, {"audit", "verify"}} {
		say(done, false, args...)
	}

	// The state file keeps no secret and no text of a message, and the list of erased
	// people no one; errors and reports of an erasure name no one.
	state := filepath.Join(dir, "state")
	holds := func(file string, canaries ...string) {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(state, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range canaries {
			if bytes.Contains(raw, []byte(c)) {
				t.Errorf("%s holds %q", file, c)
			}
		}
	}
	say(misused, false, "erase", "--portal", "acme", "--email", "NameCanary")
	say(failed, false, "erase", "--portal", "acme", "--email", email) // HubSpot takes no token
	if err := os.WriteFile(filepath.Join(dir, "hubspot-token"), []byte(worldToken), 0o600); err != nil {
		t.Fatal(err)
	}
	w.portal.ClearRules()
	say(done, false, "erase", "--portal", "acme", "--email", email)
	say(done, false, "erase", "--portal", "acme", "--email", email, "--json")
	holds("acme.db", append(slices.Clone(secretCanaries), email, strings.ToUpper(email), "MessageCanary for you")...)
	holds("acme.suppressed", slices.Concat(secretCanaries, messageCanaries, personalCanaries)...)
	say(done, false, "audit", "export")
	say(done, false, "runs", "list", "--limit", "0")
	if logged == 0 {
		t.Error("nothing was logged: the test has seen nothing")
	}
}

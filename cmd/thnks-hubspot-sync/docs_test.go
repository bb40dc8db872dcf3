//go:build linux

package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// docs is the folder of the documentation for users, and the pages with commands in
// the order in which one reads them: the last one removes what the first installs.
const docs = "../../.github/docs"

var pages = []string{"quick-start.md", "connect.md", "webhooks.md", "sending.md", "hubspot-app.md", "export-files.md", "settings.md", "statistics.md", "hubspot-reports.md", "faq.md", "troubleshooting.md", "privacy.md", "recovery.md", "alerts.md", "operations.md", "promises.md", "glossary.md"}

// TestDocs runs every command that the documentation shows, in a machine of its own:
// its folders are below one of the test's, and what would change the real machine is
// played by the scripts in testdata/docs. Each command has to end with status 0.
func TestDocs(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	commands := 0
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(docs, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range consoleBlocks(string(text)) {
			commands += len(block)
			m.run(t, page, block)
		}
	}
	if commands < 50 {
		t.Errorf("only %d commands were found", commands)
	}
	for _, left := range []string{"etc/thnks-hubspot-sync", "var/lib/thnks-hubspot-sync", "usr/local/bin/thnks-hubspot-sync", "etc/systemd/system/thnks-hubspot-sync.service"} {
		if _, err := os.Lstat(filepath.Join(m.root, left)); err == nil {
			t.Errorf("removal leaves %s", left)
		}
	}
	if n := m.world.portal.Count(sandboxObject); n != 60 {
		t.Errorf("HubSpot holds %d gifts in the end, want 60", n)
	}
	for _, want := range []string{
		"dry run of backfill", "created +60\n", // the quick start
		`"ready":true`, "gift-status-changed  T-000001 → opened\n    message msg_[0-9a-f]{16}\n", // the sample event
		"acme: nothing in quarantine", `"recipient": ?"\(hidden\)"`, "msg=\"daemon ready\"",
	} {
		if !regexp.MustCompile(want).MatchString(m.printed) {
			t.Errorf("no command printed %q", want)
		}
	}
}

// TestDocsAreComplete: no page is left out, and no link leads nowhere.
func TestDocsAreComplete(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob(filepath.Join(docs, "*.md"))
	if err != nil || len(found) != len(pages)+1 {
		t.Fatalf("pages %s (%v), want %s and README.md", found, err, pages)
	}
	link := regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)
	for _, page := range found {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			to, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s: %v", page, err)
			} else if m[2] != "" && !strings.Contains(anchors(string(to)), m[2]+"\n") {
				t.Errorf("%s: %s has no heading %s", page, m[1], m[2])
			}
		}
	}
}

// anchors are the anchors of a page's headings, a line each.
func anchors(text string) string {
	var b strings.Builder
	odd := regexp.MustCompile(`[^a-z0-9 -]`)
	for line := range strings.Lines(text) {
		if level := len(line) - len(strings.TrimLeft(line, "#")); level > 0 {
			title := odd.ReplaceAllString(strings.ToLower(strings.TrimSpace(line[level:])), "")
			fmt.Fprintf(&b, "#%s\n", strings.ReplaceAll(title, " ", "-"))
		}
	}
	return b.String()
}

// consoleBlocks returns the commands of a page, block by block: the lines of its
// blocks of type console, without the prompt.
func consoleBlocks(text string) (blocks [][]string) {
	var block []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "```console":
			inside, block = true, nil
		case strings.HasPrefix(line, "```") && inside:
			inside = false
			blocks = append(blocks, block)
		case inside && (strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "# ")):
			block = append(block, line[2:])
		}
	}
	return blocks
}

// A machine is the one that the documentation is about.
type machine struct {
	world *world
	root  string            // its file system
	moved *strings.Replacer // from the documentation's names to the machine's
	env   []string

	printed string // by all commands so far
}

func newMachine(t *testing.T) *machine {
	m := &machine{world: newWorld(t, thnksapitest.Data{Seed: 7, N: 60, Recipients: 12, End: time.Now()}), root: shortDir(t)}
	hubspot, thnks := httptest.NewServer(m.world.portal), httptest.NewServer(m.world.thnks)
	t.Cleanup(hubspot.Close)
	t.Cleanup(thnks.Close)
	for _, dir := range []string{"home/configs", "etc/systemd/system", "usr/local/bin", "var/lib"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	played, err := filepath.Abs("testdata/docs")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile("../../configs/thnks-hubspot-sync.service")
	if err != nil {
		t.Fatal(err)
	}
	m.moved = strings.NewReplacer(
		"/etc/", m.root+"/etc/", "/var/lib/", m.root+"/var/lib/", "/usr/local/bin/", m.root+"/usr/local/bin/",
	)
	for name, text := range map[string]string{
		"home/configs/thnks-hubspot-sync.service": m.moved.Replace(string(unit)),
		"hubspot-token": worldToken,
		"thnks-key":     worldKey,
	} {
		if err := os.WriteFile(filepath.Join(m.root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(m.root, "program")); err != nil {
		t.Fatal(err)
	}
	admin, listen := freeAddress(), freeAddress()
	m.moved = strings.NewReplacer(
		"/etc/", m.root+"/etc/", "/var/lib/", m.root+"/var/lib/", "/usr/local/bin/", m.root+"/usr/local/bin/",
		"127.0.0.1:9090", admin, "127.0.0.1:8080", listen,
	)
	m.env = append(os.Environ(),
		"PATH="+played+":"+os.Getenv("PATH"), "MACHINE="+m.root, "HOME="+m.root+"/home", "TMPDIR="+m.root,
		"ADMIN="+admin, "LISTEN="+listen, "HUBSPOT="+hubspot.URL, "THNKS="+thnks.URL,
	)
	// What is downloaded, or built, and not yet installed.
	fetched := filepath.Join(m.root, "home/thnks-hubspot-sync")
	if err := os.WriteFile(fetched, []byte("#!/bin/sh\nexec run-program \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.stop)
	return m
}

// run runs a block of commands in one shell.
func (m *machine) run(t *testing.T, page string, block []string) {
	t.Helper()
	script := "set -eu\n"
	for _, command := range block {
		command = m.moved.Replace(command)
		for _, secret := range []string{"hubspot-token", "thnks-key"} {
			if strings.HasSuffix(command, secret) && !strings.Contains(command, "|") {
				command = strings.Replace(command, "/dev/stdin", filepath.Join(m.root, secret), 1) // what one pastes
			}
		}
		script += command + "\n"
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = filepath.Join(m.root, "home"), m.env
	out, err := cmd.CombinedOutput()
	m.printed += string(out)
	if err != nil {
		journal, _ := os.ReadFile(filepath.Join(m.root, "journal"))
		t.Fatalf("%s: %v\n%s\n%s\nThe journal:\n%s", page, err, strings.Join(block, "\n"), out, journal)
	}
}

// stop ends the service, should a test have failed before its removal.
func (m *machine) stop() {
	text, err := os.ReadFile(filepath.Join(m.root, "pid"))
	if err != nil {
		return
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

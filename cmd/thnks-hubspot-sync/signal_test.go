package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestInterrupt sends SIGTERM in the middle of a backfill: it ends early,
// says so, and the next run finishes it.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, thnksapitest.Data{Seed: 5, N: 600, End: time.Now()})
	var cmd *exec.Cmd
	var requests atomic.Int32
	started := make(chan struct{})
	gate := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if requests.Add(1) != 30 {
			w.portal.ServeHTTP(rw, r)
			return
		}
		<-started
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done() // no answer before the caller gives up
	})
	hubspot, thnks := httptest.NewServer(gate), httptest.NewServer(w.thnks)
	defer hubspot.Close()
	defer thnks.Close()
	dir := t.TempDir()
	if err := writeConfig(dir, hubspot.URL, thnks.URL); err != nil {
		t.Fatal(err)
	}
	cmd = backfill(dir)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	_ = cmd.Wait()
	if got := status(cmd.ProcessState.ExitCode()); got != failed {
		t.Errorf("exit status %d, want %d", got, failed)
	}
	if !strings.Contains(stderr.String(), "portal acme: interrupted; the next run resumes") {
		t.Errorf("not said:\n%s", stderr.String())
	}
	if !strings.Contains(stdout.String(), "acme: backfill ended early") {
		t.Errorf("not reported:\n%s", stdout.String())
	}
	if out, err := backfill(dir).CombinedOutput(); err != nil {
		t.Fatalf("the next run failed: %v\n%s", err, out)
	}
	if n := w.portal.Count(sandboxObject); n != 600 {
		t.Errorf("HubSpot holds %d gifts, want 600", n)
	}
}

// TestDemoLives lets the demo live for a pass and ends it with Ctrl-C, or by
// closing its terminal: that is its regular end, and nothing is left behind.
func TestDemoLives(t *testing.T) {
	t.Parallel()
	t.Run("Ctrl-C", func(t *testing.T) { t.Parallel(); demoLives(t, os.Interrupt) })
	t.Run("hangup", func(t *testing.T) {
		t.Parallel()
		// Whom nohup started ignores the signal, and so would his children. A
		// signal that is caught is theirs again.
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, syscall.SIGHUP)
		defer signal.Stop(caught)
		demoLives(t, syscall.SIGHUP)
	})
}

func demoLives(t *testing.T, end os.Signal) {
	tmp := t.TempDir()
	cmd := exec.Command("thnks-hubspot-sync", "demo", "--transactions", "50")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var told []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		told = append(told, lines.Text())
		if strings.Contains(lines.Text(), "; and a pass, ") {
			if err := cmd.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v:\n%s", err, strings.Join(told, "\n"))
	}
	if sum := regexp.MustCompile(`(?m)^In \d+s: \d+ gifts? new, \d+ status changes?\. Thnks sent \d+ events?: \d+ twice, \d+ late, \d+ not at all\. HubSpot calls \d+\.$`); !sum.MatchString(strings.Join(told, "\n")) {
		t.Errorf("no summary:\n%s", strings.Join(told, "\n"))
	}
	if fired := regexp.MustCompile(`Carl has become gold, twice: one coffee is sent, \d+ ms later: T-`); !fired.MatchString(strings.Join(told, "\n")) {
		t.Errorf("no trigger fired:\n%s", strings.Join(told, "\n"))
	}
	if last := told[len(told)-1]; last != "The sandbox is gone, and with it every file." {
		t.Errorf("last line: %q", last)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestDemoWithoutReader ends the demo by a reader that goes away: it says so and leaves
// nothing behind.
func TestDemoWithoutReader(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	cmd := exec.Command("thnks-hubspot-sync", "demo", "--once")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bufio.NewScanner(out).Scan()
	out.Close()
	_ = cmd.Wait()
	if got := status(cmd.ProcessState.ExitCode()); got != failed || !strings.HasPrefix(said.String(), "thnks-hubspot-sync: the demo was ended before it was over") {
		t.Errorf("exit status %d, and it says %q", got, &said)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestLocked runs a command while another process holds the state file.
func TestLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := writeConfig(dir, "http://127.0.0.1:1", "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	held, err := store.Open(filepath.Join(dir, "state", "acme.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cmd := exec.Command("thnks-hubspot-sync", "stats", "--config", filepath.Join(dir, "config.yaml"))
	out, _ := cmd.CombinedOutput()
	if got := status(cmd.ProcessState.ExitCode()); got != failed {
		t.Errorf("exit status %d, want %d", got, failed)
	}
	for _, want := range []string{"portal acme: ", fmt.Sprintf("in use by process %d ", os.Getpid())} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
}

// TestCrashIsNoConfiguration: the daemon that crashes, or that systemd's watchdog ends,
// ends by a signal. Exit status 2, which Go has for both, would say that its configuration
// is wrong, and systemd would not start it again.
func TestCrashIsNoConfiguration(t *testing.T) {
	t.Parallel()
	c := newTown(t, 1, nil)
	p, _ := startDaemonIn(t, c)
	if err := p.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait() // the state says how
	if ws, ok := p.ProcessState.Sys().(syscall.WaitStatus); !ok || !ws.Signaled() {
		t.Errorf("it ended with %v", p.ProcessState)
	}
}

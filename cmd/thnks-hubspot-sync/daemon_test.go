package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"thnks-hubspot-sync/configs"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/stats"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A town is a world behind real servers, and a folder with a configuration.
type town struct {
	*world
	dir                  string
	hubspotURL, thnksURL string
}

// newTown puts gate, if any, before HubSpot.
func newTown(t testing.TB, transactions int, gate func(http.Handler) http.Handler) *town {
	t.Helper()
	w := newWorld(t, thnksapitest.Data{Seed: 5, N: transactions, End: time.Now()})
	var portal http.Handler = w.portal
	if gate != nil {
		portal = gate(portal)
	}
	hubspot, thnks := httptest.NewServer(portal), httptest.NewServer(w.thnks)
	t.Cleanup(hubspot.Close)
	t.Cleanup(thnks.Close)
	c := &town{world: w, dir: shortDir(t), hubspotURL: hubspot.URL, thnksURL: thnks.URL}
	if err := writeConfig(c.dir, hubspot.URL, thnks.URL, "admin_listen: "+freeAddress()); err != nil {
		t.Fatal(err)
	}
	return c
}

// command is the program's process in the town, not yet started.
func (c *town) command(args ...string) *exec.Cmd {
	return exec.Command("thnks-hubspot-sync", append(args, "--config", filepath.Join(c.dir, "config.yaml"))...)
}

func (c *town) socket() string { return filepath.Join(c.dir, "state", "admin.sock") }

// A process is a program that runs, with what it has said so far.
type process struct {
	*exec.Cmd
	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) said(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.text.String(), what)
}

// start starts a command that the end of the test ends.
func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(cmd.Args, " "), p.text.String())
		}
	})
	return p
}

// startDaemonIn starts the daemon and waits until it answers.
func startDaemonIn(t testing.TB, c *town) (*process, *admin.Client) {
	t.Helper()
	p := start(t, c.command("run"))
	var d *admin.Client
	await(t, "the daemon answers", func() bool {
		var err error
		d, err = admin.Dial(c.socket())
		return err == nil
	})
	return p, d
}

// ends waits for a process and checks how it ended.
func (p *process) ends(t testing.TB, want status) {
	t.Helper()
	_ = p.Wait()
	if got := p.ProcessState.ExitCode(); got != int(want) {
		t.Errorf("%s ended with %d, want %d", p.Args[1], got, want)
	}
}

// A turnstile holds one of the requests that go through it until it is opened,
// and lets all others pass.
type turnstile struct {
	http.Handler
	number  int32
	count   atomic.Int32
	reached chan struct{} // closed when the request is there
	open    chan struct{}
}

func newTurnstile(number int32) *turnstile {
	return &turnstile{number: number, reached: make(chan struct{}), open: make(chan struct{})}
}

func (g *turnstile) before(h http.Handler) http.Handler { g.Handler = h; return g }

func (g *turnstile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.count.Add(1) == g.number {
		close(g.reached)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		select {
		case <-g.open:
		case <-r.Context().Done(): // the caller gave up, and HubSpot has not got it
			return
		}
	}
	g.Handler.ServeHTTP(w, r)
}

// TestDaemonStopsInBackfill sends SIGTERM while a call of a backfill is under
// way: the daemon ends well without waiting for it, and its successor resumes.
func TestDaemonStopsInBackfill(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(20)
	c := newTown(t, 600, gate.before)
	p, _ := startDaemonIn(t, c)
	<-gate.reached
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ends(t, done)
	if !p.said("daemon stopped") {
		t.Error("it did not say that it stopped")
	}
	p, d := startDaemonIn(t, c)
	await(t, "the backfill is done", func() bool {
		all, err := d.Status(t.Context())
		return err == nil && !all[0].LastSync.IsZero()
	})
	if n := c.portal.Count(sandboxObject); n != 600 {
		t.Errorf("HubSpot holds %d gifts, want 600", n)
	}
	if err := p.Process.Signal(syscall.SIGHUP); err != nil { // is ignored
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.ends(t, done)
}

// TestCommandLeavesRun interrupts a command that follows the daemon's run: the
// run goes on, and ends only when asked to.
func TestCommandLeavesRun(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(20)
	c := newTown(t, 600, gate.before)
	_, d := startDaemonIn(t, c)
	<-gate.reached
	follower := start(t, c.command("sync", "--backfill"))
	await(t, "the command waits in line", func() bool { return follower.said("waiting for the run under way to end") })
	if err := follower.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	follower.ends(t, failed)
	if !follower.said("sync --stop") {
		t.Error("the command did not say how the run can be ended")
	}
	if follower.said("ended early") {
		t.Error("the command said that the run ended, which goes on")
	}
	stop, err := c.command("sync", "--stop").CombinedOutput()
	if err != nil || !strings.Contains(string(stop), "acme: the run ends at its next safe point") {
		t.Fatalf("sync --stop: %v\n%s", err, stop)
	}
	// The one in line is the follower's, which was not stopped.
	await(t, "the run in line is done", func() bool {
		all, err := d.Status(t.Context())
		return err == nil && !all[0].LastSync.IsZero() && all[0].Doing == ""
	})
	if n := c.portal.Count(sandboxObject); n != 600 {
		t.Errorf("HubSpot holds %d gifts, want 600", n)
	}
}

// TestStopGoesOn: a portal that the daemon does not know, as it stands in the configuration
// since the daemon started, keeps no other's run going.
func TestStopGoesOn(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(20)
	c := newTown(t, 600, gate.before)
	file := filepath.Join(c.dir, "config.yaml")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := startDaemonIn(t, c)
	<-gate.reached
	fresh := fmt.Sprintf("portals:\n  - name: fresh\n    hubspot: {base_url: %q, token_file: hubspot-token, object: {name: fresh}}\n    thnks: {base_url: %q, api_key_file: thnks-key}\n", c.hubspotURL, c.thnksURL)
	if err := os.WriteFile(file, []byte(strings.Replace(string(config), "portals:\n", fresh, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := c.command("sync", "--stop")
	said, err := stop.CombinedOutput()
	if stop.ProcessState.ExitCode() != int(failed) || !strings.Contains(string(said), "portal fresh: ") || !strings.Contains(string(said), "acme: the run ends at its next safe point") {
		t.Errorf("sync --stop: %v\n%s", err, said)
	}
	await(t, "the run has ended", func() bool { return p.said("ended early") })
}

// TestDaemonStopsUnderCommands stops the daemon while commands wait in line:
// they end, and say why.
func TestDaemonStopsUnderCommands(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(20)
	c := newTown(t, 600, gate.before)
	p, _ := startDaemonIn(t, c)
	<-gate.reached
	var commands []*process
	for _, args := range [][]string{{"sync", "--backfill"}, {"sync", "--dry-run"}} {
		waiting := start(t, c.command(args...))
		await(t, "the command waits in line", func() bool { return waiting.said("waiting for the run under way to end") })
		commands = append(commands, waiting)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, waiting := range commands {
		waiting.ends(t, failed)
		if !waiting.said("the daemon is stopping") {
			t.Errorf("%v did not say why it ended", waiting.Args)
		}
	}
	p.ends(t, done)
}

// TestDaemonEndsBeforeQuestion: a daemon that ends when it was found and not
// yet asked leaves the work to the command.
func TestDaemonEndsBeforeQuestion(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s := &session{cfg: &configs.Config{StateDir: dir}}
	socket, err := admin.Listen(s.socket())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ask(s, func(d service) (string, error) {
		c, remote := d.(*admin.Client)
		if !remote {
			return "done here", nil
		}
		if err := socket.Close(); err != nil {
			t.Error(err)
		}
		_, err := c.Stats(t.Context(), "acme", stats.Query{})
		return "", err
	})
	if got != "done here" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestDamagedState damages the state file under the daemon, which sets it aside, says so
// and rebuilds the portal from HubSpot by itself. No gift is doubled.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"pages": func(content []byte) []byte { // opening it sees this
			const metaPages = 2 * 4096
			return append(content[:metaPages:metaPages], bytes.Repeat([]byte{0xff}, len(content)-metaPages)...)
		},
		"values": func(content []byte) []byte {
			return bytes.ReplaceAll(content, []byte(".example"), []byte("\x00example"))
		}, // reading it does
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTown(t, 100, nil)
			p, d := startDaemonIn(t, c)
			status := func() giftsync.Status {
				all, err := d.Status(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return all[0]
			}
			await(t, "the backfill is done", func() bool { s := status(); return !s.LastSync.IsZero() && s.Doing == "" })
			path := filepath.Join(c.dir, "state", "acme.db")
			overwrite(t, path, damage)
			_ = c.command("sync", "--reassociate=all").Run() // meets it, and may fail
			if out, err := c.command("sync").CombinedOutput(); err != nil {
				t.Fatalf("the next run: %v\n%s", err, out)
			}
			if s := status(); !s.Ready {
				t.Errorf("status %+v", s)
			}
			aside, err := filepath.Glob(path + ".damaged-*")
			if err != nil || len(aside) != 1 {
				t.Errorf("set aside are %q, %v", aside, err)
			}
			if !p.said("the state file is damaged: it was set aside, and the portal is rebuilt from HubSpot") {
				t.Error("the log does not say so")
			}
			if out, err := c.command("check").CombinedOutput(); err != nil || !strings.Contains(string(out), "acme.db.damaged-") {
				t.Errorf("check does not say so: %v\n%s", err, out)
			}
			held(t, c.portal) // fails on doubles
		})
	}
}

// overwrite changes a file in its place.
func overwrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(change(content), 0)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestBackupOfDamage: the copy of a damaged state file is not kept, and that of before
// stays.
func TestBackupOfDamage(t *testing.T) {
	t.Parallel()
	c := newTown(t, 20, nil)
	copies := filepath.Join(c.dir, "copies")
	for _, args := range [][]string{{"sync"}, {"backup", "--output", copies}} {
		if out, err := c.command(args...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	before, err := os.ReadFile(filepath.Join(copies, "acme.db"))
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(c.dir, "state", "acme.db"), func(content []byte) []byte {
		return bytes.ReplaceAll(content, []byte(".example"), []byte("\x00example"))
	})
	out, err := c.command("backup", "--output", copies).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the copy is not sound, and was not kept") {
		t.Errorf("backup: %v\n%s", err, out)
	}
	after, err := os.ReadFile(filepath.Join(copies, "acme.db"))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the copy of before was changed: %v", err)
	}
}

// TestOtherUser lets a user work on a state directory that is not his.
func TestOtherUser(t *testing.T) {
	t.Parallel()
	c := newTown(t, 1, nil)
	dir := filepath.Join(c.dir, "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	owner := "'#12345'"
	// Only root can give things away, and not where its user namespace has nobody
	// else. Others have the system's own folder refused to them.
	if err := os.Chown(dir, 12345, -1); err != nil {
		info, err := os.Stat("/usr")
		if err != nil {
			t.Fatal(err)
		}
		uid := int(info.Sys().(*syscall.Stat_t).Uid)
		if uid == os.Geteuid() {
			return // all is ours here
		}
		owner = fmt.Sprintf("'#%d'", uid)
		if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
			owner = u.Username
		}
		config := filepath.Join(c.dir, "config.yaml")
		text, err := os.ReadFile(config)
		if err == nil {
			err = os.WriteFile(config, bytes.Replace(text, []byte(dir), []byte("/usr"), 1), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"sync"}, {"run"}, {"stats"}, {"check"}, {"quarantine", "list"}, {"sync", "--stop"}} {
		out, err := c.command(args...).CombinedOutput()
		if want := "sudo -u " + owner + " thnks-hubspot-sync " + strings.Join(args, " ") + " --config "; err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, and not told %q:\n%s", args, err, want, out)
		}
	}
}

// TestFullDisk backfills onto a file system that is too small. The portal
// stumbles, the daemon does not; once there is room the next run goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	c := newTown(t, 3000, nil)
	dir := filepath.Join(c.dir, "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mount := func(options string) error {
		return exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).Run()
	}
	if err := mount("size=1m,mode=0700"); err != nil {
		t.Skipf("a small file system has to be mounted, which cannot be done here: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	p, d := startDaemonIn(t, c)
	await(t, "the disk is full", func() bool {
		all, err := d.Status(t.Context())
		return err == nil && !all[0].Ready && strings.Contains(all[0].Problem, "no room on disk")
	})
	if err := mount("remount,size=64m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	if out, err := c.command("sync").CombinedOutput(); err != nil {
		t.Fatalf("with room again: %v\n%s", err, out)
	}
	if n := c.portal.Count(sandboxObject); n != 3000 {
		t.Errorf("HubSpot holds %d gifts, want 3000", n)
	}
	held(t, c.portal) // fails on doubles
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ends(t, done)
}

// TestRemovedState removes the state file under the daemon: it notices before the
// next run, rebuilds what the file knew from HubSpot, and doubles nothing.
func TestRemovedState(t *testing.T) {
	t.Parallel()
	c := newTown(t, 300, nil)
	p, d := startDaemonIn(t, c)
	synced := func() bool {
		all, err := d.Status(t.Context())
		return err == nil && all[0].Ready && !all[0].LastSync.IsZero() && all[0].Doing == ""
	}
	await(t, "the backfill is done", synced)
	state := filepath.Join(c.dir, "state", "acme.db")
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	if out, err := c.command("sync").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	await(t, "the portal is well again", synced)
	if _, err := os.Stat(state); err != nil {
		t.Error(err)
	}
	if n := len(held(t, c.portal)); n != 300 { // fails on doubles
		t.Errorf("HubSpot holds %d gifts, want 300", n)
	}
	if !p.said("opened anew") || !p.said("level=ERROR") {
		t.Error("the daemon says nothing of it")
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ends(t, done)
}

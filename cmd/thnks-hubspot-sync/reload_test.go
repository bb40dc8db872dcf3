package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A hall is a folder with a daemon of two portals, of which the configuration has one
// at first.
type hall struct {
	*process
	dir, listen, adminListen string
	first, second            *tenant
	socket                   string
}

// write writes the configuration, with settings before those of the portals.
func (h *hall) write(t *testing.T, settings, portals string) {
	t.Helper()
	text := fmt.Sprintf("state_dir: %s\nlisten: %s\nadmin_listen: %s\n%sportals:\n%s", filepath.Join(h.dir, "state"), h.listen, h.adminListen, settings, portals)
	if err := os.WriteFile(filepath.Join(h.dir, "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (h *hall) reload(t *testing.T) {
	t.Helper()
	if err := h.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// status is that of the portals, nil while the daemon does not answer.
func (h *hall) status(t *testing.T) []giftsync.Status {
	t.Helper()
	d, err := admin.Dial(h.socket)
	if err != nil {
		return nil
	}
	all, err := d.Status(t.Context())
	if err != nil {
		return nil
	}
	return all
}

// newHall starts the daemon and waits until its portal is synced. env is added to its
// environment.
func newHall(t *testing.T, env ...string) *hall {
	t.Helper()
	dir := shortDir(t)
	h := &hall{
		dir: dir, listen: freeAddress(), adminListen: freeAddress(), socket: filepath.Join(dir, "state", "admin.sock"),
		first: newTenant(t, dir, "first", "qzalpha", 1001), second: newTenant(t, dir, "second", "qzbravo", 1002),
	}
	if err := os.WriteFile(filepath.Join(dir, "gift-events"), []byte(worldHookSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	h.first.config += "    webhooks: {gift-events: {scheme: standard, secret_files: [gift-events]}}\n"
	h.write(t, "", h.first.config)
	cmd := exec.Command("thnks-hubspot-sync", "run", "--config", filepath.Join(dir, "config.yaml"))
	cmd.Env = append(cmd.Environ(), env...)
	h.process = start(t, cmd)
	await(t, "the first portal is synced", func() bool {
		all := h.status(t)
		return len(all) == 1 && !all[0].LastSync.IsZero()
	})
	return h
}

// TestReload changes the configuration under a daemon that takes webhooks all the
// time: a portal is added, the log's level and the schedule change, and the portal
// goes again. No webhook is refused, and each is in the inbox in the end.
func TestReload(t *testing.T) {
	t.Parallel()
	m, socket := newManager(t)
	h := newHall(t, "NOTIFY_SOCKET="+socket)
	url := "http://" + h.listen + "/webhooks/first/gift-events"
	var (
		sent, longest atomic.Int64
		over          atomic.Bool
		senders       sync.WaitGroup
	)
	for range 4 {
		senders.Go(func() {
			for !over.Load() {
				at := time.Now()
				status, err := sendEvent(url, worldHookSecret, fmt.Sprint("another-", sent.Add(1)), "opened", at.UTC())
				if err != nil || status != http.StatusOK {
					t.Errorf("a webhook was answered %d, %v", status, err)
				}
				longest.Store(max(longest.Load(), int64(time.Since(at))))
			}
		})
	}

	h.write(t, "schedule: '*/7 * * * *'\nlog: {level: debug}\n", h.first.config+h.second.config)
	h.reload(t)
	await(t, "the second portal is synced", func() bool {
		all := h.status(t)
		return len(all) == 2 && !all[1].LastSync.IsZero()
	})
	if n := h.second.portal.Count(sandboxObject); n != 19 { // and one is in quarantine
		t.Errorf("the new portal has %d gifts", n)
	}
	if next := h.status(t)[0].NextRun; time.Until(next) > 15*time.Minute {
		t.Errorf("the schedule is still the old one: the next pass is at %v", next)
	}
	if !h.said("DEBUG") {
		t.Error("the log has the old level")
	}
	if m.count("RELOADING=1") != 1 || m.count("MONOTONIC_USEC=") != 1 || m.count("READY=1") != 2 {
		t.Errorf("systemd heard %q", m.heard)
	}

	h.write(t, "", h.first.config)
	h.reload(t)
	await(t, "the second portal is let go", func() bool { return len(h.status(t)) == 1 })
	over.Store(true)
	senders.Wait()
	await(t, "every event was taken once", func() bool {
		d, err := admin.Dial(h.socket)
		if err != nil {
			return false
		}
		list, err := d.Events(t.Context(), "first", giftsync.EventQuery{})
		total := 0
		for _, n := range list.Counts {
			total += n
		}
		return err == nil && int64(total) == sent.Load()
	})
	t.Logf("%d webhooks through two reloads, the longest took %v", sent.Load(), time.Duration(longest.Load()))
	if err := h.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	h.ends(t, done)
}

// TestReloadOfAMistake: a configuration with a mistake, or one whose address is not
// free, changes nothing, is an error in the log and in the status for systemd, and is
// forgotten with the next good one. What takes a restart is said and left alone.
func TestReloadOfAMistake(t *testing.T) {
	t.Parallel()
	m, socket := newManager(t)
	h := newHall(t, "NOTIFY_SOCKET="+socket)
	h.write(t, "schedul: '@hourly'\n", h.first.config+h.second.config)
	h.reload(t)
	await(t, "the mistake is logged", func() bool { return h.said("was not reloaded") })
	if !h.said("config.yaml:4: schedul: unknown key") {
		t.Error("the log does not say what and where")
	}
	await(t, "systemd knows", func() bool { return m.count("STATUS=the changed configuration has a mistake") > 0 })
	if all := h.status(t); len(all) != 1 || !all[0].Ready {
		t.Errorf("the daemon serves %+v", all)
	}

	listen := h.listen
	h.listen = freeAddress()
	h.write(t, "log: {format: json}\n", h.first.config+h.second.config)
	h.reload(t)
	await(t, "the portals are served", func() bool { return len(h.status(t)) == 2 })
	await(t, "the mistake is forgotten", func() bool { return !strings.Contains(m.last(), "mistake") })
	if !h.said("a changed setting takes a restart") || !h.said("key=listen") || !h.said("key=log.format") || h.said("key=state_dir") {
		t.Error("the log does not say what takes a restart")
	}
	status, err := sendEvent("http://"+listen+"/webhooks/first/gift-events", worldHookSecret, "qzalpha-3", "opened", time.Now().UTC())
	if err != nil || status != http.StatusOK {
		t.Errorf("webhooks at the address of before are answered %d, %v", status, err)
	}
}

// TestReloadInABackfill: a backfill under way ends at a safe point and goes on with the
// configuration of now; a command that waits for it is told.
func TestReloadInABackfill(t *testing.T) {
	t.Parallel()
	gate := newTurnstile(20)
	c := newTown(t, 600, gate.before)
	p, _ := startDaemonIn(t, c)
	<-gate.reached
	follower := start(t, c.command("sync", "--backfill"))
	await(t, "the command waits in line", func() bool { return follower.said("waiting for the run under way to end") })
	if err := p.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await(t, "the backfill is done", func() bool {
		d, err := admin.Dial(c.socket())
		if err != nil {
			return false
		}
		all, err := d.Status(t.Context())
		return err == nil && !all[0].LastSync.IsZero() && all[0].Doing == ""
	})
	if n := c.portal.Count(sandboxObject); n != 600 {
		t.Errorf("HubSpot holds %d gifts, want 600", n)
	}
	follower.ends(t, failed)
	if !follower.said("the run did not begin") {
		t.Error("the command does not say what became of its run")
	}
}

// sending starts the daemon with a portal that sends gifts.
func sending(t *testing.T) *hall {
	t.Helper()
	h := newHall(t)
	h.first.config += `    sending:
      test_mode: false
      allow: ["*"]
      currency: USD
      catalogue: [{gift: 5659, name: Morning Coffee, price: "7.50"}]
      budget: {sender: "100.00", portal: "100.00"}
      approve_above: "20.00"
`
	h.write(t, "", h.first.config)
	h.reload(t)
	await(t, "the portal sends", func() bool { return h.said("the configuration was reloaded") })
	return h
}

// outcome waits until the outcome of the only gift is recorded.
func (h *hall) outcome(t *testing.T) (state store.SendState) {
	t.Helper()
	await(t, "the gift's outcome is recorded", func() bool {
		d, err := admin.Dial(h.socket)
		if err != nil {
			return false
		}
		list, err := d.Sends(t.Context(), "first", send.Query{})
		if err != nil || len(list.Sends) != 1 {
			return false
		}
		state = list.Sends[0].State
		return state != store.SendScheduled && state != store.SendSending
	})
	if n := len(h.first.thnks.Gifts()); n != 1 {
		t.Errorf("%d gifts were sent", n)
	}
	return state
}

// TestReloadWhileSending: the configuration is read anew while Thnks takes its time over a
// gift that a command sends. Its outcome is known then, and the gift is sent once.
func TestReloadWhileSending(t *testing.T) {
	t.Parallel()
	h := sending(t)
	h.first.thnks.Fault(thnksapitest.Fault{Path: "/gift_requests", Effect: thnksapitest.SlowAfter, Delay: letEnd + time.Second})
	start(t, exec.Command("thnks-hubspot-sync", "send", "--config", filepath.Join(h.dir, "config.yaml"), "--portal", "first",
		"--gift", "5659", "--to", "bea@acme.example", "--message", "Thanks", "--request-id", "r"))
	await(t, "Thnks has the gift", func() bool { return len(h.first.thnks.Gifts()) == 1 })
	h.reload(t)
	if s := h.outcome(t); s != store.SendSent {
		t.Errorf("it is %s", s)
	}
}

// TestInterruptedSend: an interrupted command that sends without a daemon waits for the
// answer of Thnks, however long after a daemon would have ended.
func TestInterruptedSend(t *testing.T) {
	t.Parallel()
	h := sending(t)
	if err := h.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	h.ends(t, done)
	h.first.thnks.Fault(thnksapitest.Fault{Path: "/gift_requests", Effect: thnksapitest.SlowAfter, Delay: 7 * time.Second})
	config := filepath.Join(h.dir, "config.yaml")
	p := start(t, exec.Command("thnks-hubspot-sync", "send", "--config", config, "--portal", "first",
		"--gift", "5659", "--to", "bea@acme.example", "--message", "Thanks", "--request-id", "r"))
	await(t, "Thnks has the gift", func() bool { return len(h.first.thnks.Gifts()) == 1 })
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = p.Process.Wait() // what it says in the end is another test's
	list, err := exec.Command("thnks-hubspot-sync", "send", "list", "--config", config, "--portal", "first", "--json").CombinedOutput()
	if err != nil || !strings.Contains(string(list), `"state": "sent"`) {
		t.Errorf("%v: %s", err, list)
	}
}

// TestReloadBesideASilentThnks: the configuration is read anew while Thnks does not answer
// for a gift that was due. That ends no daemon.
func TestReloadBesideASilentThnks(t *testing.T) {
	t.Parallel()
	h := sending(t)
	h.first.thnks.Fault(thnksapitest.Fault{Path: "/gift_requests", Effect: thnksapitest.SlowAfter, Delay: time.Hour})
	d, err := admin.Dial(h.socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Send(t.Context(), "first", send.Order{
		Request: "r", Gift: 5659, Message: "Thanks", Cause: send.Command,
		To: []send.Recipient{{Email: "bea@acme.example"}}, At: time.Now().Add(5 * time.Second).Format(time.RFC3339),
	}); err != nil {
		t.Fatal(err)
	}
	await(t, "Thnks has the gift", func() bool { return len(h.first.thnks.Gifts()) == 1 })
	h.reload(t)
	if s := h.outcome(t); s != store.SendUnknown {
		t.Errorf("it is %s", s)
	}
	if err := h.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	h.ends(t, done)
}

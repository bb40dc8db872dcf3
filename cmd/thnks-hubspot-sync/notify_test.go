package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/daemon"
)

// A manager is systemd's end of the notifications of a service.
type manager struct {
	mu    sync.Mutex
	heard []string
}

// newManager listens on a socket and returns its path.
func newManager(t *testing.T) (*manager, string) {
	t.Helper()
	path := filepath.Join(shortDir(t), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	m := &manager{}
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.heard = append(m.heard, string(buf[:n]))
			m.mu.Unlock()
		}
	}()
	return m, path
}

// count returns how many messages have this line.
func (m *manager) count(line string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, message := range m.heard {
		for l := range strings.Lines(message) {
			if strings.HasPrefix(l, line) {
				n++
			}
		}
	}
	return n
}

// last returns the last message, "" before the first.
func (m *manager) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.heard) == 0 {
		return ""
	}
	return m.heard[len(m.heard)-1]
}

// TestSystemdIsNotified: the daemon says once that it is ready, when it answers, then
// that it lives and how it stands, and that it stops.
func TestSystemdIsNotified(t *testing.T) {
	t.Parallel()
	m, socket := newManager(t)
	c := newTown(t, 50, nil)
	cmd := c.command("run")
	cmd.Env = append(cmd.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=400000")
	p := start(t, cmd)
	await(t, "the daemon is ready", func() bool { return m.count("READY=1") == 1 })
	if _, err := admin.Dial(c.socket()); err != nil {
		t.Errorf("it said so and does not answer: %v", err)
	}
	await(t, "it lives", func() bool { return m.count("WATCHDOG=1") >= 3 && m.count("STATUS=last pass ") >= 1 })
	if m.count("READY=1") != 1 || m.count("STOPPING=1") != 0 {
		t.Errorf("it said %q", m.heard)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.ends(t, done)
	if m.count("STOPPING=1") != 1 {
		t.Errorf("it said %q", m.heard)
	}
}

// TestStatusLine: what needs an admin comes first, then what is under way.
func TestStatusLine(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return time.Date(2026, 11, 30, hour, 5, 0, 0, time.UTC) }
	well := daemon.Figures{
		Status:   giftsync.Status{Portal: "acme", Ready: true, LastSync: at(9), NextRun: at(10)},
		Holdings: &daemon.Holdings{Events: map[store.EventState]int{store.EventPending: 2, store.EventWaiting: 1, store.EventApplied: 7}},
	}
	busy := daemon.Figures{
		Status:   giftsync.Status{Portal: "beta", Ready: true, Doing: giftsync.Backfill, NextRun: at(11)},
		Progress: giftsync.Progress{Done: 500},
	}
	ill := daemon.Figures{Status: giftsync.Status{Portal: "gamma", LastSync: at(8), Problem: "the token is refused"}}
	late := daemon.Figures{Status: giftsync.Status{Portal: "delta", Ready: true, Trouble: "HubSpot answers 502"}}
	for _, test := range []struct {
		name string
		all  []daemon.Figures
		want string
	}{
		{"nothing yet", []daemon.Figures{{Status: giftsync.Status{Portal: "acme", Ready: true}}}, "0 events wait"},
		{"all well", []daemon.Figures{well}, "last pass 09:05; next pass 10:05 UTC; 3 events wait"},
		{"all sorts", []daemon.Figures{well, busy, ill, late}, "beta: backfill, 500 gifts so far; gamma needs attention: thnks-hubspot-sync check; delta: the last run ended early, it is tried again; last pass 09:05; next pass 10:05 UTC; 3 events wait"},
	} {
		if got := standing(test.all); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestStuckDaemonSendsNoHeartbeat: while something is stalled the watchdog hears nothing, an
// error says what once, and it goes on when that has come round.
func TestStuckDaemonSendsNoHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			told    atomic.Int32
			stalled atomic.Value
			lines   bytes.Buffer
		)
		stalled.Store("")
		n := &notifier{
			tell: func(state string) error {
				if strings.HasPrefix(state, "WATCHDOG=1\nSTATUS=well") {
					told.Add(1)
				}
				return nil
			},
			every:    10 * time.Second,
			standing: func() string { return "well" },
			stalled:  func() string { return stalled.Load().(string) },
			log:      slog.New(slog.NewTextHandler(&lines, nil)),
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { n.run(ctx) })
		in := func(want int32) {
			t.Helper()
			before := told.Load()
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if got := told.Load() - before; got != want {
				t.Errorf("the watchdog heard %d times in a minute, want %d", got, want)
			}
		}
		in(6)
		stalled.Store("the loop of portal acme for 6m")
		in(0)
		stalled.Store("")
		in(6)
		stop()
		running.Wait()
		if got := strings.Count(lines.String(), "the daemon is stuck"); got != 1 || !strings.Contains(lines.String(), "the loop of portal acme for 6m") {
			t.Errorf("it logged %s", &lines)
		}
	})
}

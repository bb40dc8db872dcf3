package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"thnks-hubspot-sync/store"
)

// TestHeldStateFile: while another process holds a portal's state file, events
// do not wait for it one after the other.
func TestHeldStateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "acme.db")
	open := func() (*store.Store, error) { return store.Open(path, store.Options{Create: true}) }
	p := newManagedPortal(PortalConfig{
		Loop:      LoopConfig{Portal: "acme", Logger: slog.New(slog.DiscardHandler)},
		OpenState: open,
	})
	held, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_, first := p.stateForEvents()
	var locked *store.LockedError
	if !errors.As(first, &locked) {
		t.Fatalf("opened: %v", first)
	}
	if _, again := p.stateForEvents(); again != first {
		t.Errorf("it was tried again at once: %v", again)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if _, again := p.stateForEvents(); again != first {
		t.Errorf("an event tried it again at once: %v", again)
	}
	if _, err := p.state(); err != nil {
		t.Errorf("it is free: %v", err)
	}
	if _, err := p.stateForEvents(); err != nil {
		t.Errorf("it is open: %v", err)
	}
	p.close()
}

// TestLostStateFile: a state file that does no more work is opened anew, the log
// says so, the portal is not ready until a run has ended, and that run is asked
// for.
func TestLostStateFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "acme.db")
	var log bytes.Buffer
	p := newManagedPortal(PortalConfig{
		Loop:      LoopConfig{Portal: "acme", Logger: slog.New(slog.NewTextHandler(&log, nil))},
		OpenState: func() (*store.Store, error) { return store.Open(path, store.Options{Create: true}) },
	})
	defer p.close()
	first, err := p.stateForEvents()
	if err != nil {
		t.Fatal(err)
	}
	p.lose(first, errors.New("something else"))
	if again, err := p.stateForEvents(); err != nil || again != first {
		t.Fatalf("opened anew for any error: %v", err)
	}
	p.lose(first, fmt.Errorf("recording: %w", store.ErrClosed))
	if _, err := first.Count(); err == nil {
		t.Error("the file that was given up still works")
	}
	second, err := p.stateForEvents()
	if err != nil || second == first {
		t.Fatalf("opened anew: %v", err)
	}
	p.lose(first, store.ErrClosed) // by a run that still had the old one
	if _, err := second.Count(); err != nil {
		t.Errorf("the new one: %v", err)
	}
	if s := p.loop.health.get(); s.Ready || !strings.Contains(s.Problem, "opened anew") {
		t.Errorf("status %+v", s)
	}
	if text := log.String(); strings.Count(text, "level=ERROR") != 1 || strings.Count(text, "level=WARN") != 1 {
		t.Errorf("logged %s", text)
	}
	if p.loop.queue.automatic == nil || !p.loop.queue.automatic.hinted {
		t.Error("no run was asked for")
	}
}

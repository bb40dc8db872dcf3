package daemon

import (
	"errors"
	"log/slog"
	"path/filepath"
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

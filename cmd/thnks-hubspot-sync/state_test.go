package main

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
)

// TestHeldStateFile: while another process holds a portal's state file, events
// are not kept waiting for it one after the other.
func TestHeldStateFile(t *testing.T) {
	t.Parallel()
	cfg := configs.Default()
	cfg.StateDir = filepath.Join(t.TempDir(), "state")
	k := &kept{s: newSession(cfg, nil, io.Discard, false), cfg: configs.Portal{Name: "acme"}}
	held, err := k.s.openState("acme", true)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_, first := k.stateForEvents()
	var locked *store.LockedError
	if !errors.As(first, &locked) {
		t.Fatalf("opened: %v", first)
	}
	if _, again := k.stateForEvents(); again != first {
		t.Errorf("it was tried again at once: %v", again)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if _, again := k.stateForEvents(); again != first {
		t.Errorf("an event tried it again at once: %v", again)
	}
	if _, err := k.state(); err != nil {
		t.Errorf("it is free: %v", err)
	}
	if _, err := k.stateForEvents(); err != nil {
		t.Errorf("it is open: %v", err)
	}
	k.close()
}

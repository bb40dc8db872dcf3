package main

import (
	"context"
	"errors"
	"testing"

	"thnks-hubspot-sync/configs"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
)

// TestAccessOfAnUnknownPortal: a command may name a portal that was added to the
// configuration after the daemon had read it.
func TestAccessOfAnUnknownPortal(t *testing.T) {
	t.Parallel()
	s := newSession(&configs.Config{StateDir: t.TempDir()}, nil, t.Output(), false)
	by := &access{s: s, state: daemon.New(nil).StateFile}
	ask := map[string]func(context.Context) error{
		"disconnect": func(ctx context.Context) error { _, err := by.Disconnect(ctx, "beta"); return err },
		"reseal":     func(ctx context.Context) error { _, err := by.Reseal(ctx, "beta"); return err },
	}
	for name, f := range ask {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := f(t.Context()); !errors.Is(err, giftsync.ErrUnknownPortal) {
				t.Errorf("got %v", err)
			}
		})
	}
}

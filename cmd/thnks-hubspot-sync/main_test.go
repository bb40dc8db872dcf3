package main

import (
	"runtime"
	"testing"

	"thnks-hubspot-sync/configs"
)

// TestMemoryLimit: memory grows with the runs that work at once, and hardly with
// the portals.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, tt := range []struct {
		portals, runsAtOnce int
		least, most         int64
	}{
		{1, 4, 112 * mib, 113 * mib},
		{2, 4, 128 * mib, 129 * mib},
		{500, 4, 160 * mib, 192 * mib},
		{500, 1, 112 * mib, 128 * mib},
		{0, 4, 112 * mib, 112 * mib},
	} {
		if got := memoryLimit(tt.portals, tt.runsAtOnce); got < tt.least || got > tt.most {
			t.Errorf("%d portals, %d runs at once: %d MiB", tt.portals, tt.runsAtOnce, got/mib)
		}
	}
}

// TestRunsAtOnce: twice the processors, unless the configuration says more.
func TestRunsAtOnce(t *testing.T) {
	t.Parallel()
	cfg := configs.Default()
	if got, want := runsAtOnce(cfg), 2*runtime.GOMAXPROCS(0); got != want {
		t.Errorf("by default %d, want %d", got, want)
	}
	if cfg.RunsAtOnce = 7; runsAtOnce(cfg) != 7 {
		t.Errorf("with runs_at_once: 7, %d", runsAtOnce(cfg))
	}
}

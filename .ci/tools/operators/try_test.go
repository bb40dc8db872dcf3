package main

import (
	"testing"
	"time"
)

// TestSplit: the quickest checks come first, as long as they take a quarter of the
// time of all.
func TestSplit(t *testing.T) {
	of := func(seconds ...int) (checks []check) {
		for _, s := range seconds {
			checks = append(checks, check{cost: cost{cpu: time.Duration(s) * time.Second}})
		}
		return checks
	}
	for _, tt := range []struct {
		checks      []check
		quick, slow int
	}{
		{of(6, 1, 1), 2, 1},
		{of(5, 1, 2), 1, 2},
		{of(1), 0, 1},
		{of(0, 0), 2, 0},
	} {
		quick, slow := split(tt.checks)
		if len(quick) != tt.quick || len(slow) != tt.slow {
			t.Errorf("%v: %d quick and %d slow ones, want %d and %d", tt.checks, len(quick), len(slow), tt.quick, tt.slow)
		}
	}
}

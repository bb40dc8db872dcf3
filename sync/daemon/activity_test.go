package daemon_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAtRestNothingIsStalled: neither days without anything to do nor a run of
// hours look like a goroutine that is stuck.
func TestAtRestNothingIsStalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		d.commit = slow(50 * time.Minute)
		defer d.start()()
		for range 60 * 30 {
			time.Sleep(time.Minute)
			if what := d.loop.Stalled(); what != "" {
				t.Fatalf("stalled: %s", what)
			}
		}
	})
}

// TestStuckOpening: a state file or secret that is never read to its end.
func TestStuckOpening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		release := make(chan struct{})
		d.opening = func() error { <-release; return nil }
		defer d.start()()
		time.Sleep(29 * time.Minute)
		if what := d.loop.Stalled(); what != "" {
			t.Errorf("after 29 minutes: %s", what)
		}
		time.Sleep(2 * time.Minute)
		if what := d.loop.Stalled(); !strings.HasPrefix(what, "the loop of portal acme for 31m") {
			t.Errorf("after 31 minutes: %q", what)
		}
		close(release)
		synctest.Wait()
		if what := d.loop.Stalled(); what != "" {
			t.Errorf("after it went on: %s", what)
		}
	})
}

// TestClockThatStopped: a loop whose schedule no one looks at any more.
func TestClockThatStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		stop := d.start()
		time.Sleep(time.Hour)
		stop()
		time.Sleep(4 * time.Minute)
		if what := d.loop.Stalled(); what != "" {
			t.Errorf("after 4 minutes: %s", what)
		}
		time.Sleep(2 * time.Minute)
		if d.loop.Stalled() == "" {
			t.Error("nothing is stalled 6 minutes after the last look at the clock")
		}
	})
}

package daemon_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
)

// TestEndWaitsForTheRun: a daemon that ends while a run records gifts has no run under way
// when it has ended.
func TestEndWaitsForTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		var recording atomic.Int32
		slowly := slow(time.Minute)
		d.commit = func(j giftsync.Journal, c store.Commit) error {
			recording.Add(1)
			defer recording.Add(-1)
			return slowly(j, c)
		}
		stop := d.start()
		time.Sleep(30 * time.Second)
		if recording.Load() == 0 {
			t.Error("no run is under way")
		}
		stop()
		if n := recording.Load(); n > 0 {
			t.Errorf("%d commits are under way although the daemon has ended", n)
		}
	})
}

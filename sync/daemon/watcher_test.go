package daemon_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// TestWatcherOfARunThatWaits sees the progress of the run that has to end first,
// marked as such, and then its own.
func TestWatcherOfARunThatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		d.commit = slow(time.Minute)
		defer d.start()()
		time.Sleep(30 * time.Second) // the backfill is under way
		var seen []giftsync.Progress
		_, err := d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.ReassociateAll}, giftsync.Watcher{
			Progress: func(p giftsync.Progress) { seen = append(seen, p) },
		})
		if err != nil {
			t.Fatal(err)
		}
		before := 0
		for _, p := range seen {
			if p.Before {
				before++
			}
			if p.Before != (p.Mode == giftsync.Backfill) {
				t.Errorf("%+v", p)
			}
		}
		if before < 3 || before == len(seen) {
			t.Errorf("%d of %d are of the run before, want those of its four windows, and our own", before, len(seen))
		}
		if last := seen[len(seen)-1]; last.Phase != giftsync.PhaseReview || last.PhaseDone != 20 || last.PhaseTotal != 20 {
			t.Errorf("at the end: %+v", last)
		}
	})
}

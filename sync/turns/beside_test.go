package turns_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/sync/turns"
)

// TestEndedWhileQueued: a goroutine of a run that queues for its place goes on when
// the run ends.
func TestEndedWhileQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := turns.New(1)
		run, err := all.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		resume := turns.Waiting(run.Context(t.Context()))
		other, err := all.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		resumed := make(chan error, 1)
		go func() { resumed <- resume(t.Context()) }()
		synctest.Wait()
		run.End()
		synctest.Wait()
		select {
		case err := <-resumed:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("it still waits")
		}
		other.End()
	})
}

// TestBesideEachOther: runs begin, end, take helpers and ask whether they are alone,
// all at once. The race detector judges.
func TestBesideEachOther(t *testing.T) {
	all := turns.New(2)
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() {
			turn, err := all.Begin(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer turn.End()
			for range 20 {
				turn.Alone()
				_, leave := turn.Hand(t.Context())
				leave()
			}
		})
	}
	done.Go(func() {
		for range 100 {
			all.Load()
		}
	})
	done.Wait()
}

package sync

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// TestNothingIsRecordedUnheld: a run that forgets to lock a gift cannot commit
// it.
func TestNothingIsRecordedUnheld(t *testing.T) {
	t.Parallel()
	st, err := store.Open(filepath.Join(t.TempDir(), "state", "acme.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	e := New(Config{Journal: st})
	r, other := &run{locks: e.locks, turn: noTurn{}}, &run{locks: e.locks, turn: noTurn{}}
	r.recorder, other.recorder = lockedRecorder{st, r}, lockedRecorder{st, other}
	c := store.Commit{Gifts: []plan.Stored{{ObjectID: "1", Gift: plan.Gift{ID: "T-1"}}}}
	if err := r.recorder.Commit(c); err == nil || !strings.Contains(err.Error(), "T-1") {
		t.Errorf("not locked: %v", err)
	}
	err = other.withLocked(t.Context(), []string{"T-1"}, func() error { return r.recorder.Commit(c) })
	if err == nil {
		t.Error("locked by another run: it was recorded")
	}
	for name, hold := range map[string]func(func() error) error{
		"locked":     func(f func() error) error { return r.withLocked(t.Context(), []string{"T-0", "T-1"}, f) },
		"all locked": func(f func() error) error { return r.withAllLocked(t.Context(), f) },
	} {
		if err := hold(func() error { return r.recorder.Commit(c) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.recorder.Commit(c); err == nil {
		t.Error("unlocked again: it was recorded")
	}
}

// TestRunsWaitForWhatIsHeld: a run gets what is free at once, and the rest when
// it is let go of. Meanwhile no other portal gets any of it.
func TestRunsWaitForWhatIsHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Journal: (*store.Store)(nil)})
		r, events := &run{locks: e.locks, turn: noTurn{}}, &run{locks: e.locks, turn: noTurn{}}
		grab := func(ids ...string) bool {
			done, _ := e.locks.tryLockAll(events, ids)
			return done
		}
		for _, hold := range []func(context.Context, func() error) error{
			func(ctx context.Context, f func() error) error { return r.withLocked(ctx, []string{"a", "b"}, f) },
			r.withAllLocked,
		} {
			if !grab("b", "c") {
				t.Fatal("what is free was not given")
			}
			held, over := false, make(chan struct{})
			go func() {
				defer close(over)
				if err := hold(t.Context(), func() error {
					held = true
					if grab("a") {
						t.Error("what a run holds was given away")
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			if held || grab("a") || grab("a", "d") {
				t.Errorf("held %v, though another has some of it, or given away while waited for", held)
			}
			e.locks.unlock(events)
			<-over
			if !held || !grab("a", "b", "d") {
				t.Errorf("held %v, or not let go of", held)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := hold(ctx, func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			cancel()
			e.locks.unlock(events)
		}
		if len(e.locks.owners) != 0 || e.locks.all != nil {
			t.Error("something stays held")
		}
	})
}

// TestOthersHoldNothingWhileTheyWait: what is not a run has all of its gifts or none, so
// that a run that waits for one of them never waits for ever.
func TestOthersHoldNothingWhileTheyWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Journal: (*store.Store)(nil)})
		r := &run{locks: e.locks, turn: noTurn{}}
		sends := &run{locks: e.locks, turn: noTurn{}, req: Request{Mode: byEvents}}
		held := false
		over := make(chan struct{})
		err := r.withLocked(t.Context(), []string{"b"}, func() error {
			go func() {
				defer close(over)
				if err := sends.withLocked(t.Context(), []string{"a", "b"}, func() error { held = true; return nil }); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			if rest, _ := e.locks.tryLock(r, []string{"a"}); held || len(rest) > 0 {
				t.Errorf("all are held %v, and one while it waits for the other: %v", held, rest)
			}
			return nil
		})
		if <-over; err != nil || !held {
			t.Errorf("held %v, %v", held, err)
		}
	})
}

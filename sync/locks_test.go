package sync

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
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
		r, events, others := &run{locks: e.locks, turn: noTurn{}}, &run{locks: e.locks, turn: noTurn{}}, &run{locks: e.locks, turn: noTurn{}}
		grabs := func(r *run, ids ...string) bool {
			done, _ := e.locks.tryLockAll(r, ids)
			return done
		}
		grab := func(ids ...string) bool { return grabs(events, ids...) }
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
			if held || grabs(others, "a") || grabs(others, "a", "d") {
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

// TestWhoWantsEverything waits for those that have some gifts, who may lock more and go
// on, and for another who has everything. No one waits for ever.
func TestWhoWantsEverything(t *testing.T) {
	t.Parallel()
	work := func(e *Engine, m Mode) *run { return &run{locks: e.locks, turn: noTurn{}, req: Request{Mode: m}} }
	begin := func(t *testing.T, over *[]string, name string, hold func(context.Context, func() error) error) {
		go func() {
			err := hold(t.Context(), func() error { *over = append(*over, name); return nil })
			if err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
	}
	gifts := func(r *run, ids ...string) func(context.Context, func() error) error {
		return func(ctx context.Context, f func() error) error { return r.withLocked(ctx, ids, f) }
	}
	t.Run("events lock again what they have", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := New(Config{Journal: (*store.Store)(nil)})
			events, erasure := work(e, byEvents), work(e, erasing)
			var over []string
			e.locks.tryLockAll(events, []string{"a"})
			begin(t, &over, "erasure", erasure.withAllLocked)
			begin(t, &over, "events", gifts(events, "a"))
			if !slices.Equal(over, []string{"events", "erasure"}) {
				t.Errorf("there ended %v", over)
			}
		})
	})
	t.Run("a run waits for the rest of a slice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := New(Config{Journal: (*store.Store)(nil)})
			events, hourly, erasure := work(e, byEvents), work(e, Incremental), work(e, erasing)
			var over []string
			e.locks.tryLockAll(events, []string{"a"})
			begin(t, &over, "run", gifts(hourly, "a", "b"))
			begin(t, &over, "erasure", erasure.withAllLocked)
			e.locks.unlock(events)
			synctest.Wait()
			if !slices.Equal(over, []string{"run", "erasure"}) {
				t.Errorf("there ended %v", over)
			}
		})
	})
	t.Run("an erasure has all of its gifts or none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := New(Config{Journal: (*store.Store)(nil)})
			events, hourly, erasure := work(e, byEvents), work(e, Incremental), work(e, erasing)
			var over []string
			e.locks.tryLockAll(events, []string{"a"})
			begin(t, &over, "run", gifts(hourly, "a", "b"))
			begin(t, &over, "erasure", gifts(erasure, "a", "b", "c"))
			if n := e.locks.counts[erasure]; n > 0 {
				t.Errorf("it has %d gifts while it waits for others", n)
			}
			e.locks.unlock(events)
			synctest.Wait()
			if len(over) != 2 {
				t.Errorf("there ended %v", over)
			}
		})
	})
	t.Run("another has everything", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := New(Config{Journal: (*store.Store)(nil)})
			rebuild, erasure := work(e, Backfill), work(e, erasing)
			var over []string
			err := rebuild.withAllLocked(t.Context(), func() error {
				begin(t, &over, "erasure", erasure.withAllLocked)
				if id := e.locks.unlocked(rebuild, []plan.Stored{{Gift: plan.Gift{ID: "T-1"}}}); len(over) > 0 || id != "" {
					t.Errorf("an erasure has taken what a rebuild had locked: %v, %q", over, id)
				}
				return nil
			})
			synctest.Wait()
			if err != nil || len(over) != 1 {
				t.Errorf("%v, and there ended %v", err, over)
			}
		})
	})
}

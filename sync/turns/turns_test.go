package turns_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/sync/turns"
)

// A queue is who waits for a place, and a diary of who got one.
type queue struct {
	t     *testing.T
	turns *turns.Turns
	mu    sync.Mutex
	diary []string
	all   sync.WaitGroup
}

func newQueue(t *testing.T, places int) *queue { return &queue{t: t, turns: turns.New(places)} }

func (q *queue) note(text string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.diary = append(q.diary, text)
}

// begin begins a turn, which must be free.
func (q *queue) begin() *turns.Turn {
	turn, err := q.turns.Begin(q.t.Context())
	if err != nil {
		q.t.Fatal(err)
	}
	return turn
}

// run queues for a turn in a goroutine, and does work with it.
func (q *queue) run(name string, work func(turn *turns.Turn)) {
	q.all.Go(func() {
		turn, err := q.turns.Begin(q.t.Context())
		if err != nil {
			q.t.Error(err)
			return
		}
		defer turn.End()
		q.note(name)
		work(turn)
	})
	synctest.Wait() // so that they queue in this order
}

// check compares the diary.
func (q *queue) check(want string) {
	q.t.Helper()
	synctest.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	if got := strings.Join(q.diary, " "); got != want {
		q.t.Errorf("turns were %q, want %q", got, want)
	}
}

func nothing(*turns.Turn) {}

func TestOrderOfArrival(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 2)
		a, b := q.begin(), q.begin()
		for _, name := range []string{"c", "d", "e"} {
			q.run(name, func(*turns.Turn) { time.Sleep(time.Hour) })
		}
		q.check("")
		b.End()
		q.check("c")
		a.End()
		a.End() // once more does nothing
		q.check("c d")
		q.all.Wait()
		q.check("c d e")
	})
}

// TestTurnsGoRound: runs that have more than one window to do take turns.
func TestTurnsGoRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		first := q.begin()
		for _, name := range []string{"a", "b", "c"} {
			q.run(name, func(turn *turns.Turn) {
				for range 2 {
					if err := turn.Round(t.Context()); err != nil {
						t.Error(err)
					}
					q.note(name)
				}
			})
		}
		if err := first.Round(t.Context()); err != nil { // behind them
			t.Error(err)
		}
		q.note("first")
		first.End()
		q.all.Wait()
		q.check("a b c first a b c a b c")
	})
}

// TestRoundAlone: no other run waits, so that nothing is given back.
func TestRoundAlone(t *testing.T) {
	t.Parallel()
	turn := newQueue(t, 1).begin()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := turn.Round(gone); err != nil {
		t.Error(err)
	}
}

// TestWaiterGoesFirst: who waits gives the turn back, and goes on with the next that is
// free, before those who have not begun.
func TestWaiterGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		turn := q.begin()
		ctx := turn.Context(t.Context())
		resume := turns.Waiting(ctx)
		q.run("other", func(*turns.Turn) { time.Sleep(time.Minute) })
		q.run("third", nothing)
		q.check("other")
		began := time.Now()
		if err := resume(ctx); err != nil || time.Since(began) != time.Minute {
			t.Errorf("resumed after %v: %v", time.Since(began), err)
		}
		q.check("other")
		turn.End()
		q.all.Wait()
		q.check("other third")
	})
}

// TestWaitingWithoutTurn is the case of webhook events.
func TestWaitingWithoutTurn(t *testing.T) {
	t.Parallel()
	newQueue(t, 1).begin()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := turns.Waiting(gone)(gone); err != nil {
		t.Error(err)
	}
}

// TestCallsAtOnce: a run makes several calls at once. While some of them wait, a
// further wait gives its turn back; where there is none, a second does.
func TestCallsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		defer q.all.Wait()
		turn := q.begin()
		defer turn.End()
		ctx := turn.Context(t.Context())
		resume := []func(context.Context) error{turns.Waiting(ctx), turns.Waiting(ctx), turns.Waiting(ctx)}
		goOn := func() {
			t.Helper()
			if err := resume[0](ctx); err != nil {
				t.Error(err)
			}
			resume = resume[1:]
		}
		q.run("a", nothing)
		q.check("a")

		goOn() // two still wait
		q.run("b", nothing)
		q.check("a")
		resume = append(resume, turns.Waiting(ctx))
		q.check("a b")

		goOn()
		q.run("c", nothing)
		q.check("a b")
		time.Sleep(1100 * time.Millisecond)
		q.check("a b c")

		goOn()
		goOn() // none waits any more: it works for as long as it likes
		q.run("d", nothing)
		time.Sleep(time.Hour)
		q.check("a b c")
	})
}

// TestWaitWhileQueuing: a call of the run begins to wait while another, which has
// waited, queues for the turn. The place in the queue is kept.
func TestWaitWhileQueuing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		defer q.all.Wait()
		turn := q.begin()
		defer turn.End()
		ctx := turn.Context(t.Context())
		resume := turns.Waiting(ctx)
		other := q.begin()
		q.all.Go(func() {
			if err := resume(ctx); err != nil {
				t.Error(err)
			}
			q.note("goes on")
		})
		q.run("behind it", nothing)
		second := turns.Waiting(ctx)
		other.End()
		q.check("goes on")
		if err := second(ctx); err != nil {
			t.Error(err)
		}
		turn.End()
		q.all.Wait()
		q.check("goes on behind it")
	})
}

// TestTurnOfManyGoroutines: a turn is given back when all goroutines of the run wait.
func TestTurnOfManyGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		defer q.all.Wait()
		turn := q.begin()
		defer turn.End()
		mine := turn.Context(t.Context())
		theirs, done := turn.Hand(t.Context())
		resume := turn.Wait(mine)
		q.run("a", nothing)
		q.check("")
		goOn := turns.Waiting(theirs)
		q.check("a")
		if err := goOn(theirs); err != nil {
			t.Error(err)
		}
		q.run("b", nothing)
		q.check("a")
		done()
		q.check("a b")
		if err := resume(mine); err != nil {
			t.Error(err)
		}
		q.run("c", nothing)
		q.check("a b")
	})
}

// TestCancelledWaiter: who gives up waiting leaves the queue to the others.
func TestCancelledWaiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		turn := q.begin()
		for name, wait := range map[string]func(context.Context) error{
			"beginning": func(ctx context.Context) error {
				_, err := q.turns.Begin(ctx)
				return err
			},
			"a round": turn.Round,
			"resuming": func(ctx context.Context) error {
				resume := turns.Waiting(turn.Context(ctx))
				synctest.Wait()
				return resume(ctx)
			},
		} {
			release := make(chan struct{})
			if name != "beginning" {
				q.run(name, func(*turns.Turn) { <-release })
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
			cancel()
			close(release)
			q.all.Wait()
			if err := turn.Round(t.Context()); err != nil { // again in its place
				t.Errorf("%s: %v", name, err)
			}
		}
		if !turn.Alone() {
			t.Error("those who gave up still count")
		}
		turn.End()
		q.begin().End()
	})
}

func TestAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 1)
		turn := q.begin()
		if !turn.Alone() {
			t.Error("the only run is not alone")
		}
		resume := turns.Waiting(turn.Context(t.Context()))
		second := q.begin()
		if turn.Alone() || second.Alone() {
			t.Error("two runs are alone")
		}
		second.End()
		if err := resume(t.Context()); err != nil || !turn.Alone() {
			t.Errorf("the run is not alone again: %v", err)
		}
	})
}

// TestLoad: the load shows who works and who waits, and for how long the queue
// was waited in, also by one who gave up.
func TestLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 2)
		check := func(want turns.Load) {
			t.Helper()
			synctest.Wait()
			if got := q.turns.Load(); got != want {
				t.Errorf("the load is %+v, want %+v", got, want)
			}
		}
		check(turns.Load{Places: 2})
		a, b := q.begin(), q.begin()
		check(turns.Load{Places: 2, Taken: 2})
		q.run("waits", nothing)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		q.all.Go(func() { _, _ = q.turns.Begin(short) })
		check(turns.Load{Places: 2, Taken: 2, Queued: 2})
		time.Sleep(5 * time.Second)
		check(turns.Load{Places: 2, Taken: 2, Queued: 1, Waited: time.Second, Longest: 5 * time.Second})
		ctx := a.Context(t.Context())
		resume := turns.Waiting(ctx) // for a vendor, which is no wait for a place
		check(turns.Load{Places: 2, Taken: 1, Waited: 6 * time.Second, Longest: 5 * time.Second})
		time.Sleep(time.Minute)
		if err := resume(ctx); err != nil {
			t.Error(err)
		}
		check(turns.Load{Places: 2, Taken: 2, Waited: 6 * time.Second, Longest: 65 * time.Second})
		b.End()
		time.Sleep(time.Minute)
		check(turns.Load{Places: 2, Taken: 1, Waited: 6 * time.Second, Longest: time.Minute})
		if err := a.Round(ctx); err != nil { // it keeps its place, and has come round
			t.Error(err)
		}
		check(turns.Load{Places: 2, Taken: 1, Waited: 6 * time.Second})
		a.End()
		q.all.Wait()
		check(turns.Load{Places: 2, Waited: 6 * time.Second})
	})
}

package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// TestReceiveTogether: 64 senders deliver every event twice while a backfill
// commits, a worker processes events, old ones expire and a reader lists them. No
// event is lost or counted twice.
func TestReceiveTogether(t *testing.T) {
	t.Parallel()
	s := openAt(t, statePath(t))
	const senders, each = 64, 10
	old := claim(senders * each)
	old.Effect, old.ReceivedAt = EffectListed, hookTime.Add(-eventRetention)
	receive(t, s, old)

	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for name, work := range map[string]func(n int) error{
		"backfill": func(n int) error {
			r := rand.New(rand.NewPCG(1, uint64(n)))
			return s.Commit(Commit{Gifts: []plan.Stored{typicalGift(r, n), typicalGift(r, n+1)}})
		},
		"worker": func(int) error {
			due, err := s.DueEvents(hookTime, Event{}, 50)
			for i := range due {
				due[i].State, due[i].DoneAt = EventApplied, hookTime
			}
			return errors.Join(err, s.Commit(Commit{Events: due}))
		},
		"expiry": func(int) error {
			_, err := s.Expire(ctx, hookTime)
			if ctx.Err() != nil {
				return nil
			}
			return err
		},
		"reader": func(int) error {
			for _, err := range s.Events(t.Context(), EventFilter{State: EventPending}) {
				if err != nil {
					return err
				}
			}
			_, _, err := s.EventCounts()
			return err
		},
	} {
		others.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := work(n); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}

	firsts := make([]atomic.Int32, senders*each)
	var wg sync.WaitGroup
	for i := range 2 * senders {
		wg.Go(func() {
			for n := range each {
				n += i % senders * each
				receipts, err := s.Receive(t.Context(), claim(n))
				if err != nil {
					t.Error(err)
				} else if receipts[0].DuplicateOf == 0 {
					firsts[n].Add(1)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	others.Wait()
	for n := range firsts {
		if got := firsts[n].Load(); got != 1 {
			t.Errorf("event %d was new %d times", n, got)
		}
	}
	byState, _, err := s.EventCounts()
	repeats := 0
	for e, err := range s.Events(t.Context(), EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		repeats += e.Repeats
	}
	if err != nil || repeats != senders*each || byState[EventDuplicate] != 0 || byState[EventPending]+byState[EventApplied] != senders*each || byState[EventListed] != 0 {
		t.Errorf("%d repeats, events by state: %v, %v", repeats, byState, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestReceiveSharesCommits: calls that come while the file is busy share one
// commit. One without room does not affect the others.
func TestReceiveSharesCommits(t *testing.T) {
	path := statePath(t)
	openAt(t, path).Close()
	s, err := Open(path, Options{InboxBytes: 100 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := s.lastCommit()
	s.writing.Lock()
	const calls = 100
	var wg sync.WaitGroup
	var refused atomic.Int32
	for i := range calls {
		wg.Go(func() {
			e := claim(i)
			if i%10 == 0 {
				e.Body = make([]byte, 200<<10)
			}
			_, err := s.Receive(t.Context(), e)
			switch {
			case errors.Is(err, ErrInboxFull):
				refused.Add(1)
			case err != nil:
				t.Error(err)
			}
		})
	}
	for queued := 0; queued < calls; {
		s.intake.mu.Lock()
		queued = len(s.intake.queue)
		s.intake.mu.Unlock()
	}
	s.writing.Unlock()
	wg.Wait()
	if n := s.lastCommit() - before; n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	byState, _, err := s.EventCounts()
	if refused.Load() != calls/10 || byState[EventPending] != calls*9/10 || err != nil {
		t.Errorf("%d were refused and %v kept (%v); want %d refused", refused.Load(), byState, err, calls/10)
	}
	if _, err := s.Receive(t.Context(), Event{Dialect: "d", Key: "k", Effect: EffectClaim, ReceivedAt: hookTime, Body: make([]byte, 200<<10)}); !errors.Is(err, ErrInboxFull) {
		t.Errorf("a call that alone is too large: %v", err)
	}
	if n := s.lastCommit() - before; n != 1 {
		t.Errorf("a refused call was committed: %d commits", n)
	}
}

// TestIntakeTakesBoundedSteps: a commit takes a bounded part of the queue, and at
// least one call.
func TestIntakeTakesBoundedSteps(t *testing.T) {
	var q intake
	for _, a := range []*arrival{
		{events: make([]Event, intakeEvents+1)},
		{events: make([]Event, intakeEvents-1)},
		{events: make([]Event, 1)},
		{events: make([]Event, 1), bytes: intakeBytes},
		{events: make([]Event, 1), bytes: intakeBytes + 1},
	} {
		q.add(a)
	}
	for step, want := range []int{1, 2, 1, 1, 0} {
		if got := len(q.take()); got != want {
			t.Errorf("step %d takes %d calls, want %d", step, got, want)
		}
	}
}

// TestReceiveWaitsForItsCommit: when a caller's context ends while a commit has its event,
// the caller learns what became of it.
func TestReceiveWaitsForItsCommit(t *testing.T) {
	s := openAt(t, statePath(t))
	synctest.Test(t, func(t *testing.T) {
		s.intake.working = true // the test is the one that commits
		ctx, cancel := context.WithCancel(t.Context())
		var receipts []Receipt
		var err error
		returned := make(chan bool)
		go func() {
			receipts, err = s.Receive(ctx, claim(1))
			close(returned)
		}()
		synctest.Wait()
		taken := s.intake.take()
		cancel()
		synctest.Wait()
		select {
		case <-returned:
			t.Fatalf("its caller went away: %v, %v", receipts, err)
		default:
		}
		taken[0].receipts = []Receipt{{Seq: 7}}
		close(taken[0].done)
		if <-returned; len(receipts) != 1 || receipts[0].Seq != 7 || err != nil {
			t.Errorf("%v, %v", receipts, err)
		}
	})
	s.intake.working = false
}

// TestReceiveGivesUp: when a caller's context ends, its event is withdrawn unless a
// commit has taken it.
func TestReceiveGivesUp(t *testing.T) {
	s := openAt(t, statePath(t))
	s.writing.Lock()
	for _, n := range []int{1, 2} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := s.Receive(ctx, claim(n)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v; want the deadline", err)
		}
		cancel()
	}
	s.writing.Unlock()
	if receipts := receive(t, s, claim(3)); receipts[0].Seq != 1 {
		t.Errorf("%+v; want the first event of the file", receipts[0])
	}
	if receipts, err := s.Receive(t.Context()); len(receipts) != 0 || err != nil {
		t.Errorf("no events: %v, %v", receipts, err)
	}
	s.Close()
	if _, err := s.Receive(t.Context(), claim(4)); !errors.Is(err, ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}

// TestReceiveFull: a file without room keeps nothing that it does not acknowledge,
// and accepts events again once there is room.
func TestReceiveFull(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	openAt(t, path).Close()
	s, err := Open(path, Options{MaxSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept := 0
	var full *FullError
	for n := 0; full == nil; n++ {
		e := claim(n)
		e.Body = fmt.Appendf(nil, "%04000d", n)
		if _, err := s.Receive(t.Context(), e); err == nil {
			kept++
		} else if !errors.As(err, &full) {
			t.Fatal(err)
		}
	}
	holds := func(want int) {
		t.Helper()
		events := collect(t, s.Events(t.Context(), EventFilter{}))
		if len(events) != want {
			t.Errorf("%d events are kept, %d were acknowledged", len(events), want)
		}
		for _, e := range events {
			if _, ok, err := s.EventBody(e.Seq); !ok || err != nil {
				t.Errorf("the body of event %d is lost: %v", e.Seq, err)
			}
		}
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	holds(kept)

	// Expiring old events makes room, too.
	var c Commit
	for e, err := range s.Events(t.Context(), EventFilter{Limit: kept / 2}) {
		if err != nil {
			t.Fatal(err)
		}
		e.State, e.DoneAt = EventApplied, hookTime
		c.Events = append(c.Events, e)
	}
	commit(t, s, c)
	if n, err := s.Expire(t.Context(), hookTime.Add(eventRetention)); n != kept/2 || err != nil {
		t.Fatalf("expired %d: %v", n, err)
	}
	receive(t, s, claim(1_000_000))
	holds(kept - kept/2 + 1)
}

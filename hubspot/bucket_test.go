package hubspot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A paced is one call through a bucket, in virtual time.
type paced struct {
	at       time.Duration // when it wants a slot
	patience time.Duration // how long it waits for one
	up, down time.Duration // from the slot to HubSpot, and back

	granted bool
	grant   time.Duration
	seen    time.Duration // when HubSpot sees it
}

func drawPaced(rt *rapid.T) []*paced {
	ms := func(label string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(rt, label)) * time.Millisecond
	}
	var at time.Duration
	calls := make([]*paced, rapid.IntRange(1, 60).Draw(rt, "calls"))
	for i := range calls {
		at += ms("gap", 300) + time.Millisecond
		calls[i] = &paced{
			at: at,
			// Half a millisecond keeps the end of patience apart from all
			// other events.
			patience: ms("patience", 20_000) + time.Millisecond/2,
			up:       ms("up", 400),
			down:     ms("down", 400),
		}
	}
	return calls
}

// runPaced sends the calls through a bucket.
func runPaced(b *bucket, calls []*paced) {
	start := time.Now()
	var wg sync.WaitGroup
	for _, call := range calls {
		wg.Go(func() {
			time.Sleep(call.at)
			ctx, cancel := context.WithTimeout(context.Background(), call.patience)
			defer cancel()
			s, err := new(Client).acquire(ctx, b)
			if err != nil {
				return
			}
			call.granted, call.grant = true, time.Since(start)
			time.Sleep(call.up)
			call.seen = time.Since(start)
			time.Sleep(call.down)
			b.release(s, allowance{})
		})
	}
	wg.Wait()
}

// ideal returns when each call would be granted by a bucket that knows the
// future: in order of arrival, at the first moment at which fewer than limit
// earlier calls have a slot. Calls that lose patience before have no slot.
func ideal(calls []*paced, limit int, interval time.Duration) []*paced {
	var want []*paced
	var ends []time.Duration // of the slots granted so far, ascending
	var last time.Duration
	for _, call := range calls {
		grant := max(call.at, last)
		if len(ends) >= limit {
			grant = max(grant, ends[len(ends)-limit])
		}
		w := *call
		if w.granted = grant < call.at+call.patience; w.granted {
			w.grant, last = grant, grant
			end := grant + call.up + call.down + interval
			i, _ := slices.BinarySearch(ends, end)
			ends = slices.Insert(ends, i, end)
		}
		want = append(want, &w)
	}
	return want
}

func TestBucketNeverOverLimitNeverIdle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(rt, "limit")
		interval := time.Duration(rapid.IntRange(100, 2000).Draw(rt, "interval")) * time.Millisecond
		calls := drawPaced(rt)
		synctest.Test(t, func(*testing.T) { runPaced(newBucket(limit, interval), calls) })

		for i, want := range ideal(calls, limit, interval) {
			got := calls[i]
			if got.granted != want.granted || got.granted && got.grant != want.grant {
				rt.Fatalf("call %d: granted %v at %v, want %v at %v", i, got.granted, got.grant, want.granted, want.grant)
			}
		}
		var seen []time.Duration
		for _, call := range calls {
			if call.granted {
				seen = append(seen, call.seen)
			}
		}
		slices.Sort(seen)
		for i := limit; i < len(seen); i++ {
			if in := seen[i] - seen[i-limit]; in < interval {
				rt.Fatalf("HubSpot sees %d calls within %v, limit %d in %v", limit+1, in, limit, interval)
			}
		}
	})
}

// take occupies n slots at once, or fails.
func take(t *testing.T, b *bucket, n int) []slot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	slots := make([]slot, n)
	for i := range slots {
		var err error
		if slots[i], err = new(Client).acquire(ctx, b); err != nil {
			t.Fatalf("slot %d of %d: %v", i+1, n, err)
		}
	}
	return slots
}

// free returns how many slots may be taken now, and gives them back.
func free(ctx context.Context, b *bucket) (n int) {
	for {
		ctx, cancel := context.WithTimeout(ctx, time.Nanosecond)
		_, err := new(Client).acquire(ctx, b)
		cancel()
		if err != nil {
			for range n {
				b.discard()
			}
			return n
		}
		n++
	}
}

func TestBucketLearnsLimit(t *testing.T) {
	for _, tt := range []struct {
		most    int
		learned allowance
		want    int // free after one call
	}{
		{0, allowance{}, 94},
		{0, allowance{max: 110, used: 1}, 103},
		{0, allowance{max: 190, used: 1}, 179},
		{0, allowance{max: 250, used: 1}, 236},
		{0, allowance{max: 1, used: 1}, 0},
		{50, allowance{}, 49},
		{50, allowance{max: 190, used: 1}, 49},
		{500, allowance{max: 110, used: 1}, 103},
		{50, allowance{max: 110, used: 1, interval: 20 * time.Second}, 99},
		{0, allowance{max: 110, used: 41}, 63},  // 40 are not ours
		{0, allowance{max: 110, used: 110}, 0},  // one may be occupied, and is
		{50, allowance{max: 110, used: 41}, 49}, // the cap leaves room for them
		{50, allowance{max: 110, used: 71}, 33}, // and now not quite
	} {
		t.Run(fmt.Sprintf("most %d %+v", tt.most, tt.learned), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newObjectsBucket(tt.most)
				b.release(take(t, b, 1)[0], tt.learned)
				if got := free(t.Context(), b); got != tt.want {
					t.Errorf("%d more calls allowed, want %d", got, tt.want)
				}
			})
		})
	}
}

func TestFixedBucketLearnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(90, 10*time.Second)
		b.release(take(t, b, 1)[0], allowance{max: 250, used: 250, interval: time.Second})
		if got := free(t.Context(), b); got != 89 {
			t.Errorf("%d more calls allowed, want 89", got)
		}
	})
}

func TestForeignCallsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newObjectsBucket(0)
		for _, used := range []int{61, 32} { // the second of our calls is among the 32
			b.release(take(t, b, 1)[0], allowance{max: 110, used: used})
			time.Sleep(4 * time.Second)
		}
		// The greatest number counts as long as its window is not over.
		if got := free(t.Context(), b); got != 104-60-2 {
			t.Errorf("at 8 s: %d allowed", got)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		if got := free(t.Context(), b); got != 104-30-1 {
			t.Errorf("at 10 s: %d allowed", got)
		}
		time.Sleep(4 * time.Second)
		if got := free(t.Context(), b); got != 104 {
			t.Errorf("at 14 s: %d allowed", got)
		}
	})
}

func TestWaiterWakesWhenForeignCallsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newObjectsBucket(0)
		slots := take(t, b, 2)
		b.release(slots[0], allowance{max: 110, used: 110}) // only one may be occupied, and slots[1] is
		start := time.Now()
		if _, err := new(Client).acquire(t.Context(), b); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("granted after %v: %v", time.Since(start), err)
		}
	})
}

func TestOwnCallsAreNotForeign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newObjectsBucket(0)
		first := take(t, b, 1)[0]
		// Nine more begin and are counted before the first one is answered.
		take(t, b, 9)
		b.release(first, allowance{max: 110, used: 10})
		if got := free(t.Context(), b); got != 104-10 {
			t.Errorf("%d allowed, want 94", got)
		}
	})
}

func TestBucketPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(4, time.Second)
		b.pause(3 * time.Second)
		b.pause(time.Second) // the longer pause stands
		start := time.Now()
		if _, err := new(Client).acquire(t.Context(), b); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("granted after %v: %v", time.Since(start), err)
		}
	})
}

func TestBucketStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(1, time.Second)
		take(t, b, 1)
		stopped := errors.New("stopped")
		waiting := make(chan error)
		go func() {
			_, err := new(Client).acquire(t.Context(), b)
			waiting <- err
		}()
		synctest.Wait()
		start := time.Now()
		b.stop(stopped, start.Add(time.Hour))
		if err := <-waiting; err != stopped || time.Since(start) != 0 {
			t.Errorf("the waiting call got %v after %v", err, time.Since(start))
		}
		if _, err := new(Client).acquire(t.Context(), b); err != stopped {
			t.Errorf("a later call got %v", err)
		}
		b.discard()
		time.Sleep(time.Hour)
		take(t, b, 1)
	})
}

func TestBucketCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(1, time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := new(Client).acquire(ctx, b); err != context.Canceled {
			t.Errorf("got %v", err)
		}
		if got := free(t.Context(), b); got != 1 {
			t.Errorf("%d slots free, want 1", got)
		}
	})
}

// TestBucketCancelledAsItIsServed has a slot become free at the very moment
// the waiting call's time is up: in either order, no slot may be lost.
func TestBucketCancelledAsItIsServed(t *testing.T) {
	won := map[bool]int{}
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			b := newBucket(1, time.Second)
			b.release(take(t, b, 1)[0], allowance{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := new(Client).acquire(ctx, b)
			won[err == nil]++
			if err == nil {
				b.discard()
			}
			if got := free(t.Context(), b); got != 1 {
				t.Fatalf("%d slots free, want 1 (acquire returned %v)", got, err)
			}
		})
	}
	t.Logf("served and cancelled: %v", won)
}

// TestBucketLeftOnceServed: who gives up in the moment in which the call is served
// leaves the slot to the next call; who was refused had none to leave.
func TestBucketLeftOnceServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(1, time.Second)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		left := 0
		for range 100 { // await takes either way by chance
			w := b.enter(t.Context())
			if _, err := b.await(over, w); err == nil {
				b.discard()
			} else {
				left++
			}
			if got := free(t.Context(), b); got != 1 {
				t.Fatalf("%d slots free, want 1", got)
			}
		}
		if left == 0 {
			t.Error("no caller gave up")
		}
		b.stop(errors.New("stopped"), time.Now().Add(time.Hour))
		for range 100 {
			if _, err := b.await(over, b.enter(t.Context())); err == nil {
				t.Fatal("served while it is stopped")
			}
		}
		time.Sleep(2 * time.Hour)
		if got := free(t.Context(), b); got != 1 {
			t.Errorf("%d slots free after those that were refused, want 1", got)
		}
	})
}

// TestSuspectedCalls: after a 429 another app is taken to search twice in each interval,
// and once more after each further 429, several at once being one; one search stays
// ours. A minute after the last 429 nothing is suspected.
func TestSuspectedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSearchBucket()
		urgent := Urgent(t.Context()) // which no spread puts off
		var refused time.Time         // last
		after := func(d time.Duration) { time.Sleep(time.Until(refused.Add(d))) }
		for n, want := range []int{3, 2, 1, 1} {
			refused = time.Now()
			b.pause(0)
			b.pause(0)
			if got := free(urgent, b); got != want {
				t.Errorf("%d searches are free after %d refusals, want %d", got, n+1, want)
			}
			after(b.interval - time.Millisecond)
			b.pause(0)
			if got := free(urgent, b); got != want {
				t.Errorf("%d searches are free within an interval after refusal %d, want %d", got, n+1, want)
			}
			after(b.interval)
		}
		after(unsuspected - time.Millisecond)
		if got := free(urgent, b); got != 1 {
			t.Errorf("%d searches are free within a minute, want 1", got)
		}
		after(unsuspected)
		if got := free(urgent, b); got != 5 {
			t.Errorf("%d searches are free after a minute, want 5", got)
		}
	})
}

func TestNilBucketPacesNothing(t *testing.T) {
	var b *bucket
	b.pause(time.Hour)
	for range 1000 {
		s, err := new(Client).acquire(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		b.release(s, allowance{max: 1, used: 1})
	}
	b.discard()
}

package hubspot

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestUrgentNeverOverLimit: with urgent calls among them HubSpot never sees more
// than its own limit in an interval, and all calls are made in the end.
func TestUrgentNeverOverLimit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit, spare := rapid.IntRange(1, 8).Draw(rt, "limit"), rapid.IntRange(0, 2).Draw(rt, "spare")
		interval := time.Duration(rapid.IntRange(100, 2000).Draw(rt, "interval")) * time.Millisecond
		calls := drawPaced(rt)
		urgent := rapid.SliceOfN(rapid.Bool(), len(calls), len(calls)).Draw(rt, "urgent")
		synctest.Test(t, func(*testing.T) {
			b := newBucket(limit, interval)
			b.spare = spare
			start := time.Now()
			var wg sync.WaitGroup
			for i, call := range calls {
				wg.Go(func() {
					time.Sleep(call.at)
					ctx := context.Background()
					if urgent[i] {
						ctx = Urgent(ctx)
					}
					s, err := new(Client).acquire(ctx, b)
					if err != nil {
						rt.Error(err)
						return
					}
					time.Sleep(call.up)
					call.seen = time.Since(start)
					time.Sleep(call.down)
					b.release(s, allowance{})
				})
			}
			wg.Wait()
		})
		var seen []time.Duration
		for _, call := range calls {
			seen = append(seen, call.seen)
		}
		slices.Sort(seen)
		for i := limit + spare; i < len(seen); i++ {
			if in := seen[i] - seen[i-limit-spare]; in < interval {
				rt.Fatalf("HubSpot sees %d calls within %v, limit %d in %v", limit+spare+1, in, limit+spare, interval)
			}
		}
	})
}

// TestUrgentAmongMany: while six callers call without pause, the first urgent call
// is sent at once and later ones hardly wait, and the six together lose only the
// calls that the urgent ones take. Under a cap, where nothing is reserved for
// urgent calls, this holds once the first window has passed.
func TestUrgentAmongMany(t *testing.T) {
	const interval = 10 * time.Second
	for _, tt := range []struct {
		spare int
		round time.Duration // that a call takes
	}{
		{6, 150 * time.Millisecond},
		{0, 150 * time.Millisecond},
		{0, 2 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("spare %d, calls of %v", tt.spare, tt.round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { urgentBesideMany(t, interval, tt.spare, tt.round) })
		})
	}
}

func urgentBesideMany(t *testing.T, interval time.Duration, spare int, round time.Duration) {
	const limit = 104
	b := newBucket(limit, interval)
	b.spare = spare
	ctx, cancel := context.WithCancel(t.Context())
	var made atomic.Int64
	var many sync.WaitGroup
	for range 6 {
		many.Go(func() {
			for {
				s, err := new(Client).acquire(ctx, b)
				if err != nil {
					return
				}
				time.Sleep(round)
				b.release(s, allowance{})
				made.Add(1)
			}
		})
	}
	time.Sleep(time.Minute - time.Second) // in the midst of a wait for the window to slide
	before, began := made.Load(), time.Now()
	for n := range 100 {
		asked := time.Now()
		s, err := new(Client).acquire(Urgent(ctx), b)
		if err != nil {
			t.Fatal(err)
		}
		waited := time.Since(asked)
		if n == 0 && spare > 0 && waited > 0 {
			t.Errorf("the first waits %v", waited)
		}
		if (spare > 0 || asked.Sub(began) > 2*interval) && waited > 200*time.Millisecond {
			t.Errorf("number %d waits %v", n, waited)
		}
		time.Sleep(round)
		b.release(s, allowance{})
		time.Sleep(500*time.Millisecond - round)
	}
	took := time.Since(began)
	room := int(took/(interval+round)) * limit
	if n := int(made.Load() - before); n+100 < room*97/100 {
		t.Errorf("%d calls apart from the urgent ones in %v; there was room for %d", n, took, room-100)
	}
	cancel()
	many.Wait()
}

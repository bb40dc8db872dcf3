package hubspot

import (
	"context"
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
					s, err := b.acquire(ctx)
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

// TestUrgentBesideMany: beside six callers who never stop, the first urgent
// call goes at once and later ones hardly wait, and the six together lose no
// more than the urgent ones take.
func TestUrgentBesideMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(104, 10*time.Second)
		b.spare = 6
		const round = 150 * time.Millisecond
		ctx, cancel := context.WithCancel(t.Context())
		made := make([]atomic.Int64, 6)
		var many sync.WaitGroup
		for i := range made {
			many.Go(func() {
				for {
					s, err := b.acquire(ctx)
					if err != nil {
						return
					}
					time.Sleep(round)
					b.release(s, allowance{})
					made[i].Add(1)
				}
			})
		}
		time.Sleep(time.Minute - time.Second) // in the midst of a wait for the window to slide
		total := func() (n int) {
			for i := range made {
				n += int(made[i].Load())
			}
			return n
		}
		before := total()
		var waits []time.Duration
		for range 100 {
			asked := time.Now()
			s, err := b.acquire(Urgent(ctx))
			if err != nil {
				t.Fatal(err)
			}
			waits = append(waits, time.Since(asked))
			time.Sleep(round)
			b.release(s, allowance{})
			time.Sleep(350 * time.Millisecond)
		}
		if waits[0] > 0 {
			t.Errorf("the first waits %v", waits[0])
		}
		if longest := slices.Max(waits); longest > 200*time.Millisecond {
			t.Errorf("one waits %v", longest)
		}
		took := 100 * (350*time.Millisecond + round)
		room := int(took/(10*time.Second+round)) * 104
		if n := total() - before; n+100 < room*97/100 {
			t.Errorf("%d calls beside the urgent ones in %v; there was room for %d", n, took, room-100)
		}
		cancel()
		many.Wait()
	})
}

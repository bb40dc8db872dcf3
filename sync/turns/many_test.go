package turns_test

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

	"thnks-hubspot-sync/sync/turns"
)

// TestSmallBesideLarge: beside a run of many windows, none of many small ones ends
// later than twice its time without it.
func TestSmallBesideLarge(t *testing.T) {
	t.Parallel()
	ends := func(t *testing.T, large bool) (ends []time.Duration) {
		q := newQueue(t, 4)
		began := time.Now()
		over := make(chan struct{})
		if large {
			q.run("large", func(turn *turns.Turn) {
				for {
					select {
					case <-over:
						return
					default:
					}
					time.Sleep(100 * time.Millisecond)
					if err := turn.Round(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		var small sync.WaitGroup
		for range 50 {
			small.Add(1)
			q.run("small", func(turn *turns.Turn) {
				defer small.Done()
				ctx := turn.Context(t.Context())
				time.Sleep(20 * time.Millisecond)
				resume := turns.Waiting(ctx)
				time.Sleep(100 * time.Millisecond)
				if err := resume(ctx); err != nil {
					t.Error(err)
				}
				time.Sleep(20 * time.Millisecond)
				q.mu.Lock()
				defer q.mu.Unlock()
				ends = append(ends, time.Since(began))
			})
		}
		small.Wait()
		close(over)
		q.all.Wait()
		return ends
	}
	synctest.Test(t, func(t *testing.T) {
		without, beside := ends(t, false), ends(t, true)
		for i := range without {
			if beside[i] > 2*without[i] {
				t.Errorf("small run %d ends after %v, and without the large one after %v", i, beside[i], without[i])
			}
		}
	})
}

// TestManyRuns: whatever runs do, no more of them work than there are places, all
// come to an end, and no place is lost.
func TestManyRuns(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { manyRuns(t, seed) })
		})
	}
}

func manyRuns(t *testing.T, seed uint64) {
	const places = 3
	all := turns.New(places)
	var working atomic.Int64
	work := func(rng *rand.Rand) {
		if n := working.Add(1); n > places {
			t.Errorf("%d runs work at once", n)
		}
		time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
		working.Add(-1)
	}
	one := func(rng *rand.Rand) error {
		ctx := t.Context()
		if rng.IntN(4) == 0 {
			short, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(300))*time.Millisecond)
			defer cancel()
			ctx = short
		}
		turn, err := all.Begin(ctx)
		if err != nil {
			return err
		}
		defer turn.End()
		for range 1 + rng.IntN(5) {
			work(rng)
			switch rng.IntN(3) {
			case 0:
				err = turn.Round(ctx)
			case 1:
				at := turn.Context(ctx)
				resume := turns.Waiting(at)
				time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
				err = resume(ctx)
			default:
				theirs, done := turn.Hand(ctx)
				mine := turn.Wait(turn.Context(ctx))
				resume := turns.Waiting(theirs)
				time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
				if err = resume(ctx); err == nil {
					work(rng)
				}
				done()
				err = errors.Join(err, mine(ctx))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	var runs sync.WaitGroup
	for i := range uint64(20) {
		runs.Go(func() {
			if err := one(rand.New(rand.NewPCG(seed, i))); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	runs.Wait()
	for range places {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := all.Begin(ctx); err != nil {
			t.Error("a place was lost")
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := all.Begin(ctx); err == nil {
		t.Error("there is a place too many")
	}
}

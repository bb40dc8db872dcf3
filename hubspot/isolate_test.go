package hubspot

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A bench is a batch whose requests are answered by a rule instead of HubSpot.
type bench struct {
	batch

	mu      sync.Mutex
	sent    [][]int
	passed  map[int]int // how often each input was accepted
	refused map[int]int
}

// newBench returns a batch of which a request passes if ok says so for all its
// inputs together. Before it is refused, those in early pass all the same.
func newBench(size int, ok func(in []int) bool, early func(i int) bool) *bench {
	b := &bench{passed: map[int]int{}, refused: map[int]int{}}
	b.batch = batch{
		size: size,
		send: func(_ context.Context, in []int) (*refusal, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sent = append(b.sent, slices.Clone(in))
			if ok(in) {
				for _, i := range in {
					b.passed[i]++
				}
				return nil, nil
			}
			var rest []int
			for _, i := range in {
				if early(i) {
					b.passed[i]++
				} else {
					rest = append(rest, i)
				}
			}
			return &refusal{in: rest, err: &Error{Kind: Refused}, call: &Call{}}, nil
		},
		refuse: func(i int, no *refusal) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.refused[i]++
		},
	}
	return b
}

func never(int) bool { return false }

// checkSizes fails when a request was empty or over the limit.
func (b *bench) checkSizes(t rapid.TB) {
	t.Helper()
	for _, in := range b.sent {
		if len(in) == 0 || len(in) > b.size {
			t.Fatalf("a request with %d inputs, limit %d", len(in), b.size)
		}
	}
}

func numbers(n int) []int { return indexes(make([]struct{}, n)) }

func TestIsolateFindsEveryCulprit(t *testing.T) {
	worst := 0.0
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{1, 2, 7, BatchSize, AssociationReadSize, AssociationWriteSize}).Draw(t, "size")
		n := rapid.IntRange(1, 3*size).Draw(t, "n")
		culprits := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(maxCulprits, n), rapid.ID[int]).Draw(t, "culprits")
		early := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "early")

		b := newBench(size,
			func(in []int) bool {
				return !slices.ContainsFunc(in, func(i int) bool { return slices.Contains(culprits, i) })
			},
			func(i int) bool { return early[i] && !slices.Contains(culprits, i) })
		if err := b.run(context.Background(), numbers(n)); err != nil {
			t.Fatal(err)
		}
		b.checkSizes(t)
		for i := range n {
			guilty := slices.Contains(culprits, i)
			if guilty && (b.refused[i] != 1 || b.passed[i] != 0) || !guilty && (b.refused[i] != 0 || b.passed[i] != 1) {
				t.Fatalf("input %d (culprit: %v) refused %d and passed %d times", i, guilty, b.refused[i], b.passed[i])
			}
		}
		chunks := (n + size - 1) / size
		if k := len(culprits); k > 0 {
			each := float64(len(b.sent)-chunks) / float64(k)
			if limit := 2*math.Log2(float64(size)) + 1; each > limit {
				t.Fatalf("%.1f extra requests a culprit, limit %.1f", each, limit)
			}
			if size == BatchSize {
				worst = max(worst, each)
			}
		} else if len(b.sent) != chunks {
			t.Fatalf("%d requests for %d chunks without a culprit", len(b.sent), chunks)
		}
	})
	t.Logf("at most %.1f extra requests a culprit in batches of %d", worst, BatchSize)
}

// Wherever in a full batch the one culprit stands, it costs nine requests.
func TestIsolateCost(t *testing.T) {
	for culprit := range BatchSize {
		b := newBench(BatchSize, func(in []int) bool { return !slices.Contains(in, culprit) }, never)
		if err := b.run(t.Context(), numbers(BatchSize)); err != nil {
			t.Fatal(err)
		}
		if b.refused[culprit] != 1 || len(b.passed) != BatchSize-1 {
			t.Errorf("culprit %d: refused %v", culprit, b.refused)
		}
		if extra := len(b.sent) - 1; extra > 9 {
			t.Errorf("culprit %d: %d extra requests, want at most 9", culprit, extra)
		}
	}
}

func TestIsolateStops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		culprits := rapid.SliceOfNDistinct(rapid.IntRange(0, BatchSize-1), maxCulprits+1, BatchSize, rapid.ID[int]).Draw(t, "culprits")
		b := newBench(BatchSize, func(in []int) bool {
			return !slices.ContainsFunc(in, func(i int) bool { return slices.Contains(culprits, i) })
		}, never)
		err := b.run(context.Background(), numbers(BatchSize))
		s, ok := errors.AsType[*Systematic](err)
		if !ok || s.Refused != maxCulprits+1 || s.Refusal == nil {
			t.Fatalf("error %v, want a Systematic one after %d", err, maxCulprits+1)
		}
		for i := range BatchSize {
			if b.passed[i]+b.refused[i] != 1 {
				t.Fatalf("input %d refused %d and passed %d times", i, b.refused[i], b.passed[i])
			}
		}
		if limit := (maxCulprits+1)*9 + 1; len(b.sent) > limit {
			t.Fatalf("%d requests, want at most %d", len(b.sent), limit)
		}
	})
}

// Inputs that are refused only together all pass, and none is refused.
func TestIsolateTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pair := rapid.SliceOfNDistinct(rapid.IntRange(0, BatchSize-1), 2, 2, rapid.ID[int]).Draw(t, "pair")
		b := newBench(BatchSize, func(in []int) bool {
			return !slices.Contains(in, pair[0]) || !slices.Contains(in, pair[1])
		}, never)
		if err := b.run(context.Background(), numbers(BatchSize)); err != nil {
			t.Fatal(err)
		}
		if len(b.refused) != 0 || len(b.passed) != BatchSize {
			t.Fatalf("refused %v, passed %d", b.refused, len(b.passed))
		}
	})
}

// After an error no request is begun, those under way end, and at most six are
// under way at a time.
func TestRunStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, begun, ended atomic.Int32
		failed := errors.New("the portal is gone")
		b := batch{size: 1, send: func(_ context.Context, in []int) (*refusal, error) {
			begun.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			defer ended.Add(1)
			if in[0] == 2 {
				time.Sleep(time.Second)
				return nil, failed
			}
			time.Sleep(2 * time.Second)
			return nil, nil
		}}
		if err := b.run(t.Context(), numbers(1000)); err != failed {
			t.Errorf("error %v, want %v", err, failed)
		}
		if most.Load() != inFlight || begun.Load() != inFlight || ended.Load() != inFlight {
			t.Errorf("%d at a time, %d begun, %d ended; want %d of each", most.Load(), begun.Load(), ended.Load(), inFlight)
		}
	})
}

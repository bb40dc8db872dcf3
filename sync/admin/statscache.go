package admin

import (
	"context"
	"sync"
	"time"
)

// How long statistics are served before they are computed again.
const (
	newest = time.Second // at least
	fresh  = 10 * time.Second
)

// The bounds on what clients can make the daemon compute and keep.
const (
	maxQuestions = 32 // whose answers are kept
	maxAtOnce    = 2  // that are computed
)

// answers keeps the answers to questions about statistics. Those that are asked
// at the same time take turns: each may go through all gifts.
type answers struct {
	compute func(context.Context, question) (answer, error)
	turns   chan struct{}

	mu   sync.Mutex
	kept map[question]*cached[answer]
}

func newAnswers(compute func(context.Context, question) (answer, error)) *answers {
	return &answers{compute: compute, turns: make(chan struct{}, maxAtOnce), kept: make(map[question]*cached[answer])}
}

// get returns an answer that is fresh, which the caller does not change.
func (a *answers) get(ctx context.Context, q question) (answer, error) {
	return a.of(q).get(ctx)
}

// of returns the place of a question's answer. When there are too many, all are
// forgotten: a browser asks the same one again and again.
func (a *answers) of(q question) *cached[answer] {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.kept[q]
	if c == nil {
		if len(a.kept) >= maxQuestions {
			clear(a.kept)
		}
		c = newCached(func(ctx context.Context) (answer, error) { return a.inTurn(ctx, q) })
		a.kept[q] = c
	}
	return c
}

func (a *answers) inTurn(ctx context.Context, q question) (answer, error) {
	select {
	case a.turns <- struct{}{}:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	defer func() { <-a.turns }()
	return a.compute(ctx, q)
}

// cached holds a value that is expensive to compute. Concurrent callers share
// one computation, and its result is served while it is fresh: for ten times as
// long as computing it took, within bounds. A computation is cancelled when its
// last caller leaves.
type cached[T any] struct {
	compute func(context.Context) (T, error)

	mu      sync.Mutex
	current *computation[T] // under way; nil for none
	last    T
	until   time.Time // last is fresh
}

func newCached[T any](compute func(context.Context) (T, error)) *cached[T] {
	return &cached[T]{compute: compute}
}

// A computation is under way, or done.
type computation[T any] struct {
	waiting int // callers; guarded by cached.mu
	cancel  context.CancelFunc
	done    chan struct{}
	value   T // once done
	err     error
}

// get returns a fresh value, which the caller does not change.
func (s *cached[T]) get(ctx context.Context) (T, error) {
	s.mu.Lock()
	if time.Now().Before(s.until) {
		defer s.mu.Unlock()
		return s.last, nil
	}
	c := s.current
	if c == nil {
		c = s.begin(ctx)
	}
	c.waiting++
	s.mu.Unlock()

	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.cancel()
		s.drop(c)
	}
	var none T
	return none, ctx.Err()
}

// begin starts a computation, which outlives the caller that caused it.
func (s *cached[T]) begin(ctx context.Context) *computation[T] {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &computation[T]{cancel: cancel, done: make(chan struct{})}
	s.current = c
	go func() {
		defer cancel()
		began := time.Now()
		c.value, c.err = s.compute(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if now := time.Now(); c.err == nil && s.current == c {
			s.last, s.until = c.value, now.Add(min(max(10*now.Sub(began), newest), fresh))
		}
		s.drop(c)
		close(c.done)
	}()
	return c
}

// drop makes the next caller start a new computation.
func (s *cached[T]) drop(c *computation[T]) {
	if s.current == c {
		s.current = nil
	}
}

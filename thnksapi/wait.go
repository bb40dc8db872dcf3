package thnksapi

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// slowAnswer is how long an answer may take before we call it waiting.
const slowAnswer = 5 * time.Second

// notWaiting is the [Config].Waiting of a client that has none.
func notWaiting(context.Context) func(context.Context) error {
	return func(context.Context) error { return nil }
}

// wait waits, or until ctx ends.
func (c *Client) wait(ctx context.Context, d time.Duration) error {
	resume := c.waiting(ctx)
	timer := time.NewTimer(d)
	defer timer.Stop()
	var err error
	select {
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if e := resume(ctx); e != nil {
		return e
	}
	return err
}

// whileSlow says that the client waits if the function that it returns is not
// called within [slowAnswer]. That function ends the wait.
func (c *Client) whileSlow(ctx context.Context) (answered func() error) {
	var resume func(context.Context) error
	waits := make(chan struct{})
	timer := time.AfterFunc(slowAnswer, func() {
		defer close(waits)
		resume = c.waiting(ctx)
	})
	return func() error {
		if timer.Stop() {
			return nil
		}
		<-waits
		return resume(ctx)
	}
}

// A pace keeps calls with one key to a number in any second.
type pace struct {
	mu     sync.Mutex
	most   int
	starts []time.Time // of the last calls, in a ring
	oldest int
}

// reserve takes the next place, and returns how long to wait for it.
func (p *pace) reserve(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.starts) < p.most {
		p.starts = append(p.starts, now)
		return 0
	}
	at := p.starts[p.oldest].Add(time.Second)
	if at.Before(now) {
		at = now
	}
	p.starts[p.oldest] = at
	p.oldest = (p.oldest + 1) % p.most
	return at.Sub(now)
}

// warnEvery is the least time between two warnings.
const warnEvery = time.Minute

// warnings are a client's, of which an outage would make many.
type warnings struct {
	log   *slog.Logger
	mu    sync.Mutex
	last  time.Time
	count int // since the last, itself not included
}

// warn logs a warning, or only counts it if the last is less than a minute old.
func (w *warnings) warn(ctx context.Context, message string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	if now := time.Now(); w.last.IsZero() || now.Sub(w.last) >= warnEvery {
		w.log.WarnContext(ctx, message, append(args, "count", w.count)...)
		w.last, w.count = now, 0
	}
}

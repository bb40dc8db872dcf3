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

// keepPace waits for a place among the calls with the key.
func (c *Client) keepPace(ctx context.Context) error {
	if c.pace.tryTake() {
		return nil
	}
	resume := c.waiting(ctx)
	err := c.pace.take(ctx)
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

package hubspot

import (
	"context"
	"sync"
	"time"
)

// slowAnswer is how long an answer may take before [Config.Waiting] hears of it.
const slowAnswer = 5 * time.Second

// beginWait calls [Config.Waiting] and returns what ends the wait.
func (c *Client) beginWait(ctx context.Context) (resume func(context.Context) error) {
	if c.waiting == nil || isUrgent(ctx) {
		return func(context.Context) error { return nil }
	}
	return c.waiting(ctx)
}

// acquire waits for a slot of the bucket. It returns the error of stop, or the
// context's. The slot must be given back by release, or by discard if no call was
// made.
func (c *Client) acquire(ctx context.Context, b *bucket) (slot, error) {
	if err := ctx.Err(); err != nil || b == nil {
		return slot{}, err
	}
	w := b.enter(ctx)
	if w.isServed() {
		return w.slot, w.err
	}
	resume := c.beginWait(ctx)
	s, err := b.await(ctx, w)
	if resumeErr := resume(ctx); resumeErr != nil && err == nil {
		b.discard()
		return slot{}, &resumeError{resumeErr}
	}
	return s, err
}

// sleep waits before a call is repeated.
func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	resume := c.beginWait(ctx)
	err := sleep(ctx, d)
	if resumeErr := resume(ctx); err == nil {
		err = resumeErr
	}
	return err
}

// A resumeError is an error of the function that [Config.Waiting] returned. It
// ends the call.
type resumeError struct{ err error }

func (e *resumeError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e *resumeError) Unwrap() error { return e.err }

// A slowCall calls [Config.Waiting] when a request takes long.
type slowCall struct {
	ctx   context.Context
	timer *time.Timer

	mu     sync.Mutex // held while Waiting is called
	ended  bool
	resume func(context.Context) error // nil while no wait has begun
}

// whenSlow watches a request that is about to be sent.
func (c *Client) whenSlow(ctx context.Context) *slowCall {
	s := &slowCall{ctx: ctx}
	if c.waiting == nil || isUrgent(ctx) {
		s.ended = true
		return s
	}
	s.timer = time.AfterFunc(slowAnswer, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.ended {
			s.resume = c.waiting(ctx)
		}
	})
	return s
}

// end says that the answer has come, or will not come. An error of the wait's
// end is passed over, because what was received must not be lost.
func (s *slowCall) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	s.timer.Stop()
	if s.resume != nil {
		_ = s.resume(s.ctx) // see above
	}
}

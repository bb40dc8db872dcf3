package thnksapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

const (
	attempts  = 5
	firstWait = 500 * time.Millisecond // doubled with every attempt; we wait a random part of it
	maxWait   = 30 * time.Second
	patience  = 2 * time.Minute // a longer Retry-After ends the call
	maxUntil  = 24 * time.Hour  // a longer Retry-After is cut to this
)

// tries are the attempts at one call. All calls are GETs, so what may succeed
// a moment later is repeated.
type tries struct {
	client  *Client
	call    call
	target  string
	refused int                         // answers of 401
	resume  func(context.Context) error // ends the wait before the next attempt
}

func (t *tries) get(ctx context.Context) (*answer, error) {
	policy := retrypolicy.NewBuilder[*answer]().
		HandleIf(func(_ *answer, err error) bool { return t.again(err) }).
		WithMaxAttempts(attempts).
		WithDelayFunc(func(exec failsafe.ExecutionAttempt[*answer]) time.Duration {
			return wait(exec.Attempts(), exec.LastError())
		}).
		OnRetryScheduled(func(e failsafe.ExecutionScheduledEvent[*answer]) {
			t.client.warnings.warn(ctx, "thnks call failed and will be repeated", "error", e.LastError(), "attempt", e.Attempts(), "in", e.Delay)
			t.resume = t.client.waiting(ctx)
		}).
		ReturnLastFailure().
		Build()
	a, err := failsafe.With(policy).WithContext(ctx).Get(func() (*answer, error) {
		if err := t.resumed(ctx); err != nil {
			return nil, err
		}
		a, err := t.client.attempt(ctx, t.call, t.target)
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusUnauthorized {
			t.refused++
		}
		return a, err
	})
	if e := t.resumed(ctx); e != nil { // the context ended during the wait
		return nil, e
	}
	return a, err
}

// resumed ends the wait before an attempt.
func (t *tries) resumed(ctx context.Context) error {
	if t.resume == nil {
		return nil
	}
	resume := t.resume
	t.resume = nil
	return resume(ctx)
}

// again reports whether a call may be repeated after an error. A single 401 may
// be a fault of a server behind the source's load balancer.
func (t *tries) again(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case Transient, Limited:
		return time.Until(e.Until) <= patience
	case KeyRefused:
		return e.Status == http.StatusUnauthorized && t.refused < 2
	default:
		return false
	}
}

// wait returns how long to wait after the n-th failed attempt: until the time
// that the source asked for, or else a random time below a bound that doubles.
func wait(n int, err error) time.Duration {
	var e *Error
	if errors.As(err, &e) && !e.Until.IsZero() {
		return max(0, time.Until(e.Until))
	}
	bound := min(maxWait, firstWait<<(n-1))
	return rand.N(bound) + 1
}

// retryAfter reads a Retry-After header, seconds or a date, and returns the
// time of the next try; zero if the header has none.
func retryAfter(header string) time.Time {
	now := time.Now()
	at, err := http.ParseTime(header)
	if err != nil {
		seconds, err := strconv.ParseInt(strings.TrimSpace(header), 10, 64)
		if err != nil || seconds < 0 {
			return time.Time{}
		}
		at = now.Add(time.Duration(min(seconds, int64(maxUntil/time.Second))) * time.Second)
	}
	if limit := now.Add(maxUntil); at.After(limit) {
		return limit
	}
	return at
}

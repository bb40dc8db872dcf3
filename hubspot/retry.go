package hubspot

import (
	"context"
	"errors"
	"math"
	"net"
	"sync"
	"time"
)

const (
	maxTries = 5                      // of one call, the first included
	maxWait  = time.Minute            // between two tries
	backoff  = 500 * time.Millisecond // upper bound of the first wait, doubled with each try
)

// repeatable reports whether a try that failed with e may be repeated.
func repeatable(e *Error) bool {
	if _, ok := errors.AsType[*resumeError](e.Err); ok {
		return false
	}
	return (e.Kind == Transient || e.Kind == Limited) && !e.Lost
}

// retryWait returns how long to wait after a try that failed with e; retry is 0
// for the first. Jitter is a random number from [0, 1).
//
// Server and network failures get full jitter under a bound that doubles with
// each try. A locked account (423) stays locked for two seconds. An exhausted
// limit lasts for its window, whatever the number of the try.
//
// D/api-reference/error-handling
func retryWait(e *Error, retry int, jitter float64) time.Duration {
	var least, spread time.Duration
	switch {
	case e.Kind == Limited:
		least = 10 * time.Second
		if e.Policy == policySecondly {
			least = time.Second
		}
		if e.RetryAfter > 0 {
			least = e.RetryAfter
		}
		spread = least / 10
	default:
		spread = time.Duration(min(float64(backoff)*math.Exp2(float64(retry)), float64(maxWait)))
		if e.Status == statusLocked {
			least = 2 * time.Second
		}
		least = max(least, e.RetryAfter)
	}
	return min(least+time.Duration(jitter*float64(spread)), maxWait)
}

// The size of a retry budget and its prices. The figures are those of the AWS SDK
// for Go v2, which bounds its retries the same way.
const (
	retryTokens      = 500
	retryCost        = 5
	timeoutRetryCost = 10
	successRefund    = 1
)

// A retryBudget bounds the share of retries among all calls of a client: when
// HubSpot fails for long, repeating everything would only add to its load.
type retryBudget struct {
	mu     sync.Mutex
	tokens int
}

func newRetryBudget() *retryBudget { return &retryBudget{tokens: retryTokens} }

// pay takes the price of a retry after e and reports whether the budget had it.
func (b *retryBudget) pay(e *Error) bool {
	price := retryCost
	if timedOut(e.Err) {
		price = timeoutRetryCost
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens < price {
		return false
	}
	b.tokens -= price
	return true
}

// refund puts a token back. Every successful call does.
func (b *retryBudget) refund() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+successRefund, retryTokens)
}

// timedOut reports whether a network failure was a timeout.
func timedOut(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// sleep waits for d or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

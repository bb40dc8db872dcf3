package hubspot

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzHeaders answers two calls with any status and any headers that pace calls.
// No header leads to an absurd allowance, and none makes a call wait longer than
// it says.
func FuzzHeaders(f *testing.F) {
	f.Fuzz(func(t *testing.T, status uint16, limit, remaining, interval, retryAfter, body string) {
		h := http.Header{}
		for name, value := range map[string]string{
			"X-HubSpot-RateLimit-Max": limit, "X-HubSpot-RateLimit-Remaining": remaining,
			"X-HubSpot-RateLimit-Interval-Milliseconds": interval, "Retry-After": retryAfter,
		} {
			if value != "" {
				h.Set(name, value)
			}
		}
		a := parseAllowance(h)
		if a.max < 0 || a.max > 1_000_000 || a.used < 0 || a.used > a.max ||
			a.interval != 0 && (a.interval < time.Second || a.interval > time.Minute) {
			t.Errorf("%v allows %+v", h, a)
		}
		s := &anyServer{status: statusOf(status), header: h, body: body}
		synctest.Test(t, func(t *testing.T) {
			c := s.client(t)
			for range 2 {
				start := time.Now()
				_, err := c.Account(t.Context())
				// A limit's pause and the bucket's interval, a minute at most
				// each, pass side by side: before the first try of a second
				// call, and before every further one.
				if waited := time.Since(start); waited > maxTries*maxWait {
					t.Fatalf("a call took %v", waited)
				}
				e, ok := AsError(err)
				if !ok {
					continue
				}
				if e.RetryAfter < 0 || e.RetryAfter > maxRetryAfter {
					t.Errorf("Retry-After %q is %v", retryAfter, e.RetryAfter)
				}
				if left := time.Until(e.Until); !e.Until.IsZero() && (left <= 0 || left > maxRetryAfter) {
					t.Errorf("parked for %v", left)
				}
				s.checkText(t, err)
			}
			for _, b := range []*bucket{c.objects, c.associations, c.search} {
				if b.limit < 1 || b.spare < 0 || b.interval < time.Second || b.interval > time.Minute || b.inFlight != 0 {
					t.Errorf("a bucket of %d and %d in %v, %d in flight", b.limit, b.spare, b.interval, b.inFlight)
				}
			}
		})
	})
}

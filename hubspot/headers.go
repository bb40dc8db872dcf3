package hubspot

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An allowance is what the headers of an answer say about the general limit.
// Zero fields are unknown.
type allowance struct {
	max      int // calls allowed per interval
	used     int // calls that HubSpot counts in the current interval, by any app
	interval time.Duration
}

// parseAllowance reads the X-HubSpot-RateLimit headers. Implausible values count
// as unknown. The deprecated -Secondly headers are not read.
//
// D/developer-tooling/platform/usage-guidelines
func parseAllowance(h http.Header) allowance {
	number := func(name string, low, high int) (int, bool) {
		n, err := strconv.Atoi(h.Get("X-HubSpot-RateLimit-" + name))
		return n, err == nil && n >= low && n <= high
	}
	var a allowance
	limit, ok := number("Max", 1, 1_000_000)
	if !ok {
		return a
	}
	a.max = limit
	if remaining, ok := number("Remaining", 0, limit); ok {
		a.used = limit - remaining
	}
	if ms, ok := number("Interval-Milliseconds", 1_000, 60_000); ok {
		a.interval = time.Duration(ms) * time.Millisecond
	}
	return a
}

// maxRetryAfter bounds what a Retry-After header may ask for. HubSpot uses up
// to 24 hours, while it moves an account to another data centre.
const maxRetryAfter = 24 * time.Hour

// parseRetryAfter returns how long a Retry-After header asks to wait, from 0
// to maxRetryAfter. It accepts seconds and HTTP dates; anything else is 0, as is
// a header that is missing or in the past.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	// What is no number is 0. On overflow ParseInt returns the greatest or least
	// int64, which is clamped.
	seconds, _ := strconv.ParseInt(value, 10, 64)
	return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
}

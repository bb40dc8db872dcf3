package simulation

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A RoundTripper is a transport that is a function.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// mostAtOnce is how many calls to one vendor can be due at one moment of a bubble's
// clock. The limits of rates allow a tenth of that.
const mostAtOnce = 10_000

// steady panics with the test's name where calls are made without end while no time
// passes: such a loop would otherwise go on until the tests are out of time, and fail
// another one.
func (w *World) steady(next http.RoundTripper) http.RoundTripper {
	var mu sync.Mutex
	var now time.Time
	calls := 0
	one := func() int {
		mu.Lock()
		defer mu.Unlock()
		if at := time.Now(); !at.Equal(now) {
			now, calls = at, 0
		}
		calls++
		return calls
	}
	return RoundTripper(func(req *http.Request) (*http.Response, error) {
		if n := one(); n > mostAtOnce {
			panic(fmt.Sprintf("%s: a hot loop: %d calls at one moment, the last of them %s %s", w.T.Name(), n, req.Method, req.URL.Path))
		}
		return next.RoundTrip(req)
	})
}

// Failing answers calls whose path contains part, once so many have been let
// through, with a status and a body, and without any effect. It is for
// [World.WrapHubSpot].
func Failing(part string, after, status int, body string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		var seen atomic.Int64
		return RoundTripper(func(req *http.Request) (*http.Response, error) {
			if !strings.Contains(req.URL.Path, part) {
				return next.RoundTrip(req)
			}
			if seen.Add(1) <= int64(after) {
				return next.RoundTrip(req)
			}
			io.Copy(io.Discard, req.Body)
			return Reply(req, status, body), nil
		})
	}
}

// Reply is an answer to a call.
func Reply(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

package simulation

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// A RoundTripper is a transport that is a function.
type RoundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

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

package thnksapi

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// Bounds of a call. An answer of 500 transactions has about 0.5 MB; the limit
// leaves room for very long messages in all of them.
const (
	callTimeout = 60 * time.Second // one attempt, body included
	maxBody     = 32 << 20         // bytes, decompressed

	// maxErrorBody is how much of a refusal is read. It is read only to make
	// the connection usable again.
	maxErrorBody = 64 << 10

	attempts  = 5
	firstWait = 500 * time.Millisecond // doubled with every attempt; we wait a random part of it
	maxWait   = 30 * time.Second
	patience  = 2 * time.Minute // a longer Retry-After ends the call
	maxUntil  = 24 * time.Hour  // a longer Retry-After is cut to this
)

// keyPath is the key of a call's path in log lines.
const keyPath = "path"

// A call is one GET.
type call struct {
	path    string // from the dialect, for errors and logs
	fixed   string // query that the dialect's path came with
	query   url.Values
	id      string // replaces {id} in path
	detail  bool   // asks for one transaction
	resumed bool   // carries one of the source's cursors
}

// An answer is a success with a JSON body.
type answer struct {
	status int
	doc    document
	date   time.Time
}

// get makes a call and repeats it as the retry policy allows.
func (c *Client) get(ctx context.Context, call call) (*answer, error) {
	target := c.base + strings.ReplaceAll(call.path, "{id}", escapeID(call.id))
	u, err := url.Parse(target)
	if err != nil {
		return nil, &Error{Kind: Unexpected, Path: call.path, Problem: "the dialect's path makes no URL: check it"}
	}
	query, err := url.ParseQuery(call.fixed)
	if err != nil {
		return nil, &Error{Kind: Unexpected, Path: call.path, Problem: "the dialect's path has a malformed query: check it"}
	}
	for name, values := range call.query {
		query[name] = values
	}
	u.RawQuery = query.Encode()

	a, err := failsafe.With(c.retries).WithContext(ctx).Get(func() (*answer, error) {
		return c.attempt(ctx, u.String(), call)
	})
	if cause := ctx.Err(); err != nil && cause != nil {
		return nil, context.Cause(ctx)
	}
	return a, err
}

// escapeID makes an id one path segment. Servers and proxies would resolve dot
// segments, so they are escaped as well.
func escapeID(id string) string {
	switch id {
	case ".", "..":
		return strings.ReplaceAll(id, ".", "%2E")
	}
	return url.PathEscape(id)
}

// attempt makes one request.
func (c *Client) attempt(ctx context.Context, target string, call call) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, &Error{Kind: Unexpected, Path: call.path, Problem: "the dialect's path makes no URL: check it"}
	}
	req.Header.Set(c.dialect.Auth.Header, strings.ReplaceAll(c.dialect.Auth.Template, "{key}", c.key))
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "thnks-hubspot-sync")

	c.calls.Add(1)
	began := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, transportError(call.path, err)
	}
	defer resp.Body.Close()
	c.notePeer(began, resp)
	limit := int64(maxBody + 1)
	if resp.StatusCode != http.StatusOK {
		limit = maxErrorBody
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit))
	c.log.DebugContext(ctx, "thnks call", keyPath, call.path, "status", resp.StatusCode, "bytes", len(body), "took", time.Since(began))
	if resp.StatusCode != http.StatusOK {
		e := statusError(resp.StatusCode, call.path, call.detail, call.resumed)
		if e.Kind == Limited || e.Kind == Transient {
			e.Until = retryAfter(resp.Header.Get("Retry-After"))
		}
		return nil, e
	}
	if err != nil {
		return nil, transportError(call.path, err)
	}
	unexpected := func(problem string) error {
		return &Error{Kind: Unexpected, Status: resp.StatusCode, Path: call.path, Problem: problem}
	}
	if len(body) > maxBody {
		return nil, unexpected("the answer is larger than 32 MiB: lower dialect.paging.size")
	}
	doc, err := parseDocument(body)
	if err != nil {
		return nil, unexpected("the answer is not JSON: check base_url and the dialect's paths")
	}
	a := &answer{status: resp.StatusCode, doc: doc}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.date = date.UTC()
	}
	return a, nil
}

// transportError wraps a failure below HTTP. It removes the URL that net/http
// adds, because that holds the cursor.
func transportError(path string, err error) *Error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return &Error{Kind: Transient, Path: path, Problem: "no answer: the next run goes on where this one stopped", Err: err}
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

// retryPolicy repeats what may succeed a moment later. All calls are GETs.
func (c *Client) retryPolicy() retrypolicy.RetryPolicy[*answer] {
	return retrypolicy.NewBuilder[*answer]().
		HandleIf(func(_ *answer, err error) bool { return worthRetrying(err) }).
		WithMaxAttempts(attempts).
		WithDelayFunc(func(exec failsafe.ExecutionAttempt[*answer]) time.Duration {
			return wait(exec.Attempts(), exec.LastError())
		}).
		OnRetryScheduled(func(e failsafe.ExecutionScheduledEvent[*answer]) {
			c.log.Warn("thnks call failed and will be repeated", "error", e.LastError(), "attempt", e.Attempts(), "in", e.Delay)
		}).
		ReturnLastFailure().
		Build()
}

func worthRetrying(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Kind != Transient && e.Kind != Limited {
		return false
	}
	return time.Until(e.Until) <= patience
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

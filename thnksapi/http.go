package thnksapi

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	callTimeout = 60 * time.Second // one attempt, body included

	// maxErrorBody is how much of a refusal is read. It is read only to make
	// the connection usable again.
	maxErrorBody = 64 << 10
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

	a, err := (&tries{client: c, call: call, target: u.String()}).get(ctx)
	if err != nil && ctx.Err() != nil {
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

// attempt makes the call once its turn has come and there is memory for the
// answer. An answer that turns out larger is asked for again with more.
func (c *Client) attempt(ctx context.Context, call call, target string) (*answer, error) {
	for room := c.memory.estimate(call); ; room = c.memory.more(room) {
		if err := c.keepPace(ctx); err != nil {
			return nil, err
		}
		if err := c.reserve(ctx, room); err != nil {
			return nil, err
		}
		answered := c.whileSlow(ctx)
		a, err := c.request(ctx, call, target, room)
		c.memory.release(room) // before a turn is waited for, whose holder may wait for memory
		if e := answered(); e != nil {
			return nil, e
		}
		if err == errLarger {
			continue
		}
		if err == nil {
			c.memory.learn(call, a.size)
		}
		return a, err
	}
}

// request makes one request and takes its answer apart, which may have room
// bytes. The error is errLarger if more would be allowed.
func (c *Client) request(ctx context.Context, call call, target string, room int64) (*answer, error) {
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
	a := &answer{status: resp.StatusCode}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.date = date.UTC()
	}
	if resp.StatusCode == http.StatusOK {
		err = a.read(resp.Body, c.parts(call), room)
	} else {
		a.size, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody)) // what it says is not used
		err = c.refusal(call, resp)
	}
	c.log.DebugContext(ctx, "thnks call", keyPath, call.path, "status", resp.StatusCode, "bytes", a.size, "took", time.Since(began))
	switch {
	case err == errLarger && room < maxAnswer:
		return nil, err
	case err != nil:
		return nil, readError(call.path, err)
	}
	return a, nil
}

// refusal returns the error for an answer whose status is not 200, nil for one
// that says that a page is empty.
func (c *Client) refusal(call call, resp *http.Response) error {
	if resp.StatusCode == http.StatusNoContent && !call.detail {
		return nil
	}
	e := statusError(resp.StatusCode, call.path, call.detail, call.resumed)
	if e.Kind == Limited || e.Kind == Transient {
		e.Until = retryAfter(resp.Header.Get("Retry-After"))
	}
	return e
}

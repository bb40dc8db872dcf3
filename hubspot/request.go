package hubspot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// attemptTimeout bounds one try, from connecting to the end of the answer. The
// wait for the rate bucket is not counted.
const attemptTimeout = time.Minute

// The keys of our log lines.
const (
	keyClass       = "class"
	keyPath        = "path"
	keyStatus      = "status"
	keyWait        = "wait"
	keyCorrelation = "correlation"
	keyReason      = "reason"
	keyUntil       = "until"
	keyBytes       = "bytes"
	keyAccount     = "account"
)

// A request is one logical call, whatever tries it takes.
type request struct {
	class  Class
	method string
	path   string // with "{version}" for the date version; escaped
	query  url.Values
	in     any // body, nil for none
	out    any // where to decode the body of a success; nil to take any body for one

	asked int // elements that a list of the answer should have at most, 0 if unknown

	// once forbids repeating the request once HubSpot may have received it.
	// The error then has Lost set.
	once bool
	// keyed says that a repetition conflicts instead of doubling.
	keyed bool
}

// A message is a request made ready to be sent any number of times.
type message struct {
	request
	url   *url.URL
	body  []byte
	token string // the last one sent
}

// do makes the call: it waits for the rate bucket, sends the request and retries
// it if that is allowed. The error is an [*Error]. The [Call] is the last request
// that was sent, nil if none was.
//
// We do not use a retry library: if the context ends during a try, those return
// the context's error even if the try got its answer, and the outcome of a write
// would be lost.
func (c *Client) do(ctx context.Context, r request) (*Call, error) {
	m, err := c.message(r)
	if err != nil {
		return nil, err
	}
	var sent *Call
	refused := false // by a 401: the token may have been replaced meanwhile, or HubSpot is mistaken
	for retry := 0; ; retry++ {
		call, e := c.attempt(ctx, m)
		if call != nil {
			sent = call
		}
		if e == nil {
			c.retries.refund()
			return sent, nil
		}
		var wait time.Duration
		switch {
		case e.Kind == Unauthorised && call != nil && !refused:
			refused = true
			if c.renews(m.token) && r.once && !r.keyed {
				e.Kind = Transient // the next run has the new token
				return sent, e
			}
		case repeatable(e):
			wait = retryWait(e, retry, rand.Float64())
		default:
			return sent, e
		}
		if e.Kind == Limited {
			// All calls of the bucket wait, this one among them.
			c.bucket(r.class).pause(wait)
		}
		if retry+1 == maxTries || ctx.Err() != nil || !c.retries.pay(e) {
			return sent, e
		}
		c.log.Debug("HubSpot call repeated", keyClass, string(r.class), keyPath, m.path, keyStatus, e.Status,
			keyWait, wait, keyCorrelation, e.CorrelationID)
		waits := e.Kind == Limited && c.bucket(r.class) != nil // in the bucket
		if !waits && c.sleep(ctx, wait) != nil {
			return sent, e
		}
	}
}

// renews tells the token source that HubSpot does not accept an access token, and
// reports whether the source has another one made.
func (c *Client) renews(refused string) bool {
	r, ok := c.token.(Renewer)
	if ok {
		r.Refused(refused)
	}
	return ok
}

// again waits until a call whose answer was lost may be made once more. It
// reports false if the retry budget is used up or the context has ended.
func (c *Client) again(ctx context.Context, e *Error, retry int) bool {
	return c.retries.pay(e) && c.sleep(ctx, retryWait(e, retry, rand.Float64())) == nil
}

// message encodes the request.
func (c *Client) message(r request) (*message, error) {
	m := &message{request: r}
	m.path = strings.ReplaceAll(r.path, "{version}", c.version)
	path, err := url.PathUnescape(m.path)
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, &Error{Kind: Refused, Method: r.method, Path: m.path, Err: errors.New("hubspot: malformed path")}
	}
	// Everything but path and query comes from the base URL, so no path or
	// cursor can send the token to another host.
	u := *c.base
	u.Path, u.RawPath = c.base.Path+path, c.base.EscapedPath()+m.path
	u.RawQuery = r.query.Encode()
	m.url, m.path = &u, shownPath(m.path)
	if r.in != nil {
		if m.body, err = json.Marshal(r.in); err != nil {
			return nil, &Error{Kind: Refused, Method: r.method, Path: m.path, Err: fmt.Errorf("hubspot: encoding the request: %w", err)}
		}
	}
	return m, nil
}

// shownPath is an escaped path as errors and log lines have it. An id that HubSpot or a
// sender of events gave us may be any text, and only what looks like an id is shown.
func shownPath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if len(s) > 100 || strings.Trim(s, letters+"0123456789_.-") != "" {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

// attempt waits for the bucket and sends the message once. The call is nil if
// it was not sent.
func (c *Client) attempt(ctx context.Context, m *message) (*Call, *Error) {
	b := c.bucket(m.class)
	s, err := c.acquire(ctx, b)
	if err != nil {
		return nil, m.unsent(err)
	}
	token, err := c.token.Token()
	if err != nil {
		b.discard()
		return nil, m.unsent(tokenError(err))
	}
	m.token = token.AccessToken

	slow := c.whenSlow(ctx)
	defer slow.end()
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := m.httpRequest(ctx)
	if err != nil {
		b.discard()
		return nil, m.unsent(&Error{Kind: Refused, Err: err})
	}
	call := &Call{Class: m.class, Method: m.method, Path: m.path, At: time.Now()}
	c.count(m.class)
	res, err := c.http.Do(req)
	if err != nil {
		b.release(s, allowance{})
		c.answered(m.class, 0)
		return call, m.noAnswer(call, err)
	}
	defer res.Body.Close()
	c.answered(m.class, res.StatusCode)
	c.recordPeer(call.At, res)
	c.recordBudget(res.Header)
	b.release(s, parseAllowance(res.Header))
	call.Status = res.StatusCode
	call.CorrelationID = correlation(res.Header.Get("X-HubSpot-Correlation-Id"))
	release, err := c.room(ctx, res)
	if err != nil {
		return call, m.noAnswer(call, err)
	}
	defer release()
	body, err := readBody(res.Body, maxBody)
	if res.StatusCode/100 == 2 {
		return call, m.success(call, body, err)
	}
	return call, c.failure(m, call, res.Header, body)
}

func (m *message) httpRequest(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, m.method, m.url.String(), bytes.NewReader(m.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "thnks-hubspot-sync")
	if m.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// unsent is the error of a message that was not sent, for this reason.
func (m *message) unsent(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return &Error{Kind: Transient, Method: m.method, Path: m.path, Err: err}
	}
	own := *e // other calls share the same error
	own.Method, own.Path = m.method, m.path
	return &own
}

// noAnswer is the error of a request whose answer did not come.
func (m *message) noAnswer(call *Call, err error) *Error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // its text would contain the whole address
	}
	e := m.failed(call, Transient)
	e.Err = err
	e.Lost = m.once && !neverSent(err)
	return e
}

// neverSent reports whether the request certainly did not leave this machine.
func neverSent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// success decodes the body of a 2xx answer; err is that of reading it.
func (m *message) success(call *Call, body []byte, err error) *Error {
	kind := Unexpected
	switch {
	case err == nil && m.out != nil:
		if err = decode(body, m.asked, m.out); err == errGarbled {
			kind = Transient
		}
	case err != nil && !errors.Is(err, errTooLarge):
		kind = Transient // the connection broke
	}
	if err == nil {
		return nil
	}
	e := m.failed(call, kind)
	e.Err = err
	e.Lost = m.once
	return e
}

// failure is the error of any other answer.
func (c *Client) failure(m *message, call *Call, h http.Header, body []byte) *Error {
	e := answerError(call, h, body)
	e.RetryAfter = parseRetryAfter(h.Get("Retry-After"), time.Now())
	e.Lost = m.once && (call.Status >= 500 || e.Err == errBlocked)
	if e.Kind == Daily || e.Kind == Migrating {
		c.park(m.class, e)
	}
	return e
}

// failed returns the error of a call.
func (m *message) failed(call *Call, kind Kind) *Error {
	e := unexpected(call)
	e.Kind = kind
	return e
}

// tokenError converts the failure of a token source into an [*Error]: a network
// failure is transient, anything else a refusal.
func tokenError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return &Error{Kind: Transient, Err: err}
	}
	return &Error{Kind: Unauthorised, Err: err}
}

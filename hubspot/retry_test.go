package hubspot

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// drawFailure draws the error of any answer, or of none.
func drawFailure(rt *rapid.T) *Error {
	status := rapid.SampledFrom([]int{
		0, 301, 400, 401, 403, 404, 408, 409, 414, 423, 429, 437, 477,
		500, 502, 503, 504, 521, 522, 523, 524, 525, 599,
	}).Draw(rt, "status")
	policy := ""
	if status == http.StatusTooManyRequests {
		policy = rapid.SampledFrom([]string{policyTenSecondly, policySecondly, policyDaily, "NEW"}).Draw(rt, "policy")
	}
	e := &Error{
		Kind:       kindOf(status, policy),
		Status:     status,
		Policy:     policy,
		Lost:       status >= 500 && rapid.Bool().Draw(rt, "once"),
		RetryAfter: time.Duration(rapid.Int64Range(0, int64(maxRetryAfter)).Draw(rt, "Retry-After")),
	}
	if status == 0 {
		e.Kind, e.Err = Transient, io.EOF
	}
	return e
}

func TestRetryPolicy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := drawFailure(rt)
		want := e.Status == 0 || e.Status >= 500 || e.Status == 423 || e.Status == 429 && e.Policy != policyDaily
		if got := repeatable(e); got != (want && !e.Lost) {
			rt.Errorf("repeatable is %v", got)
		}
	})
}

func TestRetryWaitBounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := drawFailure(rt)
		retry := rapid.IntRange(0, 2000).Draw(rt, "retry")
		jitter := rapid.Float64Range(0, 0.999).Draw(rt, "jitter")
		wait := retryWait(e, retry, jitter)
		if wait < min(e.RetryAfter, maxWait) || wait > maxWait {
			rt.Errorf("waits %v, asked for %v", wait, e.RetryAfter)
		}
		switch {
		case e.RetryAfter > 0:
		case e.Status == 423 && wait < 2*time.Second,
			e.Policy == policySecondly && wait < time.Second,
			e.Kind == Limited && e.Policy != policySecondly && wait < 10*time.Second:
			rt.Errorf("waits only %v", wait)
		case e.Kind == Transient && e.Status != 423 && wait > backoff<<min(retry, 20):
			rt.Errorf("waits %v at retry %d", wait, retry)
		}
		if more := retryWait(e, retry+1, jitter); more < wait {
			rt.Errorf("the next wait is shorter: %v after %v", more, wait)
		}
	})
}

func TestRetryBudget(t *testing.T) {
	b := newRetryBudget()
	timeout := &Error{Err: context.DeadlineExceeded}
	for i := range retryTokens / timeoutRetryCost {
		if !b.pay(timeout) {
			t.Fatalf("empty after %d timeouts", i)
		}
	}
	failed := &Error{Status: http.StatusBadGateway}
	if b.pay(failed) {
		t.Fatal("more than the budget was paid")
	}
	for range 5 {
		b.refund()
	}
	if !b.pay(failed) || b.pay(failed) {
		t.Error("five successes do not pay for one retry")
	}
	for range 2 * retryTokens {
		b.refund()
	}
	if b.tokens != retryTokens {
		t.Errorf("holds %d tokens", b.tokens)
	}
}

func TestDoRetries(t *testing.T) {
	fine := body(http.StatusOK, `{"ok":true}`)
	for _, tt := range []struct {
		name    string
		answers []transportFunc
		once    bool
		sent    int
		kind    Kind // 0: success
		lost    bool
		least   time.Duration // the whole call takes
		most    time.Duration
	}{
		{name: "200", answers: []transportFunc{fine}, sent: 1},
		{name: "201", answers: []transportFunc{body(201, `{"ok":true}`)}, sent: 1},
		{name: "207", answers: []transportFunc{body(207, `{"ok":true}`)}, sent: 1},
		{name: "400", answers: []transportFunc{status(400)}, sent: 1, kind: Refused},
		{name: "403", answers: []transportFunc{status(403)}, sent: 1, kind: Forbidden},
		{name: "404", answers: []transportFunc{status(404)}, sent: 1, kind: NotFound},
		{name: "408", answers: []transportFunc{status(408)}, sent: 1, kind: Refused},
		{name: "409", answers: []transportFunc{status(409)}, sent: 1, kind: Refused},
		{name: "414", answers: []transportFunc{status(414)}, sent: 1, kind: Refused},
		{name: "redirect", answers: []transportFunc{status(302, "Location", "https://other.example/")}, sent: 1, kind: Unexpected},
		{name: "423 then fine", answers: []transportFunc{status(423), fine}, sent: 2, least: 2 * time.Second, most: 3 * time.Second},
		{name: "423 once", answers: []transportFunc{status(423), fine}, once: true, sent: 2, least: 2 * time.Second, most: 3 * time.Second},
		{name: "423 for ever", answers: []transportFunc{status(423)}, sent: 5, kind: Transient, least: 8 * time.Second, most: 16 * time.Second},
		{name: "429 then fine", answers: []transportFunc{status(429), fine}, once: true, sent: 2, least: 10 * time.Second, most: 11 * time.Second},
		{name: "429 with Retry-After", answers: []transportFunc{status(429, "Retry-After", "3"), fine}, sent: 2, least: 3 * time.Second, most: 4 * time.Second},
		{name: "429 by a second", answers: []transportFunc{body(429, `{"policyName":"SECONDLY"}`), fine}, sent: 2, least: time.Second, most: 2 * time.Second},
		{name: "429 for ever", answers: []transportFunc{status(429)}, sent: 5, kind: Limited, least: 40 * time.Second, most: 44 * time.Second},
		{name: "429 with an endless Retry-After", answers: []transportFunc{status(429, "Retry-After", "315360000"), fine}, sent: 2, least: time.Minute, most: time.Minute},
		{name: "500 then fine", answers: []transportFunc{status(500), fine}, sent: 2, most: time.Second},
		{name: "502 then fine", answers: []transportFunc{status(502), status(502), fine}, sent: 3, most: 2 * time.Second},
		{name: "524 for ever", answers: []transportFunc{status(524)}, sent: 5, kind: Transient, most: 8 * time.Second},
		{name: "500 once", answers: []transportFunc{status(500), fine}, once: true, sent: 1, kind: Transient, lost: true},
		{name: "503 once", answers: []transportFunc{status(503), fine}, once: true, sent: 1, kind: Transient, lost: true},
		{name: "504 once", answers: []transportFunc{status(504), fine}, once: true, sent: 1, kind: Transient, lost: true},
		{name: "reset then fine", answers: []transportFunc{fails(syscall.ECONNRESET), fine}, sent: 2, most: time.Second},
		{name: "reset once", answers: []transportFunc{fails(syscall.ECONNRESET), fine}, once: true, sent: 1, kind: Transient, lost: true},
		{name: "refused dial once", answers: []transportFunc{fails(refusedDial), fine}, once: true, sent: 2, most: time.Second},
		{name: "refused dials", answers: []transportFunc{fails(refusedDial)}, once: true, sent: 5, kind: Transient, most: 8 * time.Second},
		{name: "hangs then fine", answers: []transportFunc{hangs, fine}, sent: 2, least: time.Minute, most: 61 * time.Second},
		{name: "hangs once", answers: []transportFunc{hangs, fine}, once: true, sent: 1, kind: Transient, lost: true, least: time.Minute, most: time.Minute},
		{name: "cut then fine", answers: []transportFunc{cut, fine}, sent: 2, most: time.Second},
		{name: "cut once", answers: []transportFunc{cut, fine}, once: true, sent: 1, kind: Transient, lost: true},
		{name: "truncated JSON", answers: []transportFunc{body(200, `{"ok":`)}, sent: 5, kind: Transient, most: 8 * time.Second},
		{name: "truncated JSON then fine", answers: []transportFunc{body(200, `{"ok":`), fine}, sent: 2, most: time.Second},
		{name: "truncated JSON once", answers: []transportFunc{body(201, `{"ok":`)}, once: true, sent: 1, kind: Transient, lost: true},
		{name: "empty then fine", answers: []transportFunc{body(200, ``), fine}, sent: 2, most: time.Second},
		{name: "empty once", answers: []transportFunc{body(200, ``), fine}, once: true, sent: 1, kind: Transient, lost: true},
		{name: "HTML then fine", answers: []transportFunc{body(200, `<html>`), fine}, sent: 2, most: time.Second},
		{name: "JSON of another form", answers: []transportFunc{body(200, `{"ok":[]}`), fine}, sent: 1, kind: Unexpected},
		{name: "a firewall's 403 then fine", answers: []transportFunc{body(403, `<html>`), fine}, sent: 2, most: time.Second},
		{name: "a firewall's 403 for ever", answers: []transportFunc{body(403, `<html>`)}, sent: 5, kind: Transient, most: 8 * time.Second},
		{name: "a firewall's 403 once", answers: []transportFunc{body(403, `<html>`), fine}, once: true, sent: 1, kind: Transient, lost: true},
		{name: "401 with the same token then fine", answers: []transportFunc{status(401), fine}, once: true, sent: 2},
		{name: "401 with the same token", answers: []transportFunc{status(401)}, sent: 2, kind: Unauthorised},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := answers(tt.answers...)
				c := clientOver(t, s)
				var out struct{ OK bool }
				call, err := c.do(t.Context(), request{
					class: Objects, method: http.MethodPost, path: "/crm/objects/{version}/contacts/batch/read",
					in: map[string]int{"n": 1}, out: &out, once: tt.once,
				})
				took := time.Since(s.start)

				e, _ := AsError(err)
				switch {
				case tt.kind == 0 && (err != nil || !out.OK):
					t.Fatalf("error %v, decoded %+v", err, out)
				case tt.kind != 0 && (e == nil || e.Kind != tt.kind || e.Lost != tt.lost):
					t.Fatalf("error %#v, want kind %v, lost %v", err, tt.kind, tt.lost)
				}
				if len(s.at) != tt.sent || c.Calls()[Objects] != tt.sent {
					t.Errorf("%d requests, %d counted, want %d", len(s.at), c.Calls()[Objects], tt.sent)
				}
				if took < tt.least || took > tt.most {
					t.Errorf("took %v, want %v to %v", took, tt.least, tt.most)
				}
				for _, b := range s.bodies {
					if b != `{"n":1}` {
						t.Errorf("sent %q", b)
					}
				}
				if call == nil || call.Path != "/crm/objects/2026-09/contacts/batch/read" || call.Class != Objects || call.Method != http.MethodPost {
					t.Errorf("call is %+v", call)
				}
			})
		})
	}
}

func TestDoRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := true
		c := clientOver(t, transportFunc(func(req *http.Request) (*http.Response, error) {
			if down {
				return respond(req, http.StatusBadGateway, ""), nil
			}
			return respond(req, http.StatusOK, "{}"), nil
		}))
		get := request{class: Objects, method: http.MethodGet, path: "/x"}
		const calls = 200
		for range calls {
			if _, err := c.do(t.Context(), get); err == nil {
				t.Fatal("no error")
			}
		}
		if got, want := c.Calls()[Objects], calls+retryTokens/retryCost; got != want {
			t.Errorf("%d requests for %d calls, want %d", got, calls, want)
		}
		down = false
		for range 10 {
			if _, err := c.do(t.Context(), get); err != nil {
				t.Fatal(err)
			}
		}
		down = true
		before := c.Calls()[Objects]
		_, _ = c.do(t.Context(), get)
		if got := c.Calls()[Objects] - before; got != 3 {
			t.Errorf("%d requests, want one and the two retries that ten successes pay for", got)
		}
	})
}

func TestDoCancelled(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answer  transportFunc
		prepare func(*Client)
		once    bool
		lost    bool
		sent    int
	}{
		{name: "in flight", answer: hangs, sent: 1},
		{name: "in flight once", answer: hangs, once: true, lost: true, sent: 1},
		{name: "between tries", answer: status(423), sent: 1},
		{name: "in the bucket", answer: hangs, once: true, prepare: func(c *Client) { c.objects.pause(time.Hour) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := answers(tt.answer)
				c := clientOver(t, s)
				if tt.prepare != nil {
					tt.prepare(c)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				call, err := c.do(ctx, request{class: Objects, method: http.MethodPost, path: "/x", in: 1, once: tt.once})
				e, ok := AsError(err)
				if !ok || e.Kind != Transient || e.Lost != tt.lost || len(s.at) != tt.sent || (call != nil) != (tt.sent > 0) {
					t.Errorf("error %#v, call %+v, %d requests", e, call, len(s.at))
				}
				if took := time.Since(s.start); took != time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestContextErrorIsVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOver(t, answers(hangs))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := c.do(ctx, request{class: Objects, method: http.MethodGet, path: "/x"}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

package hubspot

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A turn counts who waits, by the hook.
type turn struct {
	mu      sync.Mutex
	begun   []time.Duration // since start
	resumed []time.Duration
	start   time.Time
	err     error // of resume
}

func (w *turn) waiting(context.Context) func(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = append(w.begun, time.Since(w.start))
	return func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.resumed = append(w.resumed, time.Since(w.start))
		return w.err
	}
}

// after answers after a while.
func after(d time.Duration, f transportFunc) transportFunc {
	return func(req *http.Request) (*http.Response, error) {
		time.Sleep(d)
		return f(req)
	}
}

// TestWaitGivesTheTurnBack: who waits for a limit, a repetition or a slow answer gives its turn
// back, and has it again before it goes on.
func TestWaitGivesTheTurnBack(t *testing.T) {
	fine := body(http.StatusOK, "{}")
	lost := errors.New("the turn is over")
	for _, tt := range []struct {
		name    string
		answers []transportFunc
		prepare func(*Client)
		urgent  bool
		limit   time.Duration // of the context
		err     error         // of resume

		waits   int
		begins  time.Duration // the last wait
		ends    time.Duration
		sent    int
		failure bool
	}{
		{name: "nothing to wait for", answers: []transportFunc{fine}, sent: 1},
		{name: "the pace", answers: []transportFunc{fine}, prepare: func(c *Client) { c.objects.pause(time.Minute) }, waits: 1, ends: time.Minute, sent: 1},
		{name: "a repetition", answers: []transportFunc{status(423, "Retry-After", "60"), fine}, waits: 1, ends: time.Minute, sent: 2},
		{name: "an answer of 5 s", answers: []transportFunc{after(5*time.Second-1, fine)}, sent: 1},
		{name: "a slow answer", answers: []transportFunc{after(7*time.Second, fine)}, waits: 1, begins: 5 * time.Second, ends: 7 * time.Second, sent: 1},
		{name: "no answer", answers: []transportFunc{hangs}, limit: 7 * time.Second, waits: 1, begins: 5 * time.Second, ends: 7 * time.Second, sent: 1, failure: true},
		{name: "cancelled in the queue", answers: []transportFunc{fine}, prepare: func(c *Client) { c.objects.pause(time.Minute) }, limit: time.Second, waits: 1, ends: time.Second, failure: true},
		{name: "no turn after the queue", answers: []transportFunc{fine}, prepare: func(c *Client) { c.objects.pause(time.Minute) }, err: lost, waits: 1, ends: time.Minute, failure: true},
		{name: "no turn for a repetition", answers: []transportFunc{status(423, "Retry-After", "60"), fine}, err: lost, waits: 1, ends: time.Minute, sent: 1, failure: true},
		{name: "no turn after a slow answer", answers: []transportFunc{after(7*time.Second, fine)}, err: lost, waits: 1, begins: 5 * time.Second, ends: 7 * time.Second, sent: 1},
		{name: "urgent", answers: []transportFunc{after(7*time.Second, status(423)), fine}, prepare: func(c *Client) { c.objects.pause(time.Minute) }, urgent: true, sent: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &turn{start: time.Now(), err: tt.err}
				s := answers(tt.answers...)
				c := clientOver(t, s, func(cfg *Config) { cfg.Waiting = w.waiting })
				if tt.prepare != nil {
					tt.prepare(c)
				}
				ctx := t.Context()
				if tt.urgent {
					ctx = Urgent(ctx)
				}
				if tt.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.limit)
					defer cancel()
				}
				_, err := c.do(ctx, request{class: Objects, method: http.MethodPost, path: "/x", in: 1, out: new(someJSON)})
				if (err != nil) != tt.failure {
					t.Errorf("error %v", err)
				}
				if len(w.begun) != tt.waits || len(w.resumed) != tt.waits || len(s.at) != tt.sent {
					t.Fatalf("waits began at %v and ended at %v; %d requests", w.begun, w.resumed, len(s.at))
				}
				if n := tt.waits - 1; n >= 0 && (w.begun[n] != tt.begins || w.resumed[n] != tt.ends) {
					t.Errorf("waited from %v to %v", w.begun[n], w.resumed[n])
				}
				if c.objects.inFlight != 0 {
					t.Errorf("%d slots are kept", c.objects.inFlight)
				}
			})
		})
	}
}

package thnksapitest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// A Webhook is an endpoint that Thnks posts events to, and how reliably it
// does. With zero shares and delay every event is posted once, at once and in
// order.
type Webhook struct {
	URL        string
	Scheme     Scheme // required
	CompanyID  string // of every event; "" leaves it out
	Generation Generation

	// Seed decides the fate of each event. The same events in the same order
	// have the same fate.
	Seed uint64
	// Drops is the share of events that are never posted, Duplicates of those
	// that are posted once more under the same id, and Reorder of those that
	// are held back while later ones pass; each 0 to 1. A repeat and an event
	// held back come up to MaxDelay later, or up to a minute if that is more.
	Drops, Duplicates, Reorder float64
	// MaxDelay is how long an event may wait. Later ones wait with it.
	MaxDelay time.Duration
	// Retry is how long to wait after each try that was not answered 2xx
	// within 10 s. After the last one the event has failed. Nil is the
	// schedule of Svix, eight tries in 27 hours; empty is one try.
	Retry []time.Duration
	// Client posts. Redirects are not followed. Default is one with
	// connections of its own.
	Client *http.Client
}

const (
	answerWithin  = 10 * time.Second // docs.snappy.com/overview-and-setup
	leastHold     = time.Minute
	maxAnswerRead = 64 << 10
)

// svixRetry returns the schedule of a widely used sender of webhooks
// (docs.svix.com/retries).
func svixRetry() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour,
	}
}

// Subscribe begins to post an event for each status that a transaction reaches
// from now on, by [Server.Update], [Server.Reach], [Server.Tick] or a gift
// request, but not by [Server.Add]. A transaction that the API does not show
// yet has events as well. One goroutine posts, one event at a time; it ends
// with the context. There can be several subscriptions.
func (s *Server) Subscribe(ctx context.Context, w Webhook) *Sender {
	d := newSender(w)
	s.mu.Lock()
	s.senders = append(s.senders, d)
	s.mu.Unlock()
	go func() {
		defer close(d.done)
		d.run(ctx)
		s.unsubscribe(d)
	}()
	return d
}

// NewSender begins to post what its methods are given, and nothing by itself, as
// another system's webhook does. One goroutine posts; it ends with the context.
func NewSender(ctx context.Context, w Webhook) *Sender {
	d := newSender(w)
	go func() {
		defer close(d.done)
		d.run(ctx)
	}()
	return d
}

// unsubscribe removes a sender that has ended.
func (s *Server) unsubscribe(d *Sender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.senders = slices.DeleteFunc(s.senders, func(x *Sender) bool { return x == d })
}

// announce notifies the subscribers of a transaction that has reached a status.
func (s *Server) announce(t Transaction) {
	for _, d := range s.senders {
		d.notify(t)
	}
}

// run posts what is due until the context ends.
func (d *Sender) run(ctx context.Context) {
	defer d.close()
	for ctx.Err() == nil {
		x, wait := d.next()
		if x != nil {
			status, err := d.post(ctx, x)
			d.tried(x, status, err, ctx.Err() != nil)
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-due:
		}
	}
}

// post makes one try and returns the status of the answer.
func (d *Sender) post(ctx context.Context, x *Delivery) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.hook.URL, bytes.NewReader(x.Body))
	if err != nil {
		return 0, err
	}
	req.Header = d.hook.Scheme.Sign(x.ID, x.Body, time.Now())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "thnks-sandbox")
	maps.Copy(req.Header, x.Header)
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswerRead)) // so that the connection can serve again
	return resp.StatusCode, nil
}

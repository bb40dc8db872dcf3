package hubspottest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A Webhook is where the webhooks of the portal's app go, and how reliably. With zero
// shares each event is sent once, in order.
type Webhook struct {
	URL    string // the target URL of the app's settings; signatures are over it
	AppID  int64  // the app's id
	Secret string // the app's client secret
	Legacy bool   // names and fields of the older form
	// Signature is the version of the signature: 3, or an older one of HubSpot's, 2
	// or 1. 3 when zero.
	Signature int

	// Seed decides the fate of each event. The same events in the same order have the
	// same fate.
	Seed uint64
	// Duplicates is the share of events that are sent once more in a later request,
	// Reorder of those that are held back while later ones pass; each 0 to 1.
	Duplicates, Reorder float64
	Batch               int             // events in a request at most; 100 when zero
	Gather              time.Duration   // how long events are gathered before a request; 0 for not at all
	Retry               []time.Duration // after each try that was not answered 2xx within 5 s; nil for ten, each a second
	Client              *http.Client    // default is one with connections of its own
}

// Subscribe begins to send the events of what users do from now on, by the portal's
// methods, and of what apps do through the API to contacts, companies and deals. Their
// associations are not told. One goroutine sends; it ends with the context. There can
// be several subscriptions.
func (p *Portal) Subscribe(ctx context.Context, w Webhook) *WebhookSender {
	setDefault(&w.Batch, 100)
	if w.Retry == nil {
		for range 10 {
			w.Retry = append(w.Retry, time.Second)
		}
	}
	s := &WebhookSender{hook: w, rng: rand.New(rand.NewPCG(w.Seed, 6)), wake: make(chan struct{}, 1), idle: make(chan struct{}), client: w.Client}
	close(s.idle)
	if s.client == nil {
		s.client = &http.Client{Transport: &http.Transport{}}
	}
	p.mu.Lock()
	p.senders = append(p.senders, s)
	p.mu.Unlock()
	go s.run(ctx)
	return s
}

// A WebhookSender sends the events of a [Webhook]. Its methods are safe for
// concurrent use.
type WebhookSender struct {
	hook   Webhook
	client *http.Client
	wake   chan struct{} // something was queued

	mu     sync.Mutex
	rng    *rand.Rand
	queue  []event
	idle   chan struct{} // closed while nothing is queued or under way
	sent   int
	failed int
}

// add queues an event, in the form and in the place that the webhook asks for.
func (s *WebhookSender) add(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.AppID = s.hook.AppID
	if e.ours {
		e.SourceID = strconv.FormatInt(e.AppID, 10)
	}
	if name := legacyNames[e.ObjectTypeID]; s.hook.Legacy && name != "" {
		e.SubscriptionType, e.ObjectTypeID = name+e.SubscriptionType[len("object"):], ""
	}
	double, late := s.rng.Float64() < s.hook.Duplicates, s.rng.Float64() < s.hook.Reorder
	select {
	case <-s.idle:
		s.idle = make(chan struct{})
	default:
	}
	s.queue = append(s.queue, e)
	if n := len(s.queue); late && n > 1 {
		at := s.rng.IntN(n)
		s.queue[at], s.queue[n-1] = s.queue[n-1], s.queue[at]
	}
	if double {
		s.queue = append(s.queue, e)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run sends what is queued until the context ends.
func (s *WebhookSender) run(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		if s.hook.Gather > 0 {
			select {
			case <-time.After(s.hook.Gather):
			case <-ctx.Done():
			}
		}
		for batch := s.take(); len(batch) > 0 && ctx.Err() == nil; batch = s.take() {
			s.deliver(ctx, batch)
		}
	}
}

// take removes the next request's events from the queue.
func (s *WebhookSender) take() []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.queue), s.hook.Batch)
	batch := append([]event{}, s.queue[:n]...)
	s.queue = s.queue[n:]
	if n == 0 {
		select {
		case <-s.idle:
		default:
			close(s.idle)
		}
	}
	return batch
}

// deliver sends a batch until it is answered 2xx, or given up.
func (s *WebhookSender) deliver(ctx context.Context, batch []event) {
	for try := 0; ; try++ {
		for i := range batch {
			batch[i].AttemptNumber = try
		}
		if s.post(ctx, batch) {
			s.mu.Lock()
			s.sent += len(batch)
			s.mu.Unlock()
			return
		}
		if try == len(s.hook.Retry) {
			s.mu.Lock()
			s.failed += len(batch)
			s.mu.Unlock()
			return
		}
		select {
		case <-time.After(s.hook.Retry[try]):
		case <-ctx.Done():
			return
		}
	}
}

// post makes one try, and reports whether it was answered 2xx.
func (s *WebhookSender) post(ctx context.Context, batch []event) bool {
	body, err := json.Marshal(batch)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.hook.URL, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	sign(r, s.hook.Signature, s.hook.URL, s.hook.Secret, body)
	res, err := s.client.Do(r)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxBody)) // so that the connection serves again
	return res.StatusCode/100 == 2
}

// Settle waits until nothing is queued, or the context ends.
func (s *WebhookSender) Settle(ctx context.Context) error {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Sent returns how many events were answered 2xx, repeats included, and how many were
// given up.
func (s *WebhookSender) Sent() (sent, failed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.failed
}

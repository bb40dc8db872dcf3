package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

// The secrets of the tests' endpoints, 32 bytes each.
const (
	standardSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	hmacSecret     = "an hmac secret of the test suite"
	tokenSecret    = "a token that the test suite uses"
)

// opened is a status event as the catalogue shows it.
const opened = `{"webhookData":{"id":"wh_1","eventType":"gift-status-changed","target":"string","triggeredAt":"2025-01-15T14:44:00.138Z"},` +
	`"eventData":{"companyId":"c-1","giftId":"g-1","status":"opened","metadata":{"internalReferenceId":"REF123456","customCategory":"employee-recognition"}}}`

// An inbox keeps events in memory, each key once.
type inbox struct {
	mu     sync.Mutex
	events []store.Event
	keys   map[string]bool
	calls  int // to Receive
	err    error
}

func (b *inbox) Receive(ctx context.Context, events ...store.Event) (repeats int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case b.err != nil:
		return 0, b.err
	case b.keys == nil:
		b.keys = make(map[string]bool)
	}
	for _, e := range events {
		if b.keys[e.Key] {
			repeats++
			continue
		}
		b.keys[e.Key] = true
		b.events = append(b.events, e)
	}
	return repeats, nil
}

// take returns the events since the last call, and forgets them.
func (b *inbox) take() []store.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events, b.keys = nil, nil
	return events
}

// A scheme is one kind of proof, and a function that makes a valid one.
type scheme struct {
	name string
	make func() (webhook.Scheme, error)
	sign func(h http.Header, body []byte, at time.Time)
}

var schemes = []scheme{
	{"standard", func() (webhook.Scheme, error) { return webhook.Standard(standardSecret) }, signStandard("Webhook-", standardSecret)},
	{"hmac", func() (webhook.Scheme, error) {
		return webhook.HMAC(webhook.Signature{Header: "X-Signature", Encoding: "hex", Prefix: "sha256=", TimestampHeader: "X-Timestamp"}, hmacSecret)
	}, signHMAC(hmacSecret)},
	{"token", func() (webhook.Scheme, error) { return webhook.Token("Authorization", tokenSecret) }, func(h http.Header, _ []byte, _ time.Time) {
		h.Set("Authorization", "Bearer "+tokenSecret)
	}},
}

func signStandard(family, secret string) func(http.Header, []byte, time.Time) {
	return func(h http.Header, body []byte, at time.Time) {
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			panic(err)
		}
		signature, _ := hook.Sign("msg_1", at, body)
		h.Set(family+"Id", "msg_1")
		h.Set(family+"Timestamp", fmt.Sprint(at.Unix()))
		h.Set(family+"Signature", signature)
	}
}

func signHMAC(secret string) func(http.Header, []byte, time.Time) {
	return func(h http.Header, body []byte, at time.Time) {
		stamp := fmt.Sprint(at.Unix())
		h.Set("X-Timestamp", stamp)
		h.Set("X-Signature", "sha256="+mac(secret, stamp+"."+string(body)))
	}
}

func mac(secret, content string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(content))
	return hex.EncodeToString(m.Sum(nil))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A site is a handler with one portal for each scheme, named like the scheme,
// and its log.
type site struct {
	*webhook.Hooks
	inboxes map[string]*inbox
	log     *syncBuffer
}

func newSite(t testing.TB, trusted ...string) *site {
	t.Helper()
	s := &site{inboxes: make(map[string]*inbox), log: new(syncBuffer)}
	o := webhook.Options{Log: logger(s.log)}
	for _, p := range trusted {
		o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p))
	}
	for _, scheme := range schemes {
		s.inboxes[scheme.name] = new(inbox)
		o.Sources = append(o.Sources, webhook.Source{
			Portal: scheme.name, Dialect: webhook.GiftEvents, Scheme: must(scheme.make()),
			MetadataKeys: []string{"thnksTransactionId"}, Inbox: s.inboxes[scheme.name],
			Zone: func() *time.Location { return time.UTC },
		})
	}
	var err error
	if s.Hooks, err = webhook.New(o); err != nil {
		t.Fatal(err)
	}
	return s
}

func logger(b *syncBuffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// body returns what an answer's body says.
func body(res *http.Response) string { return string(must(io.ReadAll(res.Body))) }

// A syncBuffer is a buffer that several goroutines may write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// reset empties the log, for tests that log more than they read.
func (s *syncBuffer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Reset()
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// request returns a valid request to the portal of that scheme.
func request(s scheme, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/"+s.name+"/gift-events", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	s.sign(r.Header, []byte(body), time.Now())
	return r
}

func (s *site) answer(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

// wellFormed checks what holds for every answer.
func wellFormed(t testing.TB, res *http.Response) {
	t.Helper()
	var body map[string]any
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Errorf("%s: body is not a JSON object: %v", res.Status, err)
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 || res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered %s", res.Status)
	}
	if again := res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable; again != (res.Header.Get("Retry-After") != "") {
		t.Errorf("%s with Retry-After %q", res.Status, res.Header.Get("Retry-After"))
	}
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = http.NoBody, int64(len(body))
	if body != "" {
		r.Body = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body
	}
}

func cut(r *http.Request, name string) {
	value := r.Header.Get(name)
	r.Header.Set(name, value[:len(value)-1])
}

// broken is a body whose connection is reset.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
func (broken) Close() error             { return nil }

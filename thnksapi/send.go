package thnksapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// sendPath is the one call that Thnks publishes.
const sendPath = "/api/v1/gift_requests"

const (
	sendTimeout = 60 * time.Second // of one request, answer included
	maxReceipt  = 1 << 20          // bytes of an answer
)

// SenderConfig is what a [Sender] needs. BaseURL and Key must be set.
type SenderConfig struct {
	BaseURL   string            // https, or http to a loopback address
	Key       string            // API key; gifts are sent in the name of its owner
	Transport http.RoundTripper // nil: one that opens a connection for each request
	Logger    *slog.Logger      // nil: no logs

	RequestsPerSecond int   // as in [Config]
	Pace              *Pace // as in [Config]
}

// A Sender sends gifts with one API key, in the name of the key's owner. It is
// safe for concurrent use.
//
// It makes one attempt. It neither repeats a request nor follows a redirect, and
// nothing below it does: no connection is used twice, and the body cannot be
// rewound.
type Sender struct {
	base string
	key  string
	http *http.Client
	log  *slog.Logger
	pace *Pace
}

// NewSender checks the configuration and returns a sender. It sends nothing.
func NewSender(cfg SenderConfig) (*Sender, error) {
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("thnks: base_url: %w", err)
	}
	if err := checkKey(cfg.Key); err != nil {
		return nil, err
	}
	s := &Sender{
		base: base,
		key:  cfg.Key,
		http: &http.Client{
			Transport:     cfg.Transport,
			Timeout:       sendTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log:  cfg.Logger,
		pace: cfg.Pace,
	}
	if s.http.Transport == nil {
		s.http.Transport = sendTransport()
	}
	if s.pace == nil {
		s.pace = NewPace()
	}
	s.pace.limit(cmp.Or(cfg.RequestsPerSecond, defaultPace))
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// sendTransport returns a transport that never repeats a request by itself: that
// is what net/http does when a connection that it reuses turns out to be closed.
// HTTP/2 has more such cases, so it is left out.
func sendTransport() http.RoundTripper {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: sendTimeout,
		DisableKeepAlives:     true,
		Protocols:             protocols,
	}
}

// A GiftRequest asks for one gift to one recipient. The API takes several
// recipients in one request; with one, an unknown outcome concerns one person.
type GiftRequest struct {
	GiftID    int64     // of the gift's page: app.thnks.com/#/send-thnks/thnks/5659
	Recipient Recipient // Email must be set
	Message   string    // must not be empty
}

// A Recipient is who gets a gift. Thnks sends it by e-mail.
type Recipient struct {
	Email, FirstName, LastName string
}

// A SendOutcome says what is known about a gift after its request.
type SendOutcome int

// The outcomes.
const (
	// SendUnknown: the gift may have been sent or not. A caller that repeats the
	// request may send it twice.
	SendUnknown SendOutcome = iota
	SendDone                // Thnks has accepted the gift
	SendNot                 // Thnks has certainly not got the request, or has refused it
)

func (o SendOutcome) String() string {
	switch o {
	case SendUnknown:
		return "unknown"
	case SendDone:
		return "sent"
	case SendNot:
		return "not sent"
	}
	return fmt.Sprintf("SendOutcome(%d)", int(o))
}

// A Receipt is what came of a gift request. Its zero value is an unknown
// outcome.
type Receipt struct {
	Outcome       SendOutcome
	Status        int    // HTTP status, 0 where there was no answer
	RequestID     string // Thnks's number of the gift request, "" if the answer has none
	TransactionID string // of the gift, "" if the answer has none
	Problem       string // what went wrong and what to do about it, "" if the gift was sent; quotes no body
}

// Send sends one gift and says what came of it
// (docs.thnks.com/thnks_integrations/overview). There is no error beside the
// outcome, so that none can be taken for "not sent".
//
// Only a request that never got a connection was certainly not received, and only
// a 4xx with the API's own JSON says that it was refused. Everything else is
// unknown: 408, 429, 5xx, redirects, answers that come late, are cut off or are no
// JSON.
//
// The request waits for its place among the calls with the key.
//
// A gift that is on its way cannot be called back, so a ctx that ends during the
// request ends the wait with an unknown outcome.
func (s *Sender) Send(ctx context.Context, r GiftRequest) Receipt {
	body, err := encodeGiftRequest(r)
	if err != nil {
		return Receipt{Outcome: SendNot, Problem: err.Error()}
	}
	if s.pace.take(ctx) != nil || ctx.Err() != nil {
		return Receipt{Outcome: SendNot, Problem: "the program was asked to stop before the request was made: send again"}
	}
	way := new(wire)
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, way.trace()), http.MethodPost, s.base+sendPath, io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		return Receipt{Outcome: SendNot, Problem: "base_url makes no URL: check it"}
	}
	req.ContentLength = int64(len(body))
	req.GetBody = nil // so that nothing can be replayed
	req.Header.Set("Authorization", s.key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "thnks-hubspot-sync")

	began := time.Now()
	receipt := s.exchange(req, r.Recipient.Email, way)
	s.log.DebugContext(ctx, "gift request", keyPath, sendPath, "status", receipt.Status, "outcome", receipt.Outcome.String(), "took", time.Since(began))
	return receipt
}

// exchange makes the request and reads its answer.
func (s *Sender) exchange(req *http.Request, recipient string, way *wire) Receipt {
	resp, err := s.http.Do(req)
	switch {
	case err != nil && way.unused():
		return Receipt{Outcome: SendNot, Problem: "Thnks was not reached: " + transportProblem(err) + ": send again when it can be"}
	case err != nil:
		return Receipt{Problem: "no answer: " + transportProblem(err) + ": " + unknownRemedy}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReceipt+1))
	switch {
	case err != nil:
		return Receipt{Status: resp.StatusCode, Problem: "the answer broke off: " + transportProblem(err) + ": " + unknownRemedy}
	case len(body) > maxReceipt:
		return Receipt{Status: resp.StatusCode, Problem: "the answer does not end: " + unknownRemedy}
	}
	return readReceipt(resp.StatusCode, body, recipient)
}

// unknownRemedy ends the description of an unknown outcome.
const unknownRemedy = "the gift may have been sent; look whether its transaction appears before you send it again"

// A wire records how far a request has come.
type wire struct{ asked, connected atomic.Bool }

func (w *wire) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { w.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { w.connected.Store(true) },
	}
}

// unused reports whether the request certainly never got a connection. That is
// stricter than asking whether its header was written, which another goroutine
// may still do after the call has ended. A transport that does not say is not
// believed.
func (w *wire) unused() bool { return w.asked.Load() && !w.connected.Load() }

// The request as Thnks publishes it: gift_id is a bare number, message and
// gift_redeem_type are each recipient's.
type giftRequestBody struct {
	GiftID     int64                  `json:"gift_id"`
	Recipients []giftRequestRecipient `json:"recipients"`
}

type giftRequestRecipient struct {
	Email      string `json:"email"`
	FirstName  string `json:"first_name,omitempty"`
	LastName   string `json:"last_name,omitempty"`
	Message    string `json:"message"`
	RedeemType string `json:"gift_redeem_type"`
}

func encodeGiftRequest(r GiftRequest) ([]byte, error) {
	switch {
	case r.GiftID <= 0:
		return nil, errors.New("the gift has no id: give the number at the end of its page's address in Thnks")
	case r.Recipient.Email == "":
		return nil, errors.New("the recipient has no e-mail address")
	case strings.TrimSpace(r.Message) == "":
		return nil, errors.New("the message is empty, and Thnks requires one")
	}
	return json.Marshal(giftRequestBody{
		GiftID: r.GiftID,
		Recipients: []giftRequestRecipient{{
			Email:      r.Recipient.Email,
			FirstName:  r.Recipient.FirstName,
			LastName:   r.Recipient.LastName,
			Message:    r.Message,
			RedeemType: "email", // always, says Thnks
		}},
	})
}

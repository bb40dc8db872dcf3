package hubspot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// The defaults of an empty [Config].
const (
	defaultBaseURL = "https://api.hubapi.com"
	defaultVersion = "2026-09"
)

// A Config says how to reach one portal. Only Token is required.
type Config struct {
	// BaseURL is the address of the API, https://api.hubapi.com when empty.
	// Plain http is allowed for loopback hosts only, because every request
	// carries the token.
	BaseURL string

	// Version is the date version in the paths, 2026-09 when empty.
	Version string

	// Token returns the access token of each request. After a 401 the client
	// asks once more, in case the token was replaced meanwhile; a [Renewer] is
	// told of it first, and then writes that could double are not repeated.
	Token oauth2.TokenSource

	// RequestsPer10s caps the calls in any 10 seconds, not counting associations
	// and searches. 0 means 95 % of what HubSpot's headers allow.
	RequestsPer10s int

	// Pace is shared by the clients of one account. Nil means that no other
	// client calls it. Of several RequestsPer10s the lowest counts for all.
	Pace *Pace

	// TimeZone returns the portal's time zone, in which the daily limit ends
	// at midnight. Nil, or a nil result, means UTC.
	TimeZone func() *time.Location

	// Transport makes the requests. Nil means one with bounded times and at
	// most 8 connections.
	Transport http.RoundTripper

	// Waiting is called when a call begins to wait, for its rate limit or before
	// a repetition, and when its answer has taken 5 seconds. It gives back what the
	// caller need not hold meanwhile. The function that it returns takes that again,
	// for which it may wait, and is called exactly once before the call goes on,
	// even when the call's context has ended; an error of it ends the call, unless
	// an answer has come. Both may be called from several goroutines at a time, as a
	// call makes several requests. They are not called for [Urgent] calls. Nil is
	// none.
	Waiting func(context.Context) (resume func(context.Context) error)

	// Answered is called once for every HTTP request that was sent, retries
	// included, with the status of its answer, 0 where none came. It may be called
	// from several goroutines at a time, and must not block. Nil is none.
	Answered func(class Class, status int)

	// Memory bounds the memory of answers, together with those of other clients
	// that share it: [AnswerMemory] in all. Nil is no bound.
	Memory Memory

	// Logger receives retries (debug) and limits that stop all calls (warn).
	// Nil discards them.
	Logger *slog.Logger
}

// A Renewer is a token source that can have another access token made, as [Tokens]
// does.
type Renewer interface {
	// Refused says that HubSpot has answered 401 to this access token.
	Refused(access string)
}

// A Client calls the API of one portal. It is safe for concurrent use; all
// calls share its rate buckets and its retry budget.
type Client struct {
	base     *url.URL
	version  string
	token    oauth2.TokenSource
	timeZone func() *time.Location
	waiting  func(context.Context) func(context.Context) error
	answered func(Class, int)
	memory   Memory
	http     *http.Client
	log      *slog.Logger

	objects, associations, search *bucket
	retries                       *retryBudget

	mu          sync.Mutex
	calls       map[Class]int
	parkedUntil time.Time
	dailyReset  time.Time // when the last daily limit was due to end
	peer        Peer
	budget      Budget
}

// New returns a client for the portal. Nothing is sent yet.
func New(cfg Config) (*Client, error) {
	base, err := parseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	version := cfg.Version
	if version == "" {
		version = defaultVersion
	}
	if strings.Trim(version, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return nil, fmt.Errorf("hubspot: version %q: want a date version such as %s", version, defaultVersion)
	}
	if cfg.Token == nil {
		return nil, errors.New("hubspot: no access token: set one for the portal")
	}
	if cfg.RequestsPer10s < 0 {
		return nil, fmt.Errorf("hubspot: requests_per_10s is %d: want 1 or more, or 0 to follow HubSpot's headers", cfg.RequestsPer10s)
	}
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport()
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	answered := cfg.Answered
	if answered == nil {
		answered = func(Class, int) {}
	}
	pace := cfg.Pace
	if pace == nil {
		pace = NewPace()
	}
	pace.limit(cfg.RequestsPer10s)
	return &Client{
		base:     base,
		version:  version,
		token:    cfg.Token,
		timeZone: cfg.TimeZone,
		waiting:  cfg.Waiting,
		answered: answered,
		memory:   cfg.Memory,
		http: &http.Client{
			Transport: transport,
			// The API does not redirect. Following a redirect could send the
			// token or a record to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log:          log,
		objects:      pace.objects,
		associations: pace.associations,
		search:       pace.search,
		retries:      newRetryBudget(),
		calls:        make(map[Class]int),
	}, nil
}

// parseBaseURL checks the address that every request, and the token with it,
// will be sent to.
func parseBaseURL(s string) (*url.URL, error) {
	if s == "" {
		s = defaultBaseURL
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		// The address is not quoted, because it may contain a password.
		return nil, fmt.Errorf("hubspot: the base URL is not a plain address such as %s", defaultBaseURL)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		u.Path = strings.TrimSuffix(u.Path, "/")
		return u, nil
	}
	return nil, fmt.Errorf("hubspot: base URL %s would send the token in clear: use https, or http to a loopback host", u)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// newTransport returns a transport with bounded waits. It uses HTTP/1.1: several
// plain connections are enough for 11 requests a second, while one shared HTTP/2
// connection that dies silently would block every call.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxConnsPerHost:        8,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Calls returns how many HTTP requests of each class were sent since New,
// retries included.
func (c *Client) Calls() map[Class]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.calls)
}

func (c *Client) count(class Class) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[class]++
}

// Close closes idle connections. Calls in flight are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// bucket returns the bucket that paces the class, nil for classes that are not
// paced.
func (c *Client) bucket(class Class) *bucket {
	switch class {
	case Associations:
		return c.associations
	case Search:
		return c.search
	case OAuth:
		return nil
	}
	return c.objects
}

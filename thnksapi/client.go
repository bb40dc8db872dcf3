package thnksapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// Config is what a [Client] needs. BaseURL, Key and Dialect must be set.
type Config struct {
	BaseURL   string // https, or http to a loopback address
	Key       string // API key; the client sees what the key's owner sees
	Dialect   Dialect
	Zone      Zone              // of times that name none
	Transport http.RoundTripper // nil: one with this package's time limits
	Logger    *slog.Logger      // nil: no logs

	// RequestsPerSecond is how many requests may begin in any second, retries
	// included; 0 is 10. Further ones wait.
	RequestsPerSecond int
	// Pace is the one of the key, which all clients that have the key share; nil
	// is one that no other client has.
	Pace *Pace
	// Memory bounds what the answers of several clients hold while they are
	// read; nil is no bound but 64 MiB for each.
	Memory Memory
	// Waiting is called before the client waits: for its pace, for memory,
	// before it repeats a call, and when an answer takes longer than 5 s. The
	// client calls the function that it returns once, when the wait has ended
	// or ctx has; its error ends the call and is returned unchanged. Nil is
	// none. It may be called from any goroutine.
	Waiting func(ctx context.Context) (resume func(context.Context) error)
}

// A Client reads transactions with one API key. It is safe for concurrent use.
type Client struct {
	base    string
	key     string
	dialect Dialect
	fields  *compiled

	listPath, listQuery     string // the dialect's path, cut at its question mark
	detailPath, detailQuery string
	http                    *http.Client
	log                     *slog.Logger
	warnings                warnings
	pace                    *Pace
	memory                  rooms
	waiting                 func(context.Context) func(context.Context) error
	walks                   walks
	calls                   atomic.Int64
	peer                    atomic.Pointer[Peer]
}

// New checks the configuration and returns a client. It sends nothing. Its
// error names every wrong setting.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("thnks: base_url: %w", err)
	}
	if err := checkKey(cfg.Key); err != nil {
		return nil, err
	}
	if cfg.RequestsPerSecond < 0 {
		return nil, errors.New("thnks: requests_per_second: must not be negative")
	}
	fields, err := compile(cfg.Dialect, cfg.Zone)
	if err != nil {
		return nil, fmt.Errorf("thnks: %w", err)
	}
	c := &Client{
		base:    base,
		key:     cfg.Key,
		dialect: cfg.Dialect,
		fields:  fields,
		http: &http.Client{
			Transport:     cfg.Transport,
			Timeout:       callTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log:     cfg.Logger,
		pace:    cfg.Pace,
		memory:  rooms{memory: cfg.Memory},
		waiting: cfg.Waiting,
	}
	c.listPath, c.listQuery, _ = strings.Cut(cfg.Dialect.ListPath, "?")
	c.detailPath, c.detailQuery, _ = strings.Cut(cfg.Dialect.DetailPath, "?")
	if c.http.Transport == nil {
		c.http.Transport = defaultTransport()
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.warnings.log = c.log
	if c.waiting == nil {
		c.waiting = notWaiting
	}
	if c.pace == nil {
		c.pace = NewPace()
	}
	c.pace.limit(cmp.Or(cfg.RequestsPerSecond, defaultPace))
	return c, nil
}

// checkKey refuses what cannot be an API key.
func checkKey(key string) error {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("thnks: the API key is empty or has characters that no key has: check api_key_file")
	}
	return nil
}

// parseBase checks the base URL and returns it without a trailing slash.
func parseBase(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "", errors.New("want an absolute URL such as https://api.thnks.com")
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("must have no user, query or fragment")
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	default:
		return "", errors.New("must be https: the API key would travel in the clear (plain http is for loopback addresses only)")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// defaultTransport returns a transport that bounds every phase of a call.
func defaultTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxConnsPerHost:       8,
		IdleConnTimeout:       90 * time.Second,
	}
}

// Calls returns how many requests the client has made, retries included.
func (c *Client) Calls() int { return int(c.calls.Load()) }

// Close closes idle connections. Calls in flight are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Filter returns what [Query].Since means under the client's dialect.
func (c *Client) Filter() SinceKind { return c.dialect.Since.Kind }

// Transaction returns one transaction by id. The error is [ErrNoDetail] if
// the dialect has no such call, and an [Error] of kind [NotFound] if the
// source has no such transaction.
func (c *Client) Transaction(ctx context.Context, id string) (*Row, error) {
	if c.detailPath == "" {
		return nil, ErrNoDetail
	}
	a, err := c.get(ctx, call{path: c.detailPath, fixed: c.detailQuery, id: id, detail: true})
	if err != nil {
		return nil, err
	}
	unexpected := func(problem string) error {
		return &Error{Kind: Unexpected, Status: a.status, Path: c.detailPath, Problem: problem}
	}
	if a.single == nil {
		return nil, unexpected("the answer has nothing at dialect.detail: check that pointer")
	}
	rows := c.Decode(a.single)
	for i := range rows {
		rows[i].Date = a.date
		if t := rows[i].Transaction; t != nil && sameID(t.ID, id) {
			return &rows[i], nil
		}
	}
	if len(rows) == 1 && rows[0].Err != nil {
		return &rows[0], nil
	}
	return nil, unexpected("the answer is another transaction: check dialect.detail_path and dialect.fields.id")
}

// sameID reports whether two ids differ only in blanks around them and in
// invisible characters.
func sameID(a, b string) bool { return visible(a) == visible(b) }

func visible(id string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, id))
}

// parts returns what a call needs of its answer.
func (c *Client) parts(call call) parts {
	if call.detail {
		return parts{single: c.fields.detail, detail: true}
	}
	return parts{items: c.fields.items, next: c.fields.next}
}

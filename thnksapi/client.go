package thnksapi

import (
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

	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// Config is what a [Client] needs. BaseURL, Key and Dialect must be set.
type Config struct {
	BaseURL   string // https, or http to a loopback address
	Key       string // API key; the client sees what the key's owner sees
	Dialect   Dialect
	Zone      Zone              // of times that name none
	Transport http.RoundTripper // nil: one with this package's time limits
	Logger    *slog.Logger      // nil: no logs
}

// A Client reads transactions with one API key. It is safe for concurrent use.
type Client struct {
	base    string
	key     string
	dialect Dialect
	reader  *reader
	items   pointer
	next    pointer
	detail  pointer

	listPath, listQuery     string // the dialect's path, cut at its question mark
	detailPath, detailQuery string
	http                    *http.Client
	retries                 retrypolicy.RetryPolicy[*answer]
	log                     *slog.Logger
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
	if cfg.Key == "" || strings.ContainsFunc(cfg.Key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("thnks: the API key is empty or has characters that no key has: check api_key_file")
	}
	dialect, err := compile(cfg.Dialect, cfg.Zone)
	if err != nil {
		return nil, fmt.Errorf("thnks: %w", err)
	}
	c := &Client{
		base:    base,
		key:     cfg.Key,
		dialect: cfg.Dialect,
		reader:  dialect.reader,
		items:   dialect.items,
		next:    dialect.next,
		detail:  dialect.detail,
		http: &http.Client{
			Transport:     cfg.Transport,
			Timeout:       callTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log: cfg.Logger,
	}
	c.listPath, c.listQuery, _ = strings.Cut(cfg.Dialect.ListPath, "?")
	c.detailPath, c.detailQuery, _ = strings.Cut(cfg.Dialect.DetailPath, "?")
	if c.http.Transport == nil {
		c.http.Transport = defaultTransport()
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.retries = c.retryPolicy()
	return c, nil
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
	raw, err := a.doc.cut(c.detail)
	if err != nil {
		return nil, unexpected("the answer has nothing at dialect.detail: check that pointer")
	}
	rows := c.Decode(raw)
	for i, row := range rows {
		if row.Transaction != nil && row.Transaction.ID == id {
			return &rows[i], nil
		}
	}
	if len(rows) == 1 && rows[0].Err != nil {
		return &rows[0], nil
	}
	return nil, unexpected("the answer is another transaction: check dialect.detail_path and dialect.fields.id")
}

package hubspottest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A Hub is several accounts behind one address, as HubSpot's are: a request
// belongs to the account whose token or code it carries, and an install link to
// the account that it names or that the administrator has chosen.
type Hub struct {
	// Choose picks the account of an install link; the first when nil.
	Choose func() *Portal
	// AnyAccount lets the administrator choose another account than the one that
	// the link names, as who is a user of several can.
	AnyAccount bool
	accounts   []*Portal
}

// NewHub puts accounts behind one address. All know the same app.
func NewHub(accounts ...*Portal) *Hub { return &Hub{accounts: accounts} }

// Swap mixes two accounts up: the tokens of each are now the other's.
func (h *Hub) Swap(a, b *Portal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	a.grants, b.grants = b.grants, a.grants
}

// ServeHTTP passes the request to its account.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account := h.account(r)
	if h.AnyAccount && authorizePath.MatchString(r.URL.Path) {
		r.URL.Path = "/oauth/authorize"
	}
	account.ServeHTTP(w, r)
}

// account finds the account of a request; the first one where none is named.
func (h *Hub) account(r *http.Request) *Portal {
	if authorizePath.MatchString(r.URL.Path) {
		if h.Choose != nil {
			return h.Choose()
		}
		return h.accounts[0]
	}
	named := []string{strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}
	if strings.HasPrefix(r.URL.Path, "/oauth/") {
		body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody+1)) // a body that is cut short names no account
		r.Body = io.NopCloser(bytes.NewReader(body))
		if form, err := url.ParseQuery(string(body)); err == nil {
			named = append(named, form.Get("code"), form.Get("refresh_token"), form.Get("token"))
		}
	}
	for _, p := range h.accounts {
		for _, s := range named {
			if s != "" && p.knows(s) {
				return p
			}
		}
	}
	return h.accounts[0]
}

// knows reports whether a token or a code is the account's.
func (p *Portal) knows(s string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s == p.opt.Token || p.grants.codes[s] != nil || p.grants.access[s] != nil || p.grants.refresh[s] != nil
}

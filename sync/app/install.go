package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/portal"
)

// The paths that [Installer] serves.
const (
	InstallPath  = "/oauth/install"
	CallbackPath = "/oauth/callback"
)

const (
	// linkLife is how long an admin may take from the link to HubSpot's answer.
	linkLife = 10 * time.Minute
	// maxOpen bounds the links and installs that are under way.
	maxOpen = 64
)

// A Portal is one that can be connected.
type Portal struct {
	Name      string
	AccountID string // the only account whose grant is taken
	PKCE      bool
	Rules     portal.LinkRules // what the scopes are for
	App       *hubspot.App
	Answered  func(class hubspot.Class, status int) // as in [hubspot.TokensConfig]; may be nil
	// Hold returns where the grant is kept.
	Hold func() (Holding, error)
	// Connected is called when a grant has been stored; it must not block. It may be
	// nil.
	Connected func()
}

// A Link is where an admin begins to connect a portal.
type Link struct {
	URL     string // to be opened in a browser, once
	Ticket  string // the secret part of it; see [Installer.Wait]
	Expires time.Time
}

// A Connection is what came of a link.
type Connection struct {
	Portal  string   `json:"portal"`
	Account string   `json:"account"`
	Scopes  []string `json:"scopes"`
	Lost    []string `json:"lost"` // what the granted scopes do not allow, a sentence each
}

// ErrNoTicket says that a ticket is unknown, used or too old.
var ErrNoTicket = errors.New("no one granted access within 10 minutes, or the link was used before: run connect again; if HubSpot's own page showed an error about code_challenge, set pkce: false for the app first")

// An Installer connects portals. It serves [InstallPath] and [CallbackPath], and
// keeps what is under way in memory only: a restart ends it.
type Installer struct {
	public  string // the address of the public side
	portals map[string]Portal
	log     *slog.Logger

	mu       sync.Mutex
	tickets  map[key]*attempt // by the ticket of a link that was not opened yet
	states   map[key]*attempt // by the state at HubSpot
	attempts map[key]*attempt // by the ticket, for those who wait
}

// A key is the digest of a ticket or a state: what is kept opens nothing.
type key [sha256.Size]byte

func keyOf(secret string) key { return sha256.Sum256([]byte(secret)) }

// An attempt is one link on its way.
type attempt struct {
	portal   Portal
	until    time.Time
	verifier hubspot.Secret // of PKCE; zero without
	plain    bool           // begun once more without PKCE

	end        sync.Once     // of the next three
	done       chan struct{} // closed when it has ended
	connection Connection
	err        error
}

// NewInstaller returns an installer of these portals. public is the address of
// the public side, without a slash at the end.
func NewInstaller(public string, portals []Portal, log *slog.Logger) *Installer {
	i := &Installer{
		public: public, portals: make(map[string]Portal), log: log,
		tickets: make(map[key]*attempt), states: make(map[key]*attempt), attempts: make(map[key]*attempt),
	}
	for _, p := range portals {
		i.portals[p.Name] = p
	}
	return i
}

// secret returns 256 random bits as text.
func secret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// Begin makes a link by which a portal is connected.
func (i *Installer) Begin(name string) (Link, error) {
	p, ok := i.portals[name]
	if !ok {
		return Link{}, fmt.Errorf("portal %s has no app in the configuration: OAuth needs hubspot.app and an entry in hubspot_apps", name)
	}
	a := &attempt{portal: p, until: time.Now().Add(linkLife), done: make(chan struct{})}
	if p.PKCE {
		a.verifier = hubspot.NewVerifier()
	}
	ticket := secret()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forget(time.Now())
	if len(i.attempts) >= maxOpen {
		return Link{}, fmt.Errorf("%d links are open already: wait ten minutes, then run connect again", maxOpen)
	}
	i.tickets[keyOf(ticket)], i.attempts[keyOf(ticket)] = a, a
	return Link{URL: i.public + InstallPath + "?" + url.Values{"ticket": {ticket}}.Encode(), Ticket: ticket, Expires: a.until}, nil
}

// Wait waits until the link of a ticket has led to a connection or to a refusal,
// or is too old.
func (i *Installer) Wait(ctx context.Context, ticket string) (Connection, error) {
	i.mu.Lock()
	a := i.attempts[keyOf(ticket)]
	i.mu.Unlock()
	if a == nil {
		return Connection{}, ErrNoTicket
	}
	select {
	case <-a.done:
	case <-time.After(time.Until(a.until)):
		a.finish(Connection{}, ErrNoTicket)
	case <-ctx.Done():
		return Connection{}, context.Cause(ctx)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.attempts, keyOf(ticket))
	return a.connection, a.err
}

// open takes a ticket, and returns the address of HubSpot's page; ok is false if
// the ticket is none.
func (i *Installer) open(ticket string) (page string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forget(time.Now())
	a := i.tickets[keyOf(ticket)]
	if a == nil {
		return "", false
	}
	delete(i.tickets, keyOf(ticket))
	return i.leave(a), true
}

// leave makes a state for an attempt and returns the address of HubSpot's page.
// It is called with mu held.
func (i *Installer) leave(a *attempt) string {
	state := secret()
	i.states[keyOf(state)] = a
	required, optional := portal.RequestedScopes(a.portal.Rules)
	return a.portal.App.AuthorizeURL(a.portal.AccountID, state, required, optional, a.verifier)
}

// again begins an attempt once more, without PKCE, in case HubSpot does not take
// that. ok is false if it was begun again before, or without.
func (i *Installer) again(a *attempt) (page string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if a.verifier.IsZero() || a.plain || time.Now().After(a.until) {
		return "", false
	}
	a.verifier, a.plain = hubspot.Secret{}, true
	i.log.Warn("HubSpot refused PKCE; the install goes on without", logPortal, a.portal.Name)
	return i.leave(a), true
}

// back takes the state that HubSpot sent, nil if it is none.
func (i *Installer) back(state string) *attempt {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forget(time.Now())
	a := i.states[keyOf(state)]
	delete(i.states, keyOf(state))
	return a
}

// finish ends an attempt; only the first end counts.
func (a *attempt) finish(c Connection, err error) {
	a.end.Do(func() {
		a.connection, a.err = c, err
		close(a.done)
	})
}

// forget removes what is too old. It is called with mu held.
func (i *Installer) forget(now time.Time) {
	for _, m := range []map[key]*attempt{i.tickets, i.states, i.attempts} {
		for k, a := range m {
			if now.After(a.until) {
				delete(m, k)
			}
		}
	}
}

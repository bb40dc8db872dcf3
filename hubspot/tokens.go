package hubspot

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/oauth2"
)

const (
	// renewAt is the share of an access token's life, in percent, that is left when
	// it is renewed: 6 of 30 minutes, so that an outage of some minutes at the token
	// endpoint harms nothing.
	renewAt = 20
	// refusedPause is the least time between two renewals for the sake of a refused
	// token: HubSpot would refuse the next one, too.
	refusedPause = time.Minute

	minRenewWait = 5 * time.Second // after a failed renewal; doubled with each
	maxRenewWait = time.Minute
)

// The codes of grants that are over without a refusal of HubSpot's.
const (
	CodeNotConnected = "NOT_CONNECTED" // no admin has granted access yet
	CodeInactive     = "INACTIVE"      // HubSpot says so when asked
)

// A Vault keeps the grant of one portal. Its tokens must not be stored in clear.
type Vault interface {
	// Grant returns the grant, nil where there is none.
	Grant() (*Grant, error)
	// Save replaces the grant. It has to be on disk when Save returns.
	Save(*Grant) error
}

// TokensConfig is what a portal's [Tokens] work with. All of it is required but
// Answered and Logger.
type TokensConfig struct {
	App       *App
	Vault     Vault
	AccountID string                        // the only account whose tokens are used
	Answered  func(class Class, status int) // as in [Config], of requests to the token endpoint
	Logger    *slog.Logger
}

// Tokens give out a portal's access token, and renew it before it ends. There
// must be one for each portal: HubSpot may end a grant whose refresh token is
// used twice. It is an [oauth2.TokenSource], and safe for concurrent use.
//
// A new refresh token is in the vault before the access token that came with it
// is given out. Where it could not be stored, nothing is given out until it is. A
// process that dies between the answer and the vault loses it; the older one is
// then tried, which HubSpot may still accept.
type Tokens struct {
	cfg TokensConfig
	log *slog.Logger

	turn chan struct{} // of size 1: full while a goroutine works with what follows

	kept     *Grant    // the last one renewed here; its times have a monotonic clock
	unsaved  *Grant    // one that the vault did not take yet
	foreign  Secret    // the refresh token of a grant that HubSpot says is another account's
	refused  Secret    // the access token that HubSpot answered 401 to
	forced   time.Time // when a token was last renewed, with success, because of that
	failed   error     // how the last renewal failed; nil after a success
	failures int       // in a row
	again    time.Time
	calls    int
}

// NewTokens returns the portal's tokens. Nothing is sent yet.
func NewTokens(cfg TokensConfig) *Tokens {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Tokens{cfg: cfg, log: log, turn: make(chan struct{}, 1)}
}

// lock waits for the turn. A mutex would do, but for tests with a clock of their
// own.
func (t *Tokens) lock() (unlock func()) {
	t.turn <- struct{}{}
	return func() { <-t.turn }
}

// Token returns an access token with more than a fifth of its life before it,
// or, while it cannot be renewed, one that has not ended. The error is an [*Error].
func (t *Tokens) Token() (*oauth2.Token, error) {
	defer t.lock()()
	g, err := t.usable()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	refused := g.Access.Equal(t.refused)
	switch {
	case refused && now.Sub(t.forced) < refusedPause, !refused && fresh(g, now):
		return bearer(g), nil
	case now.Before(t.again):
		err = t.failed
	default:
		var renewed *Grant
		if renewed, err = t.renew(g); err == nil {
			if refused {
				t.forced = now
			}
			return bearer(renewed), nil
		}
	}
	if outlives(err) && !refused && now.Before(g.Expires) {
		return bearer(g), nil
	}
	return nil, err
}

// outlives reports whether an access token is good although its renewal failed
// with err.
func outlives(err error) bool {
	e, ok := AsError(err)
	return ok && (e.Kind == Transient || e.Kind == Misconfigured || e.Kind == Unexpected)
}

func bearer(g *Grant) *oauth2.Token {
	return &oauth2.Token{TokenType: "Bearer", AccessToken: g.Access.Reveal(), Expiry: g.Expires}
}

// fresh reports whether an access token has enough of its life before it.
func fresh(g *Grant, now time.Time) bool {
	return g.Expires.Sub(now)*100 > g.Expires.Sub(g.Issued)*renewAt
}

// usable returns the grant, if there is one that is not over.
func (t *Tokens) usable() (*Grant, error) {
	g, err := t.grant()
	switch {
	case err != nil:
		return nil, err
	case g == nil:
		return nil, &Error{Kind: Revoked, Category: CodeNotConnected}
	case !g.Ended.IsZero():
		return nil, &Error{Kind: Revoked, Category: g.EndedCode}
	case !t.foreign.IsZero() && g.Refresh.Equal(t.foreign):
		return nil, &Error{Kind: OtherAccount}
	}
	return g, nil
}

// grant returns the grant of the vault, after what it did not take yet.
func (t *Tokens) grant() (*Grant, error) {
	if err := t.flush(); err != nil {
		return nil, err
	}
	g, err := t.cfg.Vault.Grant()
	if err != nil {
		return nil, vaultError(err)
	}
	if g != nil && t.kept != nil && g.Access.Equal(t.kept.Access) && g.Ended.IsZero() {
		return t.kept, nil
	}
	if g != nil && g.AccountID != t.cfg.AccountID {
		return nil, &Error{Kind: OtherAccount}
	}
	return g, nil
}

// vaultError is the error of a grant that cannot be read or stored.
func vaultError(err error) error { return &Error{Kind: Unkept, Err: err} }

// flush stores what the vault did not take yet.
func (t *Tokens) flush() error {
	if t.unsaved == nil {
		return nil
	}
	return t.save(t.unsaved)
}

func (t *Tokens) save(g *Grant) error {
	t.unsaved = g
	if err := t.cfg.Vault.Save(g); err != nil {
		return vaultError(err)
	}
	t.unsaved, t.kept = nil, g
	return nil
}

// renew has new tokens made, and stores them.
func (t *Tokens) renew(old *Grant) (*Grant, error) {
	ctx := Answered(context.Background(), t.cfg.Answered) // its own time limit is short, and what comes has to be stored
	t.calls++
	g, err := t.cfg.App.Renew(ctx, old.Refresh)
	if e, ok := AsError(err); ok && e.Kind == Revoked && !old.Previous.IsZero() {
		t.calls++
		if g, err = t.cfg.App.Renew(ctx, old.Previous); err != nil {
			err = e
		}
	}
	if err == nil {
		err = t.owned(ctx, old, g)
	}
	if err != nil {
		return nil, t.failedToRenew(old, err)
	}
	g.AccountID = t.cfg.AccountID
	if g.Scopes == nil {
		g.Scopes = old.Scopes
	}
	if !g.Refresh.Equal(old.Refresh) {
		g.Previous = old.Refresh
	}
	if err := t.save(g); err != nil {
		return nil, err
	}
	if t.failed != nil {
		t.log.Info("HubSpot token renewed again")
	}
	t.failed, t.failures, t.again = nil, 0, time.Time{}
	t.log.Debug("HubSpot token renewed", keyUntil, g.Expires.UTC())
	return g, nil
}

// owned makes sure that renewed tokens are for the portal's account. Where the answer
// does not say so HubSpot is asked; while it cannot be, they are used, as each run asks
// again.
func (t *Tokens) owned(ctx context.Context, old, renewed *Grant) error {
	id := renewed.AccountID
	if id == "" {
		t.calls++
		if said, err := t.cfg.App.IntrospectAccess(ctx, renewed.Access); err == nil && said.Active {
			id = said.AccountID
		}
	}
	return t.ours(old, id)
}

// ours notes which account a grant is for, as far as HubSpot says so, and fails where
// that is not the portal's: such a grant is not used again.
func (t *Tokens) ours(g *Grant, account string) error {
	if account == "" || account == t.cfg.AccountID {
		return nil
	}
	t.foreign = g.Refresh
	t.log.Error("HubSpot says that the grant is for another account: it is not used any more", keyAccount, account)
	return &Error{Kind: OtherAccount}
}

// failedToRenew remembers a failure, and stores it if it is the end of the grant.
func (t *Tokens) failedToRenew(old *Grant, err error) error {
	e, ok := AsError(err)
	if !ok {
		e = &Error{Kind: Transient, Err: err}
	}
	if e.Kind == Revoked {
		return cmp.Or(t.end(old, e.Category), err)
	}
	if t.failed == nil {
		t.log.Warn("HubSpot token not renewed", keyUntil, old.Expires.UTC(), keyReason, e.Kind.String(), keyStatus, e.Status, keyCorrelation, e.CorrelationID)
	}
	wait := min(max(minRenewWait<<min(t.failures, 10), e.RetryAfter), maxRenewWait)
	t.failures++
	t.failed, t.again = err, time.Now().Add(wait/2+rand.N(wait/2))
	return err
}

// end stores that a grant is over.
func (t *Tokens) end(g *Grant, code string) error {
	over := *g
	over.Ended, over.EndedCode = time.Now(), code
	t.log.Warn("HubSpot grant is over", keyReason, code)
	return t.save(&over)
}

// Refused says that HubSpot has answered 401 to this access token: the next call
// has it renewed, unless that was done since.
func (t *Tokens) Refused(access string) {
	defer t.lock()()
	t.refused = SecretOf(access)
}

// Probe asks HubSpot whether the grant still stands, and for which account: nothing
// else tells of an app that was uninstalled in an account that makes no calls. It
// returns an [*Error] of kind [Revoked] if it does not stand, and of kind
// [OtherAccount] if it is not for the portal's account.
func (t *Tokens) Probe(ctx context.Context) error {
	defer t.lock()()
	g, err := t.usable()
	if err != nil {
		return err
	}
	t.calls++
	said, err := t.cfg.App.Introspect(Answered(ctx, t.cfg.Answered), g.Refresh)
	switch {
	case err != nil:
		return err
	case !said.Active:
		return cmp.Or(t.end(g, CodeInactive), error(&Error{Kind: Revoked, Category: CodeInactive}))
	}
	return t.ours(g, said.AccountID)
}

// Account asks HubSpot which account the access token is for.
func (t *Tokens) Account(ctx context.Context) (string, error) {
	defer t.lock()()
	g, err := t.usable()
	if err != nil {
		return "", err
	}
	t.calls++
	said, err := t.cfg.App.IntrospectAccess(Answered(ctx, t.cfg.Answered), g.Access)
	switch {
	case err != nil:
		return "", err
	case said.AccountID == "":
		return "", &Error{Kind: Unexpected}
	}
	return said.AccountID, t.ours(g, said.AccountID)
}

// Scopes lists what the grant allows.
func (t *Tokens) Scopes(context.Context) ([]string, error) {
	defer t.lock()()
	g, err := t.usable()
	if err != nil {
		return nil, err
	}
	return g.Scopes, nil
}

// Calls returns how many requests were made to the token endpoint.
func (t *Tokens) Calls() int {
	defer t.lock()()
	return t.calls
}

// Alone calls f while nothing else works with the grant, for who stores another
// one or ends it. Tokens that the vault did not take yet are stored before, as later
// they would overwrite what f stores; where they cannot be, f is not called.
func (t *Tokens) Alone(f func() error) error {
	defer t.lock()()
	if err := t.flush(); err != nil {
		return err
	}
	return f()
}

// Grant returns the portal's grant, nil where there is none.
func (t *Tokens) Grant() (*Grant, error) {
	defer t.lock()()
	return t.grant()
}

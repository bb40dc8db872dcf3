package hubspottest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// codeLife is how long a code can be redeemed. HubSpot says only that it is
// short; this is the maximum that RFC 6749 (4.1.2) recommends.
const codeLife = 10 * time.Minute

// defaultTokenLife is how long HubSpot's access tokens live.
const defaultTokenLife = 30 * time.Minute

// A Rotation says what happens to a refresh token that is used. HubSpot's answer
// to a refresh has a refresh token again, which was seen unchanged; nothing says
// that it stays so.
type Rotation int

// The possibilities.
const (
	SameToken      Rotation = iota // it stays
	NewToken                       // a new one replaces it
	NewTokenFamily                 // besides, who uses the old one again loses all tokens that came of it
)

// An App is the OAuth app that the portal knows. The portal accepts its access
// tokens as well as the static token.
type App struct {
	ClientID, ClientSecret string
	RedirectURI            string        // what a code must be redeemed with
	TokenLife              time.Duration // of access tokens; 30 minutes when zero

	// Required scopes must be in the scope of every install link, as the app's own
	// settings say; "oauth" when nil. Optional ones may be in scope or
	// optional_scope; the rest of [DefaultScopes] when nil. Any other refuses the
	// link.
	Required, Optional []string

	Rotation    Rotation
	Grace       time.Duration // how long a refresh token is good after it was replaced
	TokenLength int           // pads tokens to so many characters
	NoExpiresIn bool          // answers do not say when the access token ends
	NoHubID     bool          // answers do not say which account the tokens are for
	NoPKCE      bool          // a code verifier is refused (BAD_CODE_VERIFIER)
	NoChallenge bool          // the page refuses a link with a code challenge

	// UninstallEndsAccess says that access tokens end with the install; HubSpot
	// does not say whether they do.
	UninstallEndsAccess bool
}

// An install is what one consent gave the app.
type install struct{ scopes map[string]bool }

// A consent is a code that was not redeemed yet.
type consent struct {
	install   *install
	challenge string // S256; "" for none
	until     time.Time
}

type accessToken struct {
	install *install
	family  string // the first refresh token of its line
	until   time.Time
}

type refreshToken struct {
	install  *install
	family   string
	replaced time.Time // when it ends since it was replaced; zero for one in force
}

func (r *refreshToken) valid(now time.Time) bool {
	return r.replaced.IsZero() || now.Before(r.replaced)
}

// grants are the app's codes and tokens.
type grants struct {
	codes   map[string]*consent
	access  map[string]*accessToken
	refresh map[string]*refreshToken
	used    map[string]bool // scopes that calls with the app's tokens needed
}

func newGrants() grants {
	return grants{
		codes: make(map[string]*consent), access: make(map[string]*accessToken), refresh: make(map[string]*refreshToken),
		used: make(map[string]bool),
	}
}

// end ends the line of a refresh token.
func (g *grants) end(token string) {
	if r := g.refresh[token]; r != nil {
		maps.DeleteFunc(g.refresh, func(_ string, other *refreshToken) bool { return other.family == r.family })
	}
}

// uninstall ends every refresh token.
func (g *grants) uninstall(access bool) {
	clear(g.codes)
	clear(g.refresh)
	if access {
		clear(g.access)
	}
}

// rotate uses a refresh token, and returns the one to use from now on.
func (c *call) rotate(token string) (next string, ok bool) {
	g, app := &c.p.grants, c.p.opt.App
	r := g.refresh[token]
	switch {
	case r == nil:
		return "", false
	case !r.valid(c.now):
		if app.Rotation == NewTokenFamily {
			g.end(token)
			maps.DeleteFunc(g.access, func(_ string, other *accessToken) bool { return other.family == r.family })
		}
		return "", false
	case app.Rotation == SameToken:
		return token, true
	}
	if r.replaced.IsZero() {
		r.replaced = c.now.Add(app.Grace)
	}
	next = c.p.secret("na1-")
	g.refresh[next] = &refreshToken{install: r.install, family: r.family}
	return next, true
}

// Install installs the app with the portal's scopes, as an administrator would
// who follows a link without a code challenge, and returns the code that
// HubSpot's page passes to the redirect URI. It can be redeemed once, within ten
// minutes.
func (p *Portal) Install() (code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.consented(slices.Collect(maps.Keys(p.scopes)), "")
}

// consented gives a code for the scopes. It is called with mu held.
func (p *Portal) consented(scopes []string, challenge string) (code string) {
	given := &install{scopes: make(map[string]bool)}
	for _, s := range scopes {
		given.scopes[s] = true
	}
	code = p.secret("")
	p.grants.codes[code] = &consent{install: given, challenge: challenge, until: time.Now().Add(codeLife)}
	return code
}

// secret generates a code or a token.
func (p *Portal) secret(prefix string) string {
	s := fmt.Sprintf("%s%08x-%016x-%016x", prefix, p.rng.Uint32(), p.rng.Uint64(), p.rng.Uint64())
	return s + strings.Repeat("x", max(p.opt.App.TokenLength-len(s), 0))
}

// Uninstall uninstalls the app, as an administrator does in the account's
// settings.
func (p *Portal) Uninstall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.grants.uninstall(p.opt.App.UninstallEndsAccess)
}

// ExpireAccess ends every access token of the app now.
func (p *Portal) ExpireAccess() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, given := range p.grants.access {
		given.until = time.Now()
	}
}

// RegisterApp replaces the app that the portal knows.
func (p *Portal) RegisterApp(a App) {
	setDefault(&a.TokenLife, defaultTokenLife)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opt.App = a
}

// SetSecret replaces the app's client secret.
func (p *Portal) SetSecret(secret string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opt.App.ClientSecret = secret
}

// Installed reports whether the app has a refresh token in force.
func (p *Portal) Installed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.grants.refresh) > 0
}

// UsedScopes lists the scopes that successful calls with the app's tokens needed.
func (p *Portal) UsedScopes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sortedKeys(p.grants.used)
}

// Tokens lists every token that was issued and is known still, for tests that look
// for them where they must not be.
func (p *Portal) Tokens() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(sortedKeys(p.grants.access), sortedKeys(p.grants.refresh)...)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	giftapp "thnks-hubspot-sync/sync/app"
	giftportal "thnks-hubspot-sync/sync/portal"
)

// grants are by what the portals of this process have access to HubSpot: static
// tokens, and for OAuth one refresher for each state file and one app for each
// server, so that all its portals hear when HubSpot does not accept it.
type grants struct {
	cfg      *configs.Config
	answered func(portal string) func(hubspot.Class, int) // what counts a portal's requests
	log      *slog.Logger

	mu   sync.Mutex
	apps map[appAt]*hubspot.App
	of   map[string]heldGrant // by portal

	verifiers map[string]*verifier // by app
}

// An appAt is an app at one of HubSpot's servers.
type appAt struct{ name, base, version string }

// A heldGrant is that over one state file.
type heldGrant struct {
	state   giftapp.State
	holding giftapp.Holding
}

// hold returns what works with the grant of a portal, whose state file is open.
func (g *grants) hold(p configs.Portal, j giftapp.State) (giftapp.Holding, error) {
	a, err := g.client(p)
	if err != nil {
		return giftapp.Holding{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if h, ok := g.of[p.Name]; ok && h.state == j {
		return h.holding, nil
	}
	v := &giftapp.Vault{Portal: p.Name, State: j, Keys: g.keyring}
	h := giftapp.Holding{App: a, Vault: v, Tokens: hubspot.NewTokens(hubspot.TokensConfig{
		App: a, Vault: v, AccountID: strconv.FormatInt(p.HubSpot.AccountID, 10),
		Answered: g.answered(p.Name), Logger: g.log.With(logPortal, p.Name),
	})}
	if g.of == nil {
		g.of = make(map[string]heldGrant)
	}
	g.of[p.Name] = heldGrant{j, h}
	return h, nil
}

// client returns the client of a portal's app.
func (g *grants) client(p configs.Portal) (*hubspot.App, error) {
	settings, ok := g.cfg.App(p.HubSpot.App)
	if !ok { // the configuration was checked
		return nil, usagef("hubspot_apps: there is no app %q", p.HubSpot.App)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at := appAt{p.HubSpot.App, p.HubSpot.BaseURL, p.HubSpot.APIVersion}
	if a := g.apps[at]; a != nil {
		return a, nil
	}
	a, err := hubspot.NewApp(hubspot.AppConfig{
		BaseURL:  at.base,
		Version:  at.version,
		ClientID: settings.ClientID,
		ClientSecret: func() (hubspot.Secret, error) {
			a, err := g.app(at.name)
			return hubspot.SecretOf(a.secret.Reveal()), err
		},
		AuthorizeURL: settings.AuthorizeURL,
		RedirectURL:  g.cfg.RedirectURL(),
	})
	if err != nil {
		return nil, usage{err}
	}
	if g.apps == nil {
		g.apps = make(map[appAt]*hubspot.App)
	}
	g.apps[at] = a
	return a, nil
}

// keyring reads the master keys, anew each time, so that replaced ones are seen.
func (g *grants) keyring() (*store.Keyring, error) {
	keys, err := g.cfg.ReadMasterKeys()
	if err != nil {
		return nil, fmt.Errorf("master_key_file: %w", err)
	}
	if next := keys.Next.Reveal(); next != "" {
		return store.NewKeyring([]byte(next), []byte(keys.Current.Reveal()))
	}
	return store.NewKeyring([]byte(keys.Current.Reveal()))
}

// A credential is by what a portal's calls to HubSpot are allowed.
type credential struct {
	source oauth2.TokenSource
	key    string     // names it among others, without saying what it is
	calls  func() int // made to the token endpoint so far
}

// credential returns that of a portal: a grant through an app, or a static token.
func (g *grants) credential(p configs.Portal, j giftsync.Journal) (credential, error) {
	if p.HubSpot.App == "" {
		file, err := g.tokenFile(p, j)
		if err != nil {
			return credential{}, err
		}
		return credential{file, "token " + file.now.Reveal(), func() int { return 0 }}, nil
	}
	h, err := g.hold(p, j)
	if err != nil {
		return credential{}, err
	}
	before := h.Tokens.Calls()
	return credential{
		h.Tokens, fmt.Sprintf("app %s account %d", p.HubSpot.App, p.HubSpot.AccountID),
		func() int { return h.Tokens.Calls() - before },
	}, nil
}

// with adds the calls to the token endpoint to those of a client.
func (c credential) with(calls func() map[hubspot.Class]int) func() map[hubspot.Class]int {
	return func() map[hubspot.Class]int {
		all := calls()
		if n := c.calls(); n > 0 {
			all[hubspot.OAuth] += n
		}
		return all
	}
}

// tokenFile reads a portal's static token.
func (g *grants) tokenFile(p configs.Portal, j giftsync.Journal) (*tokenFile, error) {
	f := &tokenFile{
		read: func() (configs.Secret, error) { return g.cfg.ReadSecret(p.HubSpot.TokenFile) },
		allowed: func(ctx context.Context, token string) error {
			want := accountOf(p, j)
			if want == "" { // in the first run
				return nil // the run asks, and binds the portal to the answer
			}
			return g.checkAccount(ctx, p, token, want)
		},
	}
	var err error
	if f.now, err = f.read(); err != nil {
		return nil, usagef("hubspot.token_file: %w", err)
	}
	return f, nil
}

// checkAccount makes sure that a token is of the portal's account.
func (g *grants) checkAccount(ctx context.Context, p configs.Portal, token, want string) error {
	client, err := hubspot.New(hubspot.Config{
		BaseURL: p.HubSpot.BaseURL, Version: p.HubSpot.APIVersion, Logger: g.log.With(logPortal, p.Name),
		Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}),
	})
	if err != nil {
		return err
	}
	defer client.Close()
	account, err := client.Account(ctx)
	if err != nil {
		return err
	}
	if account.ID != want {
		return &giftportal.Fatal{
			What:   "the new HubSpot token in token_file belongs to account " + account.ID + ", but this portal is bound to account " + want,
			Remedy: "put a token of account " + want + " into token_file; nothing was written",
		}
	}
	return nil
}

// Bounds of the question whose a new token is. The portal's other calls wait for the
// answer, and a daemon that ends waits for them ([stopWithin]).
const (
	accountTimeout = 5 * time.Second
	refusedFor     = 10 * time.Second // before a token is asked about again
)

// A tokenFile gives out the static token of a file. A replaced one is used at the
// next call, once HubSpot has said that it is of the portal's account; where it has not,
// calls fail for a while ([refusedFor]), or until the file is replaced again. While the
// file cannot be read, as in the moment of its replacement, the one before is used.
type tokenFile struct {
	read    func() (configs.Secret, error)
	allowed func(ctx context.Context, token string) error

	mu      sync.Mutex
	now     configs.Secret
	refused configs.Secret // the new token that was not confirmed
	why     error          // why it was not confirmed, which calls get until then; nil if none is refused
	until   time.Time
}

// Token implements [oauth2.TokenSource].
func (f *tokenFile) Token() (*oauth2.Token, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	read, err := f.read()
	if err == nil && read.Reveal() != f.now.Reveal() {
		if f.why != nil && read.Reveal() == f.refused.Reveal() && time.Now().Before(f.until) {
			return nil, f.why
		}
		ctx, cancel := context.WithTimeout(context.Background(), accountTimeout)
		defer cancel()
		if f.why = f.allowed(ctx, read.Reveal()); f.why != nil {
			f.refused, f.until = read, time.Now().Add(refusedFor)
			return nil, f.why
		}
		f.now = read
	}
	return &oauth2.Token{AccessToken: f.now.Reveal()}, nil
}

// installer returns what connects the portals that have an app, nil where none has.
// state opens a portal's state file; connected is called when one is connected.
func (g *grants) installer(state func(string) (*store.Store, error), connected func(string)) (*giftapp.Installer, error) {
	var all []giftapp.Portal
	for _, p := range g.cfg.Portals {
		if p.HubSpot.App == "" {
			continue
		}
		a, err := g.client(p)
		if err != nil {
			return nil, err
		}
		settings, _ := g.cfg.App(p.HubSpot.App) // client has found it
		all = append(all, giftapp.Portal{
			Name:      p.Name,
			AccountID: strconv.FormatInt(p.HubSpot.AccountID, 10),
			App:       a,
			Answered:  g.answered(p.Name),
			PKCE:      settings.PKCE,
			Rules:     linkRules(p.Associations),
			Hold: func() (giftapp.Holding, error) {
				j, err := state(p.Name)
				if err != nil {
					return giftapp.Holding{}, err
				}
				return g.hold(p, j)
			},
			Connected: func() { connected(p.Name) },
		})
	}
	if all == nil {
		return nil, nil
	}
	return giftapp.NewInstaller(g.cfg.Public(""), all, g.log), nil
}

// watch returns what watches a portal's grant in a daemon, nil for a static token.
func (g *grants) watch(p configs.Portal) func(context.Context, func() (*store.Store, error), func(error)) {
	if p.HubSpot.App == "" {
		return nil
	}
	return func(ctx context.Context, state func() (*store.Store, error), ended func(error)) {
		giftapp.KeepProbing(ctx, func() (giftapp.Holding, error) {
			j, err := state()
			if err != nil {
				return giftapp.Holding{}, err
			}
			return g.hold(p, j)
		}, ended)
	}
}

// errNoApp says that a portal has a static token.
var errNoApp = errors.New("the portal has a static token (hubspot.token_file), which needs no connecting; for OAuth name hubspot.app instead")

// sharing returns another portal that lives by the same app and account, "" for
// none: ending one grant ends the other's.
func (g *grants) sharing(p configs.Portal) string {
	i := slices.IndexFunc(g.cfg.Portals, func(o configs.Portal) bool {
		return o.Name != p.Name && o.HubSpot.App == p.HubSpot.App && o.HubSpot.AccountID == p.HubSpot.AccountID && configs.Server(o.HubSpot.BaseURL) == configs.Server(p.HubSpot.BaseURL)
	})
	if i < 0 {
		return ""
	}
	return g.cfg.Portals[i].Name
}

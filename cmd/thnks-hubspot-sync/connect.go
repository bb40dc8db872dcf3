package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	giftapp "thnks-hubspot-sync/sync/app"
	"thnks-hubspot-sync/sync/webhook"
)

func connectCommand(a *app) *cobra.Command {
	var portal string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "connect --portal NAME",
		Short: "Give a portal access to its HubSpot account by OAuth 2.0",
		Long: `Prints a link for an admin of the portal's HubSpot account and waits until access
was granted or refused there. The link works once, for ten minutes. Then the
backfill starts by itself.

The browser comes back to public_url, which must lead to listen: to the daemon
where it runs, or else to this command for as long as it waits. A portal with a
static token (hubspot.token_file) needs no connecting.`,
		Example: `  thnks-hubspot-sync connect --portal acme`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, p, err := oauthPortal(a, portal, "connect", !asJSON)
			if err != nil {
				return err
			}
			defer s.close()
			return connect(cmd.Context(), a, s, p, asJSON)
		},
	}
	cmd.Flags().StringVar(&portal, "portal", "", "the portal `NAME`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document; the link goes to standard error")
	return cmd
}

// oauthPortal is the session of a command about one portal that has an app.
func oauthPortal(a *app, portal, command string, watch bool) (*session, configs.Portal, error) {
	s, err := a.session(portal, watch)
	if err != nil {
		return nil, configs.Portal{}, err
	}
	if err := s.one(command, "a HubSpot account"); err != nil {
		s.close()
		return nil, configs.Portal{}, err
	}
	p := s.portals[0]
	if p.HubSpot.App == "" {
		s.close()
		return nil, configs.Portal{}, usagef("portal %s: %w", p.Name, errNoApp)
	}
	return s, p, nil
}

// connect connects a portal through the daemon, or by itself where none runs.
func connect(ctx context.Context, a *app, s *session, p configs.Portal, asJSON bool) error {
	say := a.stdout
	if asJSON {
		say = a.stderr
	}
	d, err := s.daemon()
	var c giftapp.Connection
	switch {
	case err == nil:
		c, err = connectBy(ctx, d, p, say)
	case errors.Is(err, admin.ErrNotRunning):
		c, err = connectHere(ctx, s, p, say)
	}
	if err != nil {
		return fmt.Errorf("portal %s: %w", p.Name, err)
	}
	if !asJSON {
		printConnection(say, c)
	}
	if d != nil {
		if asJSON {
			return writeJSON(a.stdout, c)
		}
		fmt.Fprintf(say, "The daemon begins with the backfill: thnks-hubspot-sync check --portal %s shows how it stands.\n", p.Name)
		return nil
	}
	results := s.runAll(ctx, s.portals, func(configs.Portal) giftsync.Request { return giftsync.Request{Mode: giftsync.Incremental} })
	s.close()
	if asJSON {
		return errors.Join(writeJSON(a.stdout, c), results[0].err)
	}
	return a.reportRuns(results, false, false)
}

// connectBy shows the link to connect a portal, and waits for what comes of it.
func connectBy(ctx context.Context, by admin.Access, p configs.Portal, w io.Writer) (giftapp.Connection, error) {
	link, err := by.Connect(ctx, p.Name)
	if err != nil {
		return giftapp.Connection{}, err
	}
	fmt.Fprintf(w, `Open this link in a browser, as an admin of HubSpot account %s. It works once, until %s:

  %s

Waiting for the answer; Ctrl-C ends the waiting.
`, strconv.FormatInt(p.HubSpot.AccountID, 10), link.Expires.Local().Format(time.TimeOnly), link.URL)
	return by.AwaitConnection(ctx, p.Name, link.Ticket)
}

// connectHere connects a portal without a daemon: it serves the browser itself.
func connectHere(ctx context.Context, s *session, p configs.Portal, w io.Writer) (_ giftapp.Connection, err error) {
	if err := store.MakeDir(s.cfg.StateDir); err != nil {
		return giftapp.Connection{}, usage{err}
	}
	if _, err := s.grants.keyring(); err != nil {
		return giftapp.Connection{}, usage{err}
	}
	j, err := s.openState(p.Name, true)
	if err != nil {
		return giftapp.Connection{}, err
	}
	defer j.Close()
	listener, err := listenAt("listen", s.cfg.Listen)
	if err != nil {
		return giftapp.Connection{}, err
	}
	defer listener.Close()
	by, err := newAccess(s, func(string) (*store.Store, error) { return j, nil }, func(string) {})
	if err != nil {
		return giftapp.Connection{}, err
	}
	ctx, stop := context.WithCancel(ctx)
	var served sync.WaitGroup
	defer served.Wait() // the page about the end is on its way to the browser
	defer stop()
	served.Go(func() {
		if e := webhook.Serve(ctx, listener, by.installer, s.cfg.TrustedProxies, s.log); e != nil {
			s.log.Error("the browser cannot be answered", logError, e)
		}
	})
	return connectBy(ctx, by, p, w)
}

func printConnection(w io.Writer, c giftapp.Connection) {
	fmt.Fprintf(w, "%s: connected to HubSpot account %s, with %s\n", c.Portal, c.Account, plural(len(c.Scopes), "scope"))
	for _, lost := range c.Lost {
		fmt.Fprintf(w, "  not granted: %s\n", lost)
	}
}

// An access is the [admin.Access] of this process, a daemon's or a command's.
type access struct {
	s         *session
	installer *giftapp.Installer
	state     func(portal string) (*store.Store, error)
}

// newAccess returns that of the configuration's portals; state opens their state
// files, and connected is called when one was connected. It is nil where no portal
// has an app.
func newAccess(s *session, state func(string) (*store.Store, error), connected func(string)) (*access, error) {
	i, err := s.grants.installer(state, connected)
	if err != nil || i == nil {
		return nil, err
	}
	return &access{s, i, state}, nil
}

var _ admin.Access = (*access)(nil)

// Connect implements [admin.Access].
func (a *access) Connect(_ context.Context, name string) (giftapp.Link, error) {
	if _, err := a.s.grants.keyring(); err != nil { // first, as the grant could not be stored
		return giftapp.Link{}, usage{err}
	}
	if _, err := a.state(name); err != nil {
		return giftapp.Link{}, err
	}
	return a.installer.Begin(name)
}

// AwaitConnection implements [admin.Access].
func (a *access) AwaitConnection(ctx context.Context, _, ticket string) (giftapp.Connection, error) {
	return a.installer.Wait(ctx, ticket)
}

// Disconnect implements [admin.Access].
func (a *access) Disconnect(ctx context.Context, name string) (giftapp.Farewell, error) {
	h, p, err := a.hold(name)
	if err != nil {
		return giftapp.Farewell{}, err
	}
	return giftapp.Disconnect(hubspot.Answered(ctx, a.s.grants.answered(name)), h, a.s.grants.sharing(p))
}

// Reseal implements [admin.Access].
func (a *access) Reseal(_ context.Context, name string) (giftapp.Sealing, error) {
	h, _, err := a.hold(name)
	if err != nil {
		return giftapp.Sealing{}, err
	}
	sealing, err := h.Reseal()
	if err != nil {
		return giftapp.Sealing{}, err
	}
	sealing.KeyFile, err = a.s.cfg.MasterKeyPath()
	return sealing, err
}

func (a *access) hold(name string) (giftapp.Holding, configs.Portal, error) {
	j, err := a.state(name) // first, as it knows which portals there are
	if err != nil {
		return giftapp.Holding{}, configs.Portal{}, err
	}
	p := localService{a.s}.portal(name)
	if p.HubSpot.App == "" {
		return giftapp.Holding{}, p, errNoApp
	}
	h, err := a.s.grants.hold(p, j)
	return h, p, err
}

// withInstalls serves the paths of OAuth, and all others as before.
func withInstalls(i *giftapp.Installer, others http.Handler) http.Handler {
	if others == nil {
		return i
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.EscapedPath(), "/oauth/") {
			i.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// withAccess asks the daemon, or this process where none runs, about a portal's
// access.
func withAccess[T any](s *session, portal string, f func(admin.Access) (T, error)) (T, error) {
	var none T
	d, err := s.daemon()
	if err == nil {
		return f(d)
	}
	if !errors.Is(err, admin.ErrNotRunning) {
		return none, err
	}
	j, err := s.readState(portal)
	if err != nil {
		return none, err
	}
	defer j.Close()
	by, err := newAccess(s, func(string) (*store.Store, error) { return j, nil }, func(string) {})
	if err != nil {
		return none, err
	}
	return f(by)
}

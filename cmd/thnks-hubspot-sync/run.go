package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/listen"
	"thnks-hubspot-sync/sync/webhook"
)

// stopWithin is how long the daemon may take to come to a safe point. What
// has not by then is repeated by the next start.
//
// What is waited for beside runs takes less. At a stop that is eight seconds: the public
// listener waits so long for its requests, the admin socket six for its commands, and
// meanwhile a gift under way has five for its answer. At a reload it is five, of which
// [letEnd] takes the first two.
const stopWithin = 9 * time.Second

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "The daemon: backfill where none has finished, then a pass at every slot of the schedule",
		Long: `Keeps every portal up to date until SIGTERM or Ctrl-C: the initial backfill
where none has finished, then a pass at every slot of the schedule. Other
commands work meanwhile: they go through the daemon's admin socket, in
state_dir. Health, readiness, statistics and metrics are served on admin_listen.

It stops at a safe point within ten seconds; a second signal stops it at once.

SIGHUP has it read the configuration and the secrets anew, without a refused
request: portals are added, changed and let go. A configuration with a mistake
changes nothing. state_dir, listen, admin_listen, trusted_proxies and log.format
take a restart, and the log says so where one of them has changed.`,
		Example: `  thnks-hubspot-sync run --config /etc/thnks-hubspot-sync/config.yaml
  curl http://127.0.0.1:9090/readyz
  kill -HUP $(pidof thnks-hubspot-sync)    # systemctl reload thnks-hubspot-sync`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A crash, or the watchdog, ends the process by a signal: Go's own exit status
			// for both is 2, after which systemd would not start it again.
			debug.SetTraceback("crash")
			reload := make(chan os.Signal, 1) // a terminal that goes away is no reason to stop, either
			signal.Notify(reload, syscall.SIGHUP)
			defer signal.Stop(reload)
			s, err := a.session("", false)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), s, a.anew, reload)
		},
	}
}

// A host is the process of the daemon: what goes on while a generation ends and the
// next begins.
type host struct {
	socket, private net.Listener
	public          net.Listener // nil as long as no portal has webhooks
	commands        listen.Gate  // behind socket
	pages           listen.Gate  // behind private
	hooks           listen.Gate  // behind public
	now             atomic.Pointer[generation]
	problem         atomic.Pointer[string] // why the last reload changed nothing; nil where it did

	log  *slog.Logger
	part func(what string, f func() error) // runs a part until the daemon stops, and stops it when the part fails
}

// serve is the daemon. Each reload has it read the configuration, by anew, which gets
// the one in use.
func serve(ctx context.Context, s *session, anew func(*configs.Config) (*session, error), reload <-chan os.Signal) error {
	if err := store.MakeDir(s.cfg.StateDir); err != nil {
		return usage{err}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var parts sync.WaitGroup
	h := &host{log: s.log, part: func(what string, f func() error) {
		parts.Go(func() {
			if err := f(); err != nil && ctx.Err() == nil {
				stop(fmt.Errorf("%s: %w", what, err))
			}
		})
	}}
	var err error
	// First of all, as it is what keeps a second daemon away.
	if h.socket, err = admin.Listen(s.socket()); err != nil {
		return err
	}
	defer h.socket.Close()
	if h.private, err = listenAt("admin_listen", s.cfg.AdminListen); err != nil {
		return err
	}
	defer h.private.Close()
	first, err := newGeneration(ctx, s)
	if err != nil {
		return err
	}
	manager, err := h.newNotifier()
	if err != nil {
		return err
	}
	if err := h.listen(ctx, first); err != nil {
		return err
	}
	h.begin(ctx, first)
	h.part("admin socket", func() error { return admin.Serve(ctx, h.socket, &h.commands, s.log) })
	h.part("admin_listen", func() error { return admin.ServePages(ctx, h.private, &h.pages, s.log) })
	h.part("systemd", func() error { manager.run(ctx); return nil })
	attrs := []any{"portals", len(s.cfg.Portals), "admin", h.private.Addr().String(), "pid", os.Getpid()}
	if h.public != nil {
		attrs = append(attrs, "webhooks", h.public.Addr().String())
	}
	s.log.Info("daemon ready", attrs...)
	h.reloads(ctx, reload, anew, manager, stop)

	s.log.Info("daemon stopping")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		parts.Wait()
		h.now.Load().close()
	}()
	select {
	case <-ended:
	case <-time.After(stopWithin):
		return errNoSafePoint
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	s.log.Info("daemon stopped")
	return nil
}

// errNoSafePoint is the error of a daemon that did not come to a safe point in time.
var errNoSafePoint = errors.New("a run or the sending of a gift did not come to a safe point in time; the next start resumes where the last commit left it")

// listen listens for webhooks, where a generation has any and the host does not
// listen yet.
func (h *host) listen(ctx context.Context, g *generation) (err error) {
	if g.public == nil || h.public != nil {
		return nil
	}
	if h.public, err = listenAt("listen", g.s.cfg.Listen); err != nil {
		return err
	}
	h.part("listen", func() error {
		return webhook.Serve(ctx, h.public, &h.hooks, g.s.cfg.TrustedProxies, h.log)
	})
	return nil
}

// begin begins a generation and passes requests on to it.
func (h *host) begin(ctx context.Context, g *generation) {
	h.now.Store(g)
	g.begin()
	h.commands.Open(g.life, g.commands)
	h.pages.Open(g.life, g.pages)
	hooks := g.public
	if hooks == nil {
		hooks = http.NotFoundHandler()
	}
	// What a sender sends is taken to its end: a 200 is on disk.
	h.hooks.Open(context.WithoutCancel(ctx), hooks)
}

// listenAt listens on the address of a setting.
func listenAt(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	var of *os.SyscallError // within one that names the system's call
	if errors.As(err, &of) {
		err = of.Err
	}
	return nil, fmt.Errorf("%s: %s: %w: choose an address of this machine with a port that is free and above 1023", key, address, err)
}

// isUsage reports whether an error is one of usage or configuration.
func isUsage(err error) bool { return statusOf(err) == misused }

// adminToken reads the token that unmasks recipients on the private side; ""
// where none is configured.
func (s *session) adminToken() (string, error) {
	token, err := s.cfg.ReadAdminToken()
	if err != nil {
		return "", usagef("admin_token_file: %w", err)
	}
	return token.Reveal(), nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/webhook"
)

// stopWithin is how long the daemon may take to come to a safe point. What
// has not by then is repeated by the next start.
const stopWithin = 9 * time.Second

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "The daemon: backfill where none has finished, then a pass at every slot of the schedule",
		Long: `Keeps every portal up to date until SIGTERM or Ctrl-C: the initial backfill
where none has finished, then a pass at every slot of the schedule. Other
commands work meanwhile: they go through the daemon's admin socket, in
state_dir. Health, readiness, statistics and metrics are served on admin_listen.

It stops at a safe point within ten seconds; a second signal stops it at once.`,
		Example: `  thnks-hubspot-sync run --config /etc/thnks-hubspot-sync/config.yaml
  curl http://127.0.0.1:9090/readyz`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGHUP) // a terminal that goes away is no reason to stop
			s, err := a.session("", false)
			if err != nil {
				return err
			}
			return s.serve(cmd.Context())
		},
	}
}

// serve is the daemon.
func (s *session) serve(ctx context.Context) error {
	if err := store.MakeDir(s.cfg.StateDir); err != nil {
		return usage{err}
	}
	// First of all, as it is what keeps a second daemon away.
	socket, err := admin.Listen(s.socket())
	if err != nil {
		return err
	}
	defer socket.Close()
	private, err := listenAt("admin_listen", s.cfg.AdminListen)
	if err != nil {
		return err
	}
	defer private.Close()
	token, err := s.adminToken()
	if err != nil {
		return err
	}
	d, err := s.newDaemon()
	if err != nil {
		return err
	}
	public, err := s.public(d)
	if err != nil {
		return err
	}
	manager, err := s.newNotifier(d)
	if err != nil {
		return err
	}
	by, err := newAccess(s, d.StateFile, d.Hint)
	if err != nil {
		return err
	}
	options := admin.Options{Usage: isUsage, Sender: d.Sender(), Trail: d, Logger: s.log}
	if by != nil {
		options.Access = by
		public = withInstalls(by.installer, public)
	}
	var listener net.Listener
	if public != nil {
		if listener, err = listenAt("listen", s.cfg.Listen); err != nil {
			return err
		}
		defer listener.Close()
	}

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var parts sync.WaitGroup
	part := func(what string, f func() error) {
		parts.Go(func() {
			if err := f(); err != nil && ctx.Err() == nil {
				stop(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	part("admin socket", func() error {
		return admin.Serve(ctx, socket, d, options)
	})
	part("admin_listen", func() error {
		return admin.ServePages(ctx, private, admin.Pages(d, admin.PagesOptions{
			Hosts: []string{s.cfg.AdminListen}, Token: token, Logger: s.log,
			Metrics: s.metrics.Handler(d, s.turns.Load, s.log),
		}), s.log)
	})
	attrs := []any{"portals", len(s.cfg.Portals), "admin", private.Addr().String(), "pid", os.Getpid()}
	if public != nil {
		attrs = append(attrs, "webhooks", listener.Addr().String())
		part("listen", func() error { return webhook.Serve(ctx, listener, public, s.cfg.TrustedProxies, s.log) })
	}
	part("schedule", func() error { d.Keep(ctx, s.log); return nil })
	part("systemd", func() error { manager.run(ctx); return nil })
	s.log.Info("daemon ready", attrs...)

	<-ctx.Done()
	s.log.Info("daemon stopping")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		parts.Wait()
		d.Close() // not from under a run: that would wait for it, however long
	}()
	select {
	case <-ended:
	case <-time.After(stopWithin):
		return errors.New("a run did not come to a safe point in time; the next start resumes where its last commit left it")
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	s.log.Info("daemon stopped")
	return nil
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

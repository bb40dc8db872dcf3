package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/card"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/notice"
)

// A generation is the daemon as one reading of the configuration makes it: portals,
// schedules, secrets and what answers requests. A reload makes the next, ends this one
// at a safe point and begins that one, so that whatever a restart would take, a reload
// takes as well.
type generation struct {
	s               *session
	daemon          *daemon.Daemon
	commands, pages http.Handler
	public          http.Handler     // nil where no portal has webhooks
	cards           *card.Server     // nil where no portal is connected through an app
	notices         *notice.Notifier // nil where the configuration names no channel

	life context.Context // ends with it
	end  context.CancelFunc
	kept chan struct{} // closed when its runs have come to their safe points
}

// newGeneration makes a generation and opens nothing, so that an error leaves
// everything as it is.
func newGeneration(ctx context.Context, s *session) (_ *generation, err error) {
	token, err := s.adminToken()
	if err != nil {
		return nil, err
	}
	g := &generation{s: s, kept: make(chan struct{})}
	g.life, g.end = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			g.end()
		}
	}()
	if g.daemon, err = s.newDaemon(g.life); err != nil {
		return nil, err
	}
	if g.public, err = s.public(g.daemon); err != nil {
		return nil, err
	}
	if g.cards = s.cards(g.daemon); g.cards != nil {
		g.public = withCards(g.cards, g.public)
	}
	if g.notices, err = s.notifier(); err != nil {
		return nil, err
	}
	by, err := newAccess(s, g.daemon.StateFile, g.daemon.Hint)
	if err != nil {
		return nil, err
	}
	options := admin.Options{Usage: isUsage, Sender: g.daemon.Sender(), Trail: g.daemon, Files: g.daemon, Logger: s.log}
	if by != nil {
		options.Access = by
		g.public = withInstalls(by.installer, g.public)
	}
	g.commands = admin.Handler(g.life, g.daemon, options)
	g.pages = admin.Pages(g.daemon, admin.PagesOptions{
		Hosts: []string{s.cfg.AdminListen}, Token: token, Logger: s.log,
		Metrics: s.metrics.Handler(g.daemon, s.turns.Load, s.log),
	})
	return g, nil
}

// begin keeps the portals up to date until the generation's end.
func (g *generation) begin() {
	go func() {
		defer close(g.kept)
		var beside sync.WaitGroup
		if g.cards != nil {
			beside.Go(func() { g.cards.KeepAnswering(g.life) })
		}
		if g.notices != nil {
			beside.Go(func() {
				g.notices.Keep(g.life, func() []notice.Standing { return standings(g.daemon.Figures()) })
			})
		}
		g.daemon.Keep(g.life, g.s.log)
		beside.Wait()
	}()
}

// close ends the generation: it waits for the runs under way to come to their safe
// points, however long that takes, and gives the state files back.
func (g *generation) close() {
	g.end()
	<-g.kept
	g.daemon.Close() // not from under a run: that would wait for it
}

// closeWithin is close, and reports whether that took no longer than a time.
func (g *generation) closeWithin(d time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.close()
	}()
	select {
	case <-ended:
		return true
	case <-time.After(d):
		return false
	}
}

package main

import (
	"context"
	"os"
	"sync"
	"time"

	"thnks-hubspot-sync/configs"
)

// letEnd is how long a reload waits for requests under way, that no answer is cut off.
// One that takes longer, of a slow client, say, gets an error and is sent again.
const letEnd = 2 * time.Second

// anew reads the configuration anew, for a daemon that runs with another one.
func (a *app) anew(with *configs.Config) (*session, error) {
	cfg, err := configs.Load(a.configPath)
	if err != nil {
		return nil, err
	}
	kept := cfg.KeepRunning(with)
	if err := examine(cfg, cfg.Portals); err != nil {
		return nil, err
	}
	s := newSession(cfg, cfg.Portals, a.stderr, false)
	for _, key := range kept {
		s.log.Warn("a changed setting takes a restart; the daemon goes on with what it had", "key", key)
	}
	return s, nil
}

// reloads reloads at each signal until ctx ends. A generation that does not come to a
// safe point ends the daemon, by stop.
func (h *host) reloads(ctx context.Context, signals <-chan os.Signal, anew func(*configs.Config) (*session, error), manager *notifier, stop context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		manager.reloading()
		began := time.Now()
		next, err := h.prepare(ctx, anew)
		switch {
		case err != nil:
			text := said(err)
			h.problem.Store(&text)
			h.now.Load().s.log.Error("the configuration was not reloaded; the daemon goes on with the one it has", logError, text)
		case !h.exchange(ctx, next):
			stop(errNoSafePoint)
			return
		default:
			h.problem.Store(nil)
			next.s.log.Info("the configuration was reloaded", "portals", len(next.s.cfg.Portals), "took", time.Since(began))
		}
		manager.ready()
	}
}

// prepare makes the next generation. An error leaves everything as it is.
func (h *host) prepare(ctx context.Context, anew func(*configs.Config) (*session, error)) (*generation, error) {
	s, err := anew(h.now.Load().s.cfg)
	if err != nil {
		return nil, err
	}
	next, err := newGeneration(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := h.listen(ctx, next); err != nil {
		next.end()
		return nil, err
	}
	return next, nil
}

// exchange ends the generation and begins the next; meanwhile requests wait. It reports
// whether the old one came to a safe point in time.
func (h *host) exchange(ctx context.Context, next *generation) bool {
	old := h.now.Load()
	old.end()
	short, cancel := context.WithTimeout(ctx, letEnd)
	defer cancel()
	var shut sync.WaitGroup
	shut.Go(func() { h.commands.Shut(short) })
	shut.Go(func() { h.pages.Shut(short) })
	shut.Go(func() { h.hooks.Shut(short) })
	shut.Wait()
	if !old.closeWithin(stopWithin) {
		return false
	}
	h.begin(ctx, next)
	return true
}

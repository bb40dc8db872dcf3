package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/stats"
)

// A desk is where a command asks for a portal's work: the daemon, where one
// runs and holds the state files, and otherwise this process itself.
type desk interface {
	Run(ctx context.Context, portal string, req giftsync.Request, watch admin.Watcher) (giftsync.Report, error)
	Stats(ctx context.Context, portal string) (stats.Report, error)
	Quarantine(ctx context.Context, portal string) (giftsync.QuarantineList, error)
	Events(ctx context.Context, portal string, q giftsync.EventQuery) (giftsync.EventList, error)
	Replay(ctx context.Context, portal string, seqs []uint64) (int, error)
	Check(ctx context.Context, portal string) ([]giftsync.Finding, error)
}

// ask asks the daemon, or this process where no daemon runs or the daemon has
// not got the portal.
func ask[T any](s *session, f func(desk) (T, error)) (T, error) {
	var none T
	d, err := s.daemon()
	if err == nil {
		v, err := f(d)
		// One that has ended since was not asked anything.
		if !errors.Is(err, admin.ErrUnknownPortal) && !errors.Is(err, admin.ErrNotRunning) {
			return v, err
		}
	} else if !errors.Is(err, admin.ErrNotRunning) {
		return none, err
	}
	v, err := f(here{s})
	var locked *store.LockedError
	if errors.As(err, &locked) {
		// By a daemon that did not answer yet a moment ago?
		if d, notYet := s.daemon(); notYet == nil {
			return f(d)
		}
	}
	return v, err
}

// daemon reaches the daemon that holds this configuration's state directory.
func (s *session) daemon() (*admin.Client, error) {
	if s.inProcess {
		return nil, admin.ErrNotRunning
	}
	return admin.Dial(s.socket())
}

// socket is the path of the admin socket.
func (s *session) socket() string { return filepath.Join(s.cfg.StateDir, "admin.sock") }

// here is the desk of this process: it opens a portal for each piece of work.
type here struct{ s *session }

func (h here) portal(name string) configs.Portal {
	all := h.s.cfg.Portals
	return all[slices.IndexFunc(all, func(p configs.Portal) bool { return p.Name == name })]
}

func (h here) Run(ctx context.Context, name string, req giftsync.Request, watch admin.Watcher) (giftsync.Report, error) {
	open, err := h.s.open(h.portal(name), req.DryRun, watch.Progress)
	if err != nil {
		return giftsync.Report{}, fmt.Errorf("portal %s: %w", name, err)
	}
	defer open.close()
	rep, err := open.engine.Run(ctx, req)
	if err == nil && req.Mode == giftsync.Incremental && !req.DryRun {
		// No daemon works off what is still in the inbox: a replay, say.
		if _, err = open.engine.Apply(ctx); err == nil {
			_, err = open.engine.Chase(ctx)
		}
		if err != nil {
			rep.Error = err.Error()
		}
	}
	return rep, err
}

func (h here) Stats(ctx context.Context, name string) (stats.Report, error) {
	j, err := h.s.readState(name)
	if err != nil {
		return stats.Report{}, err
	}
	defer j.Close()
	return statistics(ctx, h.portal(name), j)
}

func (h here) Quarantine(ctx context.Context, name string) (giftsync.QuarantineList, error) {
	j, err := h.s.readState(name)
	if err != nil {
		return giftsync.QuarantineList{}, err
	}
	defer j.Close()
	return giftsync.Quarantined(ctx, name, j)
}

func (h here) Events(ctx context.Context, name string, q giftsync.EventQuery) (giftsync.EventList, error) {
	j, err := h.s.readState(name)
	if err != nil {
		return giftsync.EventList{}, err
	}
	defer j.Close()
	return giftsync.ListEvents(ctx, name, j, q)
}

func (h here) Replay(ctx context.Context, name string, seqs []uint64) (int, error) {
	j, err := h.s.readState(name)
	if err != nil {
		return 0, err
	}
	defer j.Close()
	return j.Replay(ctx, seqs)
}

func (h here) Check(ctx context.Context, name string) ([]giftsync.Finding, error) {
	p := h.portal(name)
	findings := h.s.checkSecrets(p)
	if worst(findings) == giftsync.Fail {
		return findings, nil
	}
	open, err := h.s.open(p, true, nil)
	if err != nil {
		return append(findings, openFailed(name, err)), nil
	}
	defer open.close()
	return append(findings, open.engine.Check(ctx)...), nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// A service does a portal's work: the daemon, where one runs and holds the state
// files, and otherwise this process itself.
type service interface {
	Run(ctx context.Context, portal string, req giftsync.Request, watch giftsync.Watcher) (giftsync.Report, error)
	Stats(ctx context.Context, portal string, q stats.Query) (stats.Report, error)
	Quarantine(ctx context.Context, portal string) (giftsync.QuarantineList, error)
	ShowQuarantined(ctx context.Context, portal, key string) (giftsync.QuarantinedRow, error)
	DropQuarantined(ctx context.Context, portal string, keys []string) (int, error)
	Events(ctx context.Context, portal string, q giftsync.EventQuery) (giftsync.EventList, error)
	Replay(ctx context.Context, portal string, seqs []uint64) (int, error)
	Check(ctx context.Context, portal string) ([]doctor.Finding, error)
}

// ask asks the daemon, or this process where no daemon runs or the daemon does
// not have the portal. S is [service] or another interface that both have.
func ask[S, T any](s *session, f func(S) (T, error)) (T, error) {
	return askWith(s, func(d *admin.Client) (T, error) { return f(any(d).(S)) }, func() (T, error) { return f(any(localService{s}).(S)) })
}

// askWith is [ask] for whatever both can do.
func askWith[T any](s *session, remote func(*admin.Client) (T, error), local func() (T, error)) (T, error) {
	var none T
	d, err := s.daemon()
	if err == nil {
		v, err := remote(d)
		// One that has ended since was not asked anything.
		if !errors.Is(err, giftsync.ErrUnknownPortal) && !errors.Is(err, admin.ErrNotRunning) {
			return v, err
		}
	} else if !errors.Is(err, admin.ErrNotRunning) {
		return none, err
	}
	v, err := local()
	var locked *store.LockedError
	if errors.As(err, &locked) {
		// By a daemon that did not answer yet a moment ago?
		if d, notYet := s.daemon(); notYet == nil {
			return remote(d)
		}
	}
	return v, err
}

// askEach asks about every portal of the session in turn, and returns the
// answers with the worst exit status. A portal that fails is named on standard
// error and does not keep the others from being asked.
func askEach[S, T any](a *app, s *session, f func(d S, portal string) (T, error)) ([]T, status) {
	answers, _, worst := askAll(a, s, f)
	return answers, worst
}

// A problem is why there is no answer about a portal.
type problem struct {
	Portal  string `json:"portal"`
	Problem string `json:"problem"`
}

// askAll is [askEach], and returns the problems too.
func askAll[S, T any](a *app, s *session, f func(d S, portal string) (T, error)) (answers []T, problems []problem, worst status) {
	answers, worst = []T{}, done
	for _, p := range s.portals {
		v, err := ask(s, func(d S) (T, error) { return f(d, p.Name) })
		if err != nil {
			printError(a.stderr, "portal "+p.Name+": "+said(err))
			worst = worst.worse(statusOf(err))
			problems = append(problems, problem{p.Name, said(err)})
			continue
		}
		answers = append(answers, v)
	}
	return answers, problems, worst
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

// localService is the service of this process: it opens a portal for each piece
// of work.
type localService struct{ s *session }

func (l localService) portal(name string) configs.Portal {
	all := l.s.cfg.Portals
	return all[slices.IndexFunc(all, func(p configs.Portal) bool { return p.Name == name })]
}

func (l localService) Run(ctx context.Context, name string, req giftsync.Request, watch giftsync.Watcher) (giftsync.Report, error) {
	if onKnown(req) {
		if _, err := os.Stat(stateFile(l.s.cfg, name)); errors.Is(err, fs.ErrNotExist) {
			return giftsync.Report{}, fmt.Errorf("portal %s: %w", name, noState(name))
		}
	}
	open, err := l.s.open(l.portal(name), req.DryRun, watch.Progress)
	if err != nil {
		return giftsync.Report{}, fmt.Errorf("portal %s: %w", name, err)
	}
	defer open.close()
	rep, err := open.engine.Run(ctx, req)
	if err == nil && req.Mode == giftsync.Incremental && !req.DryRun {
		// No daemon processes the events that are still in the inbox: replayed
		// ones, say.
		if _, err = open.engine.ApplyEvents(ctx); err == nil {
			_, err = open.engine.FetchEvents(ctx)
		}
		if err == nil {
			_, err = open.engine.FollowEvents(ctx)
		}
		if err != nil {
			rep.Error = err.Error()
		}
	}
	return rep, err
}

// onKnown reports whether a request is about gifts that are known already: without
// a state file there is nothing to do, and none is made.
func onKnown(req giftsync.Request) bool {
	switch req.Mode {
	case giftsync.Retry, giftsync.Restore, giftsync.Reassociate, giftsync.ReassociateAll:
		return true
	}
	return false
}

func (l localService) Stats(ctx context.Context, name string, q stats.Query) (stats.Report, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return stats.Report{}, err
	}
	defer j.Close()
	return query(ctx, l.s, l.portal(name), j, q)
}

func (l localService) Quarantine(ctx context.Context, name string) (giftsync.QuarantineList, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return giftsync.QuarantineList{}, err
	}
	defer j.Close()
	return giftsync.ListQuarantine(ctx, name, j, l.s.facts(l.portal(name), j))
}

func (l localService) ShowQuarantined(_ context.Context, name, key string) (giftsync.QuarantinedRow, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return giftsync.QuarantinedRow{}, err
	}
	defer j.Close()
	return giftsync.ShowQuarantined(j, key, l.s.facts(l.portal(name), j))
}

func (l localService) DropQuarantined(_ context.Context, name string, keys []string) (int, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return 0, err
	}
	defer j.Close()
	return giftsync.DropQuarantined(j, keys)
}

func (l localService) Events(ctx context.Context, name string, q giftsync.EventQuery) (giftsync.EventList, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return giftsync.EventList{}, err
	}
	defer j.Close()
	return giftsync.ListEvents(ctx, name, j, q)
}

func (l localService) Replay(ctx context.Context, name string, seqs []uint64) (int, error) {
	j, err := l.s.readState(name)
	if err != nil {
		return 0, err
	}
	defer j.Close()
	return j.Replay(ctx, seqs, l.s.reread(l.portal(name), j))
}

func (l localService) Check(ctx context.Context, name string) ([]doctor.Finding, error) {
	p := l.portal(name)
	findings := l.s.checkSecrets(p)
	if doctor.Worst(findings) == doctor.Fail {
		return findings, nil
	}
	open, err := l.s.open(p, true, nil)
	if err != nil {
		return append(findings, openFailed(name, err)), nil
	}
	defer open.close()
	findings = append(findings, doctor.Check(ctx, open.engine.View(), open.hubspot, nil)...)
	if p.Sending != nil && open.journal != nil {
		held := send.CheckOptOut(ctx, optOutsOf(open.hubspot, p.Sending.OptOutProperties))
		findings = append(findings, doctor.Sends(name, open.journal, held, time.Now()))
	}
	return findings, nil
}

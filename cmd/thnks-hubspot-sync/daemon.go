package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/stats"
)

// A daemon is the desk of a process that stays: it holds every portal's state
// file and runs every portal's loop.
type daemon struct {
	portals []*kept
	byName  map[string]*kept
}

// A kept portal is one that the daemon keeps up to date.
type kept struct {
	s    *session
	cfg  configs.Portal
	loop *giftsync.Loop

	publicProblem string // why its webhooks are not served; "" when they are, or there are none

	mu      sync.Mutex
	journal *store.Store // once opened, held until the daemon ends or it breaks
	denied  error        // why it could not be opened the last time; nil where it was
	tried   time.Time    // when that was
	open    *portal      // the clients and the engine over it
}

// tryAgain is how long after a failure a state file is not tried again for the
// sake of an event. It is tried for 3 s where another process holds it, and were
// each event to wait for that in turn, those of one portal would soon take up
// all connections.
const tryAgain = 5 * time.Second

func (s *session) newDaemon() (*daemon, error) {
	schedule, err := configs.ParseSchedule(s.cfg.Schedule)
	if err != nil {
		return nil, usagef("schedule: %w", err)
	}
	d := &daemon{byName: make(map[string]*kept)}
	progress := logged(s.log, logEvery)
	for _, p := range s.cfg.Portals {
		k := &kept{s: s, cfg: p}
		k.loop = giftsync.NewLoop(giftsync.LoopConfig{
			Portal:      p.Name,
			Schedule:    schedule,
			Offset:      giftsync.Offset(p.Name, schedule),
			Open:        k.connect,
			NeedsPerson: needsPerson,
			Progress:    progress,
			Logger:      s.log,
		})
		d.portals = append(d.portals, k)
		d.byName[p.Name] = k
	}
	return d, nil
}

// needsPerson reports whether what kept a portal from being opened stays until
// somebody does something. A state file that a command holds will be free.
func needsPerson(err error) bool {
	var locked *store.LockedError
	return !errors.As(err, &locked)
}

func (d *daemon) loops() []*giftsync.Loop {
	loops := make([]*giftsync.Loop, len(d.portals))
	for i, k := range d.portals {
		loops[i] = k.loop
	}
	return loops
}

// close gives the state files back.
func (d *daemon) close() {
	for _, k := range d.portals {
		k.close()
	}
}

// connect opens the portal for its loop. The secrets are read anew each time,
// so that a replaced one is seen without a restart.
func (k *kept) connect(progress func(giftsync.Progress)) (*giftsync.Engine, error) {
	j, err := k.state()
	if err != nil {
		return nil, err
	}
	open, err := k.s.connect(k.cfg, j, progress)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open != nil {
		k.open.hubspot.Close()
	}
	k.open = open
	return open.engine, nil
}

// state opens the portal's state file, once, and again after one that does no
// more work: it may have been mended, or moved aside.
func (k *kept) state() (*store.Store, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.opened()
}

// stateForEvents is state for the many who must not wait for it in turn.
func (k *kept) stateForEvents() (*store.Store, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.denied != nil && time.Since(k.tried) < tryAgain {
		return nil, k.denied
	}
	return k.opened()
}

// opened is called with mu held.
func (k *kept) opened() (*store.Store, error) {
	if k.journal != nil {
		if _, err := k.journal.Count(); err != nil {
			_ = k.journal.Close() // what is to be said is said by opening it
			k.journal = nil
		}
	}
	if k.journal == nil {
		k.journal, k.denied = k.s.openState(k.cfg.Name, true)
		k.tried = time.Now()
	}
	return k.journal, k.denied
}

func (k *kept) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.open != nil {
		k.open.hubspot.Close()
	}
	if k.journal != nil {
		_ = k.journal.Close() // every commit was made durable when it was made
	}
}

// portal finds a portal that a command asks for.
func (d *daemon) portal(name string) (*kept, error) {
	k := d.byName[name]
	if k == nil {
		return nil, fmt.Errorf("%w %q: it was not in the configuration when the daemon started", admin.ErrUnknownPortal, name)
	}
	return k, nil
}

// state finds a portal that a command asks for, with its state file.
func (d *daemon) state(name string) (*kept, *store.Store, error) {
	k, err := d.portal(name)
	if err != nil {
		return nil, nil, err
	}
	j, err := k.state()
	return k, j, err
}

func (d *daemon) Status(context.Context) ([]giftsync.Status, error) {
	all := make([]giftsync.Status, len(d.portals))
	for i, k := range d.portals {
		all[i] = k.loop.Status()
		if k.publicProblem != "" {
			all[i].Ready = false
			all[i].Problem = strings.Join(slices.DeleteFunc([]string{all[i].Problem, k.publicProblem}, func(s string) bool { return s == "" }), "; ")
		}
	}
	return all, nil
}

func (d *daemon) Run(ctx context.Context, name string, req giftsync.Request, watch admin.Watcher) (giftsync.Report, error) {
	k, err := d.portal(name)
	if err != nil {
		return giftsync.Report{}, err
	}
	if !req.DryRun {
		// The daemon's end is not the asker's, who is told how the run ended.
		ctx = context.WithoutCancel(ctx)
	}
	return k.loop.Do(ctx, req, giftsync.Watcher(watch))
}

func (d *daemon) Stop(_ context.Context, name string) (bool, error) {
	k, err := d.portal(name)
	if err != nil {
		return false, err
	}
	return k.loop.Stop(), nil
}

func (d *daemon) Stats(ctx context.Context, name string) (stats.Report, error) {
	k, j, err := d.state(name)
	if err != nil {
		return stats.Report{}, err
	}
	return statistics(ctx, k.cfg, j)
}

func (d *daemon) Quarantine(ctx context.Context, name string) (giftsync.QuarantineList, error) {
	_, j, err := d.state(name)
	if err != nil {
		return giftsync.QuarantineList{}, err
	}
	return giftsync.Quarantined(ctx, name, j)
}

func (d *daemon) Events(ctx context.Context, name string, q giftsync.EventQuery) (giftsync.EventList, error) {
	_, j, err := d.state(name)
	if err != nil {
		return giftsync.EventList{}, err
	}
	return giftsync.ListEvents(ctx, name, j, q)
}

func (d *daemon) Replay(ctx context.Context, name string, seqs []uint64) (int, error) {
	k, j, err := d.state(name)
	if err != nil {
		return 0, err
	}
	n, err := j.Replay(ctx, seqs)
	k.loop.Events()
	return n, err
}

func (d *daemon) Check(ctx context.Context, name string) ([]giftsync.Finding, error) {
	k, err := d.portal(name)
	if err != nil {
		return nil, err
	}
	findings := k.s.checkSecrets(k.cfg)
	if worst(findings) == giftsync.Fail {
		return findings, nil
	}
	j, err := k.state()
	if err != nil {
		return append(findings, openFailed(name, err)), nil
	}
	// Clients of its own: the doctor must see today's secrets, and not wait for
	// the run under way.
	open, err := k.s.connect(k.cfg, j, nil)
	if err != nil {
		return append(findings, openFailed(name, err)), nil
	}
	defer open.hubspot.Close()
	open.engine.Busy = func() bool { return k.loop.Status().Doing != "" }
	return append(findings, open.engine.Check(ctx)...), nil
}

var _ admin.Service = (*daemon)(nil)

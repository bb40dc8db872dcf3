package main

import (
	"context"
	"encoding/json"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// newDaemon returns the daemon of all configured portals, which begins no gift once life
// has ended.
func (s *session) newDaemon(life context.Context) (*daemon.Daemon, error) {
	schedule, err := configs.ParseSchedule(s.cfg.Schedule)
	if err != nil {
		return nil, usagef("schedule: %w", err)
	}
	progress := logged(s.log, logEvery)
	portals := make([]daemon.PortalConfig, len(s.cfg.Portals))
	for i, p := range s.cfg.Portals {
		portals[i] = daemon.PortalConfig{
			Loop: daemon.LoopConfig{
				Portal:   p.Name,
				Schedule: schedule,
				Offset:   daemon.Offset(p.Name, schedule),
				Progress: progress,
				Meter:    s.metrics.Portal(p.Name),
				Logger:   s.log,
			},
			OpenState: func() (*store.Store, error) { return s.openState(p.Name, true) },
			SetAside:  func() (string, error) { return store.SetAside(stateFile(s.cfg, p.Name)) },
			Connect: func(j *store.Store, progress func(giftsync.Progress)) (*daemon.Connection, error) {
				open, err := s.connect(p, stateOf(j), progress)
				if err != nil {
					return nil, err
				}
				return &daemon.Connection{Engine: open.engine, HubSpot: open.hubspot, Close: open.closeIdle}, nil
			},
			Suppressed: s.erased.of(p.Name),
			Facts:      func(j *store.Store) func(json.RawMessage) giftsync.RowFacts { return s.facts(p, j) },
			Reread:     func(j *store.Store) func(store.Event, []byte) store.Event { return s.reread(p, j) },
			Stats: func(ctx context.Context, j *store.Store, q stats.Query) (stats.Report, error) {
				return query(ctx, s, p, j, q)
			},
			Desk:         deskOf(life, s, p),
			SendRules:    func(j *store.Store) send.Rules { return sendRules(p, j) },
			Access:       s.grants.watch(p),
			CheckSecrets: func() []doctor.Finding { return s.checkSecrets(p) },
			OpenFailed:   func(err error) doctor.Finding { return openFailed(p.Name, err) },
		}
	}
	return daemon.New(portals), nil
}

var (
	_ admin.Service = (*daemon.Daemon)(nil)
	_ admin.Sender  = daemon.Sender{}
	_ admin.Trail   = (*daemon.Daemon)(nil)
	_ admin.Files   = (*daemon.Daemon)(nil)
)

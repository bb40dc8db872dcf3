package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/metrics"
	giftportal "thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/sync/turns"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/export"
)

// A state is what a state file is to a portal's runs.
type state struct {
	journal    giftsync.Journal
	quarantine giftsync.Quarantine
	inbox      giftsync.Inbox   // nil where there is no state file yet
	people     giftsync.People  // so
	archive    giftsync.Archive // so
	sends      giftsync.Ledger  // so
}

func stateOf(j *store.Store) state { return state{j, j, j, j, j, j} }

// A portal is everything one portal's runs work with.
type portal struct {
	engine  *giftsync.Engine
	hubspot *hubspot.Client
	thnks   []*thnksapi.Client // of the keys, in their order
	journal *store.Store       // to be closed with the portal; nil where there is none to close
}

// open opens a portal for one run of this process. A dry run does without a
// journal where there is none yet, so that nothing is written anywhere.
func (s *session) open(p configs.Portal, dryRun bool, progress func(giftsync.Progress)) (*portal, error) {
	j, err := s.openState(p.Name, !dryRun)
	st := stateOf(j)
	switch {
	case err == nil:
	case dryRun && errors.Is(err, fs.ErrNotExist):
		st = state{journal: noJournal{}, quarantine: noJournal{}}
	default:
		return nil, err
	}
	o, err := s.connect(p, st, progress)
	if err != nil {
		if j != nil {
			j.Close()
		}
		return nil, err
	}
	o.journal = j
	return o, nil
}

// connect joins the rooms that a portal's runs need to its journal: secrets,
// both clients, the engine.
func (s *session) connect(p configs.Portal, st state, progress func(giftsync.Progress)) (_ *portal, err error) {
	token, err := s.grants.credential(p, st.journal)
	if err != nil {
		return nil, err
	}
	keys, err := s.keys(p)
	if err != nil {
		return nil, err
	}

	zone := zoneOf(p.TimeZone, st.journal)
	o := new(portal)
	if o.thnks, err = s.clients(p, keys, zone); err != nil {
		return nil, err
	}
	exports, err := export.New(export.Config{
		Columns: p.Thnks.CSV.Columns,
		Decimal: p.Thnks.CSV.Decimal,
		Nothing: p.Thnks.CSV.Nothing,
		Dialect: dialect(p.Thnks.Dialect),
		Zone:    zone,
	})
	if err != nil {
		return nil, usage{err}
	}
	account := accountOf(p, st.journal)
	if account != "" {
		if err := s.accounts.own(p, account, true); err != nil {
			return nil, err
		}
	}
	meter := s.metrics.Portal(p.Name)
	o.hubspot, err = hubspot.New(hubspot.Config{
		BaseURL:        p.HubSpot.BaseURL,
		Version:        p.HubSpot.APIVersion,
		Token:          token.source,
		RequestsPer10s: p.HubSpot.RequestsPer10s,
		Pace:           s.paces.shared(p.HubSpot, account, token.key),
		Memory:         s.answers,
		Waiting:        meter.Waiting(metrics.HubSpot, turns.Waiting),
		Answered:       meter.HubSpotAnswered,
		TimeZone:       zone,
		Logger:         s.log.With(logPortal, p.Name),
	})
	if err != nil {
		return nil, usage{err}
	}
	sources := make([]giftsync.Source, len(keys))
	for i, k := range keys {
		sources[i] = giftsync.Source{Key: k.name, API: o.thnks[i]}
	}
	o.engine = giftsync.New(giftsync.Config{
		Portal:     p.Name,
		Sources:    sources,
		HubSpot:    giftportal.Of(o.hubspot),
		Calls:      token.with(o.hubspot.Calls),
		Budget:     o.hubspot.Budget,
		Listing:    p.Statistics.DailyListing,
		Journal:    st.journal,
		Quarantine: st.quarantine,
		Inbox:      st.inbox,
		Sends:      st.sends,
		People:     st.people,
		Archive:    st.archive,
		Suppressed: s.erased.of(p.Name),
		AccountID:  pinned(p),
		Own:        func(id string, dryRun bool) error { return s.accounts.own(p, id, dryRun) },
		Object:     giftportal.ObjectNames(p.HubSpot.Object),
		Links:      linkRules(p.Associations),
		Metadata:   metadataOf(p.Webhooks),
		LeaveOut:   p.HubSpot.LeaveOut,
		Exports: giftsync.Exports{
			Open:   func(path string) (giftsync.ExportFile, error) { return exports.Open(path) },
			Is:     export.Decodes,
			Decode: exports.Decode,
		},
		Logger:   s.log,
		Progress: progress,
		Turns:    func(ctx context.Context) (giftsync.Turn, error) { return s.turns.Begin(ctx) },
		Idle:     o.closeIdle,
	})
	return o, nil
}

// pinned is the account that the configuration names for a portal, "" for none.
func pinned(p configs.Portal) string {
	if p.HubSpot.AccountID == 0 {
		return ""
	}
	return strconv.FormatInt(p.HubSpot.AccountID, 10)
}

// accountOf is the account that a portal is bound to, "" before its first run.
func accountOf(p configs.Portal, j giftsync.History) string {
	return cmp.Or(giftsync.PortalAccount(j), pinned(p))
}

// linkRules says what gifts are linked to.
func linkRules(a configs.Associations) giftportal.LinkRules {
	return giftportal.LinkRules{
		Companies: a.Companies == configs.CompaniesPrimary,
		DealLabel: a.Deals.Label,
		MaxDeals:  a.Deals.Max,
		Lookback:  time.Duration(a.Deals.Lookback),
	}
}

// zoneOf tells a portal's time zone: the configured one, or else its HubSpot
// account's. That is learned by a portal's very first run, before it reads the
// first transaction; until then it is nil.
func zoneOf(configured *time.Location, j giftsync.History) func() *time.Location {
	var known atomic.Pointer[time.Location]
	known.Store(configured)
	return func() *time.Location {
		if known.Load() == nil {
			known.CompareAndSwap(nil, giftsync.PortalZone(j))
		}
		return known.Load()
	}
}

// closeIdle lets go of idle connections.
func (o *portal) closeIdle() {
	o.hubspot.Close()
	for _, c := range o.thnks {
		c.Close()
	}
}

// close lets go of the state file and of idle connections.
func (o *portal) close() {
	o.closeIdle()
	if o.journal != nil {
		// Every commit was made durable when it was made; nothing is left to lose.
		_ = o.journal.Close()
	}
}

// A thnksKey is one of a portal's API keys, by the name that its checkpoints
// are kept under.
type thnksKey struct {
	name   string
	secret configs.Secret
}

// keys reads the portal's API keys. A portal that is fed from export files
// alone has none.
func (s *session) keys(p configs.Portal) ([]thnksKey, error) {
	files := keyFiles(p)
	keys := make([]thnksKey, len(files))
	for i, f := range files {
		secret, err := s.cfg.ReadSecret(f.APIKeyFile)
		if err != nil {
			return nil, usagef("thnks.api_key_file: %w", err)
		}
		keys[i] = thnksKey{f.Sender, secret}
	}
	return keys, nil
}

// keyFiles are the files of the portal's API keys, by the names of the keys.
func keyFiles(p configs.Portal) []configs.ThnksKey {
	if p.Thnks.APIKeyFile != "" {
		return []configs.ThnksKey{{Sender: "default", APIKeyFile: p.Thnks.APIKeyFile}}
	}
	return p.Thnks.Keys
}

// clients makes a Thnks client for each of the portal's keys. Times that name no
// zone are taken to be in this one.
func (s *session) clients(p configs.Portal, keys []thnksKey, zone func() *time.Location) ([]*thnksapi.Client, error) {
	clients := make([]*thnksapi.Client, len(keys))
	for i, k := range keys {
		var err error
		clients[i], err = thnksapi.New(thnksapi.Config{
			BaseURL: p.Thnks.BaseURL,
			Key:     k.secret.Reveal(),
			Dialect: dialect(p.Thnks.Dialect),
			Zone:    zone,
			Logger:  s.log.With(logPortal, p.Name),

			RequestsPerSecond: p.Thnks.RequestsPerSecond,
			Pace:              s.keyPaces.shared(p.Thnks.BaseURL, k.secret.Reveal()),
			Memory:            s.answers,
			Waiting:           s.metrics.Portal(p.Name).Waiting(metrics.Thnks, turns.Waiting),
		})
		if err != nil {
			return nil, usage{err}
		}
	}
	return clients, nil
}

// openState opens a portal's state file; create makes one where there is none.
func (s *session) openState(portal string, create bool) (*store.Store, error) {
	j, err := store.Open(stateFile(s.cfg, portal), store.Options{Create: create, Logger: s.log})
	if err == nil {
		s.accounts.states.Store(portal, j)
	}
	return j, err
}

// stateFile is the path of a portal's state file.
func stateFile(cfg *configs.Config, portal string) string {
	return filepath.Join(cfg.StateDir, portal+".db")
}

// readState opens the state file of a portal for a command that only reads.
func (s *session) readState(portal string) (*store.Store, error) {
	j, err := s.openState(portal, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noState(portal)
	}
	return j, err
}

// noState says that nothing is known of a portal yet.
func noState(portal string) error {
	return fmt.Errorf("no state yet: run thnks-hubspot-sync sync --backfill --portal %s first", portal)
}

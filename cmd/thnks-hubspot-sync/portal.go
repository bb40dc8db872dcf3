package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/thnksapi"
)

// A portal is everything one portal's runs work with.
type portal struct {
	engine  *giftsync.Engine
	hubspot *hubspot.Client
	journal *store.Store // nil where a dry run found none
}

// open joins the rooms that a portal's runs need: secrets, both clients, the
// journal, the engine. A dry run does without a journal where there is none
// yet, so that nothing is written anywhere.
func (s *session) open(p configs.Portal, dryRun bool, progress func(giftsync.Progress)) (_ *portal, err error) {
	if p.HubSpot.App != "" {
		return nil, usagef("hubspot.app: this version connects with a static token only: use hubspot.token_file")
	}
	token, err := s.cfg.ReadSecret(p.HubSpot.TokenFile)
	if err != nil {
		return nil, usagef("hubspot.token_file: %w", err)
	}
	keys, err := s.keys(p)
	if err != nil {
		return nil, err
	}

	o := new(portal)
	var journal giftsync.Journal = noJournal{}
	o.journal, err = s.openState(p.Name, !dryRun)
	switch {
	case err == nil:
		journal = o.journal
	case !dryRun || !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	defer func() {
		if err != nil {
			o.close()
		}
	}()

	sources, err := s.sources(p, keys, zoneOf(p.TimeZone, journal))
	if err != nil {
		return nil, err
	}
	o.hubspot, err = hubspot.New(hubspot.Config{
		BaseURL:        p.HubSpot.BaseURL,
		Version:        p.HubSpot.APIVersion,
		Token:          oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token.Reveal()}),
		RequestsPer10s: p.HubSpot.RequestsPer10s,
		TimeZone:       func() *time.Location { return zoneOf(p.TimeZone, journal) },
		Logger:         s.log.With("portal", p.Name),
	})
	if err != nil {
		return nil, usage{err}
	}
	var account string
	if p.HubSpot.AccountID != 0 {
		account = strconv.FormatInt(p.HubSpot.AccountID, 10)
	}
	o.engine = giftsync.New(giftsync.Config{
		Portal:    p.Name,
		Sources:   sources,
		CRM:       o.hubspot,
		Journal:   journal,
		AccountID: account,
		Object:    giftsync.ObjectNames(p.HubSpot.Object),
		Rules: giftsync.LinkRules{
			Companies: p.Associations.Companies == configs.CompaniesPrimary,
			DealLabel: p.Associations.Deals.Label,
			MaxDeals:  p.Associations.Deals.Max,
			Lookback:  time.Duration(p.Associations.Deals.Lookback),
		},
		Logger:   s.log,
		Progress: progress,
	})
	return o, nil
}

// zoneOf is a portal's time zone: the configured one, or else its HubSpot
// account's as far as that is known.
func zoneOf(configured *time.Location, j giftsync.Journal) *time.Location {
	if configured != nil {
		return configured
	}
	return giftsync.PortalZone(j)
}

// close lets go of the state file and of idle connections.
func (o *portal) close() {
	if o.hubspot != nil {
		o.hubspot.Close()
	}
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

// keys reads the portal's API keys.
func (s *session) keys(p configs.Portal) ([]thnksKey, error) {
	files := p.Thnks.Keys
	if len(files) == 0 {
		files = []configs.ThnksKey{{Sender: "default", APIKeyFile: p.Thnks.APIKeyFile}}
	}
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

// sources makes a Thnks client for each of the portal's keys. Times that name
// no zone are taken to be in this one.
func (s *session) sources(p configs.Portal, keys []thnksKey, zone *time.Location) ([]giftsync.Source, error) {
	sources := make([]giftsync.Source, len(keys))
	for i, k := range keys {
		client, err := thnksapi.New(thnksapi.Config{
			BaseURL: p.Thnks.BaseURL,
			Key:     k.secret.Reveal(),
			Dialect: dialect(p.Thnks.Dialect),
			Zone:    zone,
			Logger:  s.log.With("portal", p.Name),
		})
		if err != nil {
			return nil, usage{err}
		}
		sources[i] = giftsync.Source{Key: k.name, API: client}
	}
	return sources, nil
}

// openState opens a portal's state file; create makes one where there is none.
func (s *session) openState(portal string, create bool) (*store.Store, error) {
	return store.Open(filepath.Join(s.cfg.StateDir, portal+".db"), store.Options{Create: create, Logger: s.log})
}

// readState opens the state file of a portal for a command that only reads.
func (s *session) readState(portal string) (*store.Store, error) {
	j, err := s.openState(portal, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no state yet: run thnks-hubspot-sync sync --backfill --portal %s first", portal)
	}
	return j, err
}

package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	giftapp "thnks-hubspot-sync/sync/app"
	"thnks-hubspot-sync/sync/card"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/stats"
)

// cards returns what answers the pages and workflows of HubSpot's apps, nil where no
// portal is connected through one.
func (s *session) cards(d *daemon.Daemon) *card.Server {
	c := card.Config{PublicURL: s.cfg.PublicURL, Log: s.log}
	for _, app := range s.cfg.HubSpotApps {
		portals := make(map[int64]*card.Portal)
		for _, p := range s.cfg.Portals {
			// Of several portals with one account, the first is shown.
			if p.HubSpot.App == app.Name && portals[p.HubSpot.AccountID] == nil {
				portals[p.HubSpot.AccountID] = cardPortal(s, d, p)
			}
		}
		if len(portals) > 0 {
			c.Apps = append(c.Apps, card.App{Name: app.Name, ID: app.AppID, Portals: portals, Verify: s.grants.verifier(app.Name).verify})
		}
	}
	if c.Apps == nil {
		return nil
	}
	return card.New(c)
}

// cardPortal is what the pages of a portal need.
func cardPortal(s *session, d *daemon.Daemon, p configs.Portal) *card.Portal {
	state := func() (*store.Store, error) { return d.StateFile(p.Name) }
	of := func(known func(giftsync.History) string) func() string {
		return func() string {
			j, err := state()
			if err != nil {
				return ""
			}
			return known(j)
		}
	}
	client := sharedClient{connect: func(j *store.Store) (*portal, error) { return s.connect(p, stateOf(j), nil) }}
	return &card.Portal{
		Name: p.Name, Account: strconv.FormatInt(p.HubSpot.AccountID, 10),
		Connected: func() (bool, error) {
			j, err := state()
			if err != nil {
				return false, err
			}
			grant, err := giftapp.StandingOf(j)
			return grant.Connected, err
		},
		State: func() (card.StateFile, error) { return state() },
		HubSpot: func() (card.HubSpot, error) {
			j, err := state()
			if err != nil {
				return nil, err
			}
			return client.of(j)
		},
		Desk:    func() (card.Desk, error) { return d.Sender().Desk(p.Name) },
		Wake:    func() { d.Sender().Wake(p.Name) },
		Object:  of(giftsync.ObjectType),
		Records: of(giftsync.Records),
		Zone: func() *time.Location {
			if p.TimeZone != nil {
				return p.TimeZone
			}
			return d.Zone(p.Name)
		},
		Stats:    func(ctx context.Context) (stats.Report, error) { return d.Stats(ctx, p.Name, stats.Query{}) },
		Settings: func(ctx context.Context) (card.Settings, error) { return cardSettings(ctx, d, p) },
	}
}

// A sharedClient is the HubSpot client of a portal's pages, one for each opening of
// its state file.
type sharedClient struct {
	connect func(*store.Store) (*portal, error)

	mu   sync.Mutex
	over *store.Store
	open *portal
}

func (c *sharedClient) of(j *store.Store) (*hubspot.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over == j {
		return c.open.hubspot, nil
	}
	open, err := c.connect(j)
	if err != nil {
		return nil, err
	}
	if c.open != nil {
		c.open.closeIdle()
	}
	c.over, c.open = j, open
	return open.hubspot, nil
}

// withCards serves the pages and workflows of HubSpot's apps beside the rest.
func withCards(c *card.Server, others http.Handler) http.Handler {
	if others == nil {
		others = http.NotFoundHandler()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := r.URL.EscapedPath(); strings.HasPrefix(path, card.CardPrefix) || strings.HasPrefix(path, card.ActionPrefix) {
			c.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

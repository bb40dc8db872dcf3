package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/webhook"
)

// public is the public side: the webhooks of the portals that have any, or nil
// where none has. A portal whose secrets cannot be read does not keep those of
// others from being served; its senders are asked to try again later.
func (s *session) public(d *daemon.Daemon) (http.Handler, error) {
	o := webhook.Options{PublicURL: s.cfg.PublicURL, TrustedProxies: s.cfg.TrustedProxies, Log: s.log}
	down := make(map[string]bool) // paths of endpoints that cannot verify anything
	for _, p := range s.cfg.Portals {
		for _, h := range webhooksOf(p.Webhooks) {
			scheme, err := s.scheme(h)
			if err != nil {
				problem := fmt.Sprintf("webhooks.%s: %v; fix it, then reload the service", h.dialect, err)
				d.AddProblem(p.Name, func() string { return problem })
				s.log.Error("portal needs attention", logPortal, p.Name, logProblem, problem)
				down[webhook.Prefix+p.Name+"/"+h.dialect] = true
				continue
			}
			source := h.source(func() *time.Location {
				if p.TimeZone != nil {
					return p.TimeZone
				}
				return d.Zone(p.Name)
			})
			source.Portal, source.Scheme, source.Inbox = p.Name, scheme, d.Inbox(p.Name)
			o.Sources = append(o.Sources, source)
		}
	}
	o.Apps = s.hubspotApps(d)
	if len(o.Sources)+len(o.Apps)+len(down) == 0 {
		return nil, nil
	}
	hooks, err := webhook.New(o)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down[r.URL.EscapedPath()] {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "300")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "{}") // a sender that has gone misses nothing
			return
		}
		hooks.ServeHTTP(w, r)
	}), nil
}

// hubspotApps returns the apps that portals are connected through, whose webhooks
// HubSpot sends. Their portals need attention while the secret cannot be read.
func (s *session) hubspotApps(d *daemon.Daemon) (apps []webhook.App) {
	for _, app := range s.cfg.HubSpotApps {
		check := s.grants.verifier(app.Name)
		portals := make(map[int64][]webhook.Destination)
		for _, p := range s.cfg.Portals {
			if p.HubSpot.App == app.Name {
				d.AddProblem(p.Name, check.problem)
				portals[p.HubSpot.AccountID] = append(portals[p.HubSpot.AccountID], webhook.Destination{Portal: p.Name, Inbox: d.Inbox(p.Name)})
			}
		}
		if len(portals) == 0 {
			continue
		}
		if problem := check.problem(); problem != "" {
			s.log.Error("app needs attention", logProblem, problem)
		}
		apps = append(apps, webhook.App{Name: app.Name, ID: app.AppID, Portals: portals, Verify: check.verify})
	}
	return apps
}

// A hook is one of a portal's sources of events, in the words of the only one that
// has a choice of schemes.
type hook struct {
	dialect  string
	settings configs.GiftEvents
}

// source returns how the events of a source are read; zone returns the time zone of
// times that name none.
func (h hook) source(zone func() *time.Location) webhook.Source {
	return webhook.Source{
		Dialect: h.dialect, CompanyID: h.settings.CompanyID,
		MetadataKeys: h.settings.MetadataKeys, MetadataProperties: h.settings.MetadataProperties, Zone: zone,
	}
}

// reread returns a function that reads the kept body of a portal's event again, by
// the decoder and the settings of today.
func (s *session) reread(p configs.Portal, j *store.Store) func(e store.Event, body []byte) store.Event {
	zone := zoneOf(p.TimeZone, j)
	return func(e store.Event, body []byte) store.Event {
		for _, h := range webhooksOf(p.Webhooks) {
			if h.dialect == e.Dialect {
				return webhook.Reread(h.source(zone), e, body)
			}
		}
		return webhook.Reread(webhook.Source{Dialect: e.Dialect, Zone: zone}, e, body)
	}
}

// metadataOf returns the properties of the custom object that a portal's events fill
// with metadata.
func metadataOf(w configs.Webhooks) []string {
	if w.GiftEvents == nil {
		return nil
	}
	return slices.Sorted(maps.Values(w.GiftEvents.MetadataProperties))
}

// webhooksOf returns the sources that a portal has.
func webhooksOf(w configs.Webhooks) []hook {
	var hooks []hook
	if w.GiftEvents != nil {
		hooks = append(hooks, hook{webhook.GiftEvents, *w.GiftEvents})
	}
	token := func(dialect, header string, files []string) {
		hooks = append(hooks, hook{dialect, configs.GiftEvents{Scheme: configs.SchemeToken, Header: header, TokenFiles: files}})
	}
	if w.Thyngs != nil {
		token(webhook.Thyngs, "Authorization", w.Thyngs.TokenFiles)
	}
	if w.ZohoThrive != nil {
		token(webhook.ZohoThrive, w.ZohoThrive.Header, w.ZohoThrive.TokenFiles)
	}
	return hooks
}

// scheme reads the secrets by which a source's events prove themselves.
func (s *session) scheme(h hook) (webhook.Scheme, error) {
	g := h.settings
	files := g.SecretFiles
	if g.Scheme == configs.SchemeToken {
		files = g.TokenFiles
	}
	secrets := make([]string, len(files))
	for i, file := range files {
		secret, err := s.cfg.ReadSecret(file)
		if err != nil {
			return webhook.Scheme{}, err
		}
		secrets[i] = secret.Reveal()
	}
	var scheme webhook.Scheme
	var err error
	switch g.Scheme {
	case configs.SchemeStandard:
		scheme, err = webhook.Standard(secrets...)
	case configs.SchemeHMAC:
		scheme, err = webhook.HMAC(webhook.Signature{
			Header: g.Header, Encoding: g.Encoding, Prefix: g.Prefix, TimestampHeader: g.TimestampHeader,
		}, secrets...)
	case configs.SchemeToken:
		scheme, err = webhook.Token(g.Header, secrets...)
	}
	if err != nil {
		return webhook.Scheme{}, fmt.Errorf("%w (of the files %s, in this order)", err, strings.Join(files, ", "))
	}
	return scheme, nil
}

package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A sandbox is a HubSpot portal and a Thnks account inside this process, each
// behind a real listener on loopback, and a folder for the files that a
// portal needs.
type sandbox struct {
	portal *hubspottest.Portal
	thnks  *thnksapitest.Server

	hubspotURL, thnksURL string
	hookSecret           []byte // by which Thnks signs events
	people, known        int    // addresses that got a gift, and how many of them HubSpot has as contacts
	dir                  string
	servers              []*http.Server
}

// The sandbox's size apart from the number of transactions.
const (
	giftsPerPerson = 5
	knownShare     = 0.8
	sandboxSeed    = 2026
	sandboxYears   = 2
	sandboxKey     = "sandbox-key"
	sandboxToken   = "sandbox-token"
	sandboxHook    = "whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtc2FuZGJveA=="
	sandboxPortal  = "sandbox"
	sandboxObject  = "thnks"
)

// newSandbox makes a sandbox in which n transactions have happened, with the
// texts and addresses that real accounts hold, the ugly ones included.
func newSandbox(n int, now time.Time) (_ *sandbox, err error) {
	b := &sandbox{
		// The limits of an account with an Enterprise subscription.
		portal: hubspottest.New(hubspottest.Options{
			Seed: sandboxSeed, Token: sandboxToken,
			Limits: hubspottest.Limits{Burst: 190, SearchPerSecond: 5, AssociationsPer10s: 150},
		}),
		thnks: thnksapitest.New(thnksapitest.Options{Keys: map[string]string{sandboxKey: ""}}),
	}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.hookSecret, err = thnksapitest.ParseSecret(sandboxHook); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "thnks-hubspot-sync-demo-"); err != nil {
		return nil, err
	}
	transactions := thnksapitest.Generate(thnksapitest.Data{
		Seed: sandboxSeed, N: n, Recipients: max(1, n/giftsPerPerson),
		Start: now.AddDate(-sandboxYears, 0, 0), End: now, Ugly: true,
	})
	b.thnks.Add(transactions...)
	people := thnksapitest.Recipients(transactions)
	b.people = len(people)
	b.known = b.portal.Populate(people, hubspottest.Population{
		Seed: sandboxSeed, Matched: knownShare, WithCompany: 0.9, DealsPer: 2, OpenDeals: 0.6,
	}).Contacts
	if b.hubspotURL, err = b.serve(b.portal); err != nil {
		return nil, err
	}
	if b.thnksURL, err = b.serve(b.thnks); err != nil {
		return nil, err
	}
	return b, nil
}

// serve serves h on a free loopback port and returns its URL.
func (b *sandbox) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	b.servers = append(b.servers, srv)
	go func() {
		_ = srv.Serve(l) // until close; should it end before, the calls to it say so
	}()
	return "http://" + l.Addr().String(), nil
}

// config writes the secrets into files and returns the configuration of the
// sandbox's one portal, as a file would have given it.
func (b *sandbox) config() (*configs.Config, error) {
	cfg := configs.Default()
	cfg.StateDir = filepath.Join(b.dir, "state")
	p := configs.DefaultPortal()
	p.Name = sandboxPortal
	p.HubSpot.BaseURL, p.HubSpot.TokenFile = b.hubspotURL, filepath.Join(b.dir, "hubspot-token")
	p.Thnks.BaseURL, p.Thnks.APIKeyFile = b.thnksURL, filepath.Join(b.dir, "thnks-key")
	cfg.Portals = []configs.Portal{p}
	hooks := filepath.Join(b.dir, "gift-events")
	p.Webhooks.GiftEvents = &configs.GiftEvents{Scheme: configs.SchemeStandard, SecretFiles: []string{hooks}}
	secrets := b.letSend(&p)
	cfg.Portals[0] = p
	secrets[p.HubSpot.TokenFile], secrets[p.Thnks.APIKeyFile], secrets[hooks] = sandboxToken, sandboxKey, sandboxHook
	for file, secret := range secrets {
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			return nil, fmt.Errorf("writing the sandbox's secrets: %w", err)
		}
	}
	return cfg, cfg.Validate()
}

// close stops both servers and removes every file.
func (b *sandbox) close() error {
	var errs []error
	for _, srv := range b.servers {
		errs = append(errs, srv.Close())
	}
	if b.dir != "" {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	return errors.Join(errs...)
}

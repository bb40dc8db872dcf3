package main

import (
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// The sandbox's credentials. They open nothing else.
const (
	token = "sandbox-token"
	key   = "sandbox-key"
)

// A size says what a sandbox holds.
type size struct {
	transactions, recipients, deals int
	matched                         float64
	seed                            uint64
	ugly, limits                    bool
}

// A world is a portal and a source, and what the source was filled with.
type world struct {
	portal     *hubspottest.Portal
	thnks      *thnksapitest.Server
	data       thnksapitest.Data
	identified int // transactions that have an id
}

// built is how many transactions are generated before they are handed over,
// so that a million of them are never held twice.
const built = 1000

// unlimited is a limit that nobody reaches. It has to be said: clients keep
// to the limit in the headers of the answers.
const unlimited = 1_000_000

func build(s size, now time.Time) *world {
	o := hubspottest.Options{Seed: s.seed, Token: token, Limits: hubspottest.Limits{Burst: unlimited}}
	if s.limits {
		o.Limits = hubspottest.Limits{Burst: 190, SearchPerSecond: 5, AssociationsPer10s: 150}
	}
	w := &world{
		portal: hubspottest.New(o),
		thnks:  thnksapitest.New(thnksapitest.Options{Keys: map[string]string{key: ""}}),
		data: thnksapitest.Data{
			Seed: s.seed, N: s.transactions, Recipients: s.recipients, Ugly: s.ugly,
			End: now,
		},
	}
	var batch []thnksapitest.Transaction
	for t := range thnksapitest.Stream(w.data) {
		if t.ID != "" {
			w.identified++
		}
		if batch = append(batch, t); len(batch) == built {
			w.thnks.Add(batch...)
			batch = batch[:0]
		}
	}
	w.thnks.Add(batch...)
	w.portal.Populate(w.data.Addresses(), hubspottest.Population{
		Seed: s.seed, Matched: s.matched, WithCompany: 1, DealsPer: s.deals, OpenDeals: 1,
	})
	return w
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	transactions, recipients int
	matched                  float64 // share of the recipients
	deals                    int     // of each contact
	open                     float64 // share of the deals
	further                  int     // contacts with a second address
	seed                     uint64
	ugly, limits             bool
}

// A world is a portal, a source, and what posts the source's events.
type world struct {
	portal *hubspottest.Portal
	thnks  *thnksapitest.Server
	sender *thnksapitest.Sender // nil without a webhook
}

// built is how many transactions are generated before they are handed over,
// so that a million of them are never held twice.
const built = 1000

// unlimited is a limit that no client reaches. It has to be said: clients keep
// to the limit in the headers of the answers.
const unlimited = 1_000_000

// age is how long ago the portal's people and deals were made: what is new is asked for
// again and again, as search may not show it yet.
const age = 24 * time.Hour

// firstAccount is the id of the first portal's account.
const firstAccount = 62515

// tokenOf is the token of the i-th portal: no two may share one.
func tokenOf(i int) string {
	if i == 0 {
		return token
	}
	return fmt.Sprintf("%s-%d", token, i+1)
}

// build makes the i-th portal and its Thnks.
func build(s size, i int, now time.Time) *world {
	s.seed += uint64(i)
	o := hubspottest.Options{ID: firstAccount + int64(i), Seed: s.seed, Token: tokenOf(i), Limits: hubspottest.Limits{Burst: unlimited}}
	if s.limits {
		o.Limits = hubspottest.Limits{Burst: 190, SearchPerSecond: 5, AssociationsPer10s: 150}
	}
	w := &world{
		portal: hubspottest.New(o),
		thnks:  thnksapitest.New(thnksapitest.Options{Keys: map[string]string{key: ""}}),
	}
	data := thnksapitest.Data{Seed: s.seed, N: s.transactions, Recipients: s.recipients, Ugly: s.ugly, End: now}
	var batch []thnksapitest.Transaction
	for t := range thnksapitest.Stream(data) {
		if batch = append(batch, t); len(batch) == built {
			w.thnks.Add(batch...)
			batch = batch[:0]
		}
	}
	w.thnks.Add(batch...)
	w.portal.Populate(data.Addresses(), hubspottest.Population{
		Seed: s.seed, Matched: s.matched, WithCompany: 1, DealsPer: s.deals, OpenDeals: s.open, Further: s.further, Age: age,
	})
	return w
}

// turn lets the world turn until the context ends: gifts are sent, delivered,
// opened and redeemed.
func (w *world) turn(ctx context.Context, every time.Duration, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.thnks.Tick(rng)
		}
	}
}

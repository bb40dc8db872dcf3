package sync_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// How long a run may take: where its servers are well, which alone takes 3 s at
// most, and where they are not, which is given up after 5 minutes: those of the
// run, after those of the events worker that has some of its gifts in hand.
const (
	inTime  = 30 * time.Second
	givenUp = 11 * time.Minute
)

// stilling is held by who waits for its bubble to come to rest, which only one
// may at a time. It belongs to the bubble, or waiting for it would be no rest.
type stilling chan struct{}

// still waits until everything of the bubble waits for time to pass.
func (s stilling) still() {
	s <- struct{}{}
	synctest.Wait()
	<-s
}

// sideBySide lets each portal have a few episodes, all at the same time as in
// the daemon. One portal is broken for as long as the others have theirs.
func sideBySide(rng *rand.Rand, lives []*life) {
	if len(lives) == 1 || rng.IntN(2) == 0 {
		return
	}
	sick, episodes := lives[rng.IntN(len(lives))], 1+rng.IntN(2)
	for _, l := range lives {
		l.accompanied = true
	}
	var others, all sync.WaitGroup
	over := make(chan struct{})
	all.Go(func() { sick.outage(over) })
	for _, l := range lives {
		if l == sick {
			continue
		}
		others.Go(func() {
			for range episodes {
				l.badly()
			}
		})
	}
	others.Wait()
	close(over)
	all.Wait()
	for _, l := range lives {
		l.accompanied = false
	}
}

// outage is a life of the program whose HubSpot or Thnks fails at every call: it
// tries again and again until the others are over.
func (l *life) outage(over <-chan struct{}) {
	before := l.state()
	l.faulty, l.calm = true, true // what it does by chance must not depend on when the others are over
	l.breakDown()
	l.live(0, func(ctx context.Context, e *giftsync.Engine, st *store.Store) {
		l.deliver(st, false)
		for {
			if _, err := l.pass(ctx, e, giftsync.Request{Mode: giftsync.Incremental}); err != nil {
				l.struck.add(brokenBeside)
			}
			l.workOff(ctx, e)
			select {
			case <-over:
				return
			case <-time.After(time.Minute):
			}
		}
	})
	l.heal()
	l.calm = false
	l.closely(func(st *store.Store) {
		l.takeOver(st, before)
		l.inspect(st)
	})
}

// breakDown lets a server fail at every call, or keep every caller waiting.
func (l *life) breakDown() {
	hubspot := []hubspottest.Fault{
		{Kind: hubspottest.RespondStatus, Status: 500},
		{Kind: hubspottest.RespondStatus, Status: 502, AfterEffect: true},
		{Kind: hubspottest.RespondStatus, Status: 423},
		{Kind: hubspottest.RespondStatus, Status: 429},
		{Kind: hubspottest.RespondStatus, Status: 429, Policy: "DAILY"},
		{Kind: hubspottest.RespondStatus, Status: 401},
		{Kind: hubspottest.RespondStatus, Status: 477, RetryAfter: "30"},
		{Kind: hubspottest.ResetConn},
		{Kind: hubspottest.ResetConn, AfterEffect: true},
		{Kind: hubspottest.EmptyAnswer},
		{Kind: hubspottest.DelayAnswer, Delay: simulation.Day},
		{Kind: hubspottest.DripBody, Delay: time.Minute},
	}
	thnks := []thnksapitest.Fault{
		{Status: 500},
		{Status: 429},
		{Effect: thnksapitest.ResetBefore},
		{Effect: thnksapitest.SlowOnly, Delay: simulation.Day},
	}
	n := l.rng.IntN(len(hubspot) + len(thnks))
	if n >= len(hubspot) {
		l.Thnks.Fault(thnks[n-len(hubspot)])
		l.note("Thnks is broken: %+v", thnks[n-len(hubspot)])
		return
	}
	hubspot[n].Count = -1
	l.Portal.Fault(hubspot[n])
	l.note("HubSpot is broken: %+v", hubspot[n])
}

// punctual sees to it that a run ends in time, whatever happens to other
// portals, and that it ends well where its own servers are well.
func (l *life) punctual(req giftsync.Request, took time.Duration, err error) {
	if l.steps.Death() != "" {
		return
	}
	most, amiss := inTime, l.amiss()
	if amiss {
		most = givenUp
	}
	if took > most {
		l.T.Errorf("portal %s: %s took %v (anything amiss: %v)", l.name, req.Mode, took, amiss)
	}
	if err != nil && !amiss && !strings.Contains(err.Error(), "no custom object") {
		l.T.Errorf("portal %s: %s (dry run %v) with servers that are well: %v", l.name, req.Mode, req.DryRun, err)
	}
}

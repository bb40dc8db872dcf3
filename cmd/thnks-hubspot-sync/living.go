package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// shownEvents is how many of a pass's events its line names.
const shownEvents = 3

// goOn lets the sandbox's world turn and syncs it, a line per pass, until the
// context ends, which is how the demo is meant to end.
func (s *session) goOn(ctx context.Context, w io.Writer, b *sandbox) error {
	rng := rand.New(rand.NewPCG(sandboxSeed, 0))
	tick := time.NewTicker(demoEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		added, changed := b.thnks.Tick(rng)
		before := b.statuses(changed)
		r := s.run(ctx, s.portals[0].Name, giftsync.Request{Mode: giftsync.Incremental}, s.progress())
		switch {
		case ctx.Err() != nil:
			continue
		case r.err != nil:
			return r.err
		}
		fmt.Fprintf(w, "%s  %s; HubSpot calls %d\n", time.Now().Format(time.TimeOnly),
			events(before, b.statuses(slices.Concat(added, changed))), total(r.report.HubSpotCalls))
	}
}

// statuses returns the status that HubSpot shows for each transaction; one
// that it does not hold is missing.
func (b *sandbox) statuses(ids []string) map[string]string {
	m := make(map[string]string)
	for _, id := range ids {
		for _, r := range b.portal.Find(sandboxObject, "thnks_transaction_id", id) {
			m[id] = r.Properties["status"]
		}
	}
	return m
}

// events says how HubSpot changed with a pass: "2 new, 3 status changes:
// T-003001 sent, T-000017 sent → opened, …".
func events(before, after map[string]string) string {
	var added, changed []string
	for id, now := range after {
		switch was, known := before[id]; {
		case !known:
			added = append(added, id+" "+now)
		case was != now:
			changed = append(changed, id+" "+was+" → "+now)
		}
	}
	if len(added)+len(changed) == 0 {
		return "nothing new"
	}
	slices.Sort(added)
	slices.Sort(changed)
	named := slices.Concat(added, changed)
	if len(named) > shownEvents {
		named = append(named[:shownEvents:shownEvents], "…")
	}
	return fmt.Sprintf("%d new, %d status changes: %s", len(added), len(changed), printable(strings.Join(named, ", ")))
}

// shownLinks is how many linked gifts the demo shows.
const shownLinks = 5

// printLinks names some gifts and the records that they are linked to, as
// somebody looking at HubSpot would see them.
func (b *sandbox) printLinks(w io.Writer) {
	shown := 0
	for gift := range b.portal.Records(sandboxObject) {
		links := b.portal.Links(sandboxObject, gift.ID)
		if len(links["contacts"]) == 0 || len(links["companies"]) == 0 || len(links["deals"]) == 0 {
			continue
		}
		contact, _ := b.portal.Record("contacts", links["contacts"][0].ToID)
		company, _ := b.portal.Record("companies", links["companies"][0].ToID)
		var deals []string
		for _, l := range links["deals"] {
			deal, _ := b.portal.Record("deals", l.ToID)
			deals = append(deals, deal.Properties["dealname"])
		}
		line := fmt.Sprintf("%s (%s) → contact %s %s, company %s, deals %s",
			gift.Properties["gift_name"], gift.Properties["status"],
			contact.Properties["firstname"], contact.Properties["lastname"],
			company.Properties["name"], strings.Join(deals, "; "))
		fmt.Fprintf(w, "  %s\n", printable(line))
		if shown++; shown == shownLinks {
			return
		}
	}
}

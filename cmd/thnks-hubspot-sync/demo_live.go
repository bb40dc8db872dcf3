package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/webhook"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// passEvery is how many steps of the sandbox there are between passes.
const passEvery = 3

// lookAfter is how long after a step HubSpot is looked at: events have arrived
// by then, but for those that are held back or lost.
const lookAfter = 1500 * time.Millisecond

// demoLive runs the daemon against the changing sandbox and prints a line per step
// until ctx is cancelled, which is the normal end of the demo. Statuses come by
// webhook, from a sender that doubles, delays, reorders and loses some; a pass
// finds those that it loses.
func (s *session) demoLive(ctx context.Context, w io.Writer, b *sandbox) (err error) {
	d, err := s.newDaemon(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	ctx, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	public, err := b.receive(ctx, &parts, d, s)
	if err != nil {
		return err
	}
	page, err := s.showPage(ctx, &parts, d)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nThe statistics as a page, which follows: %s\n", page)
	fmt.Fprint(w, "Gifts go on arriving and changing, and Thnks and HubSpot send webhooks about it; until Ctrl-C.\n")
	if onDesktop(w) {
		openPage(page)
	}
	parts.Go(func() { d.Keep(ctx, s.log) })
	sender := b.thnks.Subscribe(ctx, thnksapitest.Webhook{
		URL: public + webhook.Prefix + sandboxPortal + "/" + webhook.GiftEvents, Scheme: thnksapitest.Standard{Secrets: [][]byte{b.hookSecret}},
		Seed: sandboxSeed, Drops: 0.1, Duplicates: 0.2, Reorder: 0.1, MaxDelay: 300 * time.Millisecond,
	})
	parts.Go(func() { <-sender.Done() })

	rng := rand.New(rand.NewPCG(sandboxSeed, 0))
	tick := time.NewTicker(demoEvery)
	defer tick.Stop()
	story := newStory(b)
	defer func() { story.sum(w, sender.Deliveries()) }()
	waiting := occasions()
	for step := 1; ; step++ {
		if !waitFor(ctx, tick.C) {
			return ctx.Err()
		}
		how := "by webhook"
		if step%passEvery == 0 {
			how = "and a pass"
			d.Hint(sandboxPortal)
		}
		b.thnks.Tick(rng)
		if !waitFor(ctx, time.After(lookAfter)) {
			return ctx.Err()
		}
		story.tell(w, how, sender.Deliveries())
		switch {
		case step%passEvery == 1:
			b.heal(ctx, w)
		case step%passEvery == 2 && len(waiting) > 0:
			if err := b.fire(ctx, w, public, waiting[0]); err != nil && ctx.Err() == nil {
				return err
			}
			waiting = waiting[1:]
		}
	}
}

// waitFor waits for a moment and reports whether it came before the context
// ended.
func waitFor(ctx context.Context, moment <-chan time.Time) bool {
	select {
	case <-moment:
		return true
	case <-ctx.Done():
		return false
	}
}

// receive serves the daemon's public side on a loopback port, has HubSpot send its
// webhooks there, and returns its address.
func (b *sandbox) receive(ctx context.Context, parts *sync.WaitGroup, d *daemon.Daemon, s *session) (address string, err error) {
	public, err := s.public(d)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address = "http://" + l.Addr().String()
	fromHubSpot, err := b.hubspotHooks(d, address, s.log)
	if err != nil {
		return "", errors.Join(err, l.Close())
	}
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() == webhook.HubSpotPath {
			fromHubSpot.ServeHTTP(w, r)
			return
		}
		public.ServeHTTP(w, r)
	})
	parts.Go(func() {
		if err := webhook.Serve(ctx, l, both, nil, s.log); err != nil {
			s.log.Error("no more events are received", logError, err)
		}
	})
	b.subscribe(ctx, address)
	return address, nil
}

// showPage serves the daemon's private side on a loopback port and returns its
// address. The recipients are shown, as the sandbox invents them.
func (s *session) showPage(ctx context.Context, parts *sync.WaitGroup, d *daemon.Daemon) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	pages := admin.Pages(d, admin.PagesOptions{Unmasked: true, Metrics: s.metrics.Handler(d, s.turns.Load, s.log), Logger: s.log})
	parts.Go(func() {
		if err := admin.ServePages(ctx, l, pages, s.log); err != nil {
			s.log.Error("the page is not served any more", logError, err)
		}
	})
	return "http://" + l.Addr().String() + "/", nil
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

// shownLinks is how many linked gifts the demo shows.
const shownLinks = 5

// printLinks names some gifts and the records that they are linked to, as
// HubSpot shows them.
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

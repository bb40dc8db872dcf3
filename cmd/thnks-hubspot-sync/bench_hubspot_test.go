package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/webhook"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// BenchmarkHubSpotWebhook measures the daemon as a process of its own, with this one
// as HubSpot, which enforces the limits of an app of its marketplace:
//
//	go test -run '^$' -bench HubSpotWebhook -benchtime 1x -timeout 30m ./cmd/thnks-hubspot-sync
//
// Latency: from a contact that is made until its gift is linked, one at a time. Load:
// 150 requests a second for a minute, with one event each, of which one in ten is about
// the recipient of a gift. Every request has to be answered 200, and every event to be
// followed.
func BenchmarkHubSpotWebhook(b *testing.B) {
	b.Run("Latency", benchContact)
	b.Run("Load", benchHubSpotLoad)
}

// orphanage is a portal with a gift to each of n people, of whom HubSpot knows none,
// and a daemon that listens for HubSpot's webhooks. It returns the addresses.
func orphanage(b *testing.B, n int) (i *oauthInstallation, addresses []string, p *process) {
	b.Helper()
	i = newOAuthInstallationOf(b, hubspottest.Options{
		Limits: hubspottest.Limits{Burst: 110, AssociationsPer10s: 150, SearchPerSecond: 5},
	}, "{companies: primary}", thnksapitest.Data{Seed: 1, N: n, Recipients: n, End: time.Now()}, 0).connected()
	seen := make(map[string]bool)
	for r := range i.portal.Records(sandboxObject) {
		if a, ok := plan.CanonicalEmail(r.Properties["recipient_email"]); ok && !seen[a] {
			seen[a] = true
			addresses = append(addresses, a)
		}
	}
	p = start(b, exec.Command("thnks-hubspot-sync", "run", "--config", i.config))
	await(b, "the daemon is ready", func() bool { return p.said("daemon ready") })
	<-time.After(12 * time.Second) // after which the backfill's calls count no more
	return i, addresses, p
}

// linked reports whether all gifts to an address are linked to the contact.
func (i *oauthInstallation) linked(email, contact string) bool {
	for _, r := range i.portal.Find(sandboxObject, "recipient_email", email) {
		links := i.portal.Links(sandboxObject, r.ID)["contacts"]
		if len(links) != 1 || links[0].ToID != contact {
			return false
		}
	}
	return true
}

func benchContact(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		i, addresses, _ := orphanage(b, 200)
		ctx, cancel := context.WithCancel(b.Context())
		i.portal.Subscribe(ctx, hubspottest.Webhook{URL: i.public + webhook.HubSpotPath, AppID: 54321, Secret: oauthSecret})
		before := i.portal.Requests().Total
		var took []time.Duration
		for _, a := range addresses {
			began := time.Now()
			contact := i.portal.AddContact(a, nil)
			for !i.linked(a, contact) {
				if time.Since(began) > patience {
					b.Fatal("an orphan is not linked")
				}
				<-time.After(time.Millisecond)
			}
			took = append(took, time.Since(began))
			<-time.After(1500 * time.Millisecond) // what comes sooner is gathered
		}
		cancel()
		spread(b, took)
		b.ReportMetric(float64(len(took)), "contacts")
		b.ReportMetric(float64(i.portal.Requests().Total-before)/float64(len(took)), "calls/contact")
		b.StartTimer()
	}
}

func benchHubSpotLoad(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		const perSecond, seconds, senders = 150, 60, 10
		i, addresses, p := orphanage(b, perSecond*seconds/10)
		finished, peak := make(chan struct{}), make(chan int)
		go func() { peak <- peakRSS(p.Process.Pid, finished) }()
		before := i.portal.Requests().Total
		address := i.public + webhook.HubSpotPath
		http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = senders

		type contact struct{ id, email string }
		due := make(chan contact, perSecond*seconds)
		var mu sync.Mutex
		var took []time.Duration
		var sending sync.WaitGroup
		for range senders {
			sending.Go(func() {
				for c := range due {
					body := fmt.Sprintf(`[{"eventId":1,"subscriptionId":12345,"portalId":62515,"appId":54321,"occurredAt":%d,"subscriptionType":"object.creation","attemptNumber":0,"objectId":%s,"objectTypeId":"0-1","changeFlag":"NEW","changeSource":"CRM_UI","sourceId":"userId:42"}]`, time.Now().UnixMilli(), c.id)
					sent := time.Now()
					if got := postHubSpotTo(b, address, oauthSecret, body); got != http.StatusOK {
						b.Errorf("answered %d", got)
					}
					mu.Lock()
					took = append(took, time.Since(sent))
					mu.Unlock()
				}
			})
		}
		var people []contact
		began := time.Now()
		for n := range perSecond * seconds {
			<-time.After(time.Until(began.Add(time.Duration(n) * time.Second / perSecond)))
			c := contact{}
			if n%10 == 0 && n/10 < len(addresses) {
				c.email = addresses[n/10]
			}
			if c.id = i.portal.AddContact(c.email, nil); c.email != "" {
				people = append(people, c)
			}
			due <- c
		}
		close(due)
		sending.Wait()
		sent := time.Since(began)
		await(b, "every orphan is linked", func() bool {
			return !slices.ContainsFunc(people, func(c contact) bool { return !i.linked(c.email, c.id) })
		})
		behind := time.Since(began) - sent
		calls := i.portal.Requests().Total - before
		await(b, "every event was followed", func() bool {
			out, _ := i.command(done, "events", "list", "--source", webhook.HubSpot, "--limit", "1", "--json")
			var doc document[giftsync.EventList]
			return json.NewDecoder(strings.NewReader(out)).Decode(&doc) == nil && doc.Portals[0].Counts["applied"] == perSecond*seconds
		})
		close(finished)
		spread(b, took)
		b.ReportMetric(float64(len(took))/sent.Seconds(), "events/s")
		b.ReportMetric(milliseconds(took[len(took)-1]), "max-ms")
		b.ReportMetric(behind.Seconds(), "behind-s")
		per := float64(calls) / float64(len(took)) * 1000
		b.ReportMetric(per, "calls/1000")
		if per > 40 {
			b.Errorf("%.1f calls per 1,000 events", per)
		}
		b.ReportMetric(float64(<-peak)/1024, "peak-MiB")
		b.StartTimer()
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/webhook"
)

// The app of the sandbox whose webhooks HubSpot sends.
const (
	sandboxHookApp    = 54321
	sandboxHookSecret = "sandbox-client-secret"
)

// healWithin is how long the demo waits for an orphan to be linked.
const healWithin = 5 * time.Second

// hubspotHooks receives the webhooks of the sandbox's HubSpot, which calls public.
// Their app is none of the configuration, as the sandbox's token is a static one.
func (b *sandbox) hubspotHooks(d *daemon.Daemon, public string, log *slog.Logger) (http.Handler, error) {
	return webhook.New(webhook.Options{
		PublicURL: public, Log: log,
		Apps: []webhook.App{{
			Name: sandboxPortal, ID: sandboxHookApp,
			Verify: func(r hubspot.SignedRequest, now time.Time) error { return r.Verify(sandboxHookSecret, now) },
			Portals: map[int64][]webhook.Destination{
				b.portal.ID(): {{Portal: sandboxPortal, Inbox: d.Inbox(sandboxPortal)}},
			},
		}},
	})
}

// subscribe has HubSpot send its webhooks to the daemon's public side: some twice,
// some out of order.
func (b *sandbox) subscribe(ctx context.Context, public string) {
	b.portal.Subscribe(ctx, hubspottest.Webhook{
		URL: public + webhook.HubSpotPath, AppID: sandboxHookApp, Secret: sandboxHookSecret,
		Seed: sandboxSeed, Duplicates: 0.3, Reorder: 0.3,
	})
}

// heal makes a contact of an orphan's recipient, as a user of HubSpot does, and
// tells how long it takes until the gift is linked to it.
func (b *sandbox) heal(ctx context.Context, w io.Writer) {
	gift, email := b.orphan()
	if gift == "" {
		return
	}
	begun := time.Now()
	contact := b.portal.AddContact(email, nil)
	for ctx.Err() == nil && time.Since(begun) < healWithin {
		if links := b.portal.Links(sandboxObject, gift)["contacts"]; len(links) > 0 && links[0].ToID == contact {
			r, _ := b.portal.Record(sandboxObject, gift)
			fmt.Fprintf(w, "          the recipient of %s became a contact in HubSpot: linked %d ms later\n",
				printable(r.Properties["thnks_transaction_id"]), time.Since(begun).Milliseconds())
			return
		}
		waitFor(ctx, time.After(5*time.Millisecond))
	}
}

// orphan returns the record of a gift without a contact, and the address of its
// recipient, whom HubSpot does not know.
func (b *sandbox) orphan() (record, email string) {
	for gift := range b.portal.Records(sandboxObject) {
		address, ok := plan.CanonicalEmail(gift.Properties["recipient_email"])
		if ok && len(b.portal.Links(sandboxObject, gift.ID)["contacts"]) == 0 && len(b.portal.Find("contacts", "email", address)) == 0 {
			return gift.ID, address
		}
	}
	return "", ""
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/webhook"
)

// The sandbox's gift, and the tokens by which its other senders of events are known.
const (
	sandboxGift   = 5659
	sandboxThyngs = "sandbox-thyngs-sandbox-thyngs-00"
	sandboxThrive = "sandbox-thrive-sandbox-thrive-00"
	thriveHeader  = "X-Thrive-Token"
)

// firedWithin is how long the demo waits for a trigger's gift.
const firedWithin = 5 * time.Second

// letSend lets the sandbox's portal send coffee to acme.example, and two kinds of
// events send it by themselves. It returns the secrets by their files.
func (b *sandbox) letSend(p *configs.Portal) map[string]string {
	thyngs, thrive := filepath.Join(b.dir, "thyngs"), filepath.Join(b.dir, "thrive")
	p.Webhooks.Thyngs = &configs.TokenHook{TokenFiles: []string{thyngs}}
	p.Webhooks.ZohoThrive = &configs.HeaderHook{Header: thriveHeader, TokenFiles: []string{thrive}}
	p.Sending = &configs.Sending{
		Allow: []string{"@acme.example"}, OptOutProperties: []string{"hs_email_optout"},
		Currency: "USD", Catalogue: []configs.CatalogueItem{{Gift: sandboxGift, Name: "Morning Coffee", Price: "7.50"}},
		Budget: configs.Budget{Sender: "100.00", Portal: "100.00"}, ApproveAbove: "20.00",
		PerRecipient: configs.PerRecipient{Max: 1, Within: configs.Duration(30 * 24 * time.Hour)},
	}
	p.Triggers = []configs.Trigger{
		{
			Name: "gold", Source: webhook.ZohoThrive, Event: "tier_upgrade", When: []configs.Condition{{Field: "message.tier", Equal: "gold"}},
			To: "{message.email_id}", Gift: sandboxGift, Message: "Welcome to gold!", OncePer: "{message.email_id}",
		},
		{
			Name: "coffee", Source: webhook.Thyngs, Event: "FORM RESPONSE COLLECTED",
			To: "{Email}", Gift: sandboxGift, Message: "Thank you for your answers.", OncePer: "{Id}",
		},
	}
	return map[string]string{thyngs: sandboxThyngs, thrive: sandboxThrive}
}

// An occasion is an event at which a trigger of the sandbox sends a gift.
type occasion struct {
	says, source, kind, to string
	header                 http.Header
	body                   string
}

func occasions() []occasion {
	return []occasion{
		{
			"Zoho Thrive says that Carl has become gold", webhook.ZohoThrive, "tier_upgrade", "carl@acme.example",
			http.Header{thriveHeader: {sandboxThrive}},
			`{"code":200,"message":{"event":"tier_upgrade","tier":"gold","email_id":"carl@acme.example"}}`,
		},
		{
			"MyThyngs says that Dan has filled in a form", webhook.Thyngs, "Form FORM RESPONSE COLLECTED", "dan@acme.example",
			http.Header{"Authorization": {sandboxThyngs}, "Item-Name": {"Form"}, "Event-Name": {"FORM RESPONSE COLLECTED"}},
			`{"Id":1,"Email":"dan@acme.example","Name":"Dan"}`,
		},
	}
}

// demoSend sends a gift to a contact, asks for it once more, and says what two events
// would send.
func (b *sandbox) demoSend(ctx context.Context, s *session, w io.Writer) error {
	b.portal.AddContact("bea@acme.example", map[string]string{"firstname": "Bea"})
	o := send.Order{
		Request: "demo", Cause: send.Command, Gift: sandboxGift, Message: "Thank you, {first_name}!",
		To: []send.Recipient{{Email: "bea@acme.example", FirstName: "Bea"}},
	}
	fmt.Fprintln(w, "\nA coffee for Bea, by send, and once more by the same request id:")
	for range 2 {
		rows, err := askSender(s, func(d admin.Sender) ([]send.Row, error) { return d.Send(ctx, sandboxPortal, o) })
		if err != nil {
			return err
		}
		printSends(w, sandboxPortal, rows)
	}
	fmt.Fprintf(w, "Thnks has sent %s.\n", plural(len(b.thnks.Gifts()), "gift"))
	for _, e := range occasions() {
		trial := send.Trial{Source: e.source, Event: e.kind, Body: []byte(e.body)}
		tried, err := askSender(s, func(d admin.Sender) ([]send.Tried, error) { return d.TryTriggers(ctx, sandboxPortal, trial) })
		if err != nil {
			return err
		}
		for _, t := range tried {
			if t.Fits {
				fmt.Fprintf(w, "When %s, trigger %s sends a coffee, too.\n", e.says, t.Trigger)
			}
		}
	}
	return nil
}

// fire posts an event twice to the daemon's public side and tells how long it takes
// until the gift of its trigger was sent.
func (b *sandbox) fire(ctx context.Context, w io.Writer, public string, e occasion) error {
	begun := time.Now()
	for range 2 {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, public+webhook.Prefix+sandboxPortal+"/"+e.source, strings.NewReader(e.body))
		if err != nil {
			return err
		}
		r.Header = e.header.Clone()
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		_ = resp.Body.Close() // it was read by no one
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the daemon answers an event of %s with %s", e.source, resp.Status)
		}
	}
	for ctx.Err() == nil && time.Since(begun) < firedWithin {
		for _, g := range b.thnks.Gifts() {
			if g.Recipient == e.to {
				fmt.Fprintf(w, "          %s, twice: one coffee is sent, %d ms later: %s\n", e.says, time.Since(begun).Milliseconds(), g.TransactionID)
				return nil
			}
		}
		waitFor(ctx, time.After(5*time.Millisecond))
	}
	return nil
}

package daemon_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/sync/webhook"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A post office has senders of all four kinds post to one installation, and refuses
// one request in four at first.
type postOffice struct {
	gifts, thyngs, thrive *thnksapitest.Sender
	hubspot               *hubspottest.WebhookSender
}

func openPostOffice(ctx context.Context, d *installation) *postOffice {
	d.T.Helper()
	const thyngsToken, thriveToken = "the token of Thyngs, 24 letters", "the token of Thrive, 24 letters"
	secret := bytes.Repeat([]byte("s"), 32)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		d.T.Fatal(err)
	}
	must := func(s webhook.Scheme, err error) webhook.Scheme {
		d.T.Helper()
		if err != nil {
			d.T.Fatal(err)
		}
		return s
	}
	source := func(dialect string, s webhook.Scheme) webhook.Source {
		return webhook.Source{Portal: "acme", Dialect: dialect, Scheme: s, Inbox: inboxFunc(d.receive), Zone: func() *time.Location { return berlin }}
	}
	hooks, err := webhook.New(webhook.Options{
		PublicURL: testPublic, Log: slog.New(slog.DiscardHandler),
		Sources: []webhook.Source{
			source(webhook.GiftEvents, must(webhook.Standard("whsec_c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M="))),
			source(webhook.Thyngs, must(webhook.Token("Authorization", thyngsToken))),
			source(webhook.ZohoThrive, must(webhook.Token("X-Thrive-Token", thriveToken))),
		},
		Apps: []webhook.App{{
			Name: "main", ID: testApp,
			Verify:  func(r hubspot.SignedRequest, now time.Time) error { return r.Verify(testSecret, now) },
			Portals: map[int64][]webhook.Destination{d.Portal.ID(): {{Portal: "acme", Inbox: inboxFunc(d.receive)}}},
		}},
	})
	if err != nil {
		d.T.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	client := &http.Client{Transport: hubspottest.Transport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rng.IntN(4) == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		hooks.ServeHTTP(w, r)
	}))}
	hook := func(seed uint64, dialect string, s thnksapitest.Scheme) thnksapitest.Webhook {
		return thnksapitest.Webhook{
			URL: testPublic + webhook.Prefix + "acme/" + dialect, Scheme: s, Client: client,
			Seed: seed, Duplicates: 0.4, Reorder: 0.4, MaxDelay: 5 * time.Second,
		}
	}
	return &postOffice{
		gifts:  d.Thnks.Subscribe(ctx, hook(1, webhook.GiftEvents, thnksapitest.Standard{Secrets: [][]byte{secret}})),
		thyngs: thnksapitest.NewSender(ctx, hook(2, webhook.Thyngs, thnksapitest.Token{Value: "Token " + thyngsToken})),
		thrive: thnksapitest.NewSender(ctx, hook(3, webhook.ZohoThrive, thnksapitest.Token{Header: "X-Thrive-Token", Value: thriveToken})),
		hubspot: d.Portal.Subscribe(ctx, hubspottest.Webhook{
			URL: testPublic + webhook.HubSpotPath, AppID: testApp, Secret: testSecret, Client: client,
			Seed: 4, Duplicates: 0.4, Reorder: 0.4, Gather: 200 * time.Millisecond, Batch: 5,
		}),
	}
}

// settle waits until everything was delivered, and fails the test if anything was
// given up.
func (o *postOffice) settle(t *testing.T) {
	t.Helper()
	for name, s := range map[string]*thnksapitest.Sender{"gifts": o.gifts, "thyngs": o.thyngs, "thrive": o.thrive} {
		if err := s.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := s.Outcomes()[thnksapitest.Failed]; n > 0 {
			t.Errorf("%d deliveries of %s were given up", n, name)
		}
	}
	if err := o.hubspot.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, failed := o.hubspot.Sent(); failed > 0 {
		t.Errorf("%d events of HubSpot were given up", failed)
	}
}

// TestEverySender: the events of all four senders come signed, in batches, doubled, out
// of order and again after a refusal, into one inbox. Each is kept once, those of
// Thyngs and Thrive are listed and cost no call, and the others have their effect.
func TestEverySender(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const gifts = 12
		d := people(t, gifts, hubspottest.Options{Seed: 5})
		stop := d.start()
		defer stop()
		time.Sleep(10 * time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		office := openPostOffice(ctx, d)

		kinds := make(map[string]int) // of events that are only listed
		people, tests := make(map[string]int), 0
		before := d.Portal.Requests().Total
		for n, title := range thnksapitest.ThyngsEvents() {
			for _, asXML := range []bool{false, true} {
				m := thnksapitest.ThyngsMessage(title, n, time.Now().Add(-time.Hour), asXML)
				office.thyngs.Post(m)
				kinds[m.Header.Get("Item-Name")+" "+m.Header.Get("Event-Name")]++
			}
		}
		office.thyngs.Post(thnksapitest.ThyngsMessage("CONVERSION OCCURED", 4, time.Now(), false)) // a demo
		kinds["Conversion Create"]++
		for n, title := range thnksapitest.ThriveEvents() {
			office.thrive.Post(thnksapitest.ThriveMessage(title, n, time.Now().Add(-time.Hour)))
		}
		time.Sleep(20 * time.Minute)
		office.settle(t)
		if n := d.Portal.Requests().Total - before; n != 0 {
			t.Errorf("events that are only listed cost %d calls to HubSpot", n)
		}

		for n := 1; n <= gifts; n++ {
			d.Thnks.Reach(simulation.ID(n), "opened")
			if n%2 == 0 {
				d.Portal.AddContact(address(n), nil)
			}
			if n%3 == 0 {
				d.Thnks.Reach(simulation.ID(n), "redeemed")
			}
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(20 * time.Minute)
		office.settle(t)

		repeats, thrive := make(map[string]int), 0
		for e, err := range d.st.Events(t.Context(), store.EventFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			repeats[e.Dialect] += e.Repeats
			switch {
			case e.Dialect == webhook.Thyngs || e.Dialect == webhook.ZohoThrive:
				if e.State != store.EventListed {
					t.Errorf("event %d of %s is %s: %s", e.Seq, e.Dialect, e.State, e.Reason)
				}
			case e.Effect == store.EffectListed: // of gift events, notifications
			case e.State != store.EventApplied:
				t.Errorf("event %d of %s, %s, is %s: %s", e.Seq, e.Dialect, e.Kind, e.State, e.Reason)
			}
			switch e.Dialect {
			case webhook.Thyngs:
				kinds[e.Kind]--
				if e.Test {
					tests++
				}
				people[e.Email]++
			case webhook.ZohoThrive:
				thrive++
				people[e.Email]++
			}
		}
		for kind, n := range kinds {
			if n != 0 {
				t.Errorf("%d events of kind %s are missing", n, kind)
			}
		}
		if thrive != len(thnksapitest.ThriveEvents()) || tests != 1 || people[address(15)] != 3 {
			t.Errorf("%d events of Thrive, %d tests, %d about one person", thrive, tests, people[address(15)])
		}
		for _, dialect := range webhook.Dialects() {
			if repeats[dialect] == 0 {
				t.Errorf("no event of %s was repeated", dialect)
			}
		}
		for n := 1; n <= gifts; n++ {
			want := map[bool]string{true: "redeemed", false: "opened"}[n%3 == 0]
			if got := d.Property(simulation.ID(n), "status"); got != want {
				t.Errorf("gift %d is %s, want %s", n, got, want)
			}
			if linked := len(d.Links(d.Record(simulation.ID(n)))["contacts"]); linked != 1-n%2 {
				t.Errorf("gift %d has %d contacts", n, linked)
			}
		}
		if n, err := d.st.Count(); n != gifts || err != nil {
			t.Errorf("%d gifts are in the journal (%v), want %d", n, err, gifts)
		}
	})
}

package daemon_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/sync/webhook"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

const (
	testApp    = 54321
	testSecret = "the client secret of the test's app"
	testPublic = "https://sync.example.com"
)

// receive puts events into the inbox, as the daemon does.
func (d *installation) receive(ctx context.Context, events ...store.Event) (repeats int, err error) {
	defer d.loop.Events()
	receipts, err := d.st.Receive(ctx, events...)
	for _, r := range receipts {
		if r.DuplicateOf != 0 {
			repeats++
		}
	}
	return repeats, err
}

// An inboxFunc is a [webhook.Inbox].
type inboxFunc func(ctx context.Context, events ...store.Event) (repeats int, err error)

func (f inboxFunc) Receive(ctx context.Context, events ...store.Event) (int, error) {
	return f(ctx, events...)
}

// subscribe has the portal send its webhooks to the installation; refuses says which
// requests are answered 503, nil for none.
func (d *installation) subscribe(ctx context.Context, w hubspottest.Webhook, refuses func() bool) *hubspottest.WebhookSender {
	d.T.Helper()
	hooks, err := webhook.New(webhook.Options{
		PublicURL: testPublic, Log: slog.New(slog.DiscardHandler),
		Apps: []webhook.App{{
			Name: "main", ID: testApp,
			Verify:  func(r hubspot.SignedRequest, now time.Time) error { return r.Verify(testSecret, now) },
			Portals: map[int64][]webhook.Destination{d.Portal.ID(): {{Portal: "acme", Inbox: inboxFunc(d.receive)}}},
		}},
	})
	if err != nil {
		d.T.Fatal(err)
	}
	w.URL, w.AppID, w.Secret = testPublic+webhook.HubSpotPath, testApp, testSecret
	w.Client = &http.Client{Transport: hubspottest.Transport(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if refuses != nil && refuses() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		hooks.ServeHTTP(rw, r)
	}))}
	return d.Portal.Subscribe(ctx, w)
}

// people makes a world with one gift to each of n people, of whom HubSpot knows none.
func people(t *testing.T, n int, hs hubspottest.Options) *installation {
	d := newDaemon(t, "@daily")
	d.Portal = contract.New(t, hs)
	d.token = d.Portal.Token()
	d.Thnks = thnksapitest.New(thnksapitest.Options{})
	d.Bounds.WindowRows = 0 // the default
	for i := 1; i <= n; i++ {
		d.AddGift(simulation.ID(i), address(i), time.Hour)
	}
	return d
}

func address(n int) string { return fmt.Sprintf("person%d@acme.example", n) }

// TestHubSpotEventsAboutPeople lets users of HubSpot do at random what its webhooks tell:
// make contacts, give them addresses, merge, delete and restore them. The events come
// in batches, some twice, some out of order, and again where they were refused. In the
// end each gift has the contact that has its recipient's address now, and is an orphan
// where none has.
func TestHubSpotEventsAboutPeople(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { tellsOfPeople(t, seed) })
		})
	}
}

func tellsOfPeople(t *testing.T, seed uint64) {
	const gifts = 12
	d := people(t, gifts, hubspottest.Options{Seed: seed, SearchLag: 30 * time.Second})
	stop := d.start()
	defer stop()
	time.Sleep(10 * time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rng := rand.New(rand.NewPCG(seed, 1))
	sender := d.subscribe(ctx, hubspottest.Webhook{
		Seed: seed, Legacy: seed%2 == 1, Duplicates: 0.3, Reorder: 0.4, Gather: 200 * time.Millisecond, Batch: 5,
	}, func() bool { return rng.IntN(4) == 0 })

	edit := rand.New(rand.NewPCG(seed, 2))
	var alive, gone []string
	holder := make(map[string]bool)
	for n := range 40 {
		pick := func() string { return alive[edit.IntN(len(alive))] }
		switch what := edit.IntN(6); {
		case what < 2 || len(alive) < 2:
			a := address(1 + edit.IntN(gifts))
			if holder[a] {
				continue
			}
			holder[a] = true
			alive = append(alive, d.Portal.AddContact(a, nil))
		case what == 2:
			a, b := pick(), pick()
			if a == b {
				continue
			}
			both := d.Portal.Merge("contacts", a, b)
			alive = append(slices.DeleteFunc(alive, func(id string) bool { return id == a || id == b }), both)
		case what == 3:
			id := pick()
			d.Portal.Archive("contacts", id)
			alive = slices.DeleteFunc(alive, func(other string) bool { return other == id })
			gone = append(gone, id)
		case what == 4 && len(gone) > 0:
			if id := gone[len(gone)-1]; d.Portal.Restore("contacts", id) {
				alive, gone = append(alive, id), gone[:len(gone)-1]
			}
		default:
			d.Portal.AddDeal(map[string]string{"dealname": fmt.Sprint(n)})
		}
		time.Sleep(time.Duration(edit.IntN(3000)) * time.Millisecond)
	}
	if err := sender.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Minute)
	if sent, failed := sender.Sent(); sent == 0 || failed > 0 {
		t.Errorf("%d events were received, %d given up", sent, failed)
	}
	known := d.Contacts()
	for n := 1; n <= gifts; n++ {
		contact, has := known[address(n)]
		var linked []string
		for _, l := range d.Portal.Links("thnks", d.Record(simulation.ID(n)))["contacts"] {
			linked = append(linked, l.ToID)
		}
		have, _, err := d.st.Gift(simulation.ID(n))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case has && (!slices.Contains(linked, contact.ID) || have.Orphan != "" || !plan.HasMadeLink(have.Links, plan.Contact, contact.ID)):
			t.Errorf("gift %d is linked to %v and an orphan for %q, want %s; the journal has %v", n, linked, have.Orphan, contact.ID, have.Links)
		case !has && (len(linked) > 0 || have.Orphan == ""):
			t.Errorf("gift %d is linked to %v, and no contact has its address", n, linked)
		}
	}
	for e, err := range d.st.Events(t.Context(), store.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.State == store.EventPending || e.State == store.EventWaiting {
			t.Errorf("event %d, %s, is still %s: %s", e.Seq, e.Kind, e.State, e.Reason)
		}
	}
}

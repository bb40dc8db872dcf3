package card_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/card"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

const public = "https://sync.example.com"

func usd(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// A world is a HubSpot, a Thnks, a state file, and a process that serves the pages of
// two apps over them: main for the portal acme, other for the portal beta.
type world struct {
	t      testing.TB
	portal *hubspottest.Portal
	thnks  *thnksapitest.Server
	path   string
	store  *store.Store
	other  *store.Store // of beta
	rules  send.Rules
	desk   *send.Desk
	noDesk error           // why there is none
	life   context.Context // that of the desk; nil for one without end
	ended  bool            // the portal was disconnected
	server *card.Server
	object string
	log    *lines

	acme, beta *card.Portal
	woken      atomic.Int64
}

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, path: filepath.Join(t.TempDir(), "state", "acme.db"), log: new(lines),
		portal: contract.New(t, hubspottest.Options{}),
		thnks: thnksapitest.New(thnksapitest.Options{Keys: map[string]string{
			"key-of-ann": "ann@acme.example", "key-of-bob": "bob@acme.example",
		}}),
		rules: send.Rules{
			Live: true, Allow: []string{"*"}, DoNotGift: []string{"@gov.example"}, Currency: "USD",
			Catalogue:    map[int64]send.Item{5659: {Name: "Morning Coffee", Price: usd("7.50")}, 5671: {Name: "Lunch on Us", Price: usd("25.00")}},
			SenderBudget: usd("100"), PortalBudget: usd("500"), ApproveAbove: usd("20"),
			MostGifts: 2, Within: 30 * 24 * time.Hour, Zone: time.UTC,
		},
	}
	client := w.client()
	schema, err := client.CreateSchema(t.Context(), hubspot.NewSchema{
		Name: "thnks", Labels: hubspot.Labels{Singular: "Thnks", Plural: "Thnks"}, PrimaryDisplayProperty: "gift_name",
		Properties:        []hubspot.Property{{Name: "gift_name", Label: "Gift Name", Type: "string", FieldType: "text"}},
		AssociatedObjects: []string{"CONTACT", "COMPANY", "DEAL"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.object = schema.ObjectTypeID
	if w.other, err = store.Open(filepath.Join(t.TempDir(), "state", "beta.db"), store.Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	w.start()
	t.Cleanup(func() { w.store.Close(); w.other.Close() })
	return w
}

func (w *world) client() *hubspot.Client {
	c, err := hubspot.New(hubspot.Config{
		Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: w.portal.Token()}), Transport: hubspottest.Transport(w.portal),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// start begins a process.
func (w *world) start() {
	w.t.Helper()
	var err error
	if w.store, err = store.Open(w.path, store.Options{Create: true}); err != nil {
		w.t.Fatal(err)
	}
	senders := make(map[string]send.Key)
	for sender, key := range map[string]string{"ann@acme.example": "key-of-ann", "bob@acme.example": "key-of-bob"} {
		api, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: "https://thnks.test", Key: key, Transport: thnksapitest.Transport(w.thnks)})
		if err != nil {
			w.t.Fatal(err)
		}
		senders[sender] = func() (send.API, error) { return api, nil }
	}
	w.desk, err = send.New(send.Config{
		Life: w.life, Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store, Senders: senders, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	client := w.client()
	w.acme = &card.Portal{
		Name: "acme", Account: "62515",
		Connected: func() (bool, error) { return !w.ended, nil },
		State:     func() (card.StateFile, error) { return w.store, nil },
		HubSpot:   func() (card.HubSpot, error) { return client, nil },
		Desk: func() (card.Desk, error) {
			if w.noDesk != nil {
				return nil, w.noDesk
			}
			return w.desk, nil
		},
		Wake:    func() { w.woken.Add(1) },
		Object:  func() string { return w.object },
		Records: func() string { return "https://app.hubspot.com/contacts/62515/record/" + w.object + "/" },
		Zone:    func() *time.Location { return time.UTC },
		Stats:   func(context.Context) (stats.Report, error) { return w.stats() },
		Settings: func(context.Context) (card.Settings, error) {
			return card.Settings{Portal: "acme", Account: "62515"}, nil
		},
	}
	beta := *w.acme
	beta.Name, beta.Account = "beta", "777"
	beta.State = func() (card.StateFile, error) { return w.other, nil }
	w.beta = &beta
	w.server = card.New(card.Config{
		PublicURL: public, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Apps: []card.App{
			{Name: "main", ID: 54321, Verify: verifier("main-secret"), Portals: map[int64]*card.Portal{62515: w.acme}},
			{Name: "other", ID: 99, Verify: verifier("other-secret"), Portals: map[int64]*card.Portal{777: w.beta}},
		},
	})
}

func verifier(secret string) func(hubspot.SignedRequest, time.Time) error {
	return func(r hubspot.SignedRequest, now time.Time) error { return r.Verify(secret, now) }
}

// stats are those of the journal.
func (w *world) stats() (stats.Report, error) {
	return stats.Compute(w.store.All(context.Background()), stats.Options{Portal: "acme", Now: time.Now()})
}

// restart ends the process and begins another.
func (w *world) restart() {
	w.store.Close()
	w.start()
}

// through is the way to the server that runs.
func (w *world) through() *http.Client { return &http.Client{Transport: running{w}} }

// running sends requests to the server that runs at the moment.
type running struct{ w *world }

// RoundTrip implements [http.RoundTripper].
func (r running) RoundTrip(req *http.Request) (*http.Response, error) {
	return hubspottest.Transport(r.w.server).RoundTrip(req)
}

// page is a page of the main app that Ann looks at.
func (w *world) page() hubspottest.Page {
	return hubspottest.Page{User: hubspottest.User{ID: 7, Email: "Ann@acme.example"}, AppID: 54321, Secret: "main-secret", Client: w.through()}
}

// fetch asks for a page, checks the status, and reads the answer into out.
func (w *world) fetch(page hubspottest.Page, want int, out any, method, path string, in any) *hubspottest.FetchAnswer {
	w.t.Helper()
	var body []byte
	if in != nil {
		body, _ = json.Marshal(in)
	}
	a, err := w.portal.Fetch(w.t.Context(), page, method, public+path, body)
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	if a.Status != want {
		w.t.Fatalf("%s is answered %d: %s", path, a.Status, a.Body)
	}
	if out != nil {
		d := json.NewDecoder(bytes.NewReader(a.Body))
		d.DisallowUnknownFields()
		if err := d.Decode(out); err != nil {
			w.t.Fatalf("%s: %v in %s", path, err, a.Body)
		}
	}
	return a
}

// refused asks for what is to be refused, and returns the code.
func (w *world) refused(page hubspottest.Page, status int, method, path string, in any) string {
	w.t.Helper()
	var p card.Problem
	w.fetch(page, status, &p, method, path, in)
	if p.Message == "" {
		w.t.Errorf("%s is refused without a message", path)
	}
	return p.Code
}

// gift puts a gift into HubSpot and into the journal, linked to records.
func (w *world) gift(id string, g plan.Gift, links ...plan.Link) {
	w.t.Helper()
	record := w.portal.AddRecord(w.object, map[string]string{"gift_name": g.Name})
	for _, l := range links {
		w.portal.Associate(w.object, record, map[plan.Kind]string{plan.Contact: "contacts", plan.Company: "companies", plan.Deal: "deals"}[l.Kind], l.ID)
	}
	g.ID = id
	stored := plan.Stored{ObjectID: record, Gift: g, Mapping: 1, Links: links}
	if len(links) == 0 {
		stored.Orphan = plan.NoContact
	}
	if err := w.store.Commit(store.Commit{Gifts: []plan.Stored{stored}}); err != nil {
		w.t.Fatal(err)
	}
}

// sentGift is a gift to Bea that was sent some days ago, with a status.
func sentGift(daysAgo int, status plan.Status, value string) plan.Gift {
	at := time.Now().UTC().Add(-time.Duration(daysAgo) * 24 * time.Hour).Truncate(time.Second)
	g := plan.Gift{
		Name: "Morning Coffee", Status: status, RawStatus: string(status), UpdatedAt: at, CreatedAt: at,
		Sender:    plan.Person{Name: "Ann Lee", Email: "ann@acme.example"},
		Recipient: plan.Person{Name: "Bea Smith", Email: "bea@beta.example"},
		Times:     map[plan.Status]time.Time{plan.Sent: at},
	}
	if status != plan.Sent {
		g.Times[status] = at.Add(time.Hour)
	}
	if value != "" {
		g.Amount = plan.Money{Value: usd(value), Currency: "USD"}
	}
	return g
}

// contact adds a contact to HubSpot.
func (w *world) contact(email, first, last string) string {
	return w.portal.AddContact(email, map[string]string{"firstname": first, "lastname": last})
}

func query(path string, pairs ...string) string {
	q := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return path + "?" + q.Encode()
}

// lines are what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

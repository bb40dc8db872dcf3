package sync

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A world is both vendors and one installation of ours between them.
type world struct {
	t      testing.TB
	portal *hubspottest.Portal
	thnks  *thnksapitest.Server
	path   string // of the state file

	bounds  Bounds
	rules   LinkRules
	wrap    func(http.RoundTripper) http.RoundTripper // around HubSpot's transport; nil for none
	asking  func(http.RoundTripper) http.RoundTripper // around Thnks's; nil for none
	log     *slog.Logger                              // of everything but the test; nil for nobody
	journal func(Journal) Journal                     // around the store; nil for none
	keys    []string                                  // of Thnks; nil for one
	dialect thnksapi.Dialect
	cfg     func(*Config)
}

func newWorld(t testing.TB, hs hubspottest.Options, ts thnksapitest.Options) *world {
	t.Helper()
	if time.Now().Year() < 2026 {
		// A bubble's clock begins in 2000, before anything that counts as a stamp.
		time.Sleep(time.Until(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)))
	}
	return &world{
		t:       t,
		portal:  contract.New(t, hs),
		thnks:   thnksapitest.New(ts),
		path:    filepath.Join(t.TempDir(), "state", "acme.db"),
		rules:   LinkRules{Companies: true, MaxDeals: 10, Lookback: 90 * 24 * time.Hour},
		dialect: thnksapi.DefaultDialect(),
	}
}

// run opens everything, does one run, and closes everything.
func (w *world) run(ctx context.Context, req Request) (Report, error) {
	w.t.Helper()
	st := w.open()
	defer st.Close()
	return w.engine(st).Run(ctx, req)
}

// must is run for a run that has to end well.
func (w *world) must(mode Mode) Report {
	w.t.Helper()
	rep, err := w.run(context.Background(), Request{Mode: mode})
	if err != nil {
		w.t.Fatalf("%s: %v", mode, err)
	}
	if sum := rep.Created + rep.Updated + rep.Unchanged + rep.Quarantined + skipped(rep); rep.Fetched != sum {
		w.t.Fatalf("%s: fetched %d, but the ends sum up to %d: %+v", mode, rep.Fetched, sum, rep)
	}
	return rep
}

// skipped is how many gifts a run left out.
func skipped(rep Report) (n int) {
	for _, k := range rep.Skipped {
		n += k
	}
	return n
}

func (w *world) open() *store.Store {
	w.t.Helper()
	st, err := store.Open(w.path, store.Options{Create: true, Logger: w.logger()})
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

func (w *world) logger() *slog.Logger {
	if w.log != nil {
		return w.log
	}
	return slog.New(slog.DiscardHandler)
}

// schema is the definition of an object of the portal's.
func (w *world) schema(name string) hubspottest.Schema {
	w.t.Helper()
	s, ok := w.portal.SchemaOf(name)
	if !ok {
		w.t.Fatalf("the portal has no object %s", name)
	}
	return s
}

// client is the program's client of the portal.
func (w *world) client() *hubspot.Client {
	w.t.Helper()
	transport := hubspottest.Transport(w.portal)
	if w.wrap != nil {
		transport = w.wrap(transport)
	}
	crm, err := hubspot.New(hubspot.Config{
		BaseURL:   "https://hubspot.test",
		Version:   "2026-09",
		Token:     oauth2.StaticTokenSource(&oauth2.Token{AccessToken: w.portal.Token()}),
		Transport: transport,
		TimeZone:  func() *time.Location { return time.UTC },
		Logger:    w.logger(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return crm
}

func (w *world) engine(st *store.Store) *Engine {
	w.t.Helper()
	log := w.logger()
	keys := w.keys
	if keys == nil {
		keys = []string{"default"}
	}
	source := thnksapitest.Transport(w.thnks)
	if w.asking != nil {
		source = w.asking(source)
	}
	var sources []Source
	for _, key := range keys {
		client, err := thnksapi.New(thnksapi.Config{
			BaseURL: "https://thnks.test", Key: key, Dialect: w.dialect,
			Transport: source, Logger: log,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		sources = append(sources, Source{Key: key, API: client})
	}
	var j Journal = st
	if w.journal != nil {
		j = w.journal(st)
	}
	cfg := Config{
		Portal: "acme", Sources: sources, CRM: w.client(), Journal: j, Inbox: st,
		Object: ObjectNames{Name: "thnks", Singular: "Thnks", Plural: "Thnks"},
		Rules:  w.rules, Logger: log, Bounds: w.bounds,
	}
	if w.cfg != nil {
		w.cfg(&cfg)
	}
	return New(cfg)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

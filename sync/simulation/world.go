package simulation

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/store/suppressed"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A World is both vendors and one installation of the program between them. Its
// fields may be changed between runs.
type World struct {
	T      testing.TB
	Portal *hubspottest.Portal
	Thnks  *thnksapitest.Server
	Path   string // of the state file, which the next run makes if it is not there

	Erased    *suppressed.List // beside the state file
	Rules     portal.LinkRules
	Bounds    giftsync.Bounds
	Keys      []string // of Thnks; nil for one
	Dialect   thnksapi.Dialect
	Logger    *slog.Logger           // nil discards
	Configure func(*giftsync.Config) // has the last word on an engine's configuration; may be nil

	WrapHubSpot func(http.RoundTripper) http.RoundTripper // goes around HubSpot's transport; may be nil
	WrapThnks   func(http.RoundTripper) http.RoundTripper // goes around Thnks's; may be nil
	WrapJournal func(giftsync.Journal) giftsync.Journal   // goes around the store; may be nil
}

// New makes an empty world.
func New(t testing.TB, hs hubspottest.Options, ts thnksapitest.Options) *World {
	t.Helper()
	if time.Now().Year() < 2026 {
		// A bubble's clock begins in 2000, before anything that counts as a stamp, and
		// what lies ahead of it is not believed.
		time.Sleep(time.Until(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC)))
	}
	path := filepath.Join(t.TempDir(), "state", "acme.db")
	return &World{
		T:       t,
		Portal:  contract.New(t, hs),
		Thnks:   thnksapitest.New(ts),
		Path:    path,
		Erased:  suppressed.At(strings.TrimSuffix(path, ".db") + ".suppressed"),
		Rules:   portal.LinkRules{Companies: true, MaxDeals: 10, Lookback: 90 * 24 * time.Hour},
		Dialect: thnksapi.DefaultDialect(),
	}
}

// Run opens everything, does one run, and closes everything.
func (w *World) Run(ctx context.Context, req giftsync.Request) (giftsync.Report, error) {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	rep, err := w.Engine(st).Run(ctx, req)
	if err != nil {
		w.CheckText("the error of a run", err.Error())
	}
	w.CheckText("a report", strings.Join(append(rep.Warnings, rep.Error), "\n"))
	return rep, err
}

// Must does a run of a mode and fails the test unless the run ends well and its
// report accounts for every gift.
func (w *World) Must(mode giftsync.Mode) giftsync.Report {
	w.T.Helper()
	return w.MustDo(giftsync.Request{Mode: mode})
}

// MustDo is [World.Must] for any request.
func (w *World) MustDo(req giftsync.Request) giftsync.Report {
	w.T.Helper()
	rep, err := w.Run(context.Background(), req)
	if err != nil {
		w.T.Fatalf("%s: %v", req.Mode, err)
	}
	CheckReport(w.T, rep)
	return rep
}

// CheckReport checks that what a report says of its gifts sums up.
func CheckReport(t testing.TB, rep giftsync.Report) {
	t.Helper()
	if sum := rep.Created + rep.Updated + rep.Unchanged + rep.Quarantined + Skipped(rep); rep.Fetched != sum {
		t.Errorf("%s: fetched %d, but the outcomes sum up to %d: %+v", rep.Mode, rep.Fetched, sum, rep)
	}
}

// Skipped is how many gifts a run left out.
func Skipped(rep giftsync.Report) (n int) {
	for _, k := range rep.Skipped {
		n += k
	}
	return n
}

// Calls is how many calls to HubSpot a run made.
func Calls(rep giftsync.Report) (n int) {
	for _, k := range rep.HubSpotCalls {
		n += k
	}
	return n
}

// Open opens the state file.
func (w *World) Open() *store.Store {
	w.T.Helper()
	st, err := store.Open(w.Path, store.Options{Create: true, Logger: w.logger()})
	if err != nil {
		w.T.Fatal(err)
	}
	return st
}

func (w *World) logger() *slog.Logger {
	if w.Logger != nil {
		return w.Watched(w.Logger.Handler())
	}
	return w.Watched(slog.DiscardHandler)
}

// Client makes a HubSpot client as the program does.
func (w *World) Client() *hubspot.Client {
	w.T.Helper()
	transport := hubspottest.Transport(w.Portal)
	if w.WrapHubSpot != nil {
		transport = w.WrapHubSpot(transport)
	}
	crm, err := hubspot.New(hubspot.Config{
		BaseURL:   "https://hubspot.test",
		Version:   "2026-09",
		Token:     oauth2.StaticTokenSource(&oauth2.Token{AccessToken: w.Portal.Token()}),
		Transport: w.steady(transport),
		TimeZone:  func() *time.Location { return time.UTC },
		Logger:    w.logger(),
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return crm
}

// Engine makes an engine on the state file as the program does.
func (w *World) Engine(st *store.Store) *giftsync.Engine {
	w.T.Helper()
	return w.EngineWith(st, w.Client())
}

// EngineWith is [World.Engine] with a HubSpot client.
func (w *World) EngineWith(st *store.Store, client *hubspot.Client) *giftsync.Engine {
	w.T.Helper()
	log := w.logger()
	keys := w.Keys
	if keys == nil {
		keys = []string{"default"}
	}
	source := thnksapitest.Transport(w.Thnks)
	if w.WrapThnks != nil {
		source = w.WrapThnks(source)
	}
	var sources []giftsync.Source
	for _, key := range keys {
		client, err := thnksapi.New(thnksapi.Config{
			BaseURL: "https://thnks.test", Key: key, Dialect: w.Dialect,
			Transport: w.steady(source), Logger: log,
			RequestsPerSecond: 1000, // so that what is measured is not the pace of a key
		})
		if err != nil {
			w.T.Fatal(err)
		}
		sources = append(sources, giftsync.Source{Key: key, API: client})
	}
	var j giftsync.Journal = st
	if w.WrapJournal != nil {
		j = w.WrapJournal(st)
	}
	cfg := giftsync.Config{
		Portal: "acme", Sources: sources, HubSpot: portal.Of(client), Calls: client.Calls, Budget: client.Budget, Journal: j, Quarantine: st, Inbox: st, Sends: st, People: st, Archive: st, Suppressed: w.Erased,
		Object: portal.ObjectNames{Name: "thnks", Singular: "Thnks", Plural: "Thnks"},
		Links:  w.Rules, Logger: log, Bounds: w.Bounds,
	}
	if w.Configure != nil {
		w.Configure(&cfg)
	}
	return giftsync.New(cfg)
}

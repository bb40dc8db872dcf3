package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/store/suppressed"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/thnksapi"
)

// A Source is one Thnks API key of the portal. Where a key sees only its
// owner's transactions, several together cover the organisation: the union
// by transaction id is synced.
type Source struct {
	Key string // short name that stays the same between runs; checkpoints are kept under it
	API SourceAPI
}

// SourceAPI is what a run needs of a Thnks client. [*thnksapi.Client] is one.
type SourceAPI interface {
	Transactions(context.Context, thnksapi.Query) (*thnksapi.Page, error)
	Decode(json.RawMessage) []thnksapi.Row
	Transaction(ctx context.Context, id string) (*thnksapi.Row, error)
	Filter() thnksapi.SinceKind
	Calls() int
}

// ExportFile is an export file as a source. [*export.File] is one. Its cursors
// are good for that very file, unchanged; others are answered by an error of
// kind [thnksapi.Stale].
type ExportFile interface {
	SourceAPI
	io.Closer
	ReadAt() time.Time    // when it was opened: the place of its rows among other readings
	RepeatedHeaders() int // that were skipped within it
}

// Exports reads export files. [*export.Reader] is one.
type Exports struct {
	Open   func(path string) (ExportFile, error)
	Is     func(json.RawMessage) bool           // tells a row of a file from one of the API
	Decode func(json.RawMessage) []thnksapi.Row // reads a row again, from the quarantine
}

// Journal is what a run remembers of the gifts. [*store.Store] is one. Commit
// is atomic and durable.
type Journal interface {
	History
	Commit(store.Commit) error
}

// History is the reading half of a [Journal].
type History interface {
	Gifts(ids []string) (map[string]plan.Stored, error)
	After(ctx context.Context, id string) iter.Seq2[plan.Stored, error]
	Orphans(ctx context.Context, id string) iter.Seq2[store.Orphaned, error]
	Missed(addresses []string, since, until time.Time) (map[string]bool, error)
	Count() (int, error)
	OrphanCounts() (map[plan.Orphan]int, error)
	AmbiguousCount() (int, error)
	Checkpoint(name string) (store.Checkpoint, bool, error)
	Meta(name string) ([]byte, error)
}

// Quarantine holds the records that could not be synced. [*store.Store] is
// one. Entries come and leave by the journal's Commit.
type Quarantine interface {
	QuarantinedByID(ids []string) (map[string]store.Quarantined, error)
	Quarantine(context.Context) iter.Seq2[store.Quarantined, error]
}

// Inbox holds the webhook events of a portal. [*store.Store] is one. Their
// outcome is recorded by the journal's Commit.
type Inbox interface {
	DueEvents(now time.Time, after store.Event, limit int) ([]store.Event, error)
	NextDue(now time.Time) (time.Time, error)
	WaitingFor(ids []string) (map[string][]store.Event, error)
	Expire(ctx context.Context, now time.Time) (int, error)
}

// People finds the gifts of a person. [*store.Store] is one.
type People interface {
	ByEmail(canonical string) ([]string, error) // whose recipient has the address
	ByContact(id string) ([]string, error)      // linked to a contact, or so until it was deleted
}

// Bounds are the sizes of an engine's work. Tests make them small; zero means
// the default.
type Bounds struct {
	WindowRows int    // rows that fill a window
	SliceGifts int    // gifts that need calls and are locked at a time
	CacheSlots uint64 // slots of the table of the people looked up in a run, two for each person; at least 4096
}

// Config is everything an [Engine] works with.
type Config struct {
	Portal     string
	Sources    []Source // none for a portal that is fed from export files alone
	HubSpot    portal.Client
	Calls      func() map[hubspot.Class]int // made with the client so far
	Budget     func() hubspot.Budget        // what HubSpot says of the day's calls; may be nil
	Journal    Journal
	Quarantine Quarantine                              // of the same file
	Inbox      Inbox                                   // of the same file; nil where no webhooks come
	Sends      Ledger                                  // of the same file; nil where nothing is sent
	People     People                                  // of the same file; nil where HubSpot sends no webhooks
	Archive    Archive                                 // of the same file; nil where no one can be erased
	Suppressed Suppressed                              // who was erased; nil for no one
	AccountID  string                                  // the HubSpot account it must be; "" to learn it once and hold on to it
	Own        func(account string, dryRun bool) error // see [portal.Config]; may be nil
	Object     portal.ObjectNames
	Links      portal.LinkRules
	LeaveOut   []string // properties of the records that get no value
	Metadata   []string // properties of the custom object that hold what events say in the customer's words
	Exports    Exports  // zero where there are none
	Listing    bool     // list deals and companies once a day, for the statistics
	Logger     *slog.Logger
	Progress   func(Progress) // called after every slice of a window; may be nil
	Bounds     Bounds

	// Turns waits for the turn of a run, which the run ends; its error is that of
	// the context. Nil where runs do not wait for each other. Webhook events are
	// processed without a turn.
	Turns func(context.Context) (Turn, error)
	Idle  func() // called at the end of a run, to let go of idle connections; may be nil
}

// place returns where a source of a key stands among the sources.
func (c *Config) place(key string) int {
	return slices.IndexFunc(c.Sources, func(s Source) bool { return s.Key == key })
}

// An Engine does the runs of one portal, one at a time, and processes the
// portal's webhook events at the same time.
type Engine struct {
	cfg      Config
	conn     *portal.Connection
	locks    *giftLocks
	mu       sync.Mutex  // held for a run
	applying eventWorker // of ApplyEvents
	fetching eventWorker // of FetchEvents
	follow   eventWorker // of FollowEvents
	erasing  sync.Mutex  // held for an erasure
	expired  time.Time   // when old events were last removed; of a FetchEvents
	counted  int         // calls to HubSpot that are counted among those of a day; of a run
}

// New returns the engine of one portal.
func New(cfg Config) *Engine {
	if cfg.Progress == nil {
		cfg.Progress = func(Progress) {}
	}
	if cfg.Turns == nil {
		cfg.Turns = func(context.Context) (Turn, error) { return noTurn{}, nil }
	}
	if cfg.Suppressed == nil {
		cfg.Suppressed = noSuppressed{}
	}
	if cfg.Idle == nil {
		cfg.Idle = func() {}
	}
	if cfg.Bounds.WindowRows == 0 {
		cfg.Bounds.WindowRows = windowRows
	}
	if cfg.Bounds.SliceGifts == 0 {
		cfg.Bounds.SliceGifts = sliceGifts
	}
	if cfg.Bounds.CacheSlots == 0 {
		cfg.Bounds.CacheSlots = portal.RunPeople
	}
	return &Engine{
		cfg: cfg,
		conn: portal.Connect(portal.Config{
			Name: cfg.Portal, Client: cfg.HubSpot, AccountID: cfg.AccountID, Own: cfg.Own,
			Object: cfg.Object, Links: cfg.Links, Metadata: cfg.Metadata, People: cfg.Bounds.CacheSlots,
		}),
		locks:    newGiftLocks(),
		applying: newEventWorker(), fetching: newEventWorker(), follow: newEventWorker(),
	}
}

// Journal returns the journal that the engine was made with.
func (e *Engine) Journal() Journal { return e.cfg.Journal }

// Calls returns how many calls to HubSpot and to Thnks were made with the
// engine's clients so far.
func (e *Engine) Calls() (toHubSpot, toThnks int) {
	for _, n := range e.cfg.Calls() {
		toHubSpot += n
	}
	for _, s := range e.cfg.Sources {
		toThnks += s.API.Calls()
	}
	return toHubSpot, toThnks
}

// Watermark returns the oldest of the sources' watermarks, up to which every
// change is known: zero where a source has none, as before the first backfill, or
// where there is no source.
func (e *Engine) Watermark() (oldest time.Time, err error) {
	keys := make([]string, len(e.cfg.Sources))
	for i, s := range e.cfg.Sources {
		keys[i] = s.Key
	}
	return Watermark(e.cfg.Journal, keys)
}

// Watermark is [Engine.Watermark] by the keys of the sources.
func Watermark(j History, sources []string) (oldest time.Time, err error) {
	cp, _, err := j.Checkpoint(incrementalCheckpoint)
	if err != nil {
		return time.Time{}, err
	}
	for i, key := range sources {
		if at := cp.Watermarks[key]; i == 0 || at.Before(oldest) {
			oldest = at
		}
	}
	return oldest, nil
}

func (e *Engine) busy() bool {
	if !e.mu.TryLock() {
		return true
	}
	e.mu.Unlock()
	return false
}

// A View is a portal as it can be examined: everything can be read, nothing is
// written.
type View struct {
	Config  Config
	Portal  *portal.Portal
	Started time.Time
	Busy    func() bool // whether a run of the engine is under way
}

// View returns the engine's portal for examination, also while a run is under
// way, whose report then counts the calls made for it among its own.
func (e *Engine) View() View {
	r := e.newRun(Request{DryRun: true})
	return View{Config: e.cfg, Portal: r.portal, Started: r.started, Busy: e.busy}
}

// maxCulprits is how many records a run sets aside because HubSpot fails at them.
// More than that are an outage.
const maxCulprits = 5

// Run does one pass, when it is its turn, and reports it. The report is valid with
// an error too, and then says in Error why the run ended. A [*Fatal] error needs an
// admin; after any other the next run goes on where this one ended.
func (e *Engine) Run(ctx context.Context, req Request) (Report, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer e.cfg.Idle()

	turn, err := e.cfg.Turns(ctx)
	var again []portal.Feature
	if err == nil {
		again = e.conn.Reconsider(turn.Context(ctx), req.DryRun)
	}
	r := e.newRun(req)
	for _, f := range again {
		r.log.Info("the HubSpot token's scopes allow a feature again; `sync --reassociate=all` makes the links that were left out", logFeature, f.Name)
	}
	if err != nil {
		err = fmt.Errorf("waiting for its turn: %w", err)
	} else {
		defer turn.End()
		r.turn = turn
		if err := listBegun(r); err != nil {
			r.log.Debug("the list of runs does not have the run yet", logError, err)
		}
		err = r.inTurn(hubspot.WithCulprits(turn.Context(ctx), hubspot.NewCulprits(maxCulprits)))
	}
	if err != nil {
		err = fmt.Errorf("portal %s: %w", e.cfg.Portal, Classify(err))
	}
	rep, repErr := r.finish(err)
	if err == nil && repErr != nil {
		err = fmt.Errorf("portal %s: %w", e.cfg.Portal, repErr)
		rep.Error = err.Error()
	}
	return rep, err
}

// inTurn does what the request asks for.
func (r *run) inTurn(ctx context.Context) error {
	err := r.do(ctx)
	for without(r, err) {
		err = r.do(ctx)
	}
	stopSearch(r)
	if errors.Is(err, errNotDeleted) {
		err = withCommitError(err, r.counts.deletions.revive(ctx, r))
	}
	err = r.engine.explained(ctx, err)
	if portal.IsRefused(err) {
		if gone := r.portal.Object.Exists(ctx); IsFatal(gone) {
			return gone
		}
	}
	return err
}

// without reports whether a run that ended with err can go on without one of the
// features that HubSpot withholds, and prepares it to: whatever it did can be
// repeated, and what failed before counts once.
func without(r *run, err error) bool {
	f, ok := r.engine.conn.Withhold(err)
	if !ok {
		return false
	}
	stopSearch(r)
	r.log.Warn("the HubSpot token lacks a scope; the run goes on without what it is for", logFeature, f.Name, logScope, f.Scopes[0].Name, logError, err)
	r.counts.failures.refused, r.counts.failures.unreadable = failureRate{}, failureRate{}
	r.mode, r.secondary, r.portal = r.req.Mode, secondary{}, enter(r)
	return true
}

// stopSearch waits for the end of a search that a failure has left under way; its
// result is not used.
func stopSearch(r *run) {
	if r.secondary.search != nil {
		<-r.secondary.search.done
	}
}

var (
	_ SourceAPI  = (*thnksapi.Client)(nil)
	_ Journal    = (*store.Store)(nil)
	_ Quarantine = (*store.Store)(nil)
	_ Inbox      = (*store.Store)(nil)
	_ Archive    = (*store.Store)(nil)
	_ Ledger     = (*store.Store)(nil)
	_ Suppressed = (*suppressed.List)(nil)
)

package sync

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
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

// CRM is what a run needs of a HubSpot client. [*hubspot.Client] is one.
// Every batch call takes any number of inputs and returns one outcome per
// input, in input order.
type CRM interface {
	Account(context.Context) (*hubspot.Account, error)
	Scopes(context.Context) ([]string, error)
	Peer() hubspot.Peer
	Schemas(context.Context) ([]hubspot.Schema, error)
	CreateSchema(context.Context, hubspot.NewSchema) (*hubspot.Schema, error)
	CreateAssociationDefinition(ctx context.Context, objectType, toTypeID, name string) error
	AssociationTypes(ctx context.Context, fromType, toType string) ([]hubspot.LabelledType, error)
	PropertyGroups(ctx context.Context, objectType string) ([]hubspot.PropertyGroup, error)
	CreatePropertyGroup(context.Context, string, hubspot.PropertyGroup) error
	Properties(ctx context.Context, objectType string) ([]hubspot.Property, error)
	ArchivedProperties(ctx context.Context, objectType string) ([]hubspot.Property, error)
	CreateProperties(ctx context.Context, objectType string, in []hubspot.Property) ([]error, error)
	UpdateProperty(ctx context.Context, objectType, name string, patch hubspot.PropertyPatch) error
	Pipelines(ctx context.Context, objectType string) ([]hubspot.Pipeline, error)

	List(ctx context.Context, objectType, after string, limit int, archived bool, properties []string) (*hubspot.Page, error)
	Read(ctx context.Context, objectType string, ids, properties []string) ([]hubspot.Outcome, error)
	Get(ctx context.Context, objectType, id string, properties []string, archived bool) (*hubspot.Object, error)
	ReadByKey(ctx context.Context, objectType, key string, values, properties []string, archived bool) ([]hubspot.Outcome, error)
	ContactsByEmail(ctx context.Context, addresses, properties []string) ([]hubspot.ContactsOutcome, error)
	ContactsByAdditionalEmail(ctx context.Context, addresses, properties []string) ([]hubspot.ContactsOutcome, error)
	Owners(context.Context) ([]hubspot.Owner, error)
	Create(ctx context.Context, objectType, key string, in []hubspot.NewObject) ([]hubspot.Outcome, error)
	Update(ctx context.Context, objectType string, in []hubspot.Patch) ([]hubspot.Outcome, error)
	Associated(ctx context.Context, fromType, toType string, ids []string) ([]hubspot.RelatedOutcome, error)
	Associate(ctx context.Context, fromType, toType string, in []hubspot.Pair) ([]hubspot.Outcome, error)
	Calls() map[hubspot.Class]int
}

// Journal is what a run remembers. [*store.Store] is one. Commit is atomic
// and durable.
type Journal interface {
	Gifts(ids []string) (map[string]plan.Stored, error)
	All(context.Context) iter.Seq2[plan.Stored, error]
	After(ctx context.Context, id string) iter.Seq2[plan.Stored, error]
	Orphans(ctx context.Context, id string) iter.Seq2[store.Orphaned, error]
	Missed(addresses []string, since time.Time) (map[string]bool, error)
	Count() (int, error)
	OrphanCounts() (map[plan.Orphan]int, error)
	AmbiguousCount() (int, error)
	Checkpoint(name string) (store.Checkpoint, bool, error)
	Meta(name string) ([]byte, error)
	QuarantinedByID(ids []string) (map[string]store.Quarantined, error)
	Quarantine(context.Context) iter.Seq2[store.Quarantined, error]
	Commit(store.Commit) error
}

// Inbox holds the webhook events of a portal. [*store.Store] is one. What
// became of them goes into the journal, by Commit.
type Inbox interface {
	DueEvents(now time.Time, after store.Event, limit int) ([]store.Event, error)
	NextDue(now time.Time) (time.Time, error)
	WaitingFor(ids []string) (map[string][]store.Event, error)
	Expire(ctx context.Context, now time.Time) (int, error)
}

// ObjectNames says what the custom object is called where it does not exist
// yet.
type ObjectNames struct {
	Name, Singular, Plural string
}

// LinkRules are the portal's settings for links.
type LinkRules struct {
	Companies bool          // link the contact's primary company
	DealLabel string        // only deals tied to the contact by this association label; "" for all
	MaxDeals  int           // at most so many deals a gift
	Lookback  time.Duration // later runs add deals only to gifts sent within it
}

// Config is everything an [Engine] works with.
type Config struct {
	Portal    string
	Sources   []Source // none for a portal that is fed from export files alone
	CRM       CRM
	Journal   Journal
	Inbox     Inbox  // of the same file as Journal; nil where no webhooks come
	AccountID string // the HubSpot account it must be; "" to learn it once and hold on to it
	Object    ObjectNames
	Rules     LinkRules
	Logger    *slog.Logger
	Busy      func() bool    // whether another engine works on the journal, for [Engine.Check]; nil for none
	Progress  func(Progress) // called after every window; may be nil
	Bounds    Bounds

	// Export opens an export file, for [Request].From. IsExport tells a row of
	// one from a row of the API, and DecodeExport reads it again, from the
	// quarantine. NearExport gives the transactions by which one is found again
	// in a file. All may be nil where there are no such files.
	Export       func(path string) (ExportFile, error)
	IsExport     func(json.RawMessage) bool
	DecodeExport func(json.RawMessage) []thnksapi.Row
	NearExport   func(json.RawMessage) []string
}

// Bounds are the sizes of what a run has in memory. Zero is the default; tests
// make them small, so that few gifts fill several windows and slices.
type Bounds struct {
	WindowRows int    // rows of a window
	SliceGifts int    // gifts that are looked up and written together
	CacheSlots uint64 // slots of the people cache, at least 4096
}

// An Engine does the runs of one portal, one at a time, and beside them
// applies the portal's webhook events.
type Engine struct {
	Config
	windowRows int
	sliceGifts int
	cacheSlots uint64
	mu         sync.Mutex // held for a run
	applying   sync.Mutex // held for an Apply
	chasing    sync.Mutex // held for a Chase
	expired    time.Time  // when the inbox was last cleared; of a Chase
	holds      *holds
	defining   chan struct{} // full while somebody adds to the object's options
	trusted    atomic.Bool   // the token was seen to belong to the right account
}

// New returns the engine of one portal.
func New(cfg Config) *Engine {
	if cfg.Progress == nil {
		cfg.Progress = func(Progress) {}
	}
	return &Engine{
		Config:     cfg,
		windowRows: cmp.Or(cfg.Bounds.WindowRows, windowRows),
		sliceGifts: cmp.Or(cfg.Bounds.SliceGifts, sliceGifts),
		cacheSlots: cmp.Or(cfg.Bounds.CacheSlots, cacheSlots),
		holds:      newHolds(), defining: make(chan struct{}, 1),
	}
}

// Run does one pass and reports it. The report is valid with an error too,
// and then says in Error why the run ended. A [*Fatal] error needs a person;
// after any other the next run goes on where this one ended.
func (e *Engine) Run(ctx context.Context, req Request) (Report, error) {
	e.mu.Lock()
	defer e.mu.Unlock()

	r := e.newRun(req)
	err := r.do(ctx)
	if r.behind != nil {
		<-r.behind.done // of a run that failed: its result is not used
	}
	if refused(err) && r.object != nil {
		if gone := r.stillThere(ctx); isFatal(gone) {
			err = gone
		}
	}
	if err != nil {
		err = fmt.Errorf("portal %s: %w", e.Portal, classify(err))
	}
	rep, repErr := r.finish(err)
	if err == nil && repErr != nil {
		err = fmt.Errorf("portal %s: %w", e.Portal, repErr)
		rep.Error = err.Error()
	}
	return rep, err
}

// A run is one call of [Engine.Run], [Engine.Apply] or [Engine.Chase]: its
// request, its clock and what it has found out so far.
type run struct {
	*Engine
	Journal heldJournal // in the place of the engine's
	req     Request
	id      string // names the run in the audit
	mode    Mode
	started time.Time
	log     *slog.Logger

	lastSync             time.Time // when the last run before it that ended well did
	object               *object   // the custom object, once found
	people               *people
	behind               *behind // the search that goes on, if any
	owners               owners
	unreadable, refusals guard // of rows, and of records
	tally                tally
	linked               int // associations created
	refused              int // associations that HubSpot refused
	changes              []PlannedChange
	schema               []string // changes to the schema that a dry run plans, or an Adopt makes
	perKind              map[plan.Action]int
	identified           bool      // the token belongs to the right account
	staged               bool      // deal stages were read in this run
	noted                bool      // what the portal is fed from is on record
	made                 bool      // the custom object was created in this run
	seen                 bool      // it was met in HubSpot in this run
	done                 int       // rows worked off
	newest               time.Time // newest change time worked off
	calls0               map[hubspot.Class]int
	thnks0               int
}

func (e *Engine) newRun(req Request) *run {
	r := &run{
		Engine:  e,
		req:     req,
		id:      rand.Text()[:12],
		mode:    req.Mode,
		started: time.Now().UTC(),
		perKind: make(map[plan.Action]int),
		calls0:  e.CRM.Calls(),
	}
	for _, s := range e.Sources {
		r.thnks0 += s.API.Calls()
	}
	r.Journal = heldJournal{e.Journal, r}
	r.lastSync = LastSync(e.Journal)
	r.people = newPeople(r)
	r.log = e.Logger.With("portal", e.Portal, "run", r.id)
	return r
}

// do picks the run's way by its mode. An incremental run of a portal whose
// first backfill has not finished goes on with that: until then there is no
// watermark to start from. A portal without a source has nothing to backfill,
// and incremental runs look after its orphans.
func (r *run) do(ctx context.Context) error {
	lists := r.mode == Incremental || r.mode == Backfill
	switch {
	case r.req.From != "" && !lists:
		return fmt.Errorf("sync: mode %q does not read export files", r.mode)
	case r.req.From != "":
		return r.fromFile(ctx)
	case lists && len(r.Sources) == 0:
		if r.mode == Backfill {
			if err := r.ensureJournal(ctx); err != nil {
				return err
			}
		}
		r.mode = Incremental
		return r.incremental(ctx)
	case lists:
		if err := r.admit(); err != nil {
			return err
		}
	}
	switch r.mode {
	case Retry:
		return r.retry(ctx)
	case Reassociate:
		return r.reassociate(ctx)
	case ReassociateAll:
		return r.reassociateAll(ctx)
	case Restore:
		return r.restore(ctx)
	case Adopt:
		return r.takeOver(ctx)
	case Incremental:
		cp, ok, err := r.Journal.Checkpoint(backfillCheckpoint)
		if err != nil {
			return err
		}
		if ok && !cp.Finished.IsZero() {
			return r.incremental(ctx)
		}
		r.mode = Backfill
		return r.backfill(ctx)
	case Backfill:
		return r.backfill(ctx)
	default:
		return fmt.Errorf("sync: unknown mode %q", r.mode)
	}
}

// finish makes the report, and records when the run ended.
func (r *run) finish(runErr error) (Report, error) {
	rep := Report{
		Portal:              r.Portal,
		Mode:                r.mode,
		DryRun:              r.req.DryRun,
		Skipped:             make(map[string]int),
		AssociationsCreated: r.linked,
		HubSpotCalls:        make(map[hubspot.Class]int),
		Orphans:             make(map[plan.Orphan]int),
		StartedAt:           r.started,
		FinishedAt:          time.Now().UTC(),
		SchemaChanges:       r.schema,
		Changes:             r.changes,
	}
	r.tally.report(&rep)
	now := r.CRM.Calls()
	for _, class := range hubspot.Classes() {
		rep.HubSpotCalls[class] = now[class] - r.calls0[class]
	}
	rep.ThnksCalls = -r.thnks0
	for _, s := range r.Sources {
		rep.ThnksCalls += s.API.Calls()
	}
	orphans, err := r.Journal.OrphanCounts()
	if err != nil {
		return rep, err
	}
	for _, reason := range plan.Orphans() {
		rep.Orphans[reason] = orphans[reason]
	}
	if rep.Ambiguous, err = r.Journal.AmbiguousCount(); err != nil {
		return rep, err
	}
	if r.refused > 0 {
		r.log.Warn("HubSpot refused links, as records may have a limited number of associations; they are left out until `sync --reassociate=all`", "count", r.refused)
	}
	if runErr != nil {
		rep.Error = runErr.Error()
		return rep, nil
	}
	if r.req.From == "" && len(r.Sources) == 0 {
		return rep, nil // nothing was synced
	}
	switch r.mode {
	case Incremental, Backfill, Resweep:
		return rep, r.remember(metaLastSync, rep.FinishedAt)
	}
	return rep, nil
}

var (
	_ CRM       = (*hubspot.Client)(nil)
	_ SourceAPI = (*thnksapi.Client)(nil)
	_ Journal   = (*store.Store)(nil)
	_ Inbox     = (*store.Store)(nil)
)

package portal

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// ObjectNames says what the custom object is called where it does not exist
// yet.
type ObjectNames struct {
	Name, Singular, Plural string
}

// LinkRules are the portal's settings for links.
type LinkRules struct {
	Companies bool          // link the contact's primary company
	DealLabel string        // only deals tied to the contact by this association label; "" for all
	MaxDeals  int           // at most so many deals a gift; 0 links none
	Lookback  time.Duration // later runs add deals only to gifts sent within it
}

// A Client is a HubSpot client, by what each part asks of it. [Of] makes one.
type Client struct {
	Accounts Accounts
	Schemas  Schemas
	Contacts Contacts
	Records  RecordCalls
}

// Of returns the client by its parts.
func Of(c *hubspot.Client) Client {
	return Client{Accounts: c, Schemas: c, Contacts: c, Records: c}
}

// Memory keeps what was learned about a portal, by name. The memory of a dry
// run forgets.
type Memory interface {
	// Recall reads an entry into v and reports whether there is one.
	Recall(name string, v any) (bool, error)
	// Remember replaces an entry, together with audit entries if any.
	Remember(name string, v any, audit ...store.AuditEntry) error
	// Audit adds an audit entry.
	Audit(store.AuditEntry) error
}

// Config is what a portal's runs have in common.
type Config struct {
	Name      string // of the portal, as the configuration calls it
	Client    Client
	AccountID string // the HubSpot account it must be; "" to learn it once and hold on to it
	// Own holds the account for this portal before anything is remembered of it.
	// It fails with a [*Fatal] if another portal has it. If dryRun, it only looks.
	// Nil where accounts have no owners.
	Own    func(account string, dryRun bool) error
	Object ObjectNames
	Links  LinkRules
	// Metadata are the properties, beside those of [plan.Fields], that hold what
	// events say in the customer's words.
	Metadata []string

	// People bounds the table of the people looked up in a run: slots of 40
	// bytes, two for each person.
	People uint64
}

// A Connection is the way to one portal for the life of an engine. Runs and
// webhook events may use it at the same time.
type Connection struct {
	cfg      Config
	verified atomic.Bool   // a run has seen that the token belongs to the right account
	options  chan struct{} // full while a run adds options to the object's properties
	withheld withheld
}

// Connect returns the connection to a portal. It makes no call.
func Connect(cfg Config) *Connection {
	return &Connection{cfg: cfg, options: make(chan struct{}, 1)}
}

// A Session is one run's use of a portal.
type Session struct {
	Run     string // names the run in the audit
	Started time.Time
	Memory  Memory
	Log     *slog.Logger
	DryRun  bool // read only

	// Events says that webhook events cause the run: it trusts the account that
	// a run has verified, and looks few people up.
	Events bool

	// Waiting is called when the run begins to wait by itself, for something new to
	// show in HubSpot, and the function that it returns when the wait is over; nil
	// for none.
	Waiting func(context.Context) (resume func(context.Context) error)

	links    LinkRules          // those that the scopes allow
	withheld map[plan.Kind]bool // links that they do not
}

// pause waits for d, or until the context ends.
func (s Session) pause(ctx context.Context, d time.Duration) error {
	resume := func(context.Context) error { return nil }
	if s.Waiting != nil {
		resume = s.Waiting(ctx)
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	if err := resume(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// A Portal is one run's view of a portal. Its parts are for one goroutine at a
// time, but for [Search.Do].
type Portal struct {
	Links    LinkRules // the settings, less what is withheld
	Withheld []Feature // what the run does without; see [Connection.Withhold]

	Account   *Account
	Object    *Object
	Directory *Directory
	Records   *Records
	Sales     *Sales
}

// RunPeople is the usual size of a run's table of people: about 250,000 people.
const RunPeople = 1 << 19

// eventPeople is the most slots of the table of people for webhook events.
const eventPeople = 1 << 12

// Begin returns the portal for one run.
func (c *Connection) Begin(s Session) *Portal {
	without := c.withheld.features()
	s.links, s.withheld = c.cfg.Links, make(map[plan.Kind]bool)
	for _, f := range without {
		s.withheld[f.Links] = true
	}
	s.links.Companies = s.links.Companies && !s.withheld[plan.Company]
	if s.withheld[plan.Deal] {
		s.links.MaxDeals = 0
	}
	account := &Account{conn: c, session: s}
	account.verified.Store(s.Events && c.verified.Load())
	slots := c.cfg.People
	if s.Events {
		slots = min(slots, eventPeople)
	}
	object := &Object{conn: c, session: s, schemas: door[Schemas]{account, c.cfg.Client.Schemas}}
	object.editor = auditedEditor{s}
	if s.DryRun {
		object.editor = notingEditor{object}
	}
	directory := &Directory{
		conn: c, session: s, contacts: door[Contacts]{account, c.cfg.Client.Contacts}, index: door[Index]{account, c.cfg.Client.Records},
		cache: newCache(slots), refused: make(map[string]bool),
	}
	directory.deals = openDeals{conn: c, session: s, contacts: directory.contacts, counts: dealCounts{open: -1}}
	records := &Records{
		session: s, object: object, directory: directory,
		calls: door[RecordCalls]{account, c.cfg.Client.Records},
	}
	records.writer = liveWriter{records.calls.client, c.cfg.Metadata}
	if s.DryRun {
		records.writer = readingWriter{records.calls.client, c.cfg.Metadata}
	}
	sales := &Sales{calls: door[SalesCalls]{account, c.cfg.Client.Records}, accounts: c.cfg.Client.Accounts}
	return &Portal{Links: s.links, Withheld: without, Account: account, Object: object, Directory: directory, Records: records, Sales: sales}
}

// A door hands a part its client once the account behind the token is verified.
type door[C any] struct {
	account *Account
	client  C
}

func (d door[C]) enter(ctx context.Context) (C, error) {
	return d.client, d.account.Verify(ctx)
}

// ObjectTypes are HubSpot's names of the object types that links lead to.
var ObjectTypes = map[plan.Kind]string{
	plan.Contact: "contacts",
	plan.Company: "companies",
	plan.Deal:    "deals",
}

// typeIDs are HubSpot's ids of these object types.
var typeIDs = map[plan.Kind]string{
	plan.Contact: "0-1",
	plan.Company: "0-2",
	plan.Deal:    "0-3",
}

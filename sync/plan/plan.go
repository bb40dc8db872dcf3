package plan

import "time"

// A Kind is a type of HubSpot record that a gift can be linked to.
type Kind string

// The kinds, in the order in which links are listed.
const (
	Contact Kind = "contact"
	Company Kind = "company"
	Deal    Kind = "deal"
)

// A Link is an association from a gift to another HubSpot record. For a deal
// it also carries what the deal looked like when the link was made, which the
// statistics need and HubSpot does not remember.
type Link struct {
	Kind   Kind
	ID     string    // HubSpot record id
	Stage  string    // deal stage id at linking; deals only
	Amount string    // deal amount at linking, exact decimal text, "" when none; deals only
	At     time.Time // when it was planned, or found in HubSpot

	// Found says that it was found in HubSpot: users made it, or a state file that
	// is lost knew of it.
	Found bool

	// Refused says that HubSpot rejected the link, because the record has the
	// maximum number of associations. The link does not exist. It is kept so
	// that we do not try it in every run.
	Refused bool
}

// An Orphan is the reason why a gift has no contact link; "" when it has one.
type Orphan string

// The reasons, as the contract spells them.
const (
	NoEmail     Orphan = "no_email"
	BadEmail    Orphan = "bad_email"
	NoContact   Orphan = "no_contact"
	ContactGone Orphan = "contact_gone"
)

// Lookable reports whether looking up the recipient's address can find a contact.
func (o Orphan) Lookable() bool { return o == NoContact || o == ContactGone }

// Orphans returns the reasons, in the order in which reports name them.
func Orphans() []Orphan { return []Orphan{NoEmail, BadEmail, NoContact, ContactGone} }

// A Stored is the journal's entry of one gift: what the portal holds.
type Stored struct {
	ObjectID  string    // record id of the custom object; never empty in the journal
	Gift      Gift      // as last written, [Gift.Redacted]
	Mapping   int       // the [Mapping] it was written with
	Links     []Link    // sorted
	Given     []Kind    // of links that were named when the gift was sent: none is added to these
	Orphan    Orphan    // "" when a contact is linked
	Former    Link      // the link to the contact that was deleted, where it had one last; zero otherwise
	Ambiguous bool      // several contacts matched when it was linked
	Deleted   time.Time // when we found that users had deleted the record; zero while it exists
	Gone      time.Time // when we found that the source no longer lists the transaction; zero while it does
	Erased    time.Time // when the recipient was erased; zero if that was not asked for. See [Erase]
}

// A Candidate is a HubSpot contact that was found for an address.
type Candidate struct {
	ID         string
	Email      string   // primary address
	Additional []string // secondary addresses
	Company    string   // id of the primary company, "" when none
	Created    time.Time
	Changed    time.Time // when HubSpot last changed it; zero where that is unknown
}

// A Match is the contact that [Choose] picked for an address, with the company
// and the deals that a gift may be linked to.
type Match struct {
	ID        string
	Company   string // id of the primary company, "" when none
	Deals     []OpenDeal
	Secondary bool // matched by a secondary address
	Ambiguous bool // other contacts matched as well
}

// An OpenDeal is a deal of a matched contact that was open when it was read.
type OpenDeal struct {
	ID      string
	Stage   string
	Amount  string // exact decimal text, "" when none
	Created time.Time
}

// A Directory maps canonical addresses to contacts. An address that was looked
// up and not found has a zero Match.
type Directory map[string]Match

// Rules are the portal's settings that bear on planning.
type Rules struct {
	Companies bool          // link the contact's primary company
	MaxDeals  int           // at most so many deals a gift; newest first
	Lookback  time.Duration // later runs add deals only to gifts sent within it
	Now       time.Time     // the run's clock, so that planning is pure
	LeaveOut  []string      // properties that records get no value of; see [Rules.Mapping]
}

// An Action is what a change does to the portal.
type Action string

// The actions. Every gift of a plan has exactly one.
const (
	Create Action = "create" // a record that the journal does not know
	Update Action = "update" // properties or links differ
	Keep   Action = "keep"   // nothing differs
	Skip   Action = "skip"   // must not be written; see [Change.Skipped]
)

// Reasons for skipping, as the contract spells them.
const (
	SkippedDeleted = "deleted_in_hubspot"
	SkippedErased  = "erased"
)

// A Change is what must happen to one gift's record, and why.
type Change struct {
	Action     Action
	Gift       Gift              // merged from what was seen and what the journal held
	Have       Stored            // what the journal held; zero for Create
	ObjectID   string            // of the record; "" for Create
	Properties map[string]string // to write: all on Create, those that differ on Update
	Links      []Link            // missing ones, sorted
	Retry      []Link            // links that HubSpot refused once, for [Change.Relink] to try again
	Removed    []Link            // links that the journal knows and the record was seen not to have: users removed them
	Orphan     Orphan            // after the change
	Ambiguous  bool
	Same       bool     // what was seen says of the gift what the journal's entry says; see [SameKnowledge]
	Noted      bool     // the journal's entry changes even if HubSpot needs nothing
	DealsCut   int      // open deals beyond [Rules.MaxDeals]
	Skipped    string   // why, for Skip
	Reasons    []string // names of properties and kinds of links; no values except the status
}

// A Plan is the changes of one window, one per gift, sorted by transaction id.
type Plan []Change

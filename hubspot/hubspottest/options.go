package hubspottest

import "time"

// Tier is the subscription of the account.
type Tier int

// The tiers that matter here: custom objects exist on Enterprise only.
const (
	Enterprise Tier = iota
	Professional
)

// InvalidLinks says what a create does with an inline association that cannot
// be made. HubSpot does not document it.
type InvalidLinks int

// The three possibilities.
const (
	RefuseRecord    InvalidLinks = iota // the item is refused, nothing is written
	DropLink                            // the record is written without the link, the answer is a success
	WriteThenRefuse                     // the record is written without the link, the answer is a refusal
)

// LengthUnit says how the 65,536 characters of a text value are counted.
type LengthUnit int

// HubSpot says "characters" and no more.
const (
	Runes LengthUnit = iota
	UTF16
	Bytes
)

// Options describe a portal. The zero value is an Enterprise portal without
// enforced limits that behaves as HubSpot documents it. Every switch selects the
// other interpretation of something that HubSpot leaves open.
type Options struct {
	ID       int64    // portal id; 62515 when zero
	Seed     uint64   // type ids, association type ids, record ids and shuffles follow from it
	TimeZone string   // IANA name; "US/Eastern" when empty, UTC where the machine does not know it
	Currency string   // "USD" when empty
	Tier     Tier     // custom objects need Enterprise
	Token    string   // the accepted static bearer token; "pat-test" when empty
	App      App      // the OAuth app; none when it has no client id
	Scopes   []string // granted scopes; nil grants what a gift sync needs, see [DefaultScopes]
	FirstID  int64    // first record id; ids beyond 2^53 are legal
	Limits   Limits

	SearchLag   time.Duration // how long a write stays invisible to search
	PropertyLag time.Duration // how long a new property stays unknown to every other call
	SchemaLag   time.Duration // how long a new schema is missing from the list, and a changed one keeps its old definition
	ComputedLag time.Duration // how long associatedcompanyid and hs_is_closed keep their old value after a change
	ClockSkew   time.Duration // how far the Date header is ahead of the true time

	MaxCustomTypes      int // custom object types; 10 when zero
	MaxCustomProperties int // properties per custom object type; 1,000 when zero
	MaxCustomRecords    int // custom records in the portal; 10,000,000 when zero
	AssociationPage     int // associated records per source in one answer; 500 when zero

	InvalidLinks InvalidLinks
	LengthUnit   LengthUnit

	SecondaryByEmail     bool // batch read by email also finds additional e-mail addresses, without saying which input a contact is for
	HasPropertyBlind     bool // HAS_PROPERTY of a search misses the records with an odd id
	ArchivedHoldUnique   bool // an archived record keeps its unique values taken
	NoTraceEcho          bool // successes omit objectWriteTraceId
	TextIDs              bool // association ids are JSON strings instead of numbers
	NoAssociationsErrors bool // a record without associations is reported in errors with 207 instead of being absent
	UpsertAnswers201     bool // batch upsert answers 201 when it created a record
	BatchesSkipRules     bool // required and conditional property rules do not apply to batches
	FarSideWrite         bool // an association write needs the write scope on both sides
	NoTokenInfo          bool // the call that lists a static token's scopes does not exist
	NoCurrencyProperty   bool // an amount cannot point at the property that holds its currency
	NoIsClosed           bool // pipeline stages lack isClosed in their metadata, as in older accounts
}

// Limits are the enforced rates. Zero fields enforce nothing; the headers are
// sent all the same.
type Limits struct {
	Burst              int  // calls per rolling 10 s, 110 for an app of the marketplace
	SearchPerSecond    int  // searches per rolling second, 5
	AssociationsPer10s int  // association batches per rolling 10 s, 150 on Enterprise
	Daily              int  // calls per day, reset at midnight of the portal's zone
	DailyHeaders       bool // send the daily headers, as private apps get them
}

// DefaultScopes are granted when [Options.Scopes] is nil.
func DefaultScopes() []string {
	return []string{
		"oauth",
		"crm.objects.contacts.read", "crm.objects.contacts.write",
		"crm.objects.companies.read", "crm.objects.deals.read",
		"crm.objects.custom.read", "crm.objects.custom.write",
		"crm.schemas.custom.read", "crm.schemas.custom.write",
		"crm.objects.owners.read", "automation",
	}
}

func (o Options) withDefaults() Options {
	setDefault(&o.ID, 62515)
	setDefault(&o.TimeZone, "US/Eastern")
	setDefault(&o.Currency, "USD")
	setDefault(&o.Token, "pat-test")
	setDefault(&o.App.TokenLife, defaultTokenLife)
	setDefault(&o.FirstID, 20_000_000_000+int64(o.Seed%1_000_000)*1000)
	setDefault(&o.MaxCustomTypes, 10)
	setDefault(&o.MaxCustomProperties, 1000)
	setDefault(&o.MaxCustomRecords, 10_000_000)
	setDefault(&o.AssociationPage, 500)
	if o.Scopes == nil {
		o.Scopes = DefaultScopes()
	}
	return o
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

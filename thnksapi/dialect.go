package thnksapi

import "time"

// A Dialect is everything that this package assumes about an account's Thnks
// API, as settings. Begin with [DefaultDialect] and change what differs. The
// package comment numbers the assumptions.
//
// Pointers are JSON pointers (RFC 6901): "/gift/name", or "" for the whole
// document.
type Dialect struct {
	ListPath    string            // A1: path of the listing; may carry a fixed query
	DetailPath  string            // A2: path of one transaction, with "{id}" in it; "" where the API has no such call
	Detail      string            // A3: pointer to the transaction in a detail answer
	Auth        Auth              // A4
	Paging      Paging            // A5, A6, A7
	Since       Since             // A8, A9, A10
	Items       string            // A11: pointer to the array of elements in a page
	Fields      Fields            // A12
	Recipients  string            // A13: pointer, within an element, to its array of recipients; "" where an element is one transaction
	Money       Money             // A14
	Statuses    map[string]string // A15: the source's word, case ignored → canonical status word
	TimeFormats []string          // A16: tried in order: "rfc3339", "date", "epoch_s", "epoch_ms" or a Go layout
	Nothing     []string          // A20: words for no time, amount or currency, case ignored; the empty text is none in any case
}

// Auth says how a request carries the API key.
type Auth struct {
	Header   string // name of the header
	Template string // its value, "{key}" standing for the API key
}

// A PagingKind is a way of asking for the next page.
type PagingKind string

// The ways of paging.
const (
	PagingCursor PagingKind = "cursor" // the answer names the next page
	PagingPage   PagingKind = "page"   // pages are numbered
	PagingOffset PagingKind = "offset" // rows are counted
)

// A Stop is the rule by which a listing's last page is known.
type Stop string

// The stop rules. Each includes the ones before it.
const (
	StopCursor Stop = "no_cursor" // the cursor is null, empty or absent; with cursor paging only
	StopEmpty  Stop = "empty"     // the page has no elements
	StopShort  Stop = "short"     // the page has fewer elements than asked for; wrong if the source caps the size
)

// Paging says how a listing is cut into pages and read one after the other.
type Paging struct {
	Kind      PagingKind
	Param     string // A5: query parameter of the cursor, page number or offset
	Pointer   string // A5: with cursor paging, where the answer holds the next cursor, or a link that carries it in Param
	First     int    // A5: with page paging, the number of the first page
	SizeParam string // A6: query parameter of the page size
	Size      int    // A6: elements a page
	Stop      Stop   // A7
	Nothing   int    // A21: status of a first page without elements: 404, or 0 if such a page is like any other
}

// A SinceKind is what a listing can be narrowed by.
type SinceKind string

// The kinds of filter.
const (
	SinceUpdated SinceKind = "updated" // when a transaction last changed
	SinceCreated SinceKind = "created" // when it was created; later changes are not found by it
	SinceNone    SinceKind = "none"    // the source lists everything every time
)

// Names for ways of writing a time. In [Since] FormatDate may be used as
// well; in [Dialect].TimeFormats a Go layout may.
const (
	FormatRFC3339     = "rfc3339"  // also read: the other ways of ISO 8601
	FormatDate        = "date"     // 2006-01-02; in [Since] UTC
	FormatEpochSecond = "epoch_s"  // seconds since 1970
	FormatEpochMilli  = "epoch_ms" // milliseconds since 1970
)

// Since says how a listing is narrowed to new and changed transactions.
type Since struct {
	Kind    SinceKind     // A8
	Param   string        // A8: query parameter of the time
	Format  string        // A9: one of the Format constants
	Overlap time.Duration // A10: how much earlier than [Query].Since to ask; 0 is 15 min, or 24 h with FormatDate
}

// Fields says where an element has which value. Each field is a list of
// places; the first that has a value counts. A place is a pointer, or several
// joined with " + ", whose texts are then joined with a space.
type Fields struct {
	ID, RequestID                                 []string
	GiftName, GiftType                            []string
	Amount, Currency                              []string
	Message, TrackingURL                          []string
	SenderName, SenderEmail, SenderPhone          []string
	RecipientName, RecipientEmail, RecipientPhone []string
	Status                                        []string
	Times                                         map[string][]string // canonical status word → places
	CreatedAt, UpdatedAt                          []string
}

// A MoneyUnit is what an amount counts.
type MoneyUnit string

// The units.
const (
	UnitMajor MoneyUnit = "major" // 7.50 is seven dollars and a half
	UnitMinor MoneyUnit = "minor" // 750 is; the currency's ISO 4217 exponent applies
)

// Money says how amounts are written.
type Money struct {
	Unit            MoneyUnit
	DefaultCurrency string // ISO 4217 code of amounts that name none; "" for none
}

// The canonical status words, which are also the keys of
// [Transaction].Times. A transaction whose word the dialect does not map has
// the status Unknown, which has no time.
const (
	Scheduled   = "scheduled"
	Sent        = "sent"
	Delivered   = "delivered"
	Opened      = "opened"
	Redeemed    = "redeemed"
	Refunded    = "refunded"
	Expired     = "expired"
	Undelivered = "undelivered"
	Donated     = "donated"
	Unknown     = "unknown"
)

// statuses are the canonical words but for Unknown.
func statuses() []string {
	return []string{Scheduled, Sent, Delivered, Opened, Redeemed, Refunded, Expired, Undelivered, Donated}
}

// DefaultDialect returns the dialect of the assumed API. Each call returns a
// new copy, which the caller may change.
func DefaultDialect() Dialect {
	d := Dialect{
		ListPath:   "/api/v1/transactions",
		DetailPath: "/api/v1/transactions/{id}",
		Auth:       Auth{Header: "Authorization", Template: "{key}"},
		Paging: Paging{
			Kind: PagingCursor, Param: "cursor", Pointer: "/next_cursor", First: 1,
			SizeParam: "limit", Size: 500, Stop: StopCursor,
		},
		Since: Since{Kind: SinceUpdated, Param: "updated_since", Format: FormatRFC3339},
		Items: "/transactions",
		Fields: Fields{
			ID:             []string{"/id"},
			RequestID:      []string{"/gift_request_id"},
			GiftName:       []string{"/gift/name"},
			GiftType:       []string{"/gift/type"},
			Amount:         []string{"/amount/value"},
			Currency:       []string{"/amount/currency"},
			Message:        []string{"/message"},
			TrackingURL:    []string{"/tracking_url"},
			SenderName:     []string{"/sender/name"},
			SenderEmail:    []string{"/sender/email"},
			SenderPhone:    []string{"/sender/phone"},
			RecipientName:  []string{"/recipient/first_name + /recipient/last_name", "/recipient/name"},
			RecipientEmail: []string{"/recipient/email"},
			RecipientPhone: []string{"/recipient/phone"},
			Status:         []string{"/status"},
			Times:          map[string][]string{Scheduled: {"/scheduled_for", "/scheduled_at"}},
			CreatedAt:      []string{"/created_at"},
			UpdatedAt:      []string{"/updated_at"},
		},
		Money:       Money{Unit: UnitMajor},
		Statuses:    map[string]string{"undeliverable": Undelivered},
		TimeFormats: []string{FormatRFC3339},
		Nothing:     nothingWords(),
	}
	for _, s := range statuses() {
		d.Statuses[s] = s
		if s != Scheduled {
			d.Fields.Times[s] = []string{"/" + s + "_at"}
		}
	}
	return d
}

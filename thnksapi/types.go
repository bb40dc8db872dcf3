package thnksapi

import (
	"encoding/json"
	"time"

	"github.com/shopspring/decimal"
)

// A Query asks for a page of transactions.
type Query struct {
	// Since asks for transactions changed (or, by dialect, created) at or
	// after this time. The client subtracts the dialect's overlap. Zero asks
	// for all.
	Since time.Time
	// Cursor continues a listing: Page.Next of the page before. Since must be
	// the same for every page of one listing.
	Cursor string
}

// A Page is one page of a listing, in the source's order.
type Page struct {
	Rows []Row
	Next string    // cursor of the next page, "" on the last
	Date time.Time // the server's clock (Date header), zero when it gave none
}

// A Row is one element of a listing: a transaction, or the reason why the
// element could not be read as one. Raw always holds the element as received.
type Row struct {
	Transaction *Transaction
	ID          string // the transaction's, if it can be read although the rest cannot
	Line        int    // where it stands in an export file; 0 in an answer
	Raw         json.RawMessage
	Err         error     // never quotes values; set exactly when Transaction is nil
	Date        time.Time // the server's clock when it sent this row alone; zero in a page, which has its own
}

// A Transaction is one Thnks sent to one recipient. The dialect's field names,
// money unit and status words are translated; nothing else is interpreted.
type Transaction struct {
	ID          string
	RequestID   string
	GiftName    string
	GiftType    string
	Amount      decimal.NullDecimal // major units
	Currency    string              // three letters in any case, as given, or the dialect's default
	Message     string
	TrackingURL string
	Sender      Person
	Recipient   Person
	Status      string               // canonical status word from the dialect's map, "unknown" if the map has none
	RawStatus   string               // the source's own word
	Times       map[string]time.Time // canonical status word → when it was reached
	CreatedAt   time.Time
	UpdatedAt   time.Time

	// Missing are the fields that the row does not have at all. A field that is
	// there and null or empty is not missing: it says that there is no value,
	// and so does its parent that is null or empty. A currency that the
	// dialect's default fills is not missing either.
	Missing FieldSet
	// Dropped are the fields whose value was there and could not be read: times
	// outside the years 2000 to 2100 or in none of the dialect's formats, and a
	// currency that is no code of three letters. They are left out above.
	Dropped FieldSet
}

// A FieldSet is a set of a transaction's fields.
type FieldSet uint32

// The fields. [FieldTimes] stands for all of Times.
const (
	FieldRequestID FieldSet = 1 << iota
	FieldGiftName
	FieldGiftType
	FieldAmount
	FieldCurrency
	FieldMessage
	FieldTrackingURL
	FieldSenderName
	FieldSenderEmail
	FieldSenderPhone
	FieldRecipientName
	FieldRecipientEmail
	FieldRecipientPhone
	FieldStatus
	FieldTimes
	FieldCreatedAt
	FieldUpdatedAt
)

// Has reports whether the set has all of the fields.
func (s FieldSet) Has(fields FieldSet) bool { return s&fields == fields }

// A Person is a sender or recipient.
type Person struct {
	Name, Email, Phone string
}

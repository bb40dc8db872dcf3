package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/shopspring/decimal"
)

// A Status is one of the nine states a gift can be in, or [Unknown] for a word
// that the source uses and we do not know. Its text is the value of the
// custom object's status option.
type Status string

// The statuses, in the order in which a gift usually passes them.
const (
	Scheduled   Status = "scheduled"
	Sent        Status = "sent"
	Delivered   Status = "delivered"
	Opened      Status = "opened"
	Redeemed    Status = "redeemed"
	Refunded    Status = "refunded"
	Expired     Status = "expired"
	Undelivered Status = "undelivered"
	Donated     Status = "donated"
	Unknown     Status = "unknown"
)

// A Person is a sender or a recipient as the source names them.
type Person struct {
	Name  string
	Email string // as received; see [CanonicalEmail] for comparing
	Phone string
}

// Money is an exact amount in the major unit of an ISO 4217 currency.
// The zero Money means that the source gave no amount.
type Money struct {
	Value    decimal.Decimal
	Currency string // upper case; "" when the source gave none
}

// A Claim is a signed event's statement that the gift reached a status.
// Unsigned events are no claims: they only cause a fetch.
type Claim struct {
	Status Status
	At     time.Time // when the event says it happened
}

// A Gift is one Thnks transaction in our own terms: what the source's newest
// snapshot says, joined with the claims of signed events by [Merge].
type Gift struct {
	ID        string // the Thnks transaction id
	RequestID string // the gift request that caused it; one request may have many recipients
	Name      string
	Type      string
	Amount    Money
	Message   string // personal text; the journal keeps only its digest

	// MessageDigest replaces the message in the journal, which keeps no text:
	// the [Digest] of the text as HubSpot got it, which may be cut. It is empty
	// while Message holds the text.
	MessageDigest string

	TrackingURL string
	Sender      Person
	Recipient   Person

	Status    Status               // as the newest snapshot says; [Gift.Shown] adds the rest
	RawStatus string               // the source's own word
	Times     map[Status]time.Time // when each status was reached, UTC, where a snapshot said so; see [Gift.ShownTimes]
	CreatedAt time.Time
	UpdatedAt time.Time // version of the snapshot: the greatest wins

	// Derived says that UpdatedAt is not the source's: it gave none, or one that
	// is not to be believed. UpdatedAt is then the latest date of the snapshot,
	// and ReadAt must be set: it takes the place of the version.
	Derived bool
	ReadAt  time.Time // when the answer or the file was read; zero if that is not known
	Source  int       // place of the key in the configuration, from 0

	// Known is the last status whose word we know, and KnownAs the snapshot that
	// gave it. Both are zero unless Status is [Unknown].
	Known   Status
	KnownAs Origin

	// StatusAsOf is the snapshot that gave Status, and AsOf holds those that gave
	// Times, where they are not the one that gave the other fields. Usually both
	// are empty.
	StatusAsOf Origin
	AsOf       map[Status]Origin

	// Lesser are statuses that were read after Status where it has no version,
	// and that say less: they count once a version has overruled Status. Usually
	// it is empty.
	Lesser []Reading

	// Behind holds the other kind of snapshot: those with a version, if this one
	// has none, or the last without a version. It is nil where the source gives
	// all of one kind. [Merge] sets it.
	Behind *Gift

	Claims []Claim // sorted; of each status the first and the last at most

	// Parcel and ThankYou come from events only; snapshots do not contain them.
	Parcel   Parcel
	ThankYou Note

	// Mails are those that events have reported; sorted, the last 20.
	Mails []Mail

	// Metadata is what events say of the gift in the words of the customer, by the
	// property that holds it.
	Metadata map[string]Detail
}

// An Origin is the snapshot that a part of a gift is from.
type Origin struct {
	Version time.Time // zero if it had none
	ReadAt  time.Time // zero if that is not known
	Source  int       // place of the key in the configuration, from 0
}

// A Reading is a status that a snapshot without a version states.
type Reading struct {
	Status    Status
	RawStatus string
	Origin    Origin
}

// A Parcel says where the goods of a gift are, in the carrier's word. The zero
// Parcel means that no event has said so.
type Parcel struct {
	Status  string
	At      time.Time // since when, as the carrier says
	EventAt time.Time // of the event that reported it; zero if equal to At, or unknown
}

// eventAt returns the time of the event, as far as it is known. Carriers may say no more
// than the day, so that At alone does not tell which status is the later one.
func (p Parcel) eventAt() time.Time {
	if p.EventAt.IsZero() {
		return p.At
	}
	return p.EventAt
}

// A Note is the recipient's reply. It is personal text: like a message, it is
// kept in the journal as a digest. The zero Note means that there is none.
type Note struct {
	Text   string
	Digest string    // replaces the text in the journal
	At     time.Time // when the source reported it; zero if it was read back from HubSpot
}

// Digest returns what the journal keeps of a message: the first 128 bits of
// its SHA-256, in hex, or "" for an empty one.
func Digest(message string) string {
	if message == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(message))
	return hex.EncodeToString(sum[:16])
}

// messageDigest is the digest of the gift's message as HubSpot gets it, from
// the text if we have it and from the stored digest otherwise.
func (g Gift) messageDigest() string {
	if g.Message != "" {
		return Digest(paragraphs(g.Message))
	}
	return g.MessageDigest
}

// digest is the digest of the note's text as HubSpot gets it.
func (n Note) digest() string {
	if n.Text != "" {
		return Digest(paragraphs(n.Text))
	}
	return n.Digest
}

// Redacted returns the gift as the journal keeps it: the message and the note
// replaced by their digests.
func (g Gift) Redacted() Gift {
	g.MessageDigest, g.Message = g.messageDigest(), ""
	g.ThankYou.Digest, g.ThankYou.Text = g.ThankYou.digest(), ""
	if g.Behind != nil {
		behind := g.Behind.Redacted()
		g.Behind = &behind
	}
	return g
}

// WithoutDigests returns the gift as if texts that are known by their digests alone had
// never been received: a record that is created does not get them.
func (g Gift) WithoutDigests() Gift {
	g.MessageDigest = ""
	if g.ThankYou.Text == "" {
		g.ThankYou = Note{}
	}
	if g.Behind != nil {
		behind := g.Behind.WithoutDigests()
		g.Behind = &behind
	}
	return g
}

package sync

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// Classes of rows that never reach HubSpot, as the quarantine groups them.
const (
	classUnreadable = "unreadable"
	classNoID       = "no_id"
	classBadID      = "bad_id"
	classRefused    = "refused"       // HubSpot refused the record
	classBreaks     = "unprocessable" // HubSpot fails at the record; every daily pass tries it again

	// ClassSchemaProblem is the class of samples of the records that stopped a
	// run: they are shown, not set aside.
	ClassSchemaProblem = "schema_problem"

	// ClassNeedsContact is the class of gifts that wait for their recipient to
	// become a contact, because HubSpot requires one of new records.
	ClassNeedsContact = "needs_contact"
)

// A rowError says why a row is no gift. Its reason never quotes the row.
type rowError struct {
	class, reason string
}

func (e *rowError) Error() string { return e.reason }

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// normalize turns a row into a gift, or says why it cannot be one. A value
// that makes no sense next to a good id (a year 9999, a currency that is none, a
// date that has not come) is left out, for the rest of the gift is still worth
// having.
func normalize(row thnksapi.Row, from reading) (seenGift, *rowError) {
	if row.Transaction == nil {
		reason := "not a transaction"
		if row.Err != nil {
			reason = row.Err.Error()
		}
		switch {
		case errors.Is(row.Err, thnksapi.ErrNoID):
			return seenGift{}, &rowError{classNoID, reason}
		case errors.Is(row.Err, thnksapi.ErrBadID):
			return seenGift{}, &rowError{classBadID, reason}
		}
		return seenGift{}, &rowError{classUnreadable, reason}
	}
	t := row.Transaction
	id, err := plan.CanonicalID(t.ID)
	switch {
	case strings.TrimSpace(t.ID) == "":
		return seenGift{}, &rowError{classNoID, thnksapi.ErrNoID.Error()}
	case err != nil:
		return seenGift{}, &rowError{classBadID, err.Error()}
	}
	if _, ours := plan.SendOf(id); ours {
		return seenGift{}, &rowError{classBadID, "the transaction id begins with send-, as those of gifts do that this program has sent and whose transactions have not appeared"}
	}
	s := seenGift{missing: t.Missing, dropped: t.Dropped}
	g := &s.gift
	*g = plan.Gift{
		ID:          id,
		RequestID:   t.RequestID,
		Name:        t.GiftName,
		Type:        t.GiftType,
		Message:     t.Message,
		TrackingURL: t.TrackingURL,
		Sender:      plan.Person(t.Sender),
		Recipient:   plan.Person(t.Recipient),
		Status:      plan.ParseStatus(t.Status),
		RawStatus:   t.RawStatus,
		Times:       make(map[plan.Status]time.Time, len(t.Times)),
		ReadAt:      from.at,
		Source:      from.source,
	}
	if t.Amount.Valid {
		g.Amount.Value = t.Amount.Decimal
	}
	switch c := strings.ToUpper(strings.TrimSpace(t.Currency)); {
	case c == "" || !t.Amount.Valid:
	case currencyCode.MatchString(c):
		g.Amount.Currency = c
	default:
		s.dropped |= thnksapi.FieldCurrency
	}
	g.CreatedAt = s.date(t.CreatedAt, from, thnksapi.FieldCreatedAt)
	latest := g.CreatedAt
	for word, at := range t.Times {
		if word == thnksapi.Scheduled { // a plan is no event
			if at = plausible(at); !at.IsZero() {
				g.Times[plan.Scheduled] = at
			}
			continue
		}
		if at = s.date(at, from, thnksapi.FieldTimes); at.IsZero() {
			continue
		}
		g.Times[plan.ParseStatus(word)] = at
		if at.After(latest) {
			latest = at
		}
	}
	if g.UpdatedAt = s.date(t.UpdatedAt, from, thnksapi.FieldUpdatedAt); g.UpdatedAt.IsZero() {
		g.UpdatedAt, g.Derived = latest, true // the newest thing known about it
	}
	return s, nil
}

// date returns a date of a row in UTC, and the zero time for one that a gift
// cannot have, which counts as dropped.
func (s *seenGift) date(at time.Time, from reading, field thnksapi.FieldSet) time.Time {
	if at.IsZero() {
		return at
	}
	if at = plausible(at); at.IsZero() || !from.believes(at) {
		s.dropped |= field
		return time.Time{}
	}
	return at
}

// plausible returns t in UTC when a gift can have such a stamp, and the zero
// time otherwise.
func plausible(t time.Time) time.Time {
	if t.Year() < 2000 || t.Year() > 2100 {
		return time.Time{}
	}
	return t.UTC()
}

// digest identifies a row's content, to notice when it changes.
func digest(raw json.RawMessage) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

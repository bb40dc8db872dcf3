package sync

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// Classes of rows that never reach HubSpot, as the quarantine groups them.
const (
	classUnreadable = "unreadable"
	classNoID       = "no_id"
	classBadID      = "bad_id"
	classRefused    = "refused" // HubSpot refused the record

	// ClassSchemaProblem is the class of samples of the records that stopped a
	// run: they are shown, not set aside.
	ClassSchemaProblem = "schema_problem"
)

// A rowError says why a row is no gift. Its reason never quotes the row.
type rowError struct {
	class, reason string
}

func (e *rowError) Error() string { return e.reason }

// maxID bounds a transaction id; a longer one is no id but some other text.
const maxID = 255

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// normalize turns a row into a gift, or says why it cannot be one. A value
// that makes no sense next to a good id (a year 9999, a currency that is none)
// is left out, for the rest of the gift is still worth having.
func normalize(row thnksapi.Row) (plan.Gift, *rowError) {
	if row.Transaction == nil {
		reason := "not a transaction"
		if row.Err != nil {
			reason = row.Err.Error()
		}
		if errors.Is(row.Err, thnksapi.ErrNoID) {
			return plan.Gift{}, &rowError{classNoID, reason}
		}
		return plan.Gift{}, &rowError{classUnreadable, reason}
	}
	t := row.Transaction
	id := strings.TrimSpace(t.ID)
	switch {
	case id == "":
		return plan.Gift{}, &rowError{classNoID, thnksapi.ErrNoID.Error()}
	case len(id) > maxID:
		return plan.Gift{}, &rowError{classBadID, fmt.Sprintf("the transaction id is %d bytes long; the limit is %d", len(id), maxID)}
	case strings.ContainsFunc(id, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return plan.Gift{}, &rowError{classBadID, "the transaction id has control or invalid characters"}
	}
	g := plan.Gift{
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
		CreatedAt:   plausible(t.CreatedAt),
		UpdatedAt:   plausible(t.UpdatedAt),
	}
	if t.Amount.Valid {
		g.Amount.Value = t.Amount.Decimal
	}
	if c := strings.ToUpper(strings.TrimSpace(t.Currency)); t.Amount.Valid && currencyCode.MatchString(c) {
		g.Amount.Currency = c
	}
	latest := g.CreatedAt
	for word, at := range t.Times {
		if at = plausible(at); at.IsZero() {
			continue
		}
		g.Times[plan.ParseStatus(word)] = at
		if at.After(latest) && word != thnksapi.Scheduled { // a plan is no event
			latest = at
		}
	}
	if g.UpdatedAt.IsZero() {
		g.UpdatedAt = latest // the newest thing known about it
	}
	return g, nil
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

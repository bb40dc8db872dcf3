package thnksapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrBadID is in the Err of a row whose id is a number with a fraction or an
// exponent (12345.0, 1.2E+15), as programs write one that they have rounded.
// Its digits may be those of another transaction.
var ErrBadID = errors.New("the transaction id is a number with a fraction or an exponent, so it may have been rounded: have the source send ids as text or whole numbers, or point dialect.fields.id at another field")

// roundedID matches a text that is such a number. Without a sign and a point an
// exponent is one only behind a single digit: 12e45678 is a hexadecimal id.
var roundedID = regexp.MustCompile(`^[+-]?(?:\d+[.,]\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]\d+|\d[eE]\d{1,3})$`)

// A fieldReader reads the fields of one transaction, and notes which are
// missing, which had to be dropped, and what makes the row unreadable.
type fieldReader struct {
	reader           *reader
	doc              any
	recipient        int
	missing, dropped FieldSet
	errs             []error
}

// row reads one transaction.
func (r *reader) row(raw json.RawMessage, doc any, recipient int) Row {
	x := &fieldReader{reader: r, doc: doc, recipient: recipient}
	t := &Transaction{
		RequestID:   x.text(FieldRequestID, r.requestID),
		GiftName:    x.text(FieldGiftName, r.giftName),
		GiftType:    x.text(FieldGiftType, r.giftType),
		Message:     x.text(FieldMessage, r.message),
		TrackingURL: x.text(FieldTrackingURL, r.trackingURL),
		Sender: Person{
			Name:  x.text(FieldSenderName, r.senderName),
			Email: x.text(FieldSenderEmail, r.senderEmail),
			Phone: x.text(FieldSenderPhone, r.senderPhone),
		},
		Recipient: Person{
			Name:  x.text(FieldRecipientName, r.recipientName),
			Email: x.text(FieldRecipientEmail, r.recipientEmail),
			Phone: x.text(FieldRecipientPhone, r.recipientPhone),
		},
		RawStatus: x.text(FieldStatus, r.status),
		CreatedAt: x.time(FieldCreatedAt, r.createdAt),
		UpdatedAt: x.time(FieldUpdatedAt, r.updatedAt),
	}
	t.Status = r.canonical(t.RawStatus)
	x.times(t)
	x.money(t)
	var err error
	if t.ID, err = r.readID(doc, recipient); err != nil {
		return Row{ID: t.ID, Raw: raw, Err: err}
	}
	if len(x.errs) > 0 {
		return Row{ID: t.ID, Raw: raw, Err: x.errs[0]}
	}
	t.Missing, t.Dropped = x.missing, x.dropped
	return Row{Transaction: t, Raw: raw}
}

// readID reads the transaction id. With an error it returns what can be read.
func (r *reader) readID(doc any, recipient int) (string, error) {
	parts, _, err := r.id.values(doc, recipient)
	if err != nil {
		return "", err
	}
	for _, v := range parts {
		rounded := false
		switch v := v.(type) {
		case json.Number:
			rounded = strings.ContainsAny(v.String(), ".eE")
		case string:
			rounded = roundedID.MatchString(strings.TrimSpace(v))
		}
		if rounded {
			return join(parts), fmt.Errorf("%s: %w", r.id.name, ErrBadID)
		}
	}
	return join(parts), nil
}

// join returns scalars as one text.
func join(parts []any) string {
	texts := make([]string, len(parts))
	for i, v := range parts {
		texts[i], _ = text(v) // values returns only what has text
	}
	return strings.Join(texts, " ")
}

// find returns the text of a field, "" without one, and notes if the field is
// missing.
func (x *fieldReader) find(which FieldSet, f field) (string, error) {
	parts, there, err := f.values(x.doc, x.recipient)
	if !there {
		x.missing |= which
	}
	return join(parts), err
}

// text reads a text, in which only the empty one means that there is none.
func (x *fieldReader) text(which FieldSet, f field) string {
	s, err := x.find(which, f)
	if err != nil {
		x.errs = append(x.errs, err)
	}
	return s
}

// time reads a time and drops one that cannot be read or believed.
func (x *fieldReader) time(which FieldSet, f field) time.Time {
	s, err := x.find(which, f)
	if err == nil && x.reader.isNothing(s) {
		return time.Time{}
	}
	var t time.Time
	if err == nil {
		t, err = parseTime(s, x.reader.formats, x.reader.zone.location())
	}
	if err != nil {
		x.dropped |= which
	}
	return t
}

// times reads when each status was reached. The field is missing if the row has
// none of these times.
func (x *fieldReader) times(t *Transaction) {
	t.Times = make(map[string]time.Time, len(x.reader.times))
	before, there := x.missing, false
	for status, f := range x.reader.times {
		x.missing = before
		if at := x.time(FieldTimes, f); !at.IsZero() {
			t.Times[status] = at
		}
		there = there || x.missing == before
	}
	x.missing = before
	if !there {
		x.missing |= FieldTimes
	}
}

// money reads amount and currency. An amount that cannot be read makes the row
// unreadable, because a gift without its amount would falsify every total. A
// currency that is none is dropped; it is not replaced by the default.
func (x *fieldReader) money(t *Transaction) {
	m := x.reader.money
	currency, err := x.find(FieldCurrency, x.reader.currency)
	if err == nil && x.reader.isNothing(currency) {
		currency = m.DefaultCurrency
		if currency != "" {
			x.missing &^= FieldCurrency
		}
	}
	t.Currency = currency
	if err != nil || currency != "" && !isCurrency(strings.ToUpper(strings.TrimSpace(currency))) {
		x.dropped |= FieldCurrency
		t.Currency = ""
	}
	amount, err := x.find(FieldAmount, x.reader.amount)
	if err != nil {
		x.errs = append(x.errs, err)
		return
	}
	if x.reader.isNothing(amount) {
		return
	}
	if t.Amount, err = m.parse(amount, currency); err != nil {
		x.errs = append(x.errs, fmt.Errorf("%s: %w", x.reader.amount.name, err))
	}
}

// isNothing reports whether the text of a time, an amount or a currency means
// that there is none.
func (r *reader) isNothing(s string) bool {
	s = fold(s)
	return s == "" || r.nothing[s]
}

// nothingWords are the words that stand for no value by default. The dates are
// those that databases and spreadsheets write for none.
func nothingWords() []string {
	return slices.Concat(
		[]string{"-", "--", "---", "–", "—", "?", ".", "null", "(null)", "<null>", "nil", "<nil>", "none", "(none)", "undefined", "false"},
		[]string{"n/a", "#n/a", "na", "n.a.", "n. a.", "k. a.", "nan", "#nan", "-nan", "nat", `\N`, "#null!", "empty", "(empty)", "(blank)", "blank", "not available", "not applicable"},
		[]string{"0000-00-00", "0000-00-00 00:00", "0000-00-00 00:00:00", "0000-00-00 00:00:00 UTC", "0000-00-00T00:00:00", "0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000Z", "00000000", "0000/00/00", "00/00/0000", "00.00.0000", "00-00-0000"},
	)
}

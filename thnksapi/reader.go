package thnksapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxDepth bounds how deep arrays and objects may nest in an answer.
const maxDepth = 64

// A field lists where a value may be found: places in order of preference,
// each of one pointer or of several whose texts are joined.
type field struct {
	name   string // as in the configuration, for errors
	places [][]pointer
}

// A reader turns elements into rows by the dialect's fields. It is immutable.
type reader struct {
	recipients pointer
	expands    bool

	id, requestID, giftName, giftType, amount, currency field
	message, trackingURL, status                        field
	senderName, senderEmail, senderPhone                field
	recipientName, recipientEmail, recipientPhone       field
	createdAt, updatedAt                                field
	times                                               map[string]field
	statuses                                            map[string]string
	money                                               Money
	formats                                             []string
	zone                                                Zone
}

// Decode reads one element of a listing. It returns a row per transaction:
// more than one if the dialect has elements with several recipients, and never
// none. A row that cannot be read has the reason in Err.
func (c *Client) Decode(raw json.RawMessage) []Row {
	return c.reader.rows(raw)
}

func (r *reader) rows(raw json.RawMessage) []Row {
	bad := func(err error) []Row { return []Row{{Raw: raw, Err: err}} }
	if !depthWithin(raw, maxDepth) {
		return bad(fmt.Errorf("nested deeper than %d levels", maxDepth))
	}
	var doc any
	if err := decodeNumbers(raw, &doc); err != nil {
		return bad(errors.New("not valid JSON"))
	}
	if _, ok := doc.(map[string]any); !ok {
		return bad(fmt.Errorf("want an object, got %s", jsonType(doc)))
	}
	n, err := r.count(doc)
	if err != nil {
		return bad(err)
	}
	if n == 0 {
		return []Row{r.row(raw, doc, -1)}
	}
	rows := make([]Row, 0, n)
	seen := make(map[string]bool, n)
	for i := range n {
		row := r.row(raw, doc, i)
		if t := row.Transaction; t != nil && t.ID != "" {
			if seen[t.ID] {
				row = Row{Raw: raw, Err: errors.New("several recipients share one id: point fields.id at something of the recipient's own")}
			}
			seen[t.ID] = true
		}
		rows = append(rows, row)
	}
	return rows
}

// count returns how many recipients an element names, 0 if it is one
// transaction.
func (r *reader) count(doc any) (int, error) {
	if !r.expands {
		return 0, nil
	}
	v, ok := r.recipients.find(doc, -1)
	if !ok || v == nil {
		return 0, nil
	}
	list, ok := v.([]any)
	if !ok {
		return 0, fmt.Errorf("recipients: want an array, got %s", jsonType(v))
	}
	return len(list), nil
}

// row reads one transaction.
func (r *reader) row(raw json.RawMessage, doc any, recipient int) Row {
	var errs []error
	str := func(f field) string {
		s, err := f.text(doc, recipient)
		if err != nil {
			errs = append(errs, err)
		}
		return s
	}
	at := func(f field) time.Time {
		t, err := parseTime(str(f), r.formats, r.zone.location())
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.name, err))
		}
		return t
	}
	t := &Transaction{
		ID:          str(r.id),
		RequestID:   str(r.requestID),
		GiftName:    str(r.giftName),
		GiftType:    str(r.giftType),
		Currency:    str(r.currency),
		Message:     str(r.message),
		TrackingURL: str(r.trackingURL),
		Sender:      Person{Name: str(r.senderName), Email: str(r.senderEmail), Phone: str(r.senderPhone)},
		Recipient:   Person{Name: str(r.recipientName), Email: str(r.recipientEmail), Phone: str(r.recipientPhone)},
		RawStatus:   str(r.status),
		Times:       make(map[string]time.Time, len(r.times)),
		CreatedAt:   at(r.createdAt),
		UpdatedAt:   at(r.updatedAt),
	}
	t.Status = r.canonical(t.RawStatus)
	for status, f := range r.times {
		if reached := at(f); !reached.IsZero() {
			t.Times[status] = reached
		}
	}
	if t.Currency == "" {
		t.Currency = r.money.DefaultCurrency
	}
	amount, err := r.money.parse(str(r.amount), t.Currency)
	if err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", r.amount.name, err))
	}
	t.Amount = amount
	if len(errs) > 0 {
		// The map of times has no order; the same row must give the same error.
		slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return Row{ID: t.ID, Raw: raw, Err: errs[0]}
	}
	return Row{Transaction: t, Raw: raw}
}

// canonical translates a source's status word.
func (r *reader) canonical(word string) string {
	if s, ok := r.statuses[fold(word)]; ok {
		return s
	}
	return Unknown
}

func fold(word string) string { return strings.ToLower(strings.TrimSpace(word)) }

// text returns the text at the first place that has any, "" if none has. A
// place with an array or an object is skipped; it is an error only if no later
// place has text.
func (f field) text(doc any, recipient int) (string, error) {
	var wrong error
	for _, place := range f.places {
		var parts []string
		for _, p := range place {
			v, ok := p.find(doc, recipient)
			if !ok {
				continue
			}
			s, err := text(v)
			if err != nil {
				wrong = fmt.Errorf("%s: %w", f.name, err)
				continue
			}
			if s != "" {
				parts = append(parts, s)
			}
		}
		if len(parts) > 0 {
			return strings.Join(parts, " "), nil
		}
	}
	return "", wrong
}

// text returns a scalar as text without loss: numbers as they were written.
func text(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	default:
		return "", fmt.Errorf("want text, got %s", jsonType(v))
	}
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}

// decodeNumbers decodes a document and keeps its numbers as they are written:
// ids beyond 2^53 stay exact.
func decodeNumbers(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}

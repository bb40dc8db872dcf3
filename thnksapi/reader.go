package thnksapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

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
	nothing                                             map[string]bool // words for no date, amount or currency, folded
	zone                                                Zone
}

// Decode reads one element of a listing. It returns a row per transaction:
// more than one if the dialect has elements with several recipients, and never
// none. A row that cannot be read has the reason in Err.
func (c *Client) Decode(raw json.RawMessage) []Row {
	return c.fields.reader.rows(raw)
}

func (r *reader) rows(raw json.RawMessage) []Row {
	bad := func(err error) []Row { return []Row{{Raw: raw, Err: err}} }
	if err := bounded(raw); err != nil {
		return bad(err)
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
				row = Row{ID: t.ID, Raw: raw, Err: errors.New("several recipients share one id: point fields.id at something of the recipient's own")}
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
	if len(list) > maxElements {
		return 0, fmt.Errorf("recipients: more than %d", maxElements)
	}
	return len(list), nil
}

// canonical translates a source's status word.
func (r *reader) canonical(word string) string {
	if s, ok := r.statuses[fold(word)]; ok {
		return s
	}
	return Unknown
}

func fold(word string) string { return strings.ToLower(strings.TrimSpace(word)) }

// values returns the scalars at the first place that has any text, and reports
// whether any of the pointers leads somewhere. A place with an array or an
// object is skipped; it is an error only if no later place has text.
func (f field) values(doc any, recipient int) (parts []any, there bool, err error) {
	for _, place := range f.places {
		for _, p := range place {
			v, ok := p.find(doc, recipient)
			if !ok {
				continue
			}
			there = true
			s, wrong := text(v)
			if wrong != nil {
				err = fmt.Errorf("%s: %w", f.name, wrong)
			} else if s != "" {
				parts = append(parts, v)
			}
		}
		if len(parts) > 0 {
			return parts, true, nil
		}
	}
	return nil, there, err
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
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}

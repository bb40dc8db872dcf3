package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"thnks-hubspot-sync/thnksapi"
)

// Config says how a portal's export files are read.
type Config struct {
	// Columns names the file's column of a field (see [Fields]); case, spaces,
	// underscores and dashes do not matter. Fields without an entry are found
	// by their label and property name in HubSpot.
	Columns map[string]string
	// Dialect has the status words, the forms of times and the default
	// currency. Its other settings are for the API only.
	Dialect thnksapi.Dialect
	Zone    thnksapi.Zone // of times that name none
}

// timeFormats are tried after the dialect's. None can mean two days.
var timeFormats = []string{
	thnksapi.FormatRFC3339,
	"2006-01-02T15:04:05",
	"2006-01-02T15:04",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 Z07:00",
	"2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05",
	"2006-01-02 15:04",
	thnksapi.FormatDate,
}

// A Format reads the export files of one portal, and rows of them. It is safe
// for concurrent use.
type Format struct {
	columns  map[string]string
	currency string // of amounts that name none
	decoder  *thnksapi.Decoder
}

// New checks the configuration. Its error names every wrong setting.
func New(cfg Config) (*Format, error) {
	names := Fields()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Columns)) {
		switch {
		case !slices.Contains(names, name):
			errs = append(errs, fmt.Errorf("thnks.csv.%s: no such field: use one of %s", name, strings.Join(names, ", ")))
		case strings.TrimSpace(cfg.Columns[name]) == "":
			errs = append(errs, fmt.Errorf("thnks.csv.%s: no column: give the name of one", name))
		}
	}
	d := cfg.Dialect
	d.Fields, d.Recipients = pointers(), ""
	d.Money.Unit = thnksapi.UnitMajor
	d.TimeFormats = slices.Concat(d.TimeFormats, timeFormats)
	decoder, err := thnksapi.NewDecoder(d, cfg.Zone)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &Format{columns: maps.Clone(cfg.Columns), currency: d.Money.DefaultCurrency, decoder: decoder}, nil
}

// A rawRow is a row as the quarantine keeps it: it can be read again after the
// settings have changed.
type rawRow struct {
	// Line is left out of a row that is a transaction: the same row on another
	// line of the next file has not changed.
	Line    int               `json:"line,omitempty"`
	Columns map[string]string `json:"columns,omitempty"` // those with a value
	Problem string            `json:"problem,omitempty"` // why the line is no record
	Text    string            `json:"text,omitempty"`    // the beginning of such a line
	Near    []string          `json:"near,omitempty"`    // see [Near]; of a row that is no transaction
}

// A marked row can be distinguished from the API's rows.
type marked struct {
	Row rawRow `json:"export_row"`
}

// mark begins every raw row.
var mark = []byte(`{"export_row":{`)

// Decodes reports whether a raw row is one of an export file, and not of the
// API.
func Decodes(raw json.RawMessage) bool { return bytes.HasPrefix(raw, mark) }

// Near returns ids that locate a row that is no transaction: the row's own, if
// it has one, and that of the last transaction before it. A later file that has
// neither may not cover the row at all: files often hold a single month.
func Near(raw json.RawMessage) []string {
	var m marked
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil // nothing locates it
	}
	return m.Row.Near
}

func (r rawRow) marshal() json.RawMessage {
	raw, err := json.Marshal(marked{r})
	if err != nil {
		panic("export: " + err.Error()) // strings and integers only
	}
	return raw
}

// Decode reads a raw row again, by the current settings. It returns one row.
func (f *Format) Decode(raw json.RawMessage) []thnksapi.Row {
	var m marked
	if err := json.Unmarshal(raw, &m); err != nil || !Decodes(raw) {
		return []thnksapi.Row{{Raw: raw, Err: errors.New("not a row of an export file")}}
	}
	r := m.Row
	bad := func(err error) []thnksapi.Row {
		return []thnksapi.Row{{Raw: raw, Err: atLine(r.Line, err)}}
	}
	if r.Problem != "" {
		return bad(errors.New(r.Problem))
	}
	header := slices.Sorted(maps.Keys(r.Columns))
	// A setting's column may be missing: empty values are not kept.
	column, _, err := assign(header, f.columns)
	if err != nil {
		return bad(err)
	}
	values := make(map[string]string, len(column))
	for name, i := range column {
		values[name] = r.Columns[header[i]]
	}
	t, err := f.transaction(values)
	if err != nil {
		return bad(err)
	}
	return []thnksapi.Row{{Transaction: t, Raw: raw}}
}

func atLine(n int, err error) error {
	if n == 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", n, err)
}

// rounded matches an id that a spreadsheet read as a number and rounded.
var rounded = regexp.MustCompile(`^\d(?:[.,]\d+)?[Ee]\+?\d+$`)

var errRounded = errors.New("the transaction id was rounded by a spreadsheet: export the file again and do not save it with one")

// transaction reads the values of a row, by field.
func (f *Format) transaction(values map[string]string) (*thnksapi.Transaction, error) {
	switch id := strings.TrimSpace(values[fieldID]); {
	case id == "":
		return nil, thnksapi.ErrNoID
	case rounded.MatchString(id):
		return nil, errRounded
	}
	element := make(map[string]any, len(values))
	for name, v := range values {
		if (name == fieldAmount || isTime(name)) && saysNothing(v) {
			continue
		}
		element[name] = v
	}
	if v, ok := element[fieldAmount].(string); ok {
		plain, currency, err := amount(v, values[fieldCurrency], f.currency)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fieldAmount, err)
		}
		element[fieldAmount], element[fieldCurrency] = plain, currency
	}
	row := f.decoder.Decode(element, nil)
	return row.Transaction, row.Err
}

func isTime(name string) bool {
	return strings.HasSuffix(name, "_date") || strings.HasSuffix(name, "_at")
}

// saysNothing reports whether the text of a number or time means that there is
// none.
func saysNothing(v string) bool {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "", "-", "–", "—", "n/a", "null":
		return true
	}
	return false
}

package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	// Decimal is the sign before the decimals of amounts, "." or ",", where
	// neither an amount nor the other amounts of its file show it. If it is "",
	// rows with such an amount are no transactions.
	Decimal string
	// Nothing are the words, case ignored, that stand for no date, amount or
	// currency. An empty cell does in any case. Nil is a wide default: "-", "n/a",
	// "null", "None", "NaN", "0000-00-00" and the like.
	Nothing []string
}

// A Format reads the export files of one portal, and rows of them. It is safe
// for concurrent use.
type Format struct {
	columns  map[string]string
	currency string // of amounts that name none
	decimal  string
	nothing  map[string]bool
	decoder  *thnksapi.Decoder
	settings []byte // all of the configuration that has no function in it
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
	if !slices.Contains([]string{"", ".", ","}, cfg.Decimal) {
		errs = append(errs, errors.New("thnks.csv.decimal: no sign before decimals: use \".\" or \",\""))
	}
	words := cfg.Nothing
	if words == nil {
		words = defaultNothing()
	}
	nothing := make(map[string]bool, len(words))
	for _, word := range words {
		nothing[nothingKey(word)] = true
	}
	d := cfg.Dialect
	d.Fields, d.Recipients, d.Nothing = pointers(), "", nil // csv.nothing alone counts
	d.Money.Unit = thnksapi.UnitMajor
	d.TimeFormats = slices.Concat(d.TimeFormats, timeFormats())
	decoder, err := thnksapi.NewDecoder(d, cfg.Zone)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	settings, err := json.Marshal([]any{cfg.Columns, cfg.Decimal, words, d})
	if err != nil {
		panic("export: " + err.Error()) // texts and numbers only
	}
	return &Format{
		columns: maps.Clone(cfg.Columns), currency: d.Money.DefaultCurrency, decimal: cfg.Decimal,
		nothing: nothing, decoder: decoder, settings: settings,
	}, nil
}

// A rawRow is a row as the quarantine keeps it: it can be read again after the
// settings have changed.
type rawRow struct {
	// Line is left out of a row that is a transaction: the same row on another
	// line of the next file has not changed.
	Line    int               `json:"line,omitempty"`
	Columns map[string]string `json:"columns,omitempty"` // those that the line has
	Decimal string            `json:"decimal,omitempty"` // the file's sign before decimals, where the amount does not show it
	Problem string            `json:"problem,omitempty"` // why the line is no record
	ID      string            `json:"id,omitempty"`      // of such a line, if it can be read
	Text    string            `json:"text,omitempty"`    // the beginning of such a line
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
	bad := func(id string, err error) []thnksapi.Row {
		return []thnksapi.Row{{ID: id, Raw: raw, Err: atLine(r.Line, err)}}
	}
	if r.Problem != "" {
		return bad(r.ID, errors.New(r.Problem))
	}
	header := slices.Sorted(maps.Keys(r.Columns))
	// A setting's column may be missing, as the line may lack it.
	column, _, err := assign(header, f.columns)
	if err != nil {
		return bad("", err)
	}
	values := make(map[string]string, len(column))
	for name, i := range column {
		values[name] = r.Columns[header[i]]
	}
	t, err := f.transaction(values, sign{file: r.Decimal, setting: f.decimal})
	if err != nil {
		return bad(f.knownID(values[fieldID]), err)
	}
	return []thnksapi.Row{{Transaction: t, Raw: raw}}
}

func atLine(n int, err error) error {
	if n == 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", n, err)
}

package thnksapi

import (
	"encoding/json"
	"errors"
)

// ErrNoID is in the Err of a row of an export file that names no transaction.
// A row of the API is read without one, for its caller to refuse.
var ErrNoID = errors.New("the row has no transaction id; without one it cannot be told from others")

// A Decoder reads transactions by a dialect's fields, units and words where
// they do not come from the API: from an export file, say. It is immutable.
type Decoder struct{ reader *reader }

// NewDecoder checks the dialect and returns a decoder. Its error names every
// wrong setting.
func NewDecoder(d Dialect, zone Zone) (*Decoder, error) {
	c, err := compile(d, zone)
	if err != nil {
		return nil, err
	}
	return &Decoder{c.reader}, nil
}

// Decode reads one element that is taken apart already: objects as
// map[string]any, texts as string. The row gets raw as it is.
func (d *Decoder) Decode(element map[string]any, raw json.RawMessage) Row {
	return d.reader.row(raw, element, -1)
}

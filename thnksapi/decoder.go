package thnksapi

import (
	"encoding/json"
	"errors"
)

// ErrNoID is in the Err of a row of an export file that has no transaction id.
// A row of the API is read without one; its caller refuses it.
var ErrNoID = errors.New("the row has no transaction id, so it cannot be identified")

// A Decoder reads transactions that do not come from the API, such as those of
// an export file, by a dialect's fields, units and words. It is immutable.
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

// Decode reads one element that is decoded already: objects as
// map[string]any, texts as string. A field without a key is missing, one with
// the empty text is empty. It puts raw into the row unchanged.
func (d *Decoder) Decode(element map[string]any, raw json.RawMessage) Row {
	return d.reader.row(raw, element, -1)
}

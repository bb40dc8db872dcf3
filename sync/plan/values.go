package plan

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Properties returns everything that the gift puts into a new record: values
// by property name, as HubSpot returns them. Empty ones are left out.
func Properties(g Gift) map[string]string {
	props := make(map[string]string, len(fields))
	for _, f := range fieldsOf(g) {
		if f.value == nil {
			continue
		}
		if v := f.value(g); v != "" {
			props[f.Name] = v
		}
	}
	return props
}

// FromProperties is the inverse of [Properties], to rebuild the journal from
// HubSpot: Properties(FromProperties(p)) is p. The gift has no version, so that
// any snapshot of the source is newer.
//
// metadata are the properties that hold metadata. An error names the properties whose values could not be read. The gift holds
// all others, and writing the record again corrects these. A record without a
// transaction id is not ours.
func FromProperties(p map[string]string, metadata ...string) (Gift, error) {
	var g Gift
	var errs []error
	for _, f := range Fields(metadata...) {
		v := p[f.Name]
		if f.parse == nil || v == "" {
			continue
		}
		if err := f.parse(&g, v); err != nil {
			errs = append(errs, fmt.Errorf("property %s: not a %s", f.Name, f.Type))
		}
	}
	if g.ID == "" {
		errs = append(errs, fmt.Errorf("property %s: empty", idProperty))
	}
	return g, errors.Join(errs...)
}

// amount is the exact decimal text: digits and at most one point, never an
// exponent.
func amount(g Gift) string {
	if g.Amount.Value.IsZero() && g.Amount.Currency == "" {
		return ""
	}
	return g.Amount.Value.String()
}

func parseAmount(g *Gift, v string) error {
	d, err := decimal.NewFromString(strings.TrimSpace(v))
	if err != nil {
		return err
	}
	g.Amount.Value = d
	return nil
}

// datetime is t in the form in which HubSpot returns it: ISO 8601, UTC,
// milliseconds.
func datetime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// parseDatetime is the inverse of datetime.
func parseDatetime(v string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, v)
	return at.UTC(), err
}

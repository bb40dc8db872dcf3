package stats

import (
	"iter"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// The lengths of the lists.
const (
	topN     = 10
	activity = 20
)

// nameless is the name under which gifts without type and name are counted.
const nameless = "(none)"

// Compute returns the statistics of the records that pass the filter of o. The
// order of the records does not matter. Memory grows as that of a [Tally]. An
// error of records is returned unchanged; another one says what is wrong with
// the filter, or is one of o.Look.
func Compute(records iter.Seq2[plan.Stored, error], o Options) (Report, error) {
	o = o.withDefaults()
	keep, err := newSieve(o.Filter)
	if err != nil {
		return Report{}, err
	}
	t := NewTally(o.Location)
	for r, err := range records {
		if err != nil {
			return Report{}, err
		}
		if !counts(r) {
			continue
		}
		f := t.read(r.Gift)
		if !keep.kind(r.Gift, f) {
			continue
		}
		t.addDays(f, 1)
		if keep.day(f.days.period) {
			t.add(r, f, 1)
		}
	}
	return t.Report(o)
}

// counts reports whether a record is one of a gift: users have not deleted it, and it is
// not a gift's that was stopped before it was sent.
func counts(r plan.Stored) bool {
	return r.Deleted.IsZero() && !plan.NeverSent(r.Gift)
}

func (o Options) withDefaults() Options {
	if o.Location == nil {
		o.Location = time.UTC
	}
	return o
}

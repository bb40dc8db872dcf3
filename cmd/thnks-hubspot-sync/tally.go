package main

import (
	"context"
	"errors"
	"iter"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/stats"
)

// errStale says that what was kept of the gifts is of no use.
var errStale = errors.New("what was kept of the gifts cannot be brought up to date")

// tallied computes the statistics of all gifts from the tally that the journal
// keeps. It reads the gifts that have changed since, and all of them where there
// is no tally yet.
func tallied(ctx context.Context, j *store.Store, o stats.Options) (stats.Report, error) {
	t, err := readTally(ctx, j, o)
	if errors.Is(err, errStale) {
		if err := j.ForgetSummary(); err != nil {
			return stats.Report{}, err
		}
		t, err = readTally(ctx, j, o)
	}
	if err != nil {
		return stats.Report{}, err
	}
	return t.Report(o)
}

// readTally reads the kept tally and brings it up to date. Tallies of another
// release or time zone are not read.
func readTally(ctx context.Context, j *store.Store, o stats.Options) (*stats.Tally, error) {
	t := stats.NewTally(o.Location)
	label := o.Version + " " + o.Location.String()
	err := j.Summary(ctx, label, func(kept []byte, changes iter.Seq2[store.GiftChange, error]) ([]byte, error) {
		if kept != nil && t.UnmarshalBinary(kept) != nil {
			return nil, errStale
		}
		for c, err := range changes {
			if err != nil {
				return nil, err
			}
			if c.Before != nil {
				t.Remove(*c.Before)
			}
			if c.Now != nil {
				t.Add(*c.Now)
			}
		}
		if t.Worn() {
			return nil, errStale
		}
		return t.MarshalBinary()
	})
	return t, err
}

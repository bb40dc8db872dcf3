package sync

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/thnksapi"
)

// retry tries quarantined rows again: all of them, or those asked for. What
// gets through leaves the quarantine; the rest stays, with one more attempt
// and the reason of today.
func (r *run) retry(ctx context.Context) error {
	w := r.retryWindow()
	var keys []string              // of rows without an id, which leave under their key
	still := make(map[string]bool) // keys of the rows that are no gifts today either
	flush := func() error {
		if w.rows == 0 && len(keys) == 0 {
			return nil
		}
		err := r.process(ctx, w, nil, notMoved)
		for _, row := range w.bad {
			still[row.key] = true
		}
		if err == nil && !r.req.DryRun {
			err = r.release(still, keys)
		}
		w, keys = r.retryWindow(), nil
		return err
	}
	left := 0
	bytes := 0
	decoded := make(map[string]bool) // rows: recipients of one request share theirs
	for q, err := range r.Journal.Quarantine(ctx) {
		if err != nil {
			return err
		}
		if len(r.req.Keys) > 0 && !slices.Contains(r.req.Keys, q.Key) {
			continue
		}
		rows, ok, err := r.rowsOf(ctx, q)
		if err != nil {
			return err
		}
		if !ok {
			left++
			continue
		}
		if len(q.Row) == 0 || !decoded[q.RowDigest] {
			decoded[q.RowDigest] = true
			for _, row := range rows {
				w.add(row, thnksapi.SinceNone) // a retry moves no watermark
			}
		}
		if q.TransactionID == "" {
			keys = append(keys, q.Key)
		}
		if bytes += len(q.Row); w.rows >= r.windowRows || bytes >= windowBytes {
			if err := flush(); err != nil {
				return err
			}
			bytes = 0
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if left > 0 {
		r.log.Warn("quarantined transactions were not tried again, as Thnks cannot be asked for them now", "count", left)
	}
	return r.catchUp(ctx)
}

// rowsOf returns the rows of a quarantined record. What was refused when the
// journal alone was gone through, as by a reassociation, has no row there: that
// is the source's of today. It reports false where neither can be had.
func (r *run) rowsOf(ctx context.Context, q store.Quarantined) ([]thnksapi.Row, bool, error) {
	if len(q.Row) > 0 {
		decode, ok := r.decoder(q.Row)
		if !ok {
			return nil, false, nil
		}
		return decode(q.Row), true, nil
	}
	row, err := r.ask(ctx, q.TransactionID)
	if errors.Is(err, thnksapi.ErrNoDetail) || err == nil && row == nil {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return []thnksapi.Row{*row}, true, nil
}

func (r *run) retryWindow() *window {
	return &window{raw: make(map[string]json.RawMessage), clock: r.started}
}

// release takes the rows out of the quarantine that had no id before and are
// gifts now.
func (r *run) release(still map[string]bool, keys []string) error {
	healed := slices.DeleteFunc(keys, func(k string) bool { return still[k] })
	if len(healed) == 0 {
		return nil
	}
	return r.Journal.Commit(store.Commit{Healed: healed})
}

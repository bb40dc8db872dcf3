package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// retryPass tries quarantined rows again: all of them, or those asked for. What
// gets through leaves the quarantine; the rest stays, with one more attempt and
// the reason of today. An admin learns at the end what Thnks could not be asked for.
func retryPass(ctx context.Context, r *run) error {
	left, err := retryRows(ctx, r, func(q store.Quarantined) bool {
		return len(r.req.Keys) == 0 || slices.Contains(r.req.Keys, q.Key)
	})
	if err != nil {
		return err
	}
	return left.failure()
}

// retryCulprits is the part of every daily pass that tries the records again at
// which HubSpot failed. Those that Thnks cannot be asked for wait for the next one.
func retryCulprits(ctx context.Context, r *run) error {
	_, err := retryRows(ctx, r, func(q store.Quarantined) bool { return q.Class == classBreaks && !q.Last.Equal(r.started) })
	return err
}

// withSuspects returns a context for trying rows again: those at which HubSpot
// failed may fail again, although nothing else is written.
func withSuspects(ctx context.Context, r *run, asked func(store.Quarantined) bool) (_ context.Context, rows int, err error) {
	known := 0
	for q, err := range r.cfg().Quarantine.Quarantine(ctx) {
		if err != nil {
			return nil, 0, err
		}
		if !asked(q) {
			continue
		}
		if rows++; q.Class == classBreaks {
			known++
		}
	}
	if known > 0 {
		ctx = hubspot.WithCulprits(ctx, hubspot.NewSuspects(known+maxCulprits))
	}
	return ctx, rows, nil
}

// retryRows tries the rows again that are asked for. It returns what it did without.
func retryRows(ctx context.Context, r *run, asked func(store.Quarantined) bool) (left leftOut, err error) {
	ctx, n, err := withSuspects(ctx, r, asked)
	if err != nil || n == 0 {
		return left, err
	}
	var rows []readRow
	contradictory := make(map[string]string) // ids whose rows are tried only one by one, when asked for
	var keys []string                        // of rows that were no gifts, which leave under their key
	stillBad := make(map[string]bool)        // keys of the rows that are no gifts today either
	flush := func() error {
		if len(rows) == 0 && len(keys) == 0 {
			return nil
		}
		w := newWindow()
		w.addRows(rows, thnksapi.SinceNone, func([]plan.Gift) map[string]string { return contradictory }) // moves no watermark
		err := r.process(ctx, w.input(policy{tryQuarantined: true}), upcoming{}, store.Commit{})
		for _, row := range w.bad {
			stillBad[row.key] = true
		}
		if err == nil {
			err = release(r, slices.DeleteFunc(keys, func(k string) bool { return stillBad[k] }))
		}
		rows, keys = nil, nil
		return err
	}
	untried := 0
	bytes := 0
	decoded := make(map[string]bool) // rows: recipients of one request share theirs
	for q, err := range r.cfg().Quarantine.Quarantine(ctx) {
		if err != nil {
			return left, err
		}
		if _, sent := plan.SendOf(q.TransactionID); sent || !asked(q) { // each run tries all sends
			continue
		}
		again, from, ok, err := rowsOf(ctx, r, q, &left)
		if err != nil {
			return left, err
		}
		if !ok {
			untried++
			continue
		}
		if len(q.Row) == 0 || !decoded[q.RowDigest] {
			decoded[q.RowDigest] = true
			for _, row := range again {
				rows = append(rows, readRow{row, from, isExportRow(r, q.Row)})
			}
		}
		if q.Key != q.TransactionID {
			keys = append(keys, q.Key)
		}
		if q.Class == classContradiction && len(r.req.Keys) == 0 {
			contradictory[q.TransactionID] = "recipient, sender or gift"
		}
		if bytes += len(q.Row); len(rows) >= r.windowRows() || bytes >= windowBytes {
			if err := flush(); err != nil {
				return left, err
			}
			if err := r.turn.Round(ctx); err != nil {
				return left, err
			}
			bytes = 0
		}
	}
	if err := flush(); err != nil {
		return left, err
	}
	if untried > 0 {
		r.log.Warn("quarantined transactions were not tried again, as Thnks cannot be asked for them now", logCount, untried)
	}
	return left, r.finishSearch(ctx)
}

// release takes rows out of the quarantine that had no id before and are gifts
// now.
func release(r *run, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return r.recorder.Commit(store.Commit{Healed: keys})
}

// rowsOf returns the rows of a quarantined record. What was refused when the
// journal alone was read, as by a reassociation, has no row there: that is the
// source's of today. It reports false where neither can be had. A kept row is as
// old as when it was read.
func rowsOf(ctx context.Context, r *run, q store.Quarantined, left *leftOut) (rows []thnksapi.Row, from reading, ok bool, err error) {
	if len(q.Row) > 0 {
		decode, ok := rowDecoder(r, q.Row)
		if !ok {
			return nil, reading{}, false, nil
		}
		return decode(q.Row), reading{at: q.Last, clock: r.started}, true, nil
	}
	row, from, _, err := left.fetch(ctx, r, q.TransactionID)
	if errors.Is(err, thnksapi.ErrNoDetail) || err == nil && row == nil {
		return nil, reading{}, false, nil
	}
	if err != nil {
		return nil, reading{}, false, err
	}
	return []thnksapi.Row{*row}, from, true, nil
}

// rowDecoder is what reads a row of the quarantine again. There is none where
// the row is of the API and the portal has no key any more.
func rowDecoder(r *run, raw json.RawMessage) (decode func(json.RawMessage) []thnksapi.Row, ok bool) {
	switch sources := r.cfg().Sources; {
	case isExportRow(r, raw):
		return r.cfg().Exports.Decode, true
	case len(sources) > 0:
		return sources[0].API.Decode, true
	default:
		return nil, false
	}
}

// isExportRow reports whether a row of the quarantine is one of an export file.
func isExportRow(r *run, raw json.RawMessage) bool {
	is := r.cfg().Exports.Is
	return is != nil && is(raw)
}

// classDeleted is the class of a gift that cannot be restored, because HubSpot
// still holds the record that users deleted.
const classDeleted = "deleted_in_hubspot"

// restorePass creates records again that users deleted in HubSpot: those of the
// transactions asked for, or all. What they say comes from the source, as the
// journal does not keep messages. What the source cannot be asked for is left out,
// and the pass fails at its end.
func restorePass(ctx context.Context, r *run) error {
	asked := make(map[string]bool, len(r.req.Keys))
	for _, id := range r.req.Keys {
		asked[id] = true
	}
	var left leftOut
	w := newWindow()
	flush := func() error {
		err := r.process(ctx, w.input(policy{tryQuarantined: true, recreate: true, countFailures: true}), upcoming{}, store.Commit{})
		w = newWindow()
		return err
	}
	for s, err := range r.journal.After(ctx, "") {
		if err != nil {
			return err
		}
		if s.Deleted.IsZero() || !s.Erased.IsZero() && len(r.req.Keys) == 0 || len(r.req.Keys) > 0 && !asked[s.Gift.ID] {
			continue
		}
		delete(asked, s.Gift.ID)
		if _, sent := plan.SendOf(s.Gift.ID); sent {
			r.log.Warn("the record is a gift's whose transaction has not appeared; it can be restored then", logTransaction, s.Gift.ID)
			r.counts.tally.add(s.Gift.ID, countedDeleted)
			continue
		}
		row, from, ok, err := fetchDeleted(ctx, r, s.Gift.ID, &left)
		if err != nil {
			return err
		}
		if row == nil {
			if ok {
				r.log.Warn("Thnks no longer has the transaction; its record is not restored", logTransaction, s.Gift.ID)
			}
			r.counts.tally.add(s.Gift.ID, countedDeleted)
			continue
		}
		w.addRows([]readRow{{*row, from, false}}, thnksapi.SinceUpdated, contradictions)
		if w.rows >= r.windowRows() {
			if err := flush(); err != nil {
				return err
			}
			if err := r.turn.Round(ctx); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if err := r.finishSearch(ctx); err != nil {
		return err
	}
	if err := left.failure(); err != nil || len(asked) == 0 {
		return err
	}
	none := slices.Sorted(maps.Keys(asked))
	return &RequestError{"no record of these transactions is known to have been deleted in HubSpot: " + strings.Join(none, ", ")}
}

// fetchDeleted is [leftOut.fetch] for a restore, which cannot do without the call.
func fetchDeleted(ctx context.Context, r *run, id string, left *leftOut) (row *thnksapi.Row, from reading, ok bool, err error) {
	row, from, ok, err = left.fetch(ctx, r, id)
	if errors.Is(err, thnksapi.ErrNoDetail) {
		return nil, reading{}, false, &Fatal{
			What:   "the account's Thnks API has no call for a single transaction (thnks.dialect.detail_path is empty), which restoring needs",
			Remedy: "restore the records in HubSpot, where they can be found for 90 days under Restore records",
			Err:    err,
		}
	}
	return row, from, ok, err
}

// A leftOut counts the transactions that a pass goes on without, because Thnks fails when
// it is asked for them: one of them must not keep those behind it waiting for ever.
type leftOut struct {
	n     int
	down  int   // failures in a row that need not be the transactions'
	first error // the first failure
}

// isDown is after how many failures in a row nothing more is asked for, which could take
// minutes each. A single one may be its transaction's.
const isDown = 2

// fetch is [fetchTransaction] for such a pass. It reports false where Thnks fails.
func (l *leftOut) fetch(ctx context.Context, r *run, id string) (row *thnksapi.Row, from reading, ok bool, err error) {
	if l.down >= isDown {
		l.n++
		return nil, reading{}, false, nil
	}
	row, from, err = fetchTransaction(ctx, r, id)
	if err == nil {
		l.down = 0
		return row, from, true, nil
	}
	if errors.Is(err, thnksapi.ErrNoDetail) || ctx.Err() != nil || IsFatal(err) {
		return nil, reading{}, false, err
	}
	r.log.Warn("Thnks could not be asked for a transaction; the pass goes on without it", logTransaction, id, logError, err)
	switch te, _ := errors.AsType[*thnksapi.Error](err); {
	case te != nil && te.Kind == thnksapi.Limited:
		l.down = isDown
	case te != nil && te.Kind == thnksapi.Transient:
		l.down++
	default:
		l.down = 0
	}
	if l.n++; l.first == nil {
		l.first = err
	}
	return nil, reading{}, false, nil
}

// failure tells an admin who asked for them; nil if nothing was left out.
func (l *leftOut) failure() error {
	if l.n == 0 {
		return nil
	}
	return fmt.Errorf("transactions left as they are, as Thnks could not be asked for them: %d; the first: %w", l.n, l.first)
}

// fetchTransaction returns a transaction as the source has it now, from the
// first key that sees it, and nil when none does. The error is
// [thnksapi.ErrNoDetail] where the source cannot be asked.
func fetchTransaction(ctx context.Context, r *run, id string) (*thnksapi.Row, reading, error) {
	for place, s := range r.cfg().Sources {
		row, err := s.API.Transaction(ctx, id)
		var te *thnksapi.Error
		switch {
		case errors.As(err, &te) && te.Kind == thnksapi.NotFound:
			continue
		case err != nil:
			return nil, reading{}, fmt.Errorf("reading transaction %s: %w", id, err)
		}
		return row, readNow(row.Date, place), nil
	}
	return nil, reading{}, nil
}

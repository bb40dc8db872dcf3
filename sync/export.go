package sync

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/thnksapi"
)

// ExportFile is an export file as a source. [*export.File] is one. Its cursors
// are good for that very file, unchanged; others are answered by an error of
// kind [thnksapi.Stale].
type ExportFile interface {
	SourceAPI
	io.Closer
}

// exportKey is the source key of an export file.
const exportKey = "export"

// fromFile copies all transactions of an export file, under a checkpoint of
// its own: an interrupted run is resumed if the file is still the same, a
// finished one starts over. The API's checkpoints and re-reads are not
// touched, and no gift is taken for gone because a file does not have it.
//
// Rows often say no more of their age than the times that a gift has passed,
// so of two files that differ in a row the one with the newer time wins, and
// at the same times the further status: an old file sets nothing back.
func (r *run) fromFile(ctx context.Context) (err error) {
	r.mode = Backfill
	if r.Export == nil {
		return errors.New("sync: no export files are read here")
	}
	file, err := r.Export(r.req.From)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := r.admit(); err != nil {
		return err
	}
	if err := r.ensureJournal(ctx); err != nil {
		return err
	}
	cp, ok, err := r.Journal.Checkpoint(exportCheckpoint)
	if err != nil {
		return err
	}
	if !ok || !cp.Finished.IsZero() {
		cp = store.Checkpoint{Started: r.started}
	}
	source := Source{Key: exportKey, API: file}
	moved := func(w *window) store.Commit {
		cp.Cursor = w.next
		return checkpoint(exportCheckpoint, cp)
	}
	err = r.work(ctx, listing{source: source, cursor: cp.Cursor}, moved)
	if cp.Cursor != "" && stale(err) {
		r.log.Warn("the export file is not the one that was interrupted, or was changed since; it is read from its beginning")
		cp = store.Checkpoint{Started: r.started}
		err = r.work(ctx, listing{source: source}, moved)
	}
	if err != nil {
		return err
	}
	if err := r.releaseUnmet(ctx, cp.Started); err != nil {
		return err
	}
	cp.Finished = time.Now().UTC()
	return r.moveCheckpoint(exportCheckpoint, cp)
}

// ensureJournal is the beginning of a backfill, for a run from a file, and all of
// it for a portal without an API key: where the journal is empty, HubSpot is asked
// what exists. A journal that has gifts needs no call.
func (r *run) ensureJournal(ctx context.Context) error {
	n, err := r.Journal.Count()
	if err != nil {
		return err
	}
	cp, begun, err := r.Journal.Checkpoint(rebuildCheckpoint)
	if err != nil {
		return err
	}
	if half := begun && cp.Finished.IsZero(); n > 0 && !half {
		return nil
	}
	if err := r.identify(ctx); err != nil {
		return err
	}
	if err := r.findObject(ctx); err != nil {
		return err
	}
	if r.req.From != "" {
		if err := r.admitLost(ctx); err != nil {
			return err
		}
	}
	return r.rebuildIfLost(ctx)
}

// stale reports whether a listing cannot go on from the cursor that it was taken
// up with: the source has forgotten it or, after a hiccup of the source, it leads
// in circles, and would for ever.
func stale(err error) bool {
	var te *thnksapi.Error
	return errors.As(err, &te) && (te.Kind == thnksapi.Stale || te.Kind == thnksapi.Circular)
}

// decoder is what reads a row of the quarantine again. There is none where the
// row is of the API and the portal has no key any more.
func (r *run) decoder(raw json.RawMessage) (decode func(json.RawMessage) []thnksapi.Row, ok bool) {
	switch {
	case r.ofExport(raw):
		return r.DecodeExport, true
	case len(r.Sources) > 0:
		return r.Sources[0].API.Decode, true
	default:
		return nil, false
	}
}

// ofExport reports whether a row of the quarantine is one of an export file.
func (r *run) ofExport(raw json.RawMessage) bool { return r.IsExport != nil && r.IsExport(raw) }

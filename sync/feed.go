package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
)

// exportKey is the source key of an export file.
const exportKey = "export"

// exportPass copies all transactions of an export file, under a checkpoint of
// its own: an interrupted run is resumed if the file is still the same, a
// finished one starts over. The API's checkpoints and re-reads are not
// touched, and no gift is taken for gone because a file does not have it.
//
// Rows often say no more of their age than the times that a gift has passed,
// so of two files that differ in a row the one with the newer time wins, and
// at the same times the further status: an old file sets nothing back.
func exportPass(ctx context.Context, r *run) (err error) {
	r.mode = Backfill
	r.portal.Object.Reread()
	if r.cfg().Exports.Open == nil {
		return errors.New("sync: no export files are read here")
	}
	file, err := r.cfg().Exports.Open(r.req.From)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := checkFeed(r); err != nil {
		return err
	}
	if err := ensureJournal(ctx, r); err != nil {
		return err
	}
	cp, _, err := r.resume(exportCheckpoint)
	if err != nil {
		return err
	}
	source := Source{Key: exportKey, API: file}
	moved := func(w *window) store.Commit {
		cp.Cursor = w.next
		return checkpoint(exportCheckpoint, cp)
	}
	contradictory, err := contradictionsInFile(ctx, source)
	if err != nil {
		return err
	}
	l := listing{source: source, place: len(r.cfg().Sources), file: true, readAt: file.ReadAt(), contradictory: contradictory}
	resumed := l
	resumed.cursor = cp.Cursor
	err = r.listOnce(ctx, resumed, moved)
	if cp.Cursor != "" && isStale(err) {
		r.log.Warn("the export file is not the one that was interrupted, or was changed since; it is read from its beginning")
		cp = store.Checkpoint{Started: r.started}
		err = r.listOnce(ctx, l, moved)
	}
	if err != nil {
		return err
	}
	r.counts.headers = file.RepeatedHeaders()
	if err := rememberFields(r); err != nil {
		return err
	}
	cp.Finished = time.Now().UTC()
	return r.moveCheckpoint(exportCheckpoint, cp)
}

// ensureJournal is the beginning of a backfill, for a run from a file, and all of
// it for a portal without an API key: where the journal is empty, HubSpot is asked
// what exists. A journal that has gifts needs no call.
func ensureJournal(ctx context.Context, r *run) error {
	n, err := r.journal.Count()
	if err != nil {
		return err
	}
	cp, begun, err := r.journal.Checkpoint(rebuildCheckpoint)
	if err != nil {
		return err
	}
	if half := begun && cp.Finished.IsZero(); n > 0 && !half {
		return nil
	}
	if err := r.portal.Object.Find(ctx); err != nil {
		return err
	}
	if r.req.From != "" {
		if err := checkFeedAfterLoss(ctx, r); err != nil {
			return err
		}
	}
	return rebuildIfLost(ctx, r)
}

// A feed is a kind of source that a portal's gifts come from. The API and an
// export file of one account need not give a transaction the same id, and
// where they do not, feeding from both doubles every gift.
type feed string

// The feeds.
const (
	feedAPI    feed = "api"
	feedExport feed = "export"
)

// words are a feed as a message calls it.
func (f feed) words() string {
	if f == feedExport {
		return "an export file"
	}
	return "the Thnks API"
}

// feedOf is the feed of a run that lists transactions.
func feedOf(r *run) feed {
	if r.req.From != "" {
		return feedExport
	}
	return feedAPI
}

// feeds returns what the portal has been fed from. A journal of a version that
// did not record it knows the API alone.
func feeds(r *run) (fed []feed, err error) {
	recorded, err := Recall(r.journal, feedsEntry, &fed)
	if err != nil || recorded {
		return fed, err
	}
	n, err := r.journal.Count()
	if n > 0 {
		fed = []feed{feedAPI}
	}
	return fed, err
}

// checkFeed refuses a run that would feed the portal from another kind of
// source than before, unless an admin accepts that.
func checkFeed(r *run) error {
	fed, err := feeds(r)
	if err != nil {
		return err
	}
	if len(fed) == 0 || slices.Contains(fed, feedOf(r)) {
		return nil
	}
	return otherFeed(r, fed[0])
}

// otherFeed is the refusal to feed from another kind of source.
func otherFeed(r *run, before feed) error {
	if r.req.AcceptNewSource {
		return nil
	}
	return &Fatal{
		What:   fmt.Sprintf("this portal was fed from %s, and would now be fed from %s", before.words(), feedOf(r).words()),
		Remedy: "if both give a transaction the same id, run once with --accept-new-source; otherwise every gift would be doubled",
	}
}

// checkFeedAfterLoss is checkFeed for a file where the journal knows nothing and
// HubSpot holds records: it was lost, and with it what the portal was fed from.
// The API is the likelier.
func checkFeedAfterLoss(ctx context.Context, r *run) error {
	object := r.portal.Object
	if err := object.Find(ctx); err != nil {
		return err
	}
	if object.Created() || object.TypeID() == "" || r.req.AcceptNewSource {
		return nil
	}
	fed, err := feeds(r)
	if err != nil || len(fed) > 0 {
		return err
	}
	some, err := r.portal.Records.Any(ctx)
	if err != nil || !some {
		return err
	}
	return otherFeed(r, feedAPI)
}

// recordFeed stores the run's feed before its first effect. If it were committed
// with the window, a crash could leave gifts of unknown origin.
func recordFeed(r *run) error {
	fed, err := feeds(r)
	if err != nil || slices.Contains(fed, feedOf(r)) {
		return err
	}
	return r.memory().Remember(feedsEntry, append(fed, feedOf(r)))
}

// apiAlone reports whether the sources' listings show all gifts that there are.
func apiAlone(r *run) (bool, error) {
	fed, err := feeds(r)
	return len(r.cfg().Sources) > 0 && !slices.Contains(fed, feedExport), err
}

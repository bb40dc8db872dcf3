package sync_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A forgetful source accepts only cursors that it issued itself: it has
// forgotten those of an earlier process.
type forgetful struct {
	giftsync.SourceAPI
	issued map[string]bool
}

func (f forgetful) Transactions(ctx context.Context, q thnksapi.Query) (*thnksapi.Page, error) {
	if q.Cursor != "" && !f.issued[q.Cursor] {
		return nil, &thnksapi.Error{Kind: thnksapi.Stale, Problem: "the cursor is not accepted any more"}
	}
	p, err := f.SourceAPI.Transactions(ctx, q)
	if err == nil {
		f.issued[p.Next] = true
	}
	return p, err
}

// TestForgottenCursor: a listing is interrupted, and by the next run the
// source has forgotten its cursor.
func TestForgottenCursor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Small(t)
		w.Interrupt(1, giftsync.Request{Mode: giftsync.Backfill})
		time.Sleep(time.Hour)
		w.Configure = func(c *giftsync.Config) { c.Sources[0].API = forgetful{c.Sources[0].API, map[string]bool{}} }
		for range 3 {
			_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental})
			if err == nil {
				w.Check()
				return
			}
			t.Log(err)
			time.Sleep(time.Hour)
		}
		t.Error("the backfill never gets past the cursor that the source has forgotten")
	})
}

// circular reports whether a listing ended because its cursor came again.
func circular(err error) bool {
	var te *thnksapi.Error
	return errors.As(err, &te) && te.Kind == thnksapi.Circular
}

// TestCircularCursor: once, the source repeats a page, and its cursor with it.
// What is kept of where the listing stood leads in circles, and the listing must
// not be stuck in them when the source recovered.
func TestCircularCursor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Small(t)
		w.Bounds.WindowRows = 15
		w.Thnks.Fault(thnksapitest.Fault{After: 2, Count: 1, Effect: thnksapitest.CursorLoop})
		if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill}); !circular(err) {
			t.Fatalf("got %v, want the news of a circle", err)
		}
		w.CheckRecovered(0)
	})
}

// TestKeyAddedDuringBackfill: a key is put before the one whose listing
// was interrupted.
func TestKeyAddedDuringBackfill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 4, N: 200, Recipients: 80, Senders: 2})
		opts := thnksapitest.Options{Keys: map[string]string{}, PageLimit: 15}
		var keys []string
		for _, tx := range txs {
			if k := "key-of-" + tx.Sender.Email; opts.Keys[k] == "" {
				opts.Keys[k] = tx.Sender.Email
				keys = append(keys, k)
			}
		}
		w := simulation.New(t, hubspottest.Options{}, opts)
		w.Bounds.WindowRows = 30
		w.Populate(txs, 0.8)
		w.Keys = keys[:1]
		w.Interrupt(1, giftsync.Request{Mode: giftsync.Backfill})
		w.Keys = []string{keys[1], keys[0]}
		w.Interrupt(1, giftsync.Request{Mode: giftsync.Backfill})
		w.Must(giftsync.Backfill)
		w.Check()
	})
}

// TestRebuildCrashInFirstWindow: the process dies between two commits of
// the first window, when no checkpoint says yet that a rebuild has begun.
func TestRebuildCrashInFirstWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 10}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 10, N: 900, Recipients: 300}), 1)
		w.Must(giftsync.Backfill)
		for r := range w.Portal.Records("thnks") { // people removed every deal
			for _, l := range w.Portal.Links("thnks", r.ID)["deals"] {
				w.Portal.Dissociate("thnks", r.ID, "deals", l.ToID)
			}
		}
		before := w.Portal.Snapshot()
		w.Path += ".new"
		w.Interrupt(1, giftsync.Request{Mode: giftsync.Backfill})
		w.Must(giftsync.Backfill)
		if !simulation.Same(before, w.Portal.Snapshot()) {
			t.Error("links that people had removed were made again: the rebuild was not resumed")
		}
	})
}

type readOnly struct {
	giftsync.Journal
	t *testing.T
}

func (r readOnly) Commit(c store.Commit) error {
	r.t.Errorf("a dry run commits: %d gifts, checkpoints %v", len(c.Gifts), c.Checkpoints)
	return r.Journal.Commit(c)
}

func TestDryRunOfAnUnfinishedRebuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 10}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 10, N: 1500, Recipients: 300}), 1)
		w.Must(giftsync.Backfill)
		w.Path += ".new"
		w.Interrupt(2, giftsync.Request{Mode: giftsync.Backfill})
		w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return readOnly{j, t} }
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill, DryRun: true}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestOldVersionAfterRebuild: an unchanged gift keeps the version that
// the journal had of it, which after a rebuild is none.
func TestOldVersionAfterRebuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		time.Sleep(simulation.Day) // the bubble's clock begins in 2000, and stamps before that do not count
		old := simulation.Transaction("T-1", time.Now().UTC().Add(-time.Hour), "")
		opened := old
		opened.Status, opened.UpdatedAt = "opened", old.UpdatedAt.Add(time.Minute)
		opened.Times.Opened = opened.UpdatedAt
		w.Thnks.Add(opened)
		w.Must(giftsync.Backfill)
		w.Path += ".new"
		w.Must(giftsync.Backfill)
		w.Thnks.Add(old)
		w.Must(giftsync.Backfill)
		if r := w.Portal.Find("thnks", "thnks_transaction_id", "T-1")[0]; r.Properties["status"] != "opened" {
			t.Errorf("an older version lowered the status to %s: the unchanged gift's version is not recorded", r.Properties["status"])
		}
	})
}

// TestResweepAfterAKeyWasRenamed: the source that a resweep stopped at is
// no longer there.
func TestResweepAfterAKeyWasRenamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{PageLimit: 15})
		w.Bounds.WindowRows = 30
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 80, Recipients: 40, End: time.Now().Add(-10 * simulation.Day)}), 0.7)
		w.Must(giftsync.Backfill)
		time.Sleep(simulation.Week)
		ctx, cancel := context.WithCancel(context.Background())
		w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return &atCheckpoint{Journal: j, cancel: cancel} }
		if _, err := w.Run(ctx, giftsync.Request{Mode: giftsync.Incremental}); err == nil {
			t.Fatal("want the interruption")
		}
		w.WrapJournal = nil
		w.Keys = []string{"renamed"}
		if rep := w.Must(giftsync.Incremental); rep.Mode != giftsync.Resweep || rep.Fetched < 50 {
			t.Errorf("mode %s fetched %d: the weekly listing was ticked off without listing anything", rep.Mode, rep.Fetched)
		}
	})
}

// TestSmallListingBehindAnOutage: a weekly listing that failed before its first window, and
// is resumed, counts nothing of what the last one showed: it is seen to be small.
func TestSmallListingBehindAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 20)
		w.Must(giftsync.Backfill)
		time.Sleep(8 * simulation.Day)
		w.Must(giftsync.Incremental) // a weekly one that ends well
		for _, tx := range w.Thnks.Transactions()[:18] {
			w.Thnks.Delete(tx.ID)
		}
		time.Sleep(8 * simulation.Day)
		w.WrapThnks = func(http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				return simulation.Reply(req, http.StatusBadGateway, ""), nil
			})
		}
		if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err == nil {
			t.Fatal("a run of a source that is down ends well")
		}
		w.WrapThnks = nil
		time.Sleep(time.Hour)
		_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental})
		if !giftsync.IsFatal(err) || !strings.Contains(err.Error(), "2 of 20") {
			t.Errorf("%v, want the listing not to be believed", err)
		}
		st := w.Open()
		defer st.Close()
		if small, err := giftsync.SmallListing(st); err != nil || small == "" {
			t.Errorf("the small listing is not remembered: %v", err)
		}
	})
}

type atCheckpoint struct {
	giftsync.Journal
	cancel context.CancelFunc
}

func (s *atCheckpoint) Commit(c store.Commit) error {
	err := s.Journal.Commit(c)
	if _, ok := c.Checkpoints[giftsync.ResweepCheckpoint]; ok {
		s.cancel()
	}
	return err
}

// TestClockWasAhead: stamps from the future must not put re-reads off.
func TestClockWasAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 50, Recipients: 40, End: time.Now().Add(-10 * simulation.Day)}), 0.7)
		w.Must(giftsync.Backfill)
		st := w.Open() // as a backfill under a clock ten years ahead leaves it
		ahead := time.Now().UTC().AddDate(10, 0, 0)
		rereads, err := json.Marshal(map[string]time.Time{"daily": ahead, "weekly": ahead})
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Commit(store.Commit{Meta: map[string][]byte{giftsync.MetaRereads: rereads}}); err != nil {
			t.Fatal(err)
		}
		st.Close()
		for range 10 {
			time.Sleep(simulation.Day)
			if rep := w.Must(giftsync.Incremental); rep.Mode == giftsync.Resweep {
				return
			}
		}
		t.Error("no re-read for ten days, and none for ten years")
	})
}

// TestGoneMarkGoesWithAnUpdate: a gift that comes back changed is back.
func TestGoneMarkGoesWithAnUpdate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 50, Recipients: 20, End: time.Now().Add(-10 * simulation.Day)}), 1)
		w.Must(giftsync.Backfill)
		tx, _ := w.Thnks.Transaction("T-000007")
		w.Thnks.Delete("T-000007")
		time.Sleep(simulation.Week)
		w.Must(giftsync.Incremental)
		tx.TrackingURL, tx.UpdatedAt = "https://thnks.test/back", time.Now().UTC()
		w.Thnks.Add(tx)
		w.Thnks.Add(simulation.Transaction("T-new", time.Now().UTC().Add(time.Second), ""))
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		st := w.Open()
		defer st.Close()
		if s, _, _ := st.Gift("T-000007"); s.Gift.TrackingURL == tx.TrackingURL && !s.Gone.IsZero() {
			t.Error("listed again and updated, and still marked as gone")
		}
	})
}

// TestTheWorldHasDates: a bubble's clock begins in 2000, and stamps before
// that do not count, so that generated data would arrive without any.
func TestTheWorldHasDates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 100, Recipients: 20}), 1)
		w.Must(giftsync.Backfill)
		dated := 0
		for r := range w.Portal.Records("thnks") {
			if r.Properties["sent_date"] != "" {
				dated++
			}
		}
		if dated < 50 {
			t.Errorf("%d of 100 records have a sent date: the engine's tests run on gifts without times and versions", dated)
		}
	})
}

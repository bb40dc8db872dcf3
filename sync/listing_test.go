package sync

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A forgetful source accepts only cursors that it issued itself: it has
// forgotten those of an earlier process.
type forgetful struct {
	SourceAPI
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

// failing answers the calls whose path contains part, from the after-th on,
// with a status and body, without any effect.
func failing(part string, after, status int, body string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		var seen atomic.Int64
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if !strings.Contains(req.URL.Path, part) {
				return next.RoundTrip(req)
			}
			if seen.Add(1) <= int64(after) {
				return next.RoundTrip(req)
			}
			io.Copy(io.Discard, req.Body)
			return reply(req, status, body), nil
		})
	}
}

func reply(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func simple(id string, at time.Time, email string) thnksapitest.Transaction {
	return thnksapitest.Transaction{
		ID: id, Gift: thnksapitest.Gift{Name: "Coffee"}, Status: "sent", Amount: "5", Currency: "USD",
		Recipient: thnksapitest.Person{FirstName: "A", LastName: "B", Email: email},
		Times:     thnksapitest.Times{Sent: at}, CreatedAt: at, UpdatedAt: at,
	}
}

// TestForgottenCursor: a listing is interrupted, and by the next run the
// source has forgotten its cursor.
func TestForgottenCursor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := smallWorld(t)
		w.interrupt(1, Request{Mode: Backfill})
		time.Sleep(time.Hour)
		w.cfg = func(c *Config) { c.Sources[0].API = forgetful{c.Sources[0].API, map[string]bool{}} }
		for range 3 {
			_, err := w.run(context.Background(), Request{Mode: Incremental})
			if err == nil {
				w.check()
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
// not be stuck in them when the source is well again.
func TestCircularCursor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := smallWorld(t)
		w.bounds.WindowRows = 15
		w.thnks.Fault(thnksapitest.Fault{After: 2, Count: 1, Effect: thnksapitest.CursorLoop})
		if _, err := w.run(t.Context(), Request{Mode: Backfill}); !circular(err) {
			t.Fatalf("got %v, want the news of a circle", err)
		}
		w.settle(0)
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
		w := newWorld(t, hubspottest.Options{}, opts)
		w.bounds.WindowRows = 30
		w.populate(txs, 0.8)
		w.keys = keys[:1]
		w.interrupt(1, Request{Mode: Backfill})
		w.keys = []string{keys[1], keys[0]}
		w.interrupt(1, Request{Mode: Backfill})
		w.must(Backfill)
		w.check()
	})
}

// TestRebuildCrashInFirstWindow: the process dies between two commits of
// the first window, when no checkpoint says yet that a rebuild has begun.
func TestRebuildCrashInFirstWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{Seed: 10}, thnksapitest.Options{})
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 10, N: 900, Recipients: 300}), 1)
		w.must(Backfill)
		for r := range w.portal.Records("thnks") { // people removed every deal
			for _, l := range w.portal.Links("thnks", r.ID)["deals"] {
				w.portal.Dissociate("thnks", r.ID, "deals", l.ToID)
			}
		}
		before := w.portal.Snapshot()
		w.path += ".new"
		w.interrupt(1, Request{Mode: Backfill})
		w.must(Backfill)
		if !sameSnapshot(before, w.portal.Snapshot()) {
			t.Error("links that people had removed were made again: the rebuild was not resumed")
		}
	})
}

type readOnly struct {
	Journal
	t *testing.T
}

func (r readOnly) Commit(c store.Commit) error {
	r.t.Errorf("a dry run commits: %d gifts, checkpoints %v", len(c.Gifts), c.Checkpoints)
	return r.Journal.Commit(c)
}

func TestDryRunOfAnUnfinishedRebuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{Seed: 10}, thnksapitest.Options{})
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 10, N: 1500, Recipients: 300}), 1)
		w.must(Backfill)
		w.path += ".new"
		w.interrupt(2, Request{Mode: Backfill})
		w.journal = func(j Journal) Journal { return readOnly{j, t} }
		if _, err := w.run(context.Background(), Request{Mode: Backfill, DryRun: true}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestOldVersionAfterRebuild: an unchanged gift keeps the version that
// the journal had of it, which after a rebuild is none.
func TestOldVersionAfterRebuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		time.Sleep(daily) // the bubble's clock begins in 2000, and stamps before that do not count
		old := simple("T-1", time.Now().UTC().Add(-time.Hour), "")
		opened := old
		opened.Status, opened.UpdatedAt = "opened", old.UpdatedAt.Add(time.Minute)
		opened.Times.Opened = opened.UpdatedAt
		w.thnks.Add(opened)
		w.must(Backfill)
		w.path += ".new"
		w.must(Backfill)
		w.thnks.Add(old)
		w.must(Backfill)
		if r := w.portal.Find("thnks", "thnks_transaction_id", "T-1")[0]; r.Properties["status"] != "opened" {
			t.Errorf("an older version lowered the status to %s: the unchanged gift's version is not recorded", r.Properties["status"])
		}
	})
}

// TestResweepAfterAKeyWasRenamed: the source that a resweep stopped at is
// no longer there.
func TestResweepAfterAKeyWasRenamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{PageLimit: 15})
		w.bounds.WindowRows = 30
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 80, Recipients: 40, End: time.Now().Add(-10 * daily)}), 0.7)
		w.must(Backfill)
		time.Sleep(weekly)
		ctx, cancel := context.WithCancel(context.Background())
		w.journal = func(j Journal) Journal { return &atCheckpoint{Journal: j, cancel: cancel} }
		if _, err := w.run(ctx, Request{Mode: Incremental}); err == nil {
			t.Fatal("want the interruption")
		}
		w.journal = nil
		w.keys = []string{"renamed"}
		if rep := w.must(Incremental); rep.Mode != Resweep || rep.Fetched < 50 {
			t.Errorf("mode %s fetched %d: the weekly listing was ticked off without listing anything", rep.Mode, rep.Fetched)
		}
	})
}

type atCheckpoint struct {
	Journal
	cancel context.CancelFunc
}

func (s *atCheckpoint) Commit(c store.Commit) error {
	err := s.Journal.Commit(c)
	if _, ok := c.Checkpoints[resweepCheckpoint]; ok {
		s.cancel()
	}
	return err
}

// TestClockWasAhead: stamps from the future must not put re-reads off.
func TestClockWasAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 50, Recipients: 40, End: time.Now().Add(-10 * daily)}), 0.7)
		w.must(Backfill)
		st := w.open() // as a backfill under a clock ten years ahead leaves it
		ahead := time.Now().UTC().AddDate(10, 0, 0)
		rereads, err := json.Marshal(map[string]time.Time{"daily": ahead, "weekly": ahead})
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Commit(store.Commit{Meta: map[string][]byte{metaRereads: rereads}}); err != nil {
			t.Fatal(err)
		}
		st.Close()
		for range 10 {
			time.Sleep(daily)
			if rep := w.must(Incremental); rep.Mode == Resweep {
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
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 50, Recipients: 20, End: time.Now().Add(-10 * daily)}), 1)
		w.must(Backfill)
		tx, _ := w.thnks.Transaction("T-000007")
		w.thnks.Delete("T-000007")
		time.Sleep(weekly)
		w.must(Incremental)
		tx.TrackingURL, tx.UpdatedAt = "https://thnks.test/back", time.Now().UTC()
		w.thnks.Add(tx)
		w.thnks.Add(simple("T-new", time.Now().UTC().Add(time.Second), ""))
		time.Sleep(time.Hour)
		w.must(Incremental)
		st := w.open()
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
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 100, Recipients: 20}), 1)
		w.must(Backfill)
		dated := 0
		for r := range w.portal.Records("thnks") {
			if r.Properties["sent_date"] != "" {
				dated++
			}
		}
		if dated < 50 {
			t.Errorf("%d of 100 records have a sent date: the engine's tests run on gifts without times and versions", dated)
		}
	})
}

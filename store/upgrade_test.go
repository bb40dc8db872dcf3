package store

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// TestUpgradeFrom1 opens a file of format 1.
func TestUpgradeFrom1(t *testing.T) {
	path := statePath(t)
	s := openAt(t, path)
	contact := []plan.Link{{Kind: plan.Contact, ID: "9"}}
	commit(t, s, Commit{Gifts: []plan.Stored{
		{ObjectID: "1", Gift: plan.Gift{ID: "T-1"}, Links: contact, Ambiguous: true},
		{ObjectID: "2", Gift: plan.Gift{ID: "T-2"}, Links: contact},
		{ObjectID: "3", Gift: plan.Gift{ID: "T-3"}, Orphan: plan.NoContact},
	}})
	s.Close()
	rewrite(t, path, func(tx *bbolt.Tx) error {
		for _, names := range addedBuckets {
			for _, name := range names {
				if err := tx.DeleteBucket([]byte(name)); err != nil {
					return err
				}
			}
		}
		meta := tx.Bucket([]byte(bucketMeta))
		if err := put(meta, []byte(keyCounts), []byte(`{"g":3,"o":{"no_contact":1}}`)); err != nil {
			return err
		}
		return put(meta, []byte(keyFormat), []byte("1"))
	})
	upgraded(t, path, func(s *Store) {
		if n, err := s.AmbiguousCount(); n != 1 || err != nil {
			t.Errorf("%d ambiguous links (%v), want 1", n, err)
		}
	})
}

// fixture is the path of a state file that an older release made.
func fixture(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(privateDir(t), "acme.db")
	raw, err := unpack("testdata/" + name + ".db.gz")
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, raw)
	return path
}

func unpack(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// TestUpgradeFrom2 opens a file that the release of format 2 made.
func TestUpgradeFrom2(t *testing.T) {
	path := fixture(t, "format2")
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	want := []plan.Stored{
		{
			ObjectID: "1", Mapping: 1,
			Gift:      plan.Gift{ID: "T-1", Name: "Tea", Status: plan.Sent, UpdatedAt: at, Recipient: plan.Person{Email: "ada@one.example"}},
			Links:     []plan.Link{{Kind: plan.Contact, ID: "9", At: at}},
			Ambiguous: true,
		},
		{ObjectID: "2", Mapping: 1, Gift: plan.Gift{ID: "T-2", Name: "Cake", Status: plan.Redeemed, UpdatedAt: at}, Orphan: plan.NoEmail},
	}
	upgraded(t, path, func(s *Store) {
		if since, err := s.Meta(OriginsEntry); len(since) == 0 || err != nil {
			t.Errorf("since when links tell their origin is %q, %v", since, err)
		}
		if diff := cmp.Diff(want, collect(t, s.All(t.Context())), equal); diff != "" {
			t.Errorf("gifts (-want +got):\n%s", diff)
		}
		if n, err := s.AmbiguousCount(); n != 1 || err != nil {
			t.Errorf("%d ambiguous links (%v), want 1", n, err)
		}
		if ids, err := s.ByEmail("ada@one.example"); len(ids) != 1 || err != nil {
			t.Errorf("ByEmail: %v, %v; want T-1", ids, err)
		}
		if ids, err := s.ByContact("9"); len(ids) != 1 || err != nil {
			t.Errorf("ByContact: %v, %v; want T-1", ids, err)
		}
		if missed, err := s.Missed([]string{"bob@two.example"}, time.Time{}, time.Now().AddDate(10, 0, 0)); !missed["bob@two.example"] || err != nil {
			t.Errorf("Missed: %v, %v", missed, err)
		}
		if q, ok, err := s.QuarantinedByKey("T-3"); !ok || q.Class != "refused" || err != nil {
			t.Errorf("quarantine: %+v, %v, %v", q, ok, err)
		}
		if audit := collect(t, s.Audit(t.Context())); len(audit) != 1 || audit[0].Status != 201 {
			t.Errorf("audit: %+v", audit)
		}
		if cp, ok, err := s.Checkpoint("incremental"); !ok || cp.Cursor != "c" || err != nil {
			t.Errorf("checkpoint: %+v, %v, %v", cp, ok, err)
		}
		if v, err := s.Meta("object"); string(v) != "2-17" || err != nil {
			t.Errorf("meta: %q, %v", v, err)
		}
	})
}

// TestUpgradeFrom3 opens a file that the release of format 3 made, with gifts
// and events of every kind that it knew.
func TestUpgradeFrom3(t *testing.T) {
	path := fixture(t, "format3")
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	want := []plan.Stored{
		{ObjectID: "1", Mapping: 1, Links: []plan.Link{{Kind: plan.Contact, ID: "9", At: at}}, Ambiguous: true, Gift: plan.Gift{
			ID: "T-1", RequestID: "R-1", Name: "Tea", Amount: plan.Money{Value: decimal.RequireFromString("7.50"), Currency: "USD"},
			MessageDigest: plan.Digest("Hello"), Status: plan.Opened, RawStatus: "Opened",
			Times:     map[plan.Status]time.Time{plan.Sent: at, plan.Opened: at.Add(time.Hour)},
			AsOf:      map[plan.Status]plan.Origin{plan.Sent: {Version: at}},
			CreatedAt: at, UpdatedAt: at.Add(time.Hour), Recipient: plan.Person{Name: "Ada", Email: "ada@one.example"},
			Claims: []plan.Claim{{Status: plan.Opened, At: at.Add(time.Hour)}},
		}},
		{ObjectID: "2", Mapping: 1, Orphan: plan.NoEmail, Gift: plan.Gift{
			ID: "T-2", Name: "Cake", Status: plan.Unknown, RawStatus: "IN_LIMBO", Known: plan.Sent, KnownAs: plan.Origin{Version: at}, UpdatedAt: at.Add(time.Minute),
		}},
		{ObjectID: "3", Mapping: 1, Deleted: at, Gift: plan.Gift{ID: "T-3", Name: "Gone", Status: plan.Sent, UpdatedAt: at}},
	}
	upgraded(t, path, func(s *Store) {
		if diff := cmp.Diff(want, collect(t, s.All(t.Context())), equal); diff != "" {
			t.Errorf("gifts (-want +got):\n%s", diff)
		}
		states := map[uint64]EventState{}
		for _, e := range collect(t, s.Events(t.Context(), EventFilter{})) {
			if e.Seq <= 7 {
				states[e.Seq] = e.State
			}
		}
		if diff := cmp.Diff(map[uint64]EventState{
			1: EventApplied, 2: EventWaiting, 3: EventRefused, 4: EventPending, 5: EventListed, 6: EventRefused, 7: EventDuplicate,
		}, states); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if body, ok, err := s.EventBody(6); string(body) != `{"n":6}` || !ok || err != nil {
			t.Errorf("body %q, %v, %v", body, ok, err)
		}
		if q, ok, err := s.QuarantinedByKey("T-4"); !ok || string(q.Row) != `{"id":"T-4"}` || err != nil {
			t.Errorf("quarantine: %+v, %v, %v", q, ok, err)
		}
	})
	s := openAt(t, path)
	if err := s.Commit(Commit{Events: []Event{{Seq: 7, State: EventPending}}}); err == nil {
		t.Error("a repeat became pending")
	}
	if n, err := s.Replay(t.Context(), []uint64{7}, nil); n != 0 || err != nil {
		t.Errorf("replayed %d repeats, %v", n, err)
	}
	s.Close()
	// A bound below what the older format kept is reached by and by.
	s, err := Open(path, Options{IdleEvents: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	commit(t, s, Commit{})
	if n, err := s.BodiesDropped(); n != 2 || err != nil {
		t.Errorf("%d bodies dropped (%v), want the 2 oldest of 3", n, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestUpgradeOfReleasedFile opens a file that the release of format 4 made.
func TestUpgradeOfReleasedFile(t *testing.T) {
	path := fixture(t, "format4")
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	want := []plan.Stored{
		{ObjectID: "1", Mapping: 1, Links: []plan.Link{{Kind: plan.Contact, ID: "9", At: at}}, Gift: plan.Gift{
			ID: "T-1", Name: "Tea", Amount: plan.Money{Value: decimal.RequireFromString("7.50"), Currency: "USD"}, Status: plan.Opened,
			Times: map[plan.Status]time.Time{plan.Sent: at, plan.Opened: at.Add(time.Hour)}, UpdatedAt: at.Add(time.Hour),
			Derived: true, ReadAt: at, Source: 1, Recipient: plan.Person{Name: "Ada", Email: "ada@one.example"},
		}},
		{ObjectID: "2", Mapping: 1, Orphan: plan.NoEmail, Gift: plan.Gift{ID: "T-2", Name: "Cake", Status: plan.Sent, UpdatedAt: at}},
	}
	upgraded(t, path, func(s *Store) {
		if diff := cmp.Diff(want, collect(t, s.All(t.Context())), equal); diff != "" {
			t.Errorf("gifts (-want +got):\n%s", diff)
		}
		var got names
		if err := s.Summary(t.Context(), "a", folder(t, &got)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(names{"T-1": "Tea", "T-2": "Cake"}, got); diff != "" {
			t.Errorf("summary (-want +got):\n%s", diff)
		}
	})
}

// upgraded opens a file twice, the second time without an upgrade, and uses what
// older formats did not have.
func upgraded(t *testing.T, path string, holds func(*Store)) {
	t.Helper()
	for n := range 2 {
		s := openAt(t, path)
		holds(s)
		if missed, err := s.Missed([]string{"a@one.example"}, time.Time{}, time.Now().AddDate(10, 0, 0)); missed["a@one.example"] != (n > 0) || err != nil {
			t.Errorf("opened %d times: Missed = %v, %v", n+1, missed, err)
		}
		commit(t, s, Commit{Missed: []string{"a@one.example"}, MissedAt: time.Now()})
		if receipts := receive(t, s, claim(99)); (receipts[0].DuplicateOf != 0) != (n > 0) {
			t.Errorf("opened %d times: the event was received as %+v", n+1, receipts[0])
		}
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	rewrite(t, path, func(tx *bbolt.Tx) error {
		if v, err := readFormat(tx); v != format || err != nil {
			t.Errorf("format %d (%v), want %d", v, err, format)
		}
		return nil
	})
}

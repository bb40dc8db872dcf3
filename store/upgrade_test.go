package store

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// TestUpgradeFrom2 opens a file that the release of format 2 made.
func TestUpgradeFrom2(t *testing.T) {
	path := filepath.Join(privateDir(t), "acme.db")
	f, err := os.Open("testdata/format2.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, path, raw)

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
		if diff := cmp.Diff(want, collect(t, s.All(t.Context())), equal); diff != "" {
			t.Errorf("gifts (-want +got):\n%s", diff)
		}
		if n, err := s.AmbiguousCount(); n != 1 || err != nil {
			t.Errorf("%d ambiguous links (%v), want 1", n, err)
		}
		if ids, err := s.ByEmail("ada@one.example"); len(ids) != 1 || err != nil {
			t.Errorf("ByEmail: %v, %v; want T-1", ids, err)
		}
		if missed, err := s.Missed([]string{"bob@two.example"}, time.Time{}); !missed["bob@two.example"] || err != nil {
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

// upgraded opens a file twice, the second time without an upgrade, and uses what
// older formats did not have.
func upgraded(t *testing.T, path string, holds func(*Store)) {
	t.Helper()
	for n := range 2 {
		s := openAt(t, path)
		holds(s)
		if missed, err := s.Missed([]string{"a@one.example"}, time.Time{}); missed["a@one.example"] != (n > 0) || err != nil {
			t.Errorf("opened %d times: Missed = %v, %v", n+1, missed, err)
		}
		commit(t, s, Commit{Missed: []string{"a@one.example"}, MissedAt: time.Now()})
		if receipts := receive(t, s, claim(1)); (receipts[0].DuplicateOf != 0) != (n > 0) {
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

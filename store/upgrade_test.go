package store

import (
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// TestUpgrade opens a file as the first format left it.
func TestUpgrade(t *testing.T) {
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
		if err := tx.DeleteBucket([]byte(bucketMissed)); err != nil {
			return err
		}
		meta := tx.Bucket([]byte(bucketMeta))
		if err := put(meta, []byte(keyCounts), []byte(`{"g":3,"o":{"no_contact":1}}`)); err != nil {
			return err
		}
		return put(meta, []byte(keyFormat), []byte("1"))
	})

	for range 2 { // the second time there is nothing to do
		s = openAt(t, path)
		if n, err := s.AmbiguousCount(); n != 1 || err != nil {
			t.Errorf("%d ambiguous links (%v), want 1", n, err)
		}
		commit(t, s, Commit{Missed: []string{"a@one.example"}, MissedAt: time.Now()})
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	rewrite(t, path, func(tx *bbolt.Tx) error {
		if v, err := readFormat(tx); v != format || err != nil {
			t.Errorf("format %s (%v), want %d", strconv.Itoa(v), err, format)
		}
		return nil
	})
}

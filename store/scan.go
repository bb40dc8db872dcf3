package store

import (
	"bytes"
	"context"
	"iter"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// scanStep is how many records one transaction reads, and scanBytes about how
// many bytes. Between two of them writers continue and the file can reuse pages.
const (
	scanStep  = 500
	scanBytes = 4 << 20
)

// scan yields the decoded values of a bucket behind the key from ("" for all), in
// the order of their keys. It holds no transaction while the loop's body runs,
// so that this may commit. Commits made meanwhile are seen if their keys are
// still ahead. It ends with the first error; cancelling ctx is one.
func scan[T any](ctx context.Context, s *Store, bucket, from string, decode func(key, value []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var next []byte // key to continue from
		if from != "" {
			next = append([]byte(from), 0) // the first key that sorts behind it
		}
		for step := make([]T, 0, scanStep); ; step = step[:0] {
			err := ctx.Err()
			if err == nil {
				step, next, err = readStep(s, bucket, next, step, decode)
			}
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, v := range step {
				if !yield(v, nil) {
					return
				}
			}
			if next == nil {
				return
			}
		}
	}
}

// readStep reads some records from a key on, and returns the key to continue
// from, nil at the end.
func readStep[T any](s *Store, bucket string, from []byte, step []T, decode func(key, value []byte) (T, error)) ([]T, []byte, error) {
	var next []byte
	err := s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucket)).Cursor()
		k, sealed := c.Seek(from)
		for read := 0; k != nil && len(step) < scanStep && read < scanBytes; k, sealed = c.Next() {
			read += len(sealed)
			value, err := unseal(k, sealed)
			if err != nil {
				return err
			}
			v, err := decode(k, value)
			if err != nil {
				return err
			}
			step = append(step, v)
		}
		next = bytes.Clone(k)
		return nil
	})
	return step, next, err
}

// All yields every gift of the journal, sorted by transaction id.
func (s *Store) All(ctx context.Context) iter.Seq2[plan.Stored, error] {
	return s.After(ctx, "")
}

// After yields the gifts whose transaction ids sort behind id, sorted.
func (s *Store) After(ctx context.Context, id string) iter.Seq2[plan.Stored, error] {
	return scan(ctx, s, bucketGift, id, func(key, value []byte) (plan.Stored, error) {
		return decodeGift(string(key), value)
	})
}

// An Orphaned names a gift without a contact link.
type Orphaned struct {
	ID     string // transaction id
	Reason plan.Orphan
}

// Orphans yields the gifts whose record in HubSpot lacks a contact link, and
// whose transaction ids sort behind id ("" for all), sorted. It leaves out
// records that users deleted.
func (s *Store) Orphans(ctx context.Context, id string) iter.Seq2[Orphaned, error] {
	return scan(ctx, s, bucketOrphan, id, func(key, value []byte) (Orphaned, error) {
		return Orphaned{ID: string(key), Reason: plan.Orphan(value)}, nil
	})
}

// Quarantine yields every quarantined record, sorted by key.
func (s *Store) Quarantine(ctx context.Context) iter.Seq2[Quarantined, error] {
	return scan(ctx, s, bucketQuarantine, "", func(key, value []byte) (Quarantined, error) {
		return decodeQuarantined(string(key), value)
	})
}

// Audit yields every audit entry, oldest first.
func (s *Store) Audit(ctx context.Context) iter.Seq2[AuditEntry, error] {
	return scan(ctx, s, bucketAudit, "", decodeAudit)
}

package store

import (
	"bytes"
	"time"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// find looks key up in a bucket and calls found with its value, which is valid
// until found returns. It reports whether there is one.
func (s *Store) find(bucket string, key []byte, found func(value []byte) error) (ok bool, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		value, err := get(tx.Bucket([]byte(bucket)), key)
		if value == nil || err != nil {
			return err
		}
		ok = true
		return found(value)
	})
	return ok && err == nil, err
}

// Gift returns the journal's entry of a transaction.
func (s *Store) Gift(id string) (plan.Stored, bool, error) {
	var g plan.Stored
	ok, err := s.find(bucketGift, []byte(id), func(value []byte) (err error) {
		g, err = decodeGift(id, value)
		return err
	})
	return g, ok, err
}

// Gifts returns the journal's entries of the transactions, by id. Unknown ones are
// absent.
func (s *Store) Gifts(ids []string) (map[string]plan.Stored, error) {
	return lookUp(s, bucketGift, ids, func(key, value []byte) (plan.Stored, error) {
		return decodeGift(string(key), value)
	})
}

// lookUp decodes what a bucket holds under the keys.
func lookUp[T any](s *Store, bucket string, keys []string, decode func(key, value []byte) (T, error)) (map[string]T, error) {
	found := make(map[string]T, len(keys))
	err := s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		for _, key := range keys {
			value, err := get(b, []byte(key))
			if err != nil {
				return err
			}
			if value == nil {
				continue
			}
			if found[key], err = decode([]byte(key), value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Count returns how many gifts the journal holds, without reading them.
func (s *Store) Count() (int, error) {
	c, err := s.counts()
	return c.Gifts, err
}

// QuarantineCount returns how many records are in quarantine, without reading
// them.
func (s *Store) QuarantineCount() (int, error) {
	c, err := s.counts()
	return c.Quarantined, err
}

// OrphanCounts returns how many records in HubSpot lack a contact link, by
// reason, without reading them. Records that users deleted do not count.
func (s *Store) OrphanCounts() (map[plan.Orphan]int, error) {
	c, err := s.counts()
	if c.Orphans == nil {
		c.Orphans = make(map[plan.Orphan]int)
	}
	return c.Orphans, err
}

// AmbiguousCount returns how many records in HubSpot have a contact that was
// chosen among several, without reading them.
func (s *Store) AmbiguousCount() (int, error) {
	c, err := s.counts()
	return c.Ambiguous, err
}

// Missed returns which of the canonical addresses were searched without success
// after since, and not after until (see [Commit.Missed]): a clock may have been
// wrong, and what it left in the future is no reason not to search.
func (s *Store) Missed(addresses []string, since, until time.Time) (map[string]bool, error) {
	missed := make(map[string]bool)
	err := s.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucketMissed))
		for _, a := range addresses {
			value, err := get(b, mac(s.secret, a))
			if value == nil && err == nil {
				continue
			}
			var at time.Time
			if err == nil {
				at, err = decodeMoment(value)
			}
			if err != nil {
				return err
			}
			if at.After(since) && !at.After(until) {
				missed[a] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return missed, nil
}

func (s *Store) counts() (c counts, err error) {
	err = s.view(func(tx *bbolt.Tx) (err error) {
		c, err = readCounts(tx.Bucket([]byte(bucketMeta)))
		return err
	})
	return c, err
}

// ByObject returns the transaction of a HubSpot record. If users merged records,
// so that one has several transactions, it returns the smallest id.
func (s *Store) ByObject(objectID string) (id string, ok bool, err error) {
	ok, err = s.find(bucketObject, []byte(objectID), func(value []byte) error {
		first, _, _ := bytes.Cut(value, nul)
		id = string(first)
		return nil
	})
	return id, ok, err
}

// ByEmail returns the ids of the transactions whose recipient has the
// canonical address (see [plan.CanonicalEmail]), sorted.
func (s *Store) ByEmail(canonical string) ([]string, error) {
	var ids []string
	prefix := mac(s.secret, canonical)
	err := s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucketPerson)).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if _, err := unseal(k, v); err != nil {
				return err
			}
			ids = append(ids, string(k[macLen:]))
		}
		return nil
	})
	return ids, err
}

// ByContact returns the ids of the transactions whose records are linked to a
// contact of HubSpot, or were until it was deleted; sorted.
func (s *Store) ByContact(contact string) ([]string, error) {
	if validID(contact) != nil { // no gift is linked to it
		return nil, nil
	}
	var ids []string
	prefix := contactKey(contact, "")
	err := s.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucketContact)).Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if _, err := unseal(k, v); err != nil {
				return err
			}
			ids = append(ids, string(k[len(prefix):]))
		}
		return nil
	})
	return ids, err
}

// Checkpoint returns how far a named kind of run has come.
func (s *Store) Checkpoint(name string) (cp Checkpoint, ok bool, err error) {
	ok, err = s.find(bucketCheckpoint, []byte(name), func(value []byte) (err error) {
		cp, err = decodeCheckpoint(value)
		return err
	})
	return cp, ok, err
}

// Meta returns what was committed under a name of [Commit.Meta], nil if there is
// nothing.
func (s *Store) Meta(name string) (value []byte, err error) {
	_, err = s.find(bucketMeta, []byte(prefixRun+name), func(v []byte) error {
		value = append([]byte{}, v...)
		return nil
	})
	return value, err
}

// QuarantinedByKey returns a quarantined record by its key.
func (s *Store) QuarantinedByKey(key string) (q Quarantined, ok bool, err error) {
	ok, err = s.find(bucketQuarantine, []byte(key), func(value []byte) (err error) {
		q, err = decodeQuarantined(key, value)
		return err
	})
	return q, ok, err
}

// QuarantinedByID returns the quarantined records of the transactions, by id.
// Those that are not in quarantine are absent.
func (s *Store) QuarantinedByID(ids []string) (map[string]Quarantined, error) {
	return lookUp(s, bucketQuarantine, ids, func(key, value []byte) (Quarantined, error) {
		return decodeQuarantined(string(key), value)
	})
}

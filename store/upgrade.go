package store

import (
	"encoding/json"
	"strconv"

	"go.etcd.io/bbolt"
)

// readFormat returns the format of a file.
func readFormat(tx *bbolt.Tx) (int, error) {
	meta := tx.Bucket([]byte(bucketMeta))
	if meta == nil {
		return 0, damaged("it is not a state file of this program")
	}
	b, err := get(meta, []byte(keyFormat))
	if err != nil {
		return 0, err
	}
	v, err := strconv.Atoi(string(b))
	if err != nil || v < 1 {
		return 0, damaged("its format is unreadable")
	}
	return v, nil
}

// upgrade makes a file of format 1 one of format 2, in one transaction: with a
// bucket for missed addresses, and its ambiguous links counted.
func (s *Store) upgrade() error {
	old := false
	err := s.view(func(tx *bbolt.Tx) error {
		v, err := readFormat(tx)
		old = v == 1
		return err
	})
	if err != nil || !old {
		return err
	}
	return s.update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists([]byte(bucketMissed)); err != nil {
			return err
		}
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		c, err := readCounts(b.meta)
		if err != nil {
			return err
		}
		c.Ambiguous = 0
		err = b.gift.ForEach(func(key, sealed []byte) error {
			value, err := unseal(key, sealed)
			if err != nil {
				return err
			}
			g, err := decodeGift(string(key), value)
			if err == nil && entriesOf(g).ambiguous {
				c.Ambiguous++
			}
			return err
		})
		if err != nil {
			return err
		}
		value, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if err := put(b.meta, []byte(keyCounts), value); err != nil {
			return err
		}
		return put(b.meta, []byte(keyFormat), strconv.AppendInt(nil, format, 10))
	})
}

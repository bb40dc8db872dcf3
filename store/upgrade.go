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

// addedBuckets are the buckets that a format has added.
var addedBuckets = map[int][]string{
	2: {bucketMissed},
	3: {bucketInbox, bucketBody, bucketSeen, bucketDue, bucketWaiting},
}

// upgrade converts a file of an older format to this format, in one
// transaction.
func (s *Store) upgrade() error {
	have := 0
	err := s.view(func(tx *bbolt.Tx) (err error) {
		have, err = readFormat(tx)
		return err
	})
	if err != nil || have >= format {
		return err
	}
	return s.update(func(tx *bbolt.Tx) error {
		for v := have + 1; v <= format; v++ {
			for _, name := range addedBuckets[v] {
				if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
					return err
				}
			}
		}
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		if have == 1 {
			if err := countAmbiguous(b); err != nil {
				return err
			}
		}
		return put(b.meta, []byte(keyFormat), strconv.AppendInt(nil, format, 10))
	})
}

// countAmbiguous counts the ambiguous links, which format 1 did not.
func countAmbiguous(b *buckets) error {
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
	return put(b.meta, []byte(keyCounts), value)
}

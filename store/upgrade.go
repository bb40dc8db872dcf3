package store

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

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

// OriginsEntry is the entry of [Store.Meta] that tells since when links say whether
// they were found in HubSpot, a time: a file of format 4 or older did not keep that.
// There is none in a file that always did.
const OriginsEntry = "origins"

// addedBuckets are the buckets that a format has added.
var addedBuckets = map[int][]string{
	2: {bucketMissed},
	3: {bucketInbox, bucketBody, bucketSeen, bucketDue, bucketWaiting},
	4: {bucketIdle},
	5: {bucketContact, bucketSend, bucketSendOpen, bucketSendWhen, bucketSummary, bucketBefore, bucketRuns},
}

// addedIn is the format that added a bucket.
func addedIn(bucket string) int {
	for v, names := range addedBuckets {
		for _, name := range names {
			if name == bucket {
				return v
			}
		}
	}
	return 1
}

// upgrade converts a file of an older format to this format, in one
// transaction, after a copy of it was made and found sound.
func (s *Store) upgrade(log *slog.Logger) error {
	have := 0
	err := s.view(func(tx *bbolt.Tx) (err error) {
		have, err = readFormat(tx)
		return err
	})
	if err != nil || have >= format {
		return err
	}
	copied, err := s.backUp(have)
	if err != nil {
		return err
	}
	err = s.update(func(tx *bbolt.Tx) error {
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
		if err := recount(b, have); err != nil {
			return err
		}
		if have < 5 {
			since, err := json.Marshal(time.Now().UTC())
			if err != nil {
				return err
			}
			if err := put(b.meta, []byte(prefixRun+OriginsEntry), since); err != nil {
				return err
			}
		}
		return put(b.meta, []byte(keyFormat), strconv.AppendInt(nil, format, 10))
	})
	if err == nil {
		log.Info("state file converted to a new format; the copy is for going back to the older release", "path", s.path, "from", have, "to", format, "copy", copied)
	}
	return err
}

// recount counts and indexes what a format did not: format 1 the ambiguous
// links, formats before 4 the events of which nothing is to be processed, formats
// before 5 the contacts that gifts are linked to.
func recount(b *buckets, have int) error {
	c, err := readCounts(b.meta)
	if err != nil {
		return err
	}
	if have == 1 {
		if c.Ambiguous, err = ambiguousLinks(b.gift); err != nil {
			return err
		}
	}
	if have < 5 {
		if err := indexContacts(b); err != nil {
			return err
		}
	}
	if have >= 4 {
		return nil
	}
	err = b.inbox.ForEach(func(key, sealed []byte) error {
		value, err := unseal(key, sealed)
		if err != nil {
			return err
		}
		e, err := decodeEvent(key, value)
		if err != nil || !e.idle() {
			return err
		}
		c.Idle.Events++
		c.Idle.Bytes += int64(e.Size)
		return put(b.idle, key, nil)
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

func indexContacts(b *buckets) error {
	return b.gift.ForEach(func(key, sealed []byte) error {
		value, err := unseal(key, sealed)
		if err != nil {
			return err
		}
		g, err := decodeGift(string(key), value)
		if err != nil {
			return err
		}
		for _, contact := range entriesOf(g).contacts {
			if err := put(b.contact, contactKey(contact, string(key)), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func ambiguousLinks(gifts *bbolt.Bucket) (n int, err error) {
	err = gifts.ForEach(func(key, sealed []byte) error {
		value, err := unseal(key, sealed)
		if err != nil {
			return err
		}
		g, err := decodeGift(string(key), value)
		if err == nil && entriesOf(g).ambiguous {
			n++
		}
		return err
	})
	return n, err
}

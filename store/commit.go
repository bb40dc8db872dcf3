package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// Commit makes all effects of c durable together. If it returns an error, none of
// them is in the file, unless the error says that this is unknown. A
// [*FullError] leaves the store usable. Callers limit a commit to about 500
// gifts, because every other commit waits for it.
//
// The message of a gift is kept as its digest. A quarantined record keeps the
// First of its first commit and counts its Attempts. Healed keys and removed
// meta names need not exist. A gift may get another transaction id: Removed has
// the old one, and Gifts the gift with the new one. Effects are applied in the order of c's fields.
// An event that does not exist fails the commit, and so does a send that cannot get
// its transaction.
func (s *Store) Commit(c Commit) error {
	values := make([][]byte, len(c.Gifts))
	for i, g := range c.Gifts {
		if err := validID(g.Gift.ID); err != nil {
			return fmt.Errorf("journal: a gift with an %w: it belongs in the quarantine", err)
		}
		if err := validID(g.ObjectID); err != nil {
			return fmt.Errorf("journal: gift %s has a record with an %w", g.Gift.ID, err)
		}
		values[i] = encodeGift(g)
	}
	return s.write(func(w *writer) error {
		for _, id := range c.Removed {
			if err := w.removeGift(id); err != nil {
				return err
			}
		}
		w.gift.FillPercent = fillPercent(w.gift, c.Gifts)
		for i, g := range c.Gifts {
			if err := w.putGift(g, values[i]); err != nil {
				return err
			}
		}
		return w.putRest(c)
	})
}

// removeGift takes a gift out of the journal and its indexes.
func (w *writer) removeGift(id string) error {
	have, err := get(w.gift, []byte(id))
	if have == nil || err != nil {
		return err
	}
	was, err := decodeGift(id, have)
	if err != nil {
		return err
	}
	w.counts.Gifts--
	if err := w.note(id, &was); err != nil {
		return err
	}
	if err := w.gift.Delete([]byte(id)); err != nil {
		return err
	}
	return w.reindex(id, entriesOf(was), entries{})
}

// write makes what f does to the file durable.
func (s *Store) write(f func(*writer) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.writeLocked(f)
}

// writeLocked is write for who holds s.writing.
func (s *Store) writeLocked(f func(*writer) error) error {
	return s.updateLocked(func(tx *bbolt.Tx) error {
		w, err := newWriter(tx, s.secret)
		if err != nil {
			return err
		}
		w.limits = s.summaries
		if err := f(w); err != nil {
			return err
		}
		if err := w.dropBodies(s.idleLimit); err != nil {
			return err
		}
		return w.putCounts()
	})
}

// A writer applies one commit.
type writer struct {
	*buckets
	secret  []byte
	counts  counts
	summary summaryState
	limits  summaryLimits
}

func newWriter(tx *bbolt.Tx, secret []byte) (*writer, error) {
	b, err := openBuckets(tx)
	if err != nil {
		return nil, err
	}
	b.audit.FillPercent = 1    // only ever appended to
	b.object.FillPercent = 0.9 // HubSpot's ids mostly count up
	b.inbox.FillPercent = 0.9  // appended to; each event grows a little later
	b.body.FillPercent = 1
	w := &writer{buckets: b, secret: secret}
	if w.summary, err = readSummaryState(b.meta); err != nil {
		return nil, err
	}
	w.counts, err = readCounts(b.meta)
	if w.counts.Orphans == nil {
		w.counts.Orphans = make(map[plan.Orphan]int)
	}
	if w.counts.Events == nil {
		w.counts.Events = make(map[EventState]int)
	}
	return w, err
}

// fillPercent returns how full bbolt may leave a page that it splits. If ids come
// in order, nothing is inserted before them later. If they come in any order,
// full pages would be split again and again.
func fillPercent(b *bbolt.Bucket, gifts []plan.Stored) float64 {
	last, _ := b.Cursor().Last()
	for _, g := range gifts {
		if g.Gift.ID <= string(last) {
			return 0.7
		}
	}
	return 0.95
}

func (w *writer) putGift(g plan.Stored, value []byte) error {
	id := g.Gift.ID
	have, err := get(w.gift, []byte(id))
	if err != nil {
		return err
	}
	if bytes.Equal(have, value) {
		return nil
	}
	var old entries
	if have == nil {
		w.counts.Gifts++
		err = w.note(id, nil)
	} else {
		var was plan.Stored
		if was, err = decodeGift(id, have); err != nil {
			return err
		}
		old = entriesOf(was)
		err = w.note(id, &was)
	}
	if err != nil {
		return err
	}
	if err := put(w.gift, []byte(id), value); err != nil {
		return err
	}
	return w.reindex(id, old, entriesOf(g))
}

// putRest applies everything but the gifts.
func (w *writer) putRest(c Commit) error {
	for _, q := range c.Quarantine {
		if err := w.putQuarantined(q); err != nil {
			return err
		}
	}
	for _, key := range c.Healed {
		if w.quarantine.Get([]byte(key)) == nil {
			continue
		}
		w.counts.Quarantined--
		if err := w.quarantine.Delete([]byte(key)); err != nil {
			return err
		}
	}
	for _, address := range c.Missed {
		if err := put(w.missed, mac(w.secret, address), encodeMoment(c.MissedAt)); err != nil {
			return err
		}
	}
	if err := w.putAudit(c.Audit); err != nil {
		return err
	}
	for name, cp := range c.Checkpoints {
		value, err := encodeCheckpoint(cp)
		if err != nil {
			return err
		}
		if err := put(w.checkpoint, []byte(name), value); err != nil {
			return err
		}
	}
	if err := w.putSends(c); err != nil {
		return err
	}
	if c.Sending.Off != "" {
		if err := w.stopSending(c.Sending); err != nil {
			return err
		}
	}
	for name, value := range c.Meta {
		key := []byte(prefixRun + name)
		if value == nil {
			if err := w.meta.Delete(key); err != nil {
				return err
			}
		} else if err := put(w.meta, key, value); err != nil {
			return err
		}
	}
	for i := range c.Events {
		if err := w.updateEvent(&c.Events[i]); err != nil {
			return err
		}
	}
	for _, seq := range c.Bared {
		if err := w.bareEvent(seq); err != nil {
			return err
		}
	}
	for _, run := range c.Runs {
		steady := w.steadyClock(run.Started)
		if err := w.putRun(run); err != nil {
			return err
		}
		if run.Finished.IsZero() { // a killed run has no end, which would be the time of the entry
			continue
		}
		if err := w.cutAudit(steady.Add(-AuditKept), run.Finished); err != nil {
			return err
		}
	}
	for _, address := range c.Unmissed {
		if err := w.missed.Delete(mac(w.secret, address)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) putQuarantined(q Quarantined) error {
	if err := validID(q.Key); err != nil {
		return fmt.Errorf("quarantine: a key that is an %w", err)
	}
	have, err := get(w.quarantine, []byte(q.Key))
	if err != nil {
		return err
	}
	q.Attempts = 1
	if q.First.IsZero() {
		q.First = q.Last
	}
	if have == nil {
		w.counts.Quarantined++
	} else {
		was, err := decodeQuarantined(q.Key, have)
		if err != nil {
			return err
		}
		q.Attempts, q.First = was.Attempts+1, was.First
		q.Source, q.GiftName = cmp.Or(q.Source, was.Source), cmp.Or(q.GiftName, was.GiftName)
		if q.Date.IsZero() {
			q.Date = was.Date
		}
	}
	value, err := encodeQuarantined(q)
	if err != nil {
		return err
	}
	return put(w.quarantine, []byte(q.Key), value)
}

// putCounts writes the counts if they have changed.
func (w *writer) putCounts() error {
	was, err := readCounts(w.meta)
	if err != nil || was.equal(w.counts) {
		return err
	}
	value, err := json.Marshal(w.counts)
	if err != nil {
		return err
	}
	return put(w.meta, []byte(keyCounts), value)
}

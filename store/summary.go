package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"iter"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// summaryPiece is the size of the values that hold a summary, in bytes: bbolt
// needs free pages in a row for a value.
const summaryPiece = 64 << 10

// summaryLimits say how many gifts may change.
type summaryLimits struct {
	// keep is how many have changed when a summary is kept anew. Until then it is
	// cheaper to bring the kept one up to date each time.
	keep int
	// forget is how many may have changed since a summary was kept. With more it
	// is forgotten, and the next one computed from all gifts.
	forget int
}

var defaultSummaryLimits = summaryLimits{keep: 500, forget: 20_000}

// A GiftChange is a gift before and after it changed; nil where there was none, or
// is none any more. Both are brief, see [Store.Brief].
type GiftChange struct{ Before, Now *plan.Stored }

// Summary brings up to date what was computed from all gifts. It calls fold with
// the summary that was kept last under this label, and with each gift that has
// changed since; or with nil and every gift as a new one. The summary that fold
// returns is of all gifts at one moment, and Summary may keep it. The changes
// end with the first error, which fold returns.
//
// A summary of another label is forgotten: the label says by which rules it is
// computed. The same happens after a lot of changes. Where nothing can be kept
// because the disk is full, Summary computes without keeping.
//
// While fold runs, the file cannot reuse pages; commits go on.
func (s *Store) Summary(ctx context.Context, label string, fold func(kept []byte, changes iter.Seq2[GiftChange, error]) ([]byte, error)) error {
	tx, state, err := s.beginSummary(label)
	if err != nil {
		return err
	}
	defer tx.Rollback() // it only reads
	var kept []byte
	read := reading{ctx: ctx, s: s, tx: tx}
	changes := read.all
	if state.covers(label) {
		if err := s.guarded(func() (err error) { kept, err = keptSummary(tx); return err }); err != nil {
			return err
		}
		changes = read.changed
	}
	sum, err := fold(kept, changes)
	if err != nil || !state.begun {
		return err
	}
	if err := tx.Rollback(); err != nil {
		return err
	}
	err = s.keepSummary(label, state.Epoch, sum)
	if full := new(FullError); errors.As(err, &full) {
		return nil
	}
	return err
}

// ForgetSummary makes the next [Store.Summary] compute from all gifts.
func (s *Store) ForgetSummary() error {
	return s.write(func(w *writer) error { return w.forgetSummary("") })
}

// A summaryState says what is kept. Changed gifts are noted in epochs: a summary
// is of the moment at which its epoch began, and what has changed since is in
// that epoch and the later ones.
type summaryState struct {
	Label string `json:"l,omitempty"` // "" where no changes are noted
	Epoch int    `json:"e,omitempty"` // the one under way
	First int    `json:"f,omitempty"` // the first whose changes are noted
	Kept  int    `json:"k,omitempty"` // the one of the kept summary, 0 for none

	begun bool // by the reader
}

// covers reports whether the kept summary, together with what has changed, is
// one of the label.
func (st summaryState) covers(label string) bool { return st.Label == label && st.Kept > 0 }

func readSummaryState(meta *bbolt.Bucket) (st summaryState, err error) {
	value, err := get(meta, []byte(keySummary))
	if value == nil || err != nil {
		return st, err
	}
	if json.Unmarshal(value, &st) != nil {
		return st, damaged("the state of the summary cannot be read")
	}
	return st, nil
}

// beginSummary returns a reading transaction, and what is kept at its moment. If
// the summary is to be kept, an epoch begins at exactly this moment.
func (s *Store) beginSummary(label string) (tx *bbolt.Tx, state summaryState, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	err = s.guarded(func() error {
		return s.db.View(func(tx *bbolt.Tx) (err error) {
			meta := tx.Bucket([]byte(bucketMeta))
			if state, err = readSummaryState(meta); err != nil {
				return err
			}
			c, err := readCounts(meta)
			state.begun = !state.covers(label) || c.Before >= s.summaries.keep
			return err
		})
	})
	if err != nil {
		return nil, state, err
	}
	if state.begun {
		var next summaryState
		err := s.writeLocked(func(w *writer) (err error) {
			next, err = w.beginEpoch(label)
			return err
		})
		full := new(FullError)
		switch {
		case err == nil:
			state = next
			state.begun = true
		case errors.As(err, &full):
			state.begun = false
		default:
			return nil, state, err
		}
	}
	err = s.guarded(func() (err error) { tx, err = s.db.Begin(false); return err }) // under writing, as the handle must not be replaced meanwhile
	return tx, state, err
}

// beginEpoch makes changes be noted in a new epoch.
func (w *writer) beginEpoch(label string) (summaryState, error) {
	if w.summary.Label != label {
		if err := w.forgetSummary(label); err != nil {
			return w.summary, err
		}
	} else {
		w.summary.Epoch++
	}
	return w.summary, w.putSummaryState()
}

func (w *writer) putSummaryState() error {
	value, err := json.Marshal(w.summary)
	if err != nil {
		return err
	}
	return put(w.meta, []byte(keySummary), value)
}

// forgetSummary drops the summary and what was noted since, and begins to note
// changes under a label, "" for not at all. What is being computed meanwhile is
// not kept.
func (w *writer) forgetSummary(label string) error {
	for _, slot := range []struct {
		name   string
		bucket **bbolt.Bucket
	}{{bucketSummary, &w.kept}, {bucketBefore, &w.before}} {
		tx := w.meta.Tx()
		if err := tx.DeleteBucket([]byte(slot.name)); err != nil {
			return err
		}
		var err error
		if *slot.bucket, err = tx.CreateBucket([]byte(slot.name)); err != nil {
			return err
		}
	}
	w.counts.Before = 0
	w.summary = summaryState{Label: label, Epoch: w.summary.Epoch + 1, First: w.summary.Epoch + 1}
	return w.putSummaryState()
}

// note keeps a gift as it is before its first change in this epoch, was nil for
// one that is not there yet.
func (w *writer) note(id string, was *plan.Stored) error {
	if w.summary.Label == "" {
		return nil
	}
	if w.counts.Before >= w.limits.forget {
		return w.forgetSummary("")
	}
	key := beforeKey(w.summary.Epoch, id)
	if w.before.Get(key) != nil {
		return nil
	}
	var value []byte
	if was != nil {
		value = encodeGift(briefly(*was))
	}
	w.counts.Before++
	return put(w.before, key, value)
}

const epochLen = 4

func beforeKey(epoch int, id string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(epoch)), id...)
}

// keepSummary stores a summary of the moment at which an epoch began, and forgets
// what had changed before. It does nothing if a later one is kept already, or
// changes since are no longer noted.
func (s *Store) keepSummary(label string, epoch int, sum []byte) error {
	return s.write(func(w *writer) error {
		if st := w.summary; st.Label != label || epoch < st.First || epoch <= st.Kept {
			return nil
		}
		w.summary.Kept = epoch
		c := w.before.Cursor()
		for key, _ := c.First(); key != nil && bytes.Compare(key, beforeKey(epoch, "")) < 0; key, _ = c.First() {
			if err := c.Delete(); err != nil {
				return err
			}
			w.counts.Before--
		}
		c = w.kept.Cursor()
		for key, _ := c.First(); key != nil; key, _ = c.First() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		for n := uint64(0); len(sum) > 0; n++ {
			piece := sum[:min(len(sum), summaryPiece)]
			sum = sum[len(piece):]
			if err := put(w.kept, seqKey(n), piece); err != nil {
				return err
			}
		}
		return w.putSummaryState()
	})
}

func keptSummary(tx *bbolt.Tx) ([]byte, error) {
	sum := []byte{}
	err := tx.Bucket([]byte(bucketSummary)).ForEach(func(key, sealed []byte) error {
		piece, err := unseal(key, sealed)
		sum = append(sum, piece...)
		return err
	})
	return sum, err
}

// A reading reads gifts as they were at the moment of its transaction. Reading a
// step is guarded; what is done with it is not.
type reading struct {
	ctx context.Context
	s   *Store
	tx  *bbolt.Tx
}

// all yields every gift as a new one.
func (r reading) all(yield func(GiftChange, error) bool) {
	decode := newBriefDecoder()
	r.steps(bucketGift, func(id, value []byte) (GiftChange, bool, error) {
		g, err := decode.gift(id, value)
		return GiftChange{Now: &g}, true, err
	}, yield)
}

// changed yields every gift that has changed, as it was before the first change.
func (r reading) changed(yield func(GiftChange, error) bool) {
	decode, seen := newBriefDecoder(), make(map[string]struct{})
	gifts := r.tx.Bucket([]byte(bucketGift))
	r.steps(bucketBefore, func(key, value []byte) (c GiftChange, ok bool, err error) {
		if len(key) < epochLen {
			return c, false, damaged("a gift's earlier state has a short key")
		}
		id := key[epochLen:]
		if _, again := seen[string(id)]; again {
			return c, false, nil
		}
		seen[string(id)] = struct{}{}
		if len(value) > 0 {
			was, err := decode.gift(id, value)
			if err != nil {
				return c, false, err
			}
			c.Before = &was
		}
		value, err = get(gifts, id)
		if value != nil && err == nil {
			var now plan.Stored
			now, err = decode.gift(id, value)
			c.Now = &now
		}
		return c, true, err
	}, yield)
}

// steps reads a bucket in steps and yields what decode makes of its values,
// except where it says that this is nothing.
func (r reading) steps(bucket string, decode func(key, value []byte) (GiftChange, bool, error), yield func(GiftChange, error) bool) {
	cursor := r.tx.Bucket([]byte(bucket)).Cursor()
	key, sealed := cursor.First()
	for step := make([]GiftChange, 0, scanStep); key != nil; step = step[:0] {
		err := r.ctx.Err()
		if err == nil {
			err = r.s.guarded(func() error {
				for ; key != nil && len(step) < scanStep; key, sealed = cursor.Next() {
					value, err := unseal(key, sealed)
					if err != nil {
						return err
					}
					c, ok, err := decode(key, value)
					if err != nil {
						return err
					}
					if ok {
						step = append(step, c)
					}
				}
				return nil
			})
		}
		if err != nil {
			yield(GiftChange{}, err)
			return
		}
		for _, c := range step {
			if !yield(c, nil) {
				return
			}
		}
	}
}

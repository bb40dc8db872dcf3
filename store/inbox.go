package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// A queueSize says how many events there are of a kind, and how large.
type queueSize struct {
	Events int   `json:"n,omitempty"`
	Bytes  int64 `json:"b,omitempty"` // of their bodies
}

func (q queueSize) exceeds(limit queueSize) bool {
	return q.Events > limit.Events || q.Bytes > limit.Bytes
}

func (c counts) queue() queueSize {
	return queueSize{c.Events[EventPending] + c.Events[EventWaiting], c.Queued}
}

// seenKey is the index key by which two deliveries are the same event. A sender
// who does not have the file's key cannot make two events with the same index
// key.
func seenKey(secret []byte, e *Event) []byte {
	return mac(secret, e.Dialect+"\x00"+e.Key)
}

// dueSecond is the second from which on something is due. Events that are due at
// once come first, whatever the clock says.
func dueSecond(t time.Time) uint64 {
	return uint64(max(0, t.Unix()))
}

// dueKey is the event's entry in the index of due events, nil for none.
func dueKey(e *Event) []byte {
	if e.State == EventPending || e.State == EventWaiting && !e.NextTry.IsZero() {
		return dueFrom(e.NextTry, e.Seq)
	}
	return nil
}

// dueFrom is the index entry of event seq that is due at t. Entries of later
// events follow it.
func dueFrom(t time.Time, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, dueSecond(t)), seq)
}

// waitingKeys are the event's entries in the index of waiting events.
func waitingKeys(e *Event) [][]byte {
	if e.State != EventWaiting {
		return nil
	}
	var keys [][]byte
	for _, id := range e.ids() {
		keys = append(keys, append(waitingPrefix(id), seqKey(e.Seq)...))
	}
	return keys
}

func waitingPrefix(id string) []byte { return append([]byte(id), 0) }

// decodeSeq reads a number that is a key or the end of one.
func decodeSeq(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, damaged("the number of an event cannot be read")
	}
	return binary.BigEndian.Uint64(b), nil
}

// event reads an event, nil when there is none.
func (b *buckets) event(seq uint64) (*Event, error) {
	key := seqKey(seq)
	value, err := get(b.inbox, key)
	if value == nil || err != nil {
		return nil, err
	}
	e, err := decodeEvent(key, value)
	return &e, err
}

// indexed reads the event that an index entry names.
func (b *buckets) indexed(seq []byte) (*Event, error) {
	n, err := decodeSeq(seq)
	if err != nil {
		return nil, err
	}
	e, err := b.event(n)
	if e == nil && err == nil {
		err = damaged("an index names an event that is not there")
	}
	return e, err
}

// repeated returns the event that e repeats, nil when it is new.
func (w *writer) repeated(e *Event) (*Event, error) {
	seq, err := get(w.seen, seenKey(w.secret, e))
	if seq == nil || err != nil {
		return nil, err
	}
	first, err := w.indexed(seq)
	if err != nil || !e.repeats(first) {
		return nil, err
	}
	return first, nil
}

// addEvent puts an event that was received.
func (w *writer) addEvent(e Event) (Receipt, error) {
	first, err := w.repeated(&e)
	if err != nil {
		return Receipt{}, err
	}
	if first != nil {
		first.Repeats++
		if e.ReceivedAt.After(first.LastRepeat) {
			first.LastRepeat = e.ReceivedAt
		}
		return Receipt{first.Seq, first.Seq}, put(w.inbox, seqKey(first.Seq), encodeEvent(first))
	}
	seq, err := w.inbox.NextSequence()
	if err != nil {
		return Receipt{}, err
	}
	e.Seq, e.Size, e.BodyDropped, e.DuplicateOf, e.Repeats, e.LastRepeat = seq, len(e.Body), false, 0, 0, time.Time{}
	e.State, e.Attempts, e.NextTry, e.DoneAt = e.Effect.start(), 0, time.Time{}, time.Time{}
	if !e.State.queued() {
		e.DoneAt = e.ReceivedAt
	}
	if e.Size > 0 {
		if err := put(w.body, seqKey(seq), e.Body); err != nil {
			return Receipt{}, err
		}
	}
	key := seenKey(w.secret, &e)
	if w.seen.Get(key) == nil {
		w.counts.Seen++
	}
	if err := put(w.seen, key, seqKey(seq)); err != nil {
		return Receipt{}, err
	}
	return Receipt{Seq: seq}, w.putEvent(nil, &e)
}

// putEvent puts an event in the place of an older version of it, nil for none.
func (w *writer) putEvent(old, now *Event) error {
	if old != nil {
		if err := w.dropEntries(old); err != nil {
			return err
		}
	}
	w.countEvent(now, 1)
	if key := dueKey(now); key != nil {
		if err := put(w.due, key, nil); err != nil {
			return err
		}
	}
	for _, key := range waitingKeys(now) {
		if err := put(w.waiting, key, nil); err != nil {
			return err
		}
	}
	if now.idle() {
		if err := put(w.idle, seqKey(now.Seq), nil); err != nil {
			return err
		}
	}
	return put(w.inbox, seqKey(now.Seq), encodeEvent(now))
}

// dropBodies removes the bodies of the oldest events of which nothing is to be
// processed, as long as these exceed their bound: at most 1,000 in a commit, so
// that a lower bound does not hold it up.
func (w *writer) dropBodies(limit queueSize) error {
	for range 2 * stepOf {
		if !w.counts.Idle.exceeds(limit) {
			return nil
		}
		oldest, _ := w.idle.Cursor().First()
		if oldest == nil {
			return damaged("the index of idle events is empty and should not be")
		}
		e, err := w.indexed(oldest)
		if err != nil {
			return err
		}
		if err := w.body.Delete(oldest); err != nil {
			return err
		}
		bare := e.withoutBody()
		if err := w.putEvent(e, &bare); err != nil {
			return err
		}
	}
	return nil
}

// bareEvent removes the body of an event, and what its body said in texts.
func (w *writer) bareEvent(seq uint64) error {
	e, err := w.event(seq)
	if e == nil || err != nil {
		return err
	}
	if err := w.body.Delete(seqKey(seq)); err != nil {
		return err
	}
	bare := e.withoutBody()
	return w.putEvent(e, &bare)
}

// dropEntries takes an event out of the counts and the indexes of its state.
func (w *writer) dropEntries(e *Event) error {
	w.countEvent(e, -1)
	if key := dueKey(e); key != nil {
		if err := w.due.Delete(key); err != nil {
			return err
		}
	}
	for _, key := range waitingKeys(e) {
		if err := w.waiting.Delete(key); err != nil {
			return err
		}
	}
	if e.idle() {
		return w.idle.Delete(seqKey(e.Seq))
	}
	return nil
}

func (w *writer) countEvent(e *Event, by int) {
	count(w.counts.Events, e.State, by)
	if e.State.queued() {
		w.counts.Queued += int64(by * e.Size)
	}
	if e.idle() {
		w.counts.Idle.Events += by
		w.counts.Idle.Bytes += int64(by * e.Size)
	}
	if e.BodyDropped {
		w.counts.Dropped += by
	}
}

// updateEvent applies a commit's new state to an event.
func (w *writer) updateEvent(e *Event) error {
	old, err := w.event(e.Seq)
	switch {
	case err != nil:
		return err
	case old == nil:
		return fmt.Errorf("inbox: there is no event %d", e.Seq)
	case old.State == EventDuplicate:
		return fmt.Errorf("inbox: event %d is a repeat and cannot become %q", e.Seq, string(e.State))
	case e.State == EventDuplicate || e.State == "" || !slices.Contains(eventStates, e.State):
		return fmt.Errorf("inbox: event %d cannot become %q", e.Seq, string(e.State))
	}
	now := *old
	now.TransactionID, now.Reason, now.State = e.TransactionID, e.Reason, e.State
	now.Attempts, now.NextTry, now.DoneAt = e.Attempts, e.NextTry, e.DoneAt
	return w.putEvent(old, &now)
}

// stepOf is how many events one commit of Replay or Expire changes. It is small,
// so that Receive never waits long.
const stepOf = 500

// Replay makes events pending again, whatever their state, and returns how many.
// read, unless it is nil, reads the kept body of an event anew: of the event that
// it returns, what the sender said counts from now on. An event without a body stays
// as it was read, and so does one that loses its body meanwhile.
//
// It skips repeats. It commits 500 at a time: after an error, those of earlier
// steps stay pending. Errors: a number that no event has, [ErrInboxFull].
func (s *Store) Replay(ctx context.Context, seqs []uint64, read func(e Event, body []byte) Event) (n int, err error) {
	for step := range slices.Chunk(seqs, stepOf) {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		said, err := s.readAgain(step, read)
		if err != nil {
			return n, err
		}
		done := 0
		err = s.write(func(w *writer) (err error) {
			done, err = w.replay(step, said)
			if err == nil && w.counts.queue().exceeds(s.queueLimit) {
				err = ErrInboxFull
			}
			return err
		})
		if err != nil {
			return n, err
		}
		n += done
	}
	return n, nil
}

// readAgain reads the bodies of events anew, of those that have one.
func (s *Store) readAgain(seqs []uint64, read func(e Event, body []byte) Event) (map[uint64]Event, error) {
	if read == nil {
		return nil, nil
	}
	said := make(map[uint64]Event)
	err := s.view(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		for _, seq := range seqs {
			body, err := get(b.body, seqKey(seq))
			if err != nil {
				return err
			}
			e, err := b.event(seq)
			if err != nil {
				return err
			}
			if body != nil && e != nil {
				said[seq] = read(*e, slices.Clone(body))
			}
		}
		return nil
	})
	return said, err
}

func (w *writer) replay(seqs []uint64, said map[uint64]Event) (n int, err error) {
	for _, seq := range seqs {
		e, err := w.event(seq)
		if err != nil {
			return n, err
		}
		if e == nil {
			return n, fmt.Errorf("inbox: there is no event %d", seq)
		}
		if e.State == EventDuplicate {
			continue
		}
		now := *e
		if again, ok := said[seq]; ok && !e.BodyDropped { // since it was read
			now = again.content(*e)
		}
		now.State, now.Attempts, now.NextTry, now.DoneAt = EventPending, 0, time.Time{}, time.Time{}
		if err := w.putEvent(e, &now); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Expire removes events that reached their final state at least 30 days before
// now, with their keys and bodies, and returns how many. Pending and waiting
// events stay, however old they are. It reads all events and removes 500 per
// commit; once a day is often enough. On disk, removed data is overwritten when
// its page is used again.
func (s *Store) Expire(ctx context.Context, now time.Time) (n int, err error) {
	step := make([]uint64, 0, stepOf)
	for e, err := range s.Events(ctx, EventFilter{}) {
		if err != nil {
			return n, err
		}
		if !e.expired(now) {
			continue
		}
		if step = append(step, e.Seq); len(step) == stepOf {
			done, err := s.removeEvents(step, now)
			if err != nil {
				return n, err
			}
			n, step = n+done, step[:0]
		}
	}
	if len(step) == 0 {
		return n, nil
	}
	done, err := s.removeEvents(step, now)
	return n + done, err
}

func (s *Store) removeEvents(seqs []uint64, now time.Time) (n int, err error) {
	err = s.write(func(w *writer) error {
		n = 0
		for _, seq := range seqs {
			e, err := w.event(seq)
			if err != nil {
				return err
			}
			if e == nil || !e.expired(now) { // removed or replayed meanwhile
				continue
			}
			if err := w.removeEvent(e); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// removeEvent removes an event, and its key unless it was received again since.
func (w *writer) removeEvent(e *Event) error {
	if err := w.dropEntries(e); err != nil {
		return err
	}
	key := seenKey(w.secret, e)
	seq, err := get(w.seen, key)
	if err != nil {
		return err
	}
	if string(seq) == string(seqKey(e.Seq)) {
		w.counts.Seen--
		if err := w.seen.Delete(key); err != nil {
			return err
		}
	}
	if err := w.body.Delete(seqKey(e.Seq)); err != nil {
		return err
	}
	return w.inbox.Delete(seqKey(e.Seq))
}

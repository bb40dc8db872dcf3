package store

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// longestPause is longer than any event waits for its next try.
const longestPause = 24 * time.Hour

// DueEvents returns up to limit events that are to be processed now: pending ones
// that were never tried, oldest first, then those whose NextTry has come
// (including waiting ones), in the order of NextTry. It begins behind after,
// which an earlier call returned, or at the front if after is zero.
//
// An event whose NextTry is more than a day ahead is due, too: no retry waits so
// long, so a clock was wrong when it was set.
func (s *Store) DueEvents(now time.Time, after Event, limit int) ([]Event, error) {
	var due []Event
	err := s.view(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		end, far := seqKey(dueSecond(now)+1), dueFrom(now.Add(longestPause), 0)
		c := b.due.Cursor()
		for k, v := c.Seek(dueFrom(after.NextTry, after.Seq+1)); k != nil && len(due) < limit; k, v = c.Next() {
			if bytes.Compare(k, end) >= 0 && bytes.Compare(k, far) < 0 {
				if k, v = c.Seek(far); k == nil {
					break
				}
			}
			if _, err := unseal(k, v); err != nil {
				return err
			}
			e, err := b.indexed(k[min(8, len(k)):])
			if err != nil {
				return err
			}
			if !e.NextTry.After(now) || e.NextTry.After(now.Add(longestPause)) { // not later in this second
				due = append(due, *e)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

// NextDue returns when the next event becomes due that is not due yet, to within
// a second; zero if there is none.
func (s *Store) NextDue(now time.Time) (next time.Time, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		c := b.due.Cursor()
		for k, v := c.Seek(dueFrom(now, 0)); k != nil && next.IsZero(); k, v = c.Next() {
			if _, err := unseal(k, v); err != nil {
				return err
			}
			e, err := b.indexed(k[min(8, len(k)):])
			if err != nil {
				return err
			}
			if e.NextTry.After(now) { // not earlier in this second
				next = e.NextTry
			}
		}
		return nil
	})
	return next, err
}

// waitingStep is how many events WaitingFor returns of one transaction.
const waitingStep = 500

// WaitingFor returns the events that wait for the transactions, by id, oldest
// first. An event with several of the ids is listed under each. It returns at
// most 500 for one id, because one commit should not hold more; the next call
// returns the next ones, once these no longer wait.
func (s *Store) WaitingFor(ids []string) (map[string][]Event, error) {
	found := make(map[string][]Event)
	err := s.view(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		c := b.waiting.Cursor()
		for _, id := range ids {
			if validID(id) != nil { // no event waits for it
				continue
			}
			var events []Event
			prefix := waitingPrefix(id)
			for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(events) < waitingStep; k, v = c.Next() {
				if _, err := unseal(k, v); err != nil {
					return err
				}
				e, err := b.indexed(k[len(prefix):])
				if err != nil {
					return err
				}
				events = append(events, *e)
			}
			if events != nil {
				found[id] = events
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// An EventFilter selects events. The zero filter selects all.
type EventFilter struct {
	Dialect       string     // "" for any
	Kind          string     // "" for any
	Email         string     // of the person, in canonical form; "" for any
	State         EventState // "" for any
	TransactionID string     // that the event has, or may have; "" for any
	Since         time.Time  // received then or later; zero for any time
	After         uint64     // with a greater number
	Limit         int        // how many at most; 0 for all
}

func (f *EventFilter) matches(e *Event) bool {
	return (f.Dialect == "" || e.Dialect == f.Dialect) &&
		(f.Kind == "" || e.Kind == f.Kind) &&
		(f.Email == "" || e.Email == f.Email) &&
		(f.State == "" || e.State == f.State) &&
		(f.TransactionID == "" || e.TransactionID == f.TransactionID || slices.Contains(e.Aliases, f.TransactionID)) &&
		!e.ReceivedAt.Before(f.Since)
}

// Events yields the events that match f, oldest first. Like the journal's
// listings it holds no transaction while the loop's body runs.
func (s *Store) Events(ctx context.Context, f EventFilter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		left := f.Limit
		for e, err := range scan(ctx, s, bucketInbox, string(seqKey(f.After)), decodeEvent) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			if !f.matches(&e) {
				continue
			}
			if !yield(e, nil) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// EventBody returns the raw body of an event, unless it was dropped.
func (s *Store) EventBody(seq uint64) (body []byte, ok bool, err error) {
	ok, err = s.find(bucketBody, seqKey(seq), func(value []byte) error {
		body = append([]byte{}, value...)
		return nil
	})
	return body, ok, err
}

// EventCounts returns how many events there are by state, and how many bytes
// the bodies of the pending and waiting ones have, without reading them.
func (s *Store) EventCounts() (byState map[EventState]int, queued int64, err error) {
	c, err := s.counts()
	if c.Events == nil {
		c.Events = make(map[EventState]int)
	}
	return c.Events, c.Queued, err
}

// BodiesDropped returns how many events in the inbox have lost their bodies,
// because there were more that need no processing than [Options] allow.
func (s *Store) BodiesDropped() (int, error) {
	c, err := s.counts()
	return c.Dropped, err
}

// InboxLoad returns how full the queue is, as a share of [Options.InboxEvents] or
// [Options.InboxBytes], whichever is more. Near 1, [Store.Receive] refuses new
// events.
func (s *Store) InboxLoad() (float64, error) {
	c, err := s.counts()
	q := c.queue()
	return max(float64(q.Events)/float64(s.queueLimit.Events), float64(q.Bytes)/float64(s.queueLimit.Bytes)), err
}

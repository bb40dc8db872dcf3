package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// ErrSendDiffers says that a request id stands for another send already.
var ErrSendDiffers = errors.New("this request id was used for another send: a repeat must name the same gift, sender, recipients, message and time; use another request id for another send")

// ErrSendMoved says that a send is not in the state any more from which it was to
// be changed.
var ErrSendMoved = errors.New("the send has changed meanwhile: look at it again")

// ErrSendNotCounted says that a send was begun, and that the file beside the state
// file that counts sends could not be written.
var ErrSendNotCounted = errors.New("the file that counts sends could not be written")

// AddSends puts the sends of one request into the ledger, with audit entries by their
// ids, all or none, and returns them as the ledger has them then. A send that is in the
// ledger already stays as it is there, and its entry is left out, unless it ended
// without a gift: then the new one takes its place.
//
// Errors: [ErrSendDiffers]; those of [Store.Commit].
func (s *Store) AddSends(sends []Send, audit map[string]AuditEntry) (have []Send, err error) {
	for _, e := range sends {
		if err := validSendID(e.ID); err != nil {
			return nil, err
		}
	}
	err = s.write(func(w *writer) error {
		have = slices.Clone(sends)
		if len(sends) == 0 {
			return errors.New("ledger: a request without sends")
		}
		old, err := w.sendsOf(sends[0].Request)
		if err != nil {
			return err
		}
		if len(old) > 0 && !agree(old, sends) {
			return ErrSendDiffers
		}
		if len(old) == 0 {
			if err := w.absent(sends); err != nil {
				return err
			}
		}
		var entries []AuditEntry
		for i, e := range sends {
			var was *Send
			if len(old) > 0 {
				was = &old[i]
			}
			if was != nil && was.State.Spends() {
				have[i] = *was
				continue
			}
			if err := w.putSend(was, e); err != nil {
				return err
			}
			if entry, ok := audit[e.ID]; ok {
				entries = append(entries, entry)
			}
		}
		return w.putAudit(entries)
	})
	if err != nil {
		return nil, err
	}
	return have, nil
}

// agree reports whether a repeat of a request says the same.
func agree(old, now []Send) bool {
	return slices.EqualFunc(old, now, func(a, b Send) bool { return a.ID == b.ID && a.Digest == b.Digest })
}

// absent fails with [ErrSendDiffers] if the ledger has one of some sends. A rebuilt
// ledger may have a later recipient of a request and not the first.
func (w *writer) absent(sends []Send) error {
	for _, e := range sends {
		if have, err := w.sendByID(e.ID); err != nil || have != nil {
			return cmp.Or(err, ErrSendDiffers)
		}
	}
	return nil
}

// sendsOf returns the sends of a request, in the order of their numbers.
func (b *buckets) sendsOf(request string) ([]Send, error) {
	only, err := b.sendByID(request)
	if err != nil {
		return nil, err
	}
	if only != nil {
		return []Send{*only}, nil
	}
	var sends []Send
	for n := 1; ; n++ {
		e, err := b.sendByID(fmt.Sprintf("%s.%d", request, n))
		if e == nil || err != nil {
			return sends, err
		}
		sends = append(sends, *e)
	}
}

// SendID is the id of the send to the n-th of several recipients, from 1, or to
// the only one.
func SendID(request string, n, of int) string {
	if of < 2 {
		return request
	}
	return fmt.Sprintf("%s.%d", request, n)
}

// validSendID refuses an id that is no key, or that another request's send could
// have.
func validSendID(id string) error {
	request, n, several := strings.Cut(id, ".")
	if err := validID(request); err != nil {
		return fmt.Errorf("ledger: a send with an %w", err)
	}
	if several && (n == "" || strings.Trim(n, "0123456789") != "") {
		return errors.New("ledger: a send whose id has a dot: request ids have none")
	}
	return nil
}

// NoteCalled notes when the workflow that waits for a send got its outcome, and
// nothing else: what the send is and where it stands may change at the same time. A send
// that the ledger does not have is none of a workflow's.
func (s *Store) NoteCalled(id string, at time.Time) error {
	return s.write(func(w *writer) error {
		old, err := w.sendByID(id)
		if err != nil || old == nil {
			return err
		}
		now := *old
		now.Called = at
		return w.putSend(old, now)
	})
}

// ChangeSend puts a send into another state, with audit entries, if it is still in
// the state from. It fails with [ErrSendMoved] where now is a copy from before the
// send's transaction appeared, and keeps when a workflow was told the outcome. A send
// that becomes [SendSending] raises the generation, in the same commit and then beside
// the file, before ChangeSend returns; the ledger must be open for sending.
//
// Errors: [ErrSendMoved], [ErrSendingOff], [ErrSendNotCounted]; those of
// [Store.Commit]. After an error its request must not be made.
func (s *Store) ChangeSend(from SendState, now Send, audit []AuditEntry) error {
	begins := now.State == SendSending
	if begins {
		s.generation.Lock()
		defer s.generation.Unlock()
		if !s.generation.open {
			return errors.New("ledger: not open for sending")
		}
	}
	var g generation
	err := s.write(func(w *writer) error {
		old, err := w.sendByID(now.ID)
		switch {
		case err != nil:
			return err
		case old == nil || old.State != from:
			return ErrSendMoved
		case old.TransactionID != "" && now.Joinable(): // it appeared after now was read
			return ErrSendMoved
		}
		if now.Called.IsZero() { // noted after now was read
			now.Called = old.Called
		}
		if begins {
			if g, err = w.generation(); err != nil {
				return err
			}
			if g.Off != "" {
				return ErrSendingOff
			}
			g.raise(s.generation.last.Number)
			if err := w.putGeneration(g); err != nil {
				return err
			}
		}
		if err := w.putSend(old, now); err != nil {
			return err
		}
		return w.putAudit(audit)
	})
	if err != nil || !begins {
		return err
	}
	if err := s.writeGeneration(g); err != nil {
		return fmt.Errorf("%w: %w", ErrSendNotCounted, err)
	}
	return nil
}

// Send returns a send of the ledger by its id.
func (s *Store) Send(id string) (e Send, ok bool, err error) {
	ok, err = s.find(bucketSend, []byte(id), func(value []byte) (err error) {
		e, err = decodeSend(id, value)
		return err
	})
	return e, ok, err
}

// Sends yields all sends of the ledger, sorted by id.
func (s *Store) Sends(ctx context.Context) iter.Seq2[Send, error] {
	return scan(ctx, s, bucketSend, "", func(key, value []byte) (Send, error) {
		return decodeSend(string(key), value)
	})
}

// SendsSince returns the sends that count at a time from since on (see
// [Send.When]), oldest first.
func (s *Store) SendsSince(since time.Time) (sends []Send, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		c := b.sendWhen.Cursor()
		for k, v := c.Seek(binary.BigEndian.AppendUint64(nil, dueSecond(since))); k != nil; k, v = c.Next() {
			if _, err := unseal(k, v); err != nil {
				return err
			}
			e, err := b.sendByID(string(k[8:]))
			if err != nil {
				return err
			}
			if e == nil {
				return damaged("the index of sends by time names one that is not there")
			}
			sends = append(sends, *e)
		}
		return nil
	})
	return sends, err
}

// sendByID reads a send, nil when there is none.
func (b *buckets) sendByID(id string) (*Send, error) {
	value, err := get(b.send, []byte(id))
	if value == nil || err != nil {
		return nil, err
	}
	e, err := decodeSend(id, value)
	return &e, err
}

// putSend puts a send in the place of an older version of it, nil for none. HubSpot
// is to show what it says, unless it was stopped before anything could be shown.
func (w *writer) putSend(old *Send, now Send) error {
	return w.putSendShown(old, now, old == nil && now.unsent())
}

// putSendShown is putSend where it is known whether HubSpot shows all that there is
// to show of the send.
func (w *writer) putSendShown(old *Send, now Send, shown bool) error {
	if !slices.Contains(sendStates, now.State) {
		return fmt.Errorf("ledger: a send cannot become %q", string(now.State))
	}
	if old == nil {
		w.counts.Sends++
	} else {
		if err := w.sendWhen.Delete(whenKey(*old)); err != nil {
			return err
		}
		if err := w.sendOpen.Delete([]byte(old.ID)); err != nil {
			return err
		}
	}
	if err := put(w.sendWhen, whenKey(now), nil); err != nil {
		return err
	}
	if now.Open() || !shown {
		if err := put(w.sendOpen, []byte(now.ID), unshownMark[shown]); err != nil {
			return err
		}
	}
	value, err := encodeSend(now)
	if err != nil {
		return err
	}
	return put(w.send, []byte(now.ID), value)
}

// whenKey is a send's entry in the index by time.
func whenKey(e Send) []byte {
	return append(binary.BigEndian.AppendUint64(nil, dueSecond(e.When())), e.ID...)
}

// A sendChecker compares the ledger with its indexes.
type sendChecker struct {
	*buckets
	open int // sends that the index of open ones should have
}

func (c *sendChecker) send(key, value []byte) error {
	e, err := decodeSend(string(key), value)
	if err != nil {
		return err
	}
	if c.sendWhen.Get(whenKey(e)) == nil {
		return damaged("the index of sends by time lacks one")
	}
	switch indexed := c.sendOpen.Get(bytes.Clone(key)) != nil; {
	case indexed:
		c.open++
	case e.Open():
		return damaged("the index of open sends lacks one")
	}
	return nil
}

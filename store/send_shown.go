package store

import (
	"reflect"
	"time"

	"go.etcd.io/bbolt"
)

// The index of open sends also has those of which HubSpot may show something else
// than the ledger says. Its values tell them apart.

// unshownMark is the value in the index, by whether HubSpot shows all that there is to
// show of a send.
var unshownMark = map[bool][]byte{false: []byte("u"), true: nil}

// unsent reports whether a send was stopped, so that nothing was sent.
func (s Send) unsent() bool {
	switch s.State {
	case SendHeld, SendNotSent, SendRefused, SendCancelled:
		return true
	}
	return false
}

// A SendJoin says that a transaction is the gift of a send.
type SendJoin struct {
	ID            string // of the send
	TransactionID string
	At            time.Time // when the transaction appeared
}

// OpenSends returns the sends to which something is still to happen, sorted by
// id. There are few.
func (s *Store) OpenSends() ([]Send, error) {
	return s.indexedSends(func(e Send, _ bool) bool { return e.Open() })
}

// UnshownSends returns the sends of which HubSpot may show something else than the
// ledger says, sorted by id.
func (s *Store) UnshownSends() ([]Send, error) {
	return s.indexedSends(func(_ Send, unshown bool) bool { return unshown })
}

func (s *Store) indexedSends(chosen func(e Send, unshown bool) bool) (some []Send, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		b, err := openBuckets(tx)
		if err != nil {
			return err
		}
		some, err = b.indexedSends(chosen)
		return err
	})
	return some, err
}

// openSends are the sends of [Store.OpenSends].
func (b *buckets) openSends() ([]Send, error) {
	return b.indexedSends(func(e Send, _ bool) bool { return e.Open() })
}

// indexedSends returns those of the sends in the index that are chosen.
func (b *buckets) indexedSends(chosen func(e Send, unshown bool) bool) (some []Send, err error) {
	err = b.sendOpen.ForEach(func(key, sealed []byte) error {
		mark, err := unseal(key, sealed)
		if err != nil {
			return err
		}
		e, err := b.sendByID(string(key))
		if err == nil && e == nil {
			err = damaged("the index of open sends names one that is not there")
		}
		if err == nil && chosen(*e, len(mark) > 0) {
			some = append(some, *e)
		}
		return err
	})
	return some, err
}

// putSends applies what a commit says of sends.
func (w *writer) putSends(c Commit) error {
	for _, e := range c.LostSends {
		if err := w.putLostSend(e); err != nil {
			return err
		}
	}
	for _, j := range c.Joined {
		if err := w.joinSend(j); err != nil {
			return err
		}
	}
	for _, e := range c.Shown {
		if err := w.markShown(e); err != nil {
			return err
		}
	}
	return nil
}

// putLostSend puts a send into the ledger that an earlier state file had, unless
// the ledger has begun it itself; see [Send.IsDoubted]. One that was asked for again
// meanwhile, and was refused or waits, gives way: else its next repeat would send the gift
// once more. The workflow that waits for it is told what became of the gift. What HubSpot
// shows of a lost send is where it is from.
func (w *writer) putLostSend(e Send) error {
	if err := validSendID(e.ID); err != nil {
		return err
	}
	have, err := w.sendByID(e.ID)
	if err != nil || have != nil && !have.Begun.IsZero() && !have.IsDoubted() {
		return err
	}
	if have != nil {
		e.Callback, e.Called = have.Callback, have.Called
	}
	return w.putSendShown(have, e, true)
}

// joinSend gives a send its transaction. It fails with [ErrSendMoved] where the send
// cannot have one any more, or has another.
func (w *writer) joinSend(j SendJoin) error {
	old, err := w.sendByID(j.ID)
	switch {
	case err != nil:
		return err
	case old == nil:
		return ErrSendMoved
	case old.TransactionID == j.TransactionID:
	case !old.Joinable():
		return ErrSendMoved
	}
	now := *old
	now.State, now.TransactionID, now.Reason = SendSent, j.TransactionID, ""
	if now.Ended.IsZero() || old.State == SendUnknown {
		now.Ended = j.At
	}
	return w.putSend(old, now)
}

// markShown notes that HubSpot shows what a send says, if the ledger still says the
// same. The texts of one to which nothing is to happen any more are needed no longer.
func (w *writer) markShown(e Send) error {
	old, err := w.sendByID(e.ID)
	if err != nil || old == nil || !reflect.DeepEqual(*old, e) {
		return err
	}
	if !e.Open() {
		e.forget()
	}
	return w.putSendShown(old, e, true)
}

// forget removes the texts of a send.
func (s *Send) forget() { s.Message, s.FirstName, s.LastName = "", "", "" }

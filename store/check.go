package store

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// Check reads the whole file and proves it sound: its pages, every value, and
// that the indexes and counts say exactly what the gifts and events say. It
// returns a [*CorruptError] when they do not, and [ErrReplaced] when the file is
// no longer the one at its path. A meta page that is torn, as after a power cut,
// is repaired first, as [Open] does; in a copy that is only read it is no damage.
//
// Commits and received events wait while the pages are gone through, about a
// second for a million gifts. The contents, which take ten times as long, are
// read as they were at one moment, and commits go on; only one that must map a
// larger file waits.
func (s *Store) Check(ctx context.Context) error {
	return s.guarded(func() error {
		if err := s.InPlace(); err != nil {
			return err
		}
		if s.torn() {
			if err := s.mend(); err != nil {
				return err
			}
		}
		if err := s.checkStructure(); err != nil {
			return err
		}
		return s.read(func(tx *bbolt.Tx) error { return s.checkContents(ctx, tx) })
	})
}

// torn reports whether one of the two meta pages is torn and can be repaired.
func (s *Store) torn() bool {
	s.opened.RLock()
	defer s.opened.RUnlock()
	info, err := s.file.Stat()
	if err != nil {
		return false
	}
	_, torn, err := readMetas(s.file, info.Size())
	return torn && err == nil && !s.db.IsReadOnly()
}

// checkStructure checks the pages. It keeps commits away, which would change the
// newest meta page and bbolt's list of free pages meanwhile.
func (s *Store) checkStructure() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	// We inspect first: bbolt's own check runs in a goroutine, where we cannot
	// catch a fault.
	torn, err := inspect(s.file, info.Size(), true)
	if err != nil {
		return err
	}
	if torn && s.db.IsReadOnly() { // bbolt's check ends at the torn page, which Open repairs
		return nil
	}
	return s.db.View(checkPages)
}

// checkPages runs bbolt's own check to its end, because it uses tx until then.
func checkPages(tx *bbolt.Tx) error {
	var first error
	for err := range tx.Check() {
		if first == nil {
			first = damaged("%v", err)
		}
	}
	return first
}

// checkContents decodes every value. Every gift must have its index entries. If
// the number of entries is right as well, none is stray.
func (s *Store) checkContents(ctx context.Context, tx *bbolt.Tx) error {
	v, err := readFormat(tx)
	if err != nil {
		return err
	}
	b, err := openBucketsOf(tx, v)
	if err != nil {
		return err
	}
	want, err := readCounts(b.meta)
	if err != nil {
		return err
	}
	c := checker{buckets: b, secret: s.secret, orphans: make(map[plan.Orphan]int)}
	in := inboxChecker{buckets: b, secret: s.secret, states: make(map[EventState]int)}
	have := counts{Orphans: c.orphans, Events: in.states}
	ledger := sendChecker{buckets: b}
	var orphaned, addressed, linked, bodies, due, waiting, idle, open, timed, other int
	for _, part := range []struct {
		bucket *bbolt.Bucket
		count  *int
		check  func(key, value []byte) error
	}{
		{b.gift, &have.Gifts, c.gift},
		{b.object, &other, c.object},
		{b.orphan, &orphaned, checksumOnly},
		{b.missed, &other, checkMissed},
		{b.person, &addressed, checksumOnly},
		{b.contact, &linked, checksumOnly},
		{b.quarantine, &have.Quarantined, checkQuarantined},
		{b.audit, &have.Audit, checkAudit},
		{b.runs, &other, checkRun},
		{b.inbox, &other, in.event},
		{b.body, &bodies, checksumOnly},
		{b.seen, &have.Seen, in.seen},
		{b.due, &due, checksumOnly},
		{b.waiting, &waiting, checksumOnly},
		{b.idle, &idle, checksumOnly},
		{b.send, &have.Sends, ledger.send},
		{b.sendOpen, &open, checksumOnly},
		{b.sendWhen, &timed, checksumOnly},
		{b.kept, &other, checksumOnly},
		{b.before, &have.Before, checkBefore},
		{b.checkpoint, &other, checkCheckpoint},
		{b.meta, &other, checksumOnly},
	} {
		if part.bucket == nil { // which an older format did not have
			continue
		}
		if *part.count, err = each(ctx, part.bucket, part.check); err != nil {
			return err
		}
	}
	if err := in.complete(bodies, due, waiting, idle); err != nil {
		return err
	}
	have.Ambiguous, have.Queued, have.Idle, have.Dropped = c.ambiguous, in.queued, in.idle, in.dropped
	if v == 1 { // which did not count them
		have.Ambiguous = want.Ambiguous
	}
	switch {
	case c.recorded != have.Gifts:
		return damaged("the index of records has %d entries and should have %d", c.recorded, have.Gifts)
	case orphaned != c.orphaned:
		return damaged("the index of orphans has %d entries and should have %d", orphaned, c.orphaned)
	case addressed != c.addressed:
		return damaged("the index of recipients has %d entries and should have %d", addressed, c.addressed)
	case b.contact != nil && linked != c.linked:
		return damaged("the index of contacts has %d entries and should have %d", linked, c.linked)
	case open != ledger.open:
		return damaged("the index of open sends has %d entries and should have %d", open, ledger.open)
	case timed != have.Sends:
		return damaged("the index of sends by time has %d entries and should have %d", timed, have.Sends)
	case !have.equal(want):
		return damaged("the counts are wrong")
	}
	return nil
}

func checksumOnly(_, _ []byte) error { return nil }

func checkQuarantined(key, value []byte) error {
	_, err := decodeQuarantined(string(key), value)
	return err
}

func checkMissed(_, value []byte) error {
	_, err := decodeMoment(value)
	return err
}

func checkBefore(key, value []byte) error {
	if len(key) <= epochLen {
		return damaged("a gift's earlier state has a short key")
	}
	_, err := decodeGift(string(key[epochLen:]), value)
	return err
}

func checkAudit(key, value []byte) error {
	_, err := decodeAudit(key, value)
	return err
}

func checkRun(key, value []byte) error {
	_, err := decodeRun(key, value)
	return err
}

func checkCheckpoint(_, value []byte) error {
	_, err := decodeCheckpoint(value)
	return err
}

// each calls f with every key and value of a bucket and returns how many there
// are.
func each(ctx context.Context, b *bbolt.Bucket, f func(key, value []byte) error) (n int, err error) {
	err = b.ForEach(func(key, sealed []byte) error {
		if n++; n%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		value, err := unseal(key, sealed)
		if err != nil {
			return err
		}
		return f(key, value)
	})
	return n, err
}

// A checker compares gifts with the indexes.
type checker struct {
	*buckets
	secret    []byte
	orphans   map[plan.Orphan]int
	orphaned  int // gifts that have an entry in the index of orphans
	addressed int // gifts that have an entry in the index of recipients
	linked    int // entries in the index of contacts that gifts should have
	recorded  int // transaction ids in the index of records
	ambiguous int // gifts whose contact was chosen among several
}

// gift checks that a gift has its index entries.
func (c *checker) gift(key, value []byte) error {
	g, err := decodeGift(string(key), value)
	if err != nil {
		return err
	}
	e := entriesOf(g)
	ids, err := get(c.buckets.object, []byte(e.object))
	if err != nil {
		return err
	}
	found := false
	for id := range bytes.SplitSeq(ids, nul) {
		found = found || bytes.Equal(id, key)
	}
	if !found {
		return damaged("the index of records lacks a gift")
	}
	if e.person != "" {
		c.addressed++
		if c.person.Get(personKey(mac(c.secret, e.person), string(key))) == nil {
			return damaged("the index of recipients lacks a gift")
		}
	}
	for _, contact := range e.contacts {
		c.linked++
		if c.buckets.contact != nil && c.buckets.contact.Get(contactKey(contact, string(key))) == nil {
			return damaged("the index of contacts lacks a gift")
		}
	}
	reason, err := get(c.orphan, key)
	if err != nil {
		return err
	}
	if string(reason) != string(e.orphan) {
		return damaged("the index of orphans contradicts a gift")
	}
	if e.ambiguous {
		c.ambiguous++
	}
	if e.orphan != "" {
		c.orphaned++
		c.orphans[e.orphan]++
	}
	return nil
}

// object counts the transaction ids of a record.
func (c *checker) object(_, value []byte) error {
	c.recorded += bytes.Count(value, nul) + 1
	return nil
}

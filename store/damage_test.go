package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// sample makes a closed state file with every kind of record and trees of several
// levels. It returns its bytes and its contents after each of the last two
// commits.
func sample(t *testing.T) (raw []byte, states [][sha256.Size]byte) {
	t.Helper()
	path := statePath(t)
	s := openAt(t, path)
	m := newModel()
	m.events = sampleEvents(t, s)
	for n := 1; n <= 120; n += 40 {
		var c Commit
		for i := range 40 {
			one := numbered(n + i)
			c.Gifts = append(c.Gifts, one.Gifts...)
			c.Audit = append(c.Audit, one.Audit...)
			c.Quarantine = append(c.Quarantine, one.Quarantine...)
			c.Checkpoints, c.Meta = one.Checkpoints, one.Meta
		}
		commit(t, s, c)
		m.commit(c)
		states = append(states, m.fingerprint())
	}
	s.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw, states[len(states)-2:]
}

// verdict opens a file that may be damaged and reads everything in it. It returns
// an error unless all of it is sound.
func verdict(path string) (*model, error) {
	s, err := Open(path, Options{LockWait: time.Second})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.Check(context.Background()); err != nil {
		return nil, err
	}
	return read(s)
}

// read reads all gifts, quarantined records, audit entries and events.
func read(s *Store) (*model, error) {
	ctx := context.Background()
	m := newModel()
	for g, err := range s.All(ctx) {
		if err != nil {
			return nil, err
		}
		m.gifts[g.Gift.ID] = g
	}
	for q, err := range s.Quarantine(ctx) {
		if err != nil {
			return nil, err
		}
		m.quarantine[q.Key] = q
	}
	for e, err := range s.Audit(ctx) {
		if err != nil {
			return nil, err
		}
		m.audit = append(m.audit, e)
	}
	for e, err := range s.Events(ctx, EventFilter{}) {
		if err != nil {
			return nil, err
		}
		if e.Body, _, err = s.EventBody(e.Seq); err != nil {
			return nil, err
		}
		m.events[e.Seq] = e
	}
	return m, nil
}

// fingerprint is the same for models that hold the same gifts, quarantine, audit
// and events.
func (m *model) fingerprint() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, id := range slices.Sorted(maps.Keys(m.gifts)) {
		fmt.Fprintf(h, "%q %q\n", id, encodeGift(m.gifts[id]))
	}
	for _, key := range slices.Sorted(maps.Keys(m.quarantine)) {
		fmt.Fprintf(h, "%q\n", fmt.Sprint(m.quarantine[key]))
	}
	for _, e := range m.audit {
		e.Hash = "" // of the chain, which a model does not make
		fmt.Fprintf(h, "%q\n", fmt.Sprint(e))
	}
	for _, seq := range slices.Sorted(maps.Keys(m.events)) {
		fmt.Fprintf(h, "%q\n", fmt.Sprint(m.events[seq]))
	}
	h.Sum(sum[:0])
	return sum
}

// overwrite replaces the contents in place: ext4 syncs a file that is truncated
// first, and this is done a thousand times.
func overwrite(t *testing.T, path string, raw []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(raw, 0)
	if err := errors.Join(err, f.Truncate(int64(len(raw))), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// judge puts a damaged file in place and checks that the damage is reported or
// has no effect.
func judge(t *testing.T, what string, path string, raw []byte, states [][sha256.Size]byte) (detected bool) {
	t.Helper()
	overwrite(t, path, raw)
	got, err := verdict(path)
	if err != nil {
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			t.Errorf("%s: %v; want a CorruptError", what, err)
		}
		return true
	}
	if !slices.Contains(states, got.fingerprint()) {
		t.Errorf("%s: accepted, with other contents", what)
	}
	return false
}

func privateDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestBitFlips flips bits in every page: in every field of its header and first
// element, and at random places in the rest.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	raw, states := sample(t)
	path := filepath.Join(privateDir(t), "acme.db")
	pageSize := os.Getpagesize()
	used := len(bytes.TrimRight(raw, "\x00"))/pageSize + 1
	flips, detected := 0, 0
	for page := range used {
		for _, at := range []int{0, 8, 10, 12, 16, 20, 24, 28, 39, pageSize / 2, pageSize - 1} {
			damaged := bytes.Clone(raw)
			damaged[page*pageSize+at] ^= 1 << ((page + at) % 8)
			flips++
			if judge(t, fmt.Sprintf("bit flip in byte %d of page %d", at, page), path, damaged, states) {
				detected++
			}
		}
	}
	if detected < flips/4 {
		t.Errorf("only %d of %d flips were detected", detected, flips)
	}
	t.Logf("%d flips, %d detected, the others without effect", flips, detected)
}

// TestZeroedPages overwrites one page after the other.
func TestZeroedPages(t *testing.T) {
	t.Parallel()
	raw, states := sample(t)
	path := filepath.Join(privateDir(t), "acme.db")
	pageSize := os.Getpagesize()
	for at := 0; at < len(raw); at += pageSize {
		damaged := bytes.Clone(raw)
		clear(damaged[at : at+pageSize])
		judge(t, fmt.Sprintf("zeroed page %d", at/pageSize), path, damaged, states)
	}
}

// TestTruncation cuts the file at every page.
func TestTruncation(t *testing.T) {
	t.Parallel()
	raw, states := sample(t)
	path := filepath.Join(privateDir(t), "acme.db")
	pageSize := os.Getpagesize()
	detected := 0
	for n := 0; n < len(raw); n += pageSize / 2 {
		if judge(t, fmt.Sprintf("cut to %d bytes", n), path, raw[:n], states) {
			detected++
		}
	}
	if detected == 0 {
		t.Error("no cut was detected")
	}
}

// TestPageThatIsItsOwnChild makes a branch page its own child. bbolt would recurse until the stack
// overflows and the process dies, so it must not read the file.
func TestPageThatIsItsOwnChild(t *testing.T) {
	raw, _ := sample(t)
	path := filepath.Join(privateDir(t), "acme.db")
	pageSize := os.Getpagesize()
	found := false
	for at := 2 * pageSize; at < len(raw); at += pageSize {
		if flags := binary.NativeEndian.Uint16(raw[at+8:]); flags != flagBranch {
			continue
		}
		damaged := bytes.Clone(raw)
		copy(damaged[at+headerLen+8:], damaged[at:at+8]) // the page's own number as its first child's
		overwrite(t, path, damaged)
		var corrupt *CorruptError
		s, err := Open(path, Options{})
		if err == nil {
			s.Close() // of a page that is not in use
		} else if errors.As(err, &corrupt) {
			found = true
		} else {
			t.Error(err)
		}
	}
	if !found {
		t.Error("no cycle was detected")
	}
}

// TestDamageWhileOpen truncates a file under an open store: the fault becomes an
// error, the store refuses all work, and can still be closed.
func TestDamageWhileOpen(t *testing.T) {
	path := statePath(t)
	s, err := Open(path, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 2000)
	if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	for _, err = range s.All(t.Context()) {
	}
	if !errors.As(err, &corrupt) {
		t.Fatalf("reading: %v", err)
	}
	if err := s.Commit(Commit{Meta: map[string][]byte{"m": {1}}}); !errors.As(err, &corrupt) {
		t.Errorf("committing afterwards: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != int64(2*os.Getpagesize()) {
		t.Errorf("the damaged file was touched: %v, %v", info, err)
	}
	// The lock is released: opening does not wait for it.
	if _, err := Open(path, Options{LockWait: 100 * time.Millisecond}); !errors.As(err, &corrupt) {
		t.Errorf("opening it again: %v", err)
	}
}

// TestCheckFindsContradictions breaks one rule of the schema at a time, with
// correct checksums.
func TestCheckFindsContradictions(t *testing.T) {
	b := func(tx *bbolt.Tx, name string) *bbolt.Bucket { return tx.Bucket([]byte(name)) }
	id := []byte("T-1")
	for name, f := range map[string]func(*bbolt.Tx) error{
		"gift lost":         func(tx *bbolt.Tx) error { return b(tx, bucketGift).Delete(id) },
		"record lost":       func(tx *bbolt.Tx) error { return b(tx, bucketObject).Delete([]byte("7")) },
		"record of another": func(tx *bbolt.Tx) error { return put(b(tx, bucketObject), []byte("7"), []byte("T-2")) },
		"stray record":      func(tx *bbolt.Tx) error { return put(b(tx, bucketObject), []byte("8"), id) },
		"orphan lost":       func(tx *bbolt.Tx) error { return b(tx, bucketOrphan).Delete(id) },
		"orphan mistaken":   func(tx *bbolt.Tx) error { return put(b(tx, bucketOrphan), id, []byte(plan.NoEmail)) },
		"stray orphan":      func(tx *bbolt.Tx) error { return put(b(tx, bucketOrphan), []byte("T-2"), []byte(plan.NoEmail)) },
		"recipient lost": func(tx *bbolt.Tx) error {
			k, _ := b(tx, bucketPerson).Cursor().First()
			return b(tx, bucketPerson).Delete(bytes.Clone(k))
		},
		"linked gift lost": func(tx *bbolt.Tx) error { return b(tx, bucketContact).Delete(contactKey("9", "T-1")) },
		"stray linked gift": func(tx *bbolt.Tx) error {
			return put(b(tx, bucketContact), contactKey("9", "T-2"), nil)
		},
		"stray recipient": func(tx *bbolt.Tx) error {
			return put(b(tx, bucketPerson), personKey(make([]byte, macLen), "T-1"), nil)
		},
		"unreadable miss": func(tx *bbolt.Tx) error { return put(b(tx, bucketMissed), id, []byte("soon")) },
		"ambiguous uncounted": func(tx *bbolt.Tx) error {
			return put(b(tx, bucketMeta), []byte(keyCounts), []byte(`{"g":1,"o":{"no_contact":1},"m":1}`))
		},
		"count wrong":           func(tx *bbolt.Tx) error { return put(b(tx, bucketMeta), []byte(keyCounts), []byte(`{"g":2}`)) },
		"quarantine uncounted":  func(tx *bbolt.Tx) error { return put(b(tx, bucketQuarantine), id, []byte("{}")) },
		"unreadable quarantine": func(tx *bbolt.Tx) error { return put(b(tx, bucketQuarantine), id, []byte("{")) },
		"unreadable gift":       func(tx *bbolt.Tx) error { return put(b(tx, bucketGift), id, []byte{0xff}) },
		"unreadable audit":      func(tx *bbolt.Tx) error { return put(b(tx, bucketAudit), id, []byte("{}")) },
		"unreadable checkpoint": func(tx *bbolt.Tx) error { return put(b(tx, bucketCheckpoint), id, []byte("{")) },
		"event lost":            func(tx *bbolt.Tx) error { return b(tx, bucketInbox).Delete(seqKey(1)) },
		"unreadable event":      func(tx *bbolt.Tx) error { return put(b(tx, bucketInbox), seqKey(1), []byte{0xff}) },
		"event of no state":     func(tx *bbolt.Tx) error { return put(b(tx, bucketInbox), seqKey(1), nil) },
		"event of no number":    func(tx *bbolt.Tx) error { return put(b(tx, bucketInbox), id, encodeEvent(&Event{State: EventListed})) },
		"body lost":             func(tx *bbolt.Tx) error { return b(tx, bucketBody).Delete(seqKey(1)) },
		"body of another":       func(tx *bbolt.Tx) error { return put(b(tx, bucketBody), seqKey(1), []byte("{}")) },
		"stray body":            func(tx *bbolt.Tx) error { return put(b(tx, bucketBody), seqKey(9), []byte("{}")) },
		"due event lost":        func(tx *bbolt.Tx) error { return b(tx, bucketDue).Delete(append(seqKey(0), seqKey(1)...)) },
		"stray due event":       func(tx *bbolt.Tx) error { return put(b(tx, bucketDue), append(seqKey(0), seqKey(2)...), nil) },
		"waiting event lost":    func(tx *bbolt.Tx) error { return b(tx, bucketWaiting).Delete(append([]byte("T-2\x00"), seqKey(2)...)) },
		"stray waiting event": func(tx *bbolt.Tx) error {
			return put(b(tx, bucketWaiting), append([]byte("T-3\x00"), seqKey(2)...), nil)
		},
		"key lost": func(tx *bbolt.Tx) error {
			k, _ := b(tx, bucketSeen).Cursor().First()
			return b(tx, bucketSeen).Delete(bytes.Clone(k))
		},
		"keys exchanged": func(tx *bbolt.Tx) error {
			seen := b(tx, bucketSeen)
			c := seen.Cursor()
			first, _ := c.First()
			second, _ := c.Next()
			one, err := get(seen, first)
			two, err2 := get(seen, second)
			one, two = bytes.Clone(one), bytes.Clone(two)
			return errors.Join(err, err2, put(seen, bytes.Clone(first), two), put(seen, bytes.Clone(second), one))
		},
		"stray key":      func(tx *bbolt.Tx) error { return put(b(tx, bucketSeen), id, seqKey(1)) },
		"key of nothing": func(tx *bbolt.Tx) error { return put(b(tx, bucketSeen), id, seqKey(9)) },
		"unreadable key": func(tx *bbolt.Tx) error { return put(b(tx, bucketSeen), id, nil) },
		"events uncounted": func(tx *bbolt.Tx) error {
			return put(b(tx, bucketMeta), []byte(keyCounts), []byte(`{"g":1,"o":{"no_contact":1}}`))
		},
		"checksum wrong": func(tx *bbolt.Tx) error { return b(tx, bucketMeta).Put([]byte("run/m"), []byte("12345678")) },
	} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			s := openAt(t, path)
			commit(t, s, Commit{Gifts: []plan.Stored{{ObjectID: "7", Orphan: plan.NoContact, Links: []plan.Link{{Kind: plan.Contact, ID: "9"}}, Gift: plan.Gift{ID: "T-1", Recipient: plan.Person{Email: "a@one.example"}}}}})
			receive(t, s, claim(1), claim(2), claim(2))
			waiting := claim(2)
			waiting.Seq, waiting.State = 2, EventWaiting
			commit(t, s, Commit{Events: []Event{waiting}})
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.Close()
			rewrite(t, path, f)
			s, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			var corrupt *CorruptError
			if err := s.Check(t.Context()); !errors.As(err, &corrupt) {
				t.Errorf("Check: %v", err)
			}
		})
	}
}

// TestCheckFindsALostPage: a page that is neither used nor free is found, although
// nothing points to it.
func TestCheckFindsALostPage(t *testing.T) {
	path := statePath(t)
	s := openAt(t, path)
	for n := range 5 {
		commit(t, s, numbered(n+1))
	}
	check(t, s.Close())
	raw := readFile(t, path)
	m, _, err := readMetas(bytes.NewReader(raw), int64(len(raw)))
	check(t, err)
	count := raw[int64(m.freelist)*int64(m.pageSize)+10:] // of the list of free pages
	free := binary.NativeEndian.Uint16(count)
	if free == 0 {
		t.Fatal("no page is free: the test shows nothing")
	}
	binary.NativeEndian.PutUint16(count, free-1)
	check(t, os.WriteFile(path, raw, fileMode))
	s, err = Open(path, Options{})
	check(t, err)
	defer s.Close()
	var corrupt *CorruptError
	if err := s.Check(t.Context()); !errors.As(err, &corrupt) {
		t.Errorf("Check: %v", err)
	}
}

func TestCheckStops(t *testing.T) {
	s := openAt(t, statePath(t))
	fill(t, s, 2000)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Check: %v", err)
	}
}

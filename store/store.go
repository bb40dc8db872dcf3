package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// A Store is an open state file. Its methods may be called from many goroutines.
// The caller may change what they return.
type Store struct {
	path   string
	limit  int64        // bytes
	opened sync.RWMutex // held by who reads, and by what puts another file in the place of db and file
	db     *bbolt.DB
	file   *os.File // bbolt's
	secret []byte   // key of the HMACs

	queueLimit queueSize // of events to be processed
	idleLimit  queueSize // of events of which nothing is to be processed
	intake     intake    // of events
	summaries  summaryLimits

	generation sendLock

	writing sync.Mutex // held by a commit, by the closing, and by a check of the pages, which keeps commits away
	commits commits

	mu     sync.Mutex
	broken error // why the store refuses all work; nil if it does not
	closed bool
}

// Close closes the file and releases its lock, when those who are reading or writing
// have ended, which they do soon. Nothing is lost if it is never called.
func (s *Store) Close() error {
	s.writing.Lock() // which makes a second caller wait, too
	defer s.writing.Unlock()
	s.mu.Lock()
	was, broken := s.closed, s.broken
	s.closed = true // no other file takes the place of this one from here on
	s.mu.Unlock()   // for those we wait for, who ask whether the store can be used
	if was {
		return nil
	}
	os.Remove(holderPath(s.path)) // it does no harm if it stays
	if broken != nil {
		// bbolt may have panicked with its locks held and would wait for them
		// for ever. We release the file without it; its mapping stays until the
		// process ends.
		return release(s.file)
	}
	return s.db.Close()
}

// usable returns why the store cannot be used, or nil.
func (s *Store) usable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.broken
}

// fail makes the store refuse all work, after an error that leaves the state of
// the file unknown.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
	}
	return err
}

// guarded runs f on the file and makes the store refuse all work if f finds
// damage.
func (s *Store) guarded(f func() error) error {
	if err := s.usable(); err != nil {
		return err
	}
	err := guard(s.path, f)
	var c *CorruptError
	switch {
	case errors.As(err, &c):
		if closed := s.usable(); closed == ErrClosed { // meanwhile: the file was taken away, not damaged
			return closed
		}
		return s.fail(err)
	case errors.Is(err, bbolterrors.ErrDatabaseNotOpen), errors.Is(err, fs.ErrClosed): // meanwhile
		return ErrClosed
	}
	return err
}

// view runs f in a read transaction. Until it ends, the file cannot reuse pages,
// so it must be short, and f must not wait for anything.
func (s *Store) view(f func(*bbolt.Tx) error) error {
	return s.guarded(func() error { return s.read(f) })
}

// read is view within a guarded function. It must not be nested: what compacts the
// file would wait between the two.
func (s *Store) read(f func(*bbolt.Tx) error) error {
	s.opened.RLock()
	defer s.opened.RUnlock()
	return s.db.View(f)
}

// update runs f in a write transaction and makes it durable.
func (s *Store) update(f func(*bbolt.Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.updateLocked(f)
}

// updateLocked is update for who holds s.writing.
func (s *Store) updateLocked(f func(*bbolt.Tx) error) error {
	return s.guarded(func() error {
		if err := s.InPlace(); err != nil {
			return err
		}
		tx, err := s.db.Begin(true)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after a commit
		id := tx.ID()
		if !s.commits.next(id) {
			return s.fail(s.replaced())
		}
		if err := f(tx); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return s.commitFailed(id, err)
		}
		s.commits.done()
		return s.InPlace() // what was replaced during the commit may have lost it
	})
}

// InPlace returns [ErrReplaced] if the open file is not the one at its path, or if
// its content is not what this store has left there: another process has written
// into it, as cp does with a file that exists. Commits into it would be lost. Each
// commit asks it first and last, and each check, which takes microseconds; a process
// that only waits asks it from time to time.
func (s *Store) InPlace() error {
	if err := s.usable(); err != nil {
		return err
	}
	s.opened.RLock()
	defer s.opened.RUnlock()
	open, err := s.file.Stat()
	if errors.Is(err, fs.ErrClosed) { // meanwhile
		return ErrClosed
	}
	if err != nil {
		return fmt.Errorf("looking at state file %s: %w", s.path, err)
	}
	there, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.replaced()
	case err != nil:
		return fmt.Errorf("looking at state file %s: %w", s.path, err)
	case !os.SameFile(open, there):
		return s.replaced()
	}
	return s.untouched()
}

// untouched fails, for good, where the file's last commit is none of this store's.
// It is called with opened held.
func (s *Store) untouched() error {
	return s.guarded(func() error {
		oldest := s.commits.last()
		return s.db.View(func(tx *bbolt.Tx) error {
			if !s.commits.since(oldest, tx.ID()) {
				return s.fail(s.replaced())
			}
			return s.own(tx)
		})
	})
}

// own fails, for good, where the file has the key of another portal's.
func (s *Store) own(tx *bbolt.Tx) error {
	meta := tx.Bucket([]byte(bucketMeta))
	if meta == nil || s.secret == nil { // it is being opened
		return nil
	}
	secret, err := get(meta, []byte(keySecret))
	if err == nil && !bytes.Equal(secret, s.secret) {
		return s.fail(s.replaced())
	}
	return err
}

func (s *Store) replaced() error { return fmt.Errorf("state file %s: %w", s.path, ErrReplaced) }

// commitFailed decides what a failed commit means. If there was no room, and the
// meta page, which is written last, is still the old one, nothing was committed.
// After any other failure we do not know what is on disk, and syncing again does
// not help (the kernel drops pages that it failed to write). So the store
// refuses all work, and the next Open shows what is there.
func (s *Store) commitFailed(id int, err error) error {
	full := &FullError{Path: s.path, Err: err}
	switch {
	case errors.Is(err, bbolterrors.ErrMaxSizeReached):
		full.Limit = s.limit
	case noRoom(err):
	default:
		full = nil
	}
	if full != nil && s.lastCommit() < id {
		return full
	}
	return s.fail(fmt.Errorf("writing state file %s failed, and only opening it again shows whether this commit was kept: check the disk, then run again: %w", s.path, err))
}

// noRoom reports whether a write failed because the disk, the user's quota or
// the process's file size limit has no room. When bbolt cannot make the file
// larger, it keeps only the words of the system's error.
func noRoom(err error) bool {
	return slices.ContainsFunc(noRoomErrors, func(errno syscall.Errno) bool {
		return errors.Is(err, errno) || strings.HasPrefix(err.Error(), "file resize error: ") && strings.HasSuffix(err.Error(), ": "+errno.Error())
	})
}

// lastCommit returns the number of the newest commit in the file.
func (s *Store) lastCommit() (id int) {
	// If this fails, id stays 0, which is older than any commit, and the next
	// use of the store fails in the same way.
	_ = s.db.View(func(tx *bbolt.Tx) error {
		id = tx.ID()
		return nil
	})
	return id
}

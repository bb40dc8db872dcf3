package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"
)

// A Compaction says how large a state file was before and after, in bytes.
type Compaction struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// compactStep bounds one commit of the new file, in bytes.
const compactStep = 8 << 20

// Compact writes the file anew with nothing but what it holds, and puts the new
// one in its place. bbolt neither overwrites nor gives back the pages of what was
// removed: afterwards no byte of it is in the file, nor in what an earlier crash
// has left beside it. The copies of older formats that [Open] makes stay: see
// [Store.Copies].
//
// The new file is complete, checked and on disk before it gets the name. After a
// crash either file is there, whole. Commits and received events wait meanwhile,
// up to 20 seconds for a million gifts; what reads goes on.
//
// Errors: [*FullError] where the disk has no room for a second file; the store
// stays usable after it.
func (s *Store) Compact() (Compaction, error) {
	c, old, err := s.compact()
	if old != nil {
		// All of it is in the new file. Closing it waits for a summary that still reads
		// it, and nothing waits for that.
		_ = old.Close()
	}
	return c, err
}

// compact returns the handle that is not used any more, nil if it still is.
func (s *Store) compact() (c Compaction, old *bbolt.DB, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	err = s.guarded(func() error {
		if err := s.InPlace(); err != nil {
			return err
		}
		info, err := s.file.Stat()
		if err != nil {
			return err
		}
		c.Before = info.Size()
		if free, err := freeSpace(s.path); err == nil && free < c.Before {
			return &FullError{Path: s.path, Err: fmt.Errorf("compacting it needs %d bytes and %d are free", c.Before, free)}
		}
		tmp := compactTemp(s.path)
		defer os.Remove(tmp) // does nothing once the file has its name
		db, file, err := s.compactTo(tmp)
		if err != nil {
			if noRoom(err) {
				return &FullError{Path: s.path, Err: err}
			}
			return fmt.Errorf("compacting state file %s: %w", s.path, err)
		}
		if c.After, old, err = s.replace(tmp, db, file); err != nil {
			return errors.Join(fmt.Errorf("compacting state file %s: %w", s.path, err), db.Close())
		}
		return syncDir(filepath.Dir(s.path))
	})
	return c, old, err
}

// compactTo writes what the file holds into a new one, and leaves that open.
func (s *Store) compactTo(path string) (*bbolt.DB, *os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // left behind by a kill
		return nil, nil, err
	}
	made, err := bbolt.Open(path, fileMode, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(bbolt.Compact(made, s.db, compactStep), made.Close()); err != nil {
		return nil, nil, err
	}
	db, file, err := openBolt(path, Options{MaxSize: s.limit}.withDefaults(), false)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil {
		_, err = inspect(file, info.Size(), true)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, file, nil
}

// replace gives a file the name of the open one, and uses it from then on. It
// returns its size, and the handle of the other.
func (s *Store) replace(path string, db *bbolt.DB, file *os.File) (size int64, old *bbolt.DB, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, nil, err
	}
	s.opened.Lock()
	defer s.opened.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, nil, ErrClosed
	}
	var last int
	if err := db.View(func(tx *bbolt.Tx) error { last = tx.ID(); return nil }); err != nil {
		return 0, nil, err
	}
	if err := os.Rename(path, s.path); err != nil {
		return 0, nil, err
	}
	s.commits.found(last)
	old, s.db, s.file = s.db, db, file
	return info.Size(), old, nil
}

// compactTemp is the name of a compacted file until it is complete and checked.
func compactTemp(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, "."+base+".compact")
}

// Copies returns the paths of the copies beside the file, which hold what it held
// then: those that were made when it was converted from an older format, and those
// that [Restore] and [SetAside] have put aside.
func (s *Store) Copies() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(s.path))
	if err != nil {
		return nil, err
	}
	var copies []string
	for _, e := range entries {
		if isCopy(filepath.Base(s.path), e.Name()) {
			copies = append(copies, filepath.Join(filepath.Dir(s.path), e.Name()))
		}
	}
	slices.Sort(copies)
	return copies, nil
}

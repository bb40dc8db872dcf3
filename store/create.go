package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// create makes a new state file. The file is complete before it gets its name: if
// power fails while bbolt writes a new file, that may be unreadable. If another
// process has made the file meanwhile, that file is used. Processes take turns,
// so each can remove what one that was killed has left behind.
func create(path string, wait time.Duration) error {
	dir := filepath.Dir(path)
	unlock, err := lockDir(dir, wait)
	if err != nil {
		return err
	}
	defer unlock()
	if err := removeUnfinished(path); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	tmp := unfinished(path)
	defer os.Remove(tmp) // does nothing once the file has its name
	db, err := bbolt.Open(tmp, fileMode, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	if err := db.Update(initialise); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// unfinished is the name of a new state file until it is complete.
func unfinished(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, "."+base+".new")
}

// removeUnfinished removes new state files that were never finished. Older
// releases gave each a name of its own, and linked it to the path in the end.
func removeUnfinished(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	name := filepath.Base(unfinished(path))
	for _, e := range entries {
		if e.Name() != name && !strings.HasPrefix(e.Name(), name+"-") {
			continue
		}
		if err := os.Remove(filepath.Join(filepath.Dir(path), e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what an earlier start left unfinished: %w", err)
		}
	}
	return nil
}

func initialise(tx *bbolt.Tx) error {
	b, err := makeBuckets(tx)
	if err != nil {
		return err
	}
	secret := make([]byte, secretLen)
	rand.Read(secret) // never fails, by its documentation
	return errors.Join(
		put(b.meta, []byte(keyFormat), strconv.AppendInt(nil, format, 10)),
		put(b.meta, []byte(keySecret), secret),
		put(b.meta, []byte(keyCounts), []byte("{}")),
	)
}

// tidy removes what a kill has left behind beside the file, which is open: copies and
// files that are not complete, and further names of the file itself, which would keep
// what is erased from it. Only the process that has the file open makes them, or one
// that keeps others from opening it.
func (s *Store) tidy() error {
	of := strings.TrimSuffix(filepath.Base(s.path), ".db")
	left := []string{backupTemp(s.path), compactTemp(s.path), restoreDir(s.path)}
	for _, other := range []string{".sends", ".suppressed"} {
		left = append(left, unfinished(filepath.Join(filepath.Dir(s.path), of+other)))
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return errors.Join(removeSecondNames(s.path), removeUnfinished(s.path))
}

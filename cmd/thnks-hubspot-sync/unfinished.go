package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxTries is how often a file is begun anew whose folder another process removes before
// it is held.
const maxTries = 10

// errHeld is the error of a file that another process holds.
var errHeld = errors.New("another process writes it")

// beginFile makes the file that is to get the path's name once it is complete, of mode
// 0600, in a folder of its own beside the path. Until end is called the folder is held,
// which tells it from one that a kill has left behind; of these it first removes those of
// the same path. The file itself is not held: bbolt locks those that it reads. end
// removes what does not have its name by then.
func beginFile(path string) (f *os.File, end func(), err error) {
	if err := removeUnfinished(path); err != nil {
		return nil, nil, err
	}
	for range maxTries {
		dir, err := os.MkdirTemp(filepath.Dir(path), unfinishedMark(path)+"*") // with mode 0700
		if err != nil {
			return nil, nil, err
		}
		release, err := hold(dir)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			continue // it is empty, and another process's to remove
		}
		end = func() {
			_ = os.RemoveAll(dir) // or the next one does
			release()
		}
		f, err := os.OpenFile(filepath.Join(dir, filepath.Base(path)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			end()
			return nil, nil, err
		}
		return f, end, nil
	}
	return nil, nil, errHeld
}

// unfinishedMark is what the names of the folders begin with that a path's files are in
// until they are complete.
func unfinishedMark(path string) string { return "." + filepath.Base(path) + ".new-" }

// removeUnfinished removes what of a path's files a kill has left behind, one of which
// may be a second name of the complete file. What other users have left stays.
func removeUnfinished(path string) error { return removeLeft(filepath.Dir(path), unfinishedMark(path)) }

// removeLeft removes the folders in a folder whose names begin so, and which no process
// holds. Who may not list the folder can still write into it.
func removeLeft(dir, mark string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		left := filepath.Join(dir, e.Name())
		if !strings.HasPrefix(e.Name(), mark) || !e.IsDir() {
			continue
		}
		release, err := hold(left)
		if errors.Is(err, errors.ErrUnsupported) {
			release()
		}
		if err != nil {
			continue // it is another's, or gone, or that cannot be known
		}
		err = os.RemoveAll(left)
		release()
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxTries is how often a file is begun anew that another process removes before it is
// held.
const maxTries = 10

// errHeld is the error of a file that another process holds.
var errHeld = errors.New("another process writes it")

// beginFile makes the file that is to get the path's name once it is complete, of mode
// 0600. Until end is called it is held, which tells it from one that a kill has left
// behind; of these it first removes those of the same path. end removes the file unless
// that has its name by then.
func beginFile(path string) (f *os.File, end func(), err error) {
	if err := removeUnfinished(path); err != nil {
		return nil, nil, err
	}
	for range maxTries {
		f, err = os.CreateTemp(filepath.Dir(path), unfinishedMark(path)+"*") // with mode 0600
		if err != nil {
			return nil, nil, err
		}
		release, err := hold(f.Name())
		if err == nil || errors.Is(err, errors.ErrUnsupported) {
			return f, func() {
				_ = os.Remove(f.Name()) // fails where it has its name
				release()
			}, nil
		}
		_ = f.Close() // it is empty, and another process's to remove
	}
	return nil, nil, errHeld
}

// unfinishedMark is what the names of a path's files begin with until they are complete.
func unfinishedMark(path string) string { return "." + filepath.Base(path) + ".new-" }

// removeUnfinished removes the files of a path that a kill has left behind, one of which
// may be a second name of the complete file. What other users have left stays.
func removeUnfinished(path string) error { return removeLeft(filepath.Dir(path), unfinishedMark(path)) }

// removeLeft removes what is in a folder, whose name begins so, and which no process
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
		if !strings.HasPrefix(e.Name(), mark) || !e.Type().IsRegular() && !e.IsDir() {
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

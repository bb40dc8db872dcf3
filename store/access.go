package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	fileMode = 0o600
	dirMode  = 0o700
)

// checkAccess refuses a state file that others may read, in a directory that
// others may read, and one that belongs to somebody else. It fails with
// [fs.ErrNotExist] where there is no file.
func checkAccess(path string) error {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	if err := checkOwn(filepath.Dir(path), dir, dirMode); err != nil {
		return err
	}
	file, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !file.Mode().IsRegular() {
		return fmt.Errorf("state path %s is not a file: choose another state_dir or portal name", path)
	}
	return checkOwn(path, file, fileMode)
}

// openFile is how bbolt opens the file: it creates nothing, so that a file
// that was removed meanwhile is missed and not made anew without its schema.
// The opened file is noted in *opened, so that it can be closed when bbolt
// panics on it.
func openFile(opened **os.File) func(string, int, fs.FileMode) (*os.File, error) {
	return func(name string, flag int, mode fs.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
		if errors.Is(err, fs.ErrPermission) {
			err = &AccessError{Path: name, Problem: "may not be read and written by its owner", Remedy: fmt.Sprintf("chmod %o %s", fileMode, name)}
		}
		*opened = f
		return f, err
	}
}

// CheckDir refuses a state directory that belongs to somebody else or is open
// to others, with an [*AccessError] that says what to do. One that does not
// exist yet is in order: [Open] makes it.
func CheckDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return checkOwn(dir, info, dirMode)
}

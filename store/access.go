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

// checkAccess refuses a state file or directory that other users may read or
// that belongs to another user. It fails with [fs.ErrNotExist] if there is no
// file.
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

// openFile returns the function with which bbolt opens the file. It creates
// nothing: a file that was removed meanwhile is an error, not a new file without
// our schema. It stores the file in *opened, so that we can close it if bbolt
// panics.
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

// CheckDir refuses a state directory that belongs to another user or is open to
// others, with an [*AccessError] that says what to do. A directory that does not
// exist yet is fine: [Open] makes it.
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

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

// MakeDir makes a state directory where there is none. Where this user cannot, the
// error is an [*AccessError] that says what to do.
func MakeDir(dir string) error {
	var parents []string // of directories that do not exist yet
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		parents = append(parents, filepath.Dir(at))
	}
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return cannotMake(dir, err)
	}
	for _, parent := range parents {
		// One that this user may write to, but not read, cannot be synced.
		if err := syncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("making the state directory %s durable: %w", dir, err)
		}
	}
	return nil
}

// syncDir makes the new names in a directory durable, without which a power cut may
// take a file away whose contents are on disk. Tests watch it.
var syncDir = fsyncDir

// CanMakeDir returns the error that [MakeDir] would, and makes nothing. Whether a
// disk is full it does not see.
func CanMakeDir(dir string) error {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at):
			continue
		case err == nil && !info.IsDir():
			err = fmt.Errorf("%s is no directory", at)
		case err == nil && at != dir:
			err = mayMakeIn(at)
		}
		if err != nil {
			return cannotMake(dir, err)
		}
		return nil
	}
}

// cannotMake says what to do about a directory that this user cannot make.
func cannotMake(dir string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &AccessError{
		Path:    dir,
		Problem: fmt.Sprintf("does not exist, and %s cannot make it (%v)", self(), err),
		Remedy:  makeCommand(dir),
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// What stands between the name of a state file and the time when it was put aside.
const (
	asideMark   = ".before-restore-"
	damagedMark = ".damaged-"
)

// asideStamp is how that time is written.
const asideStamp = "20060102T150405Z"

// writtenPause is how long nothing is written into a file that no one writes any more.
const writtenPause = 200 * time.Millisecond

// SetAside gives a damaged state file another name and returns that, so that a new file
// can be made and what the damaged one holds is not lost. It reads all of the file first:
// one that is sound stays, and so does one that the disk does not let be read; it returns
// "" then. One that another program is writing, such as cp, is looked at again when that
// has ended. No store may have it open in this process.
func SetAside(path string) (aside string, err error) {
	for {
		before, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		if err := readable(path); err != nil {
			return "", err
		}
		if err := CheckCopy(path); !errors.As(err, new(*CorruptError)) {
			return "", err
		}
		time.Sleep(writtenPause)
		after, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		if os.SameFile(before, after) && before.Size() == after.Size() && before.ModTime().Equal(after.ModTime()) {
			break
		}
	}
	aside = path + damagedMark + time.Now().UTC().Format(asideStamp)
	if err := os.Rename(path, aside); err != nil {
		return "", err
	}
	return aside, syncDir(filepath.Dir(path))
}

// readable reads a file to its end: an error of the disk is no damage of the file.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

// Restore puts a copy of a state file into the place of the one at path, which stays
// beside it, and returns its new path; "" if there was none. from stays as well.
//
// The copy is proved sound first, converted if its format is an older one, and given to
// examine, whose error ends the restoration. Until then nothing is changed, and after a
// crash either file has the name, whole. The counter of sends beside the state file stays
// as it is: it says that the restored file does not know the sends since its copy was
// made.
//
// Errors: [*CorruptError] and [*VersionError] about the copy, [*LockedError] while
// another process has the state file at path open, [*FullError].
func Restore(ctx context.Context, path, from string, examine func(*Store) error) (aside string, err error) {
	if err := MakeDir(filepath.Dir(path)); err != nil {
		return "", err
	}
	held, err := hold(path)
	if err != nil {
		return "", err
	}
	if held != nil {
		defer held.Close()
	}
	dir := restoreDir(path)
	if err := os.RemoveAll(dir); err != nil { // left behind by a kill
		return "", err
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, filepath.Base(path))
	if err := copyInto(from, made); err != nil {
		if noRoom(err) {
			return "", &FullError{Path: path, Err: err}
		}
		return "", fmt.Errorf("copying %s: %w", from, err)
	}
	if err := prove(ctx, made, examine); err != nil {
		return "", named(err, from)
	}
	if err := removeSecondNames(path); err != nil { // left behind by a kill
		return "", err
	}
	if aside, err = putAside(path); err != nil {
		return "", err
	}
	if err := os.Rename(made, path); err != nil {
		return "", errors.Join(err, removeSecondNames(path))
	}
	return aside, syncDir(filepath.Dir(path))
}

// hold keeps other processes from opening a state file until its handle is closed. It
// returns nil where there is no file, or one that is damaged, which no process opens.
func hold(path string) (*bbolt.DB, error) {
	if err := checkAccess(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	o := Options{}.withDefaults()
	var corrupt *CorruptError
	_, err := preview(path, o)
	if err == nil {
		var db *bbolt.DB
		if db, _, err = openBolt(path, o, false); err == nil {
			return db, nil
		}
	}
	if errors.As(err, &corrupt) {
		return nil, nil
	}
	return nil, err
}

// prove opens a copy, which converts it, and proves it sound.
func prove(ctx context.Context, path string, examine func(*Store) error) (err error) {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Check(ctx); err != nil {
		return err
	}
	return examine(s)
}

// named has an error about our copy name the file that was copied.
func named(err error, from string) error {
	if c, ok := errors.AsType[*CorruptError](err); ok {
		return &CorruptError{Path: from, Detail: c.Detail}
	}
	if v, ok := errors.AsType[*VersionError](err); ok {
		v := *v
		v.Path = from
		return &v
	}
	return err
}

// putAside gives the state file a second name, which it keeps when it loses the first.
func putAside(path string) (string, error) {
	aside := path + asideMark + time.Now().UTC().Format(asideStamp)
	switch err := os.Link(path, aside); {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("putting %s aside: %w", path, err)
	}
	return aside, nil
}

// removeSecondNames removes the names that putAside gave the file at path where no copy
// has got the first one then.
func removeSecondNames(path string) error {
	file, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filepath.Base(path)+asideMark) {
			continue
		}
		name := filepath.Join(filepath.Dir(path), e.Name())
		if info, err := os.Lstat(name); err != nil || !os.SameFile(info, file) {
			continue
		}
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// restoreDir is where a copy is proved before it gets the name.
func restoreDir(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, "."+base+".restore")
}

// copyInto copies a file into a new folder and waits until it is on disk.
func copyInto(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.Mkdir(filepath.Dir(to), dirMode); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, source)
	return errors.Join(err, f.Sync(), f.Close())
}

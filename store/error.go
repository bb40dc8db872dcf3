package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// A CorruptError says that the state file is damaged. The file was left as it
// is.
type CorruptError struct {
	Path   string
	Detail string // what is wrong, without contents of the file
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("state file %s is damaged (%s): move it aside (mv %[1]s %[1]s.damaged) and run `sync --backfill`; it is rebuilt from HubSpot", e.Path, e.Detail)
}

// A LockedError says that another process holds the state file.
type LockedError struct {
	Path  string
	PID   int       // of the holder; 0 if it is not known
	Since time.Time // when the holder opened the file; zero if it is not known
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("state file %s is in use by another process: wait until that has ended, or stop it", e.Path)
	}
	return fmt.Sprintf("state file %s is in use by process %d since %s: wait until that has ended, or stop it", e.Path, e.PID, e.Since.UTC().Format(time.RFC3339))
}

// A VersionError says that the state file was written by a newer release.
type VersionError struct {
	Path     string
	Format   int // of the file
	Readable int // newest format that this release reads
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("state file %s has format %d and this release reads up to %d: install the newer release again, or move the file aside and run `sync --backfill`", e.Path, e.Format, e.Readable)
}

// An AccessError says that the state file or its directory is open to other
// users, or belongs to another user.
type AccessError struct {
	Path    string
	Problem string
	Remedy  string // a command line
}

func (e *AccessError) Error() string {
	return fmt.Sprintf("state path %s %s: run `%s`", e.Path, e.Problem, e.Remedy)
}

// A FullError says that there was no room for a commit. Nothing of it was kept.
// The store stays usable, and the same commit succeeds once there is room.
type FullError struct {
	Path  string
	Limit int64 // [Options.MaxSize] in bytes when that was reached, 0 when the disk is full
	Err   error
}

func (e *FullError) Error() string {
	if e.Limit > 0 {
		return fmt.Sprintf("state file %s has reached its limit of %d bytes: nothing was kept of this commit; raise the limit and run again", e.Path, e.Limit)
	}
	return fmt.Sprintf("no room on disk for state file %s (%v): nothing was kept of this commit; free some space and run again", e.Path, e.Err)
}

func (e *FullError) Unwrap() error { return e.Err }

// ErrClosed is returned by every method of a closed store.
var ErrClosed = errors.New("state file is closed")

// ErrReplaced says that the open state file is no longer the one at its path.
// Nothing was kept. Close the store and open the path again.
var ErrReplaced = errors.New("it was removed, replaced, moved or written over while it was open, and nothing more is written to it: put the file back, or restart to work with the one that is there")

// guard calls f, which works on the file, and turns every sign of damage into a
// [*CorruptError]: on damaged pages bbolt panics or follows a page number out of
// the mapping, and after a truncation by another process, reading the mapping
// faults.
func guard(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &CorruptError{Path: path, Detail: fmt.Sprint(r)}
			return
		}
		var d *damage
		if errors.As(err, &d) {
			err = &CorruptError{Path: path, Detail: d.detail}
		}
	}()
	return f()
}

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Options say how [Open] opens a state file.
type Options struct {
	// LockWait bounds the wait for another process that holds the file.
	// Default 3 s.
	LockWait time.Duration
	// MaxSize bounds the file, in bytes. The file grows in steps of up to
	// 16 MiB and stays below. Default 64 GiB.
	MaxSize int64
	// InboxEvents and InboxBytes bound how many events may be pending or
	// waiting, and the bytes of their bodies. Default 1,000,000 and 1 GiB.
	InboxEvents int
	InboxBytes  int64
	// IdleEvents and IdleBytes bound how many events keep their bodies of which
	// nothing is to be processed, because they are only listed or refused, or said of
	// a record in HubSpot that it has changed and are applied, and the bytes of these
	// bodies. Beyond, the oldest lose them. Default 100,000 and
	// 128 MiB.
	IdleEvents int
	IdleBytes  int64
	// Create makes the file, and a directory of mode 0700 for it, if there is
	// none.
	Create bool
	// Logger gets warnings on opening. Default: none are logged.
	Logger *slog.Logger
}

const (
	defaultLockWait = 3 * time.Second
	defaultMaxSize  = 64 << 30

	defaultInboxEvents = 1_000_000
	defaultInboxBytes  = 1 << 30

	defaultIdleEvents = 100_000
	defaultIdleBytes  = 128 << 20
)

// Open opens the state file of a portal, which belongs to this process until
// [Store.Close]. It takes milliseconds whatever the size of the file, except that
// one of an older format is converted: before that it is copied, to
// NAME.v<format>-<date> beside it, and the copy is checked.
//
// Errors: [*LockedError], [*CorruptError], [*VersionError], [*AccessError];
// [*FullError], of which a [*RoomError] is one; [fs.ErrNotExist] where there is no file and Create is not set.
func Open(path string, o Options) (*Store, error) {
	o = o.withDefaults()
	if o.Create {
		if err := MakeDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	err := checkAccess(path)
	if o.Create && errors.Is(err, fs.ErrNotExist) {
		if err := create(path, o.LockWait); err != nil {
			return nil, notCreated(path, err)
		}
		err = checkAccess(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no state file yet (%w): run `sync --backfill` first", err)
	}
	if err != nil {
		return nil, err
	}
	torn, err := preview(path, o)
	if err != nil {
		return nil, err
	}
	s, err := open(path, o)
	if err != nil || !torn {
		return s, err
	}
	o.Logger.Warn("the last commit before a crash or power cut was incomplete and is undone; the next run repeats it", "path", path)
	if err := s.mend(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// mend writes both meta pages anew, one with each commit: one of them is torn.
// Until then the file works, but no check would call it sound.
func (s *Store) mend() error {
	nothing := func(*bbolt.Tx) error { return nil }
	return errors.Join(s.update(nothing), s.update(nothing))
}

func (o Options) withDefaults() Options {
	if o.LockWait <= 0 {
		o.LockWait = defaultLockWait
	}
	if o.MaxSize <= 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.InboxEvents <= 0 {
		o.InboxEvents = defaultInboxEvents
	}
	if o.InboxBytes <= 0 {
		o.InboxBytes = defaultInboxBytes
	}
	if o.IdleEvents <= 0 {
		o.IdleEvents = defaultIdleEvents
	}
	if o.IdleBytes <= 0 {
		o.IdleBytes = defaultIdleBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// notCreated is the error of a state file that could not be made.
func notCreated(path string, err error) error {
	if noRoom(err) {
		return &FullError{Path: path, Err: err}
	}
	return fmt.Errorf("creating state file %s: %w", path, err)
}

// preview inspects the file under a shared lock, which keeps writers away, before
// bbolt reads any pages except the two meta pages. torn reports that one of these
// is to be repaired.
func preview(path string, o Options) (torn bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if info.Size() == 0 { // bbolt would initialise it
		return false, &CorruptError{Path: path, Detail: "it is empty"}
	}
	db, file, err := openBolt(path, o, true)
	if err != nil {
		return false, err
	}
	defer db.Close()
	if info, err = file.Stat(); err != nil {
		return false, err
	}
	err = guard(path, func() (err error) {
		torn, err = inspect(file, info.Size(), false)
		return err
	})
	return torn, err
}

// openBolt opens the file with bbolt. If bbolt panics, there is no handle to
// close, so the file is closed here.
func openBolt(path string, o Options, readOnly bool) (*bbolt.DB, *os.File, error) {
	var db *bbolt.DB
	var file *os.File
	err := guard(path, func() (err error) {
		db, err = bbolt.Open(path, fileMode, &bbolt.Options{
			Timeout:      o.LockWait,
			FreelistType: bbolt.FreelistMapType,
			MaxSize:      int(min(o.MaxSize, math.MaxInt)),
			ReadOnly:     readOnly,
			OpenFile:     openFile(&file),
		})
		return err
	})
	if err == nil {
		return db, file, nil
	}
	if file != nil {
		_ = release(file) // fails if bbolt has closed it already, as it does unless it panicked
	}
	var corrupt *CorruptError
	var denied *AccessError
	var errno syscall.Errno
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		err = locked(path)
	case errors.As(err, &corrupt), errors.As(err, &denied):
	case errors.As(err, &errno):
		err = fmt.Errorf("opening state file %s: %w", path, err)
	default: // no error of the system, so the contents are wrong
		err = &CorruptError{Path: path, Detail: err.Error()}
	}
	return nil, nil, err
}

// open opens an inspected file for work.
func open(path string, o Options) (*Store, error) {
	db, file, err := openBolt(path, o, false)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path:       path,
		limit:      o.MaxSize,
		db:         db,
		file:       file,
		queueLimit: queueSize{o.InboxEvents, o.InboxBytes},
		idleLimit:  queueSize{o.IdleEvents, o.IdleBytes},
		summaries:  defaultSummaryLimits,
	}
	if err := s.view(func(tx *bbolt.Tx) error { s.commits.found(tx.ID()); return nil }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.upgrade(o.Logger); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.view(s.readHead); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.tidy(); err != nil {
		o.Logger.Warn("cannot remove what an earlier start left unfinished beside the state file", "path", path, "error", err)
	}
	if err := writeHolder(path); err != nil {
		o.Logger.Warn("cannot record which process holds the state file; another command cannot name this process", "path", path, "error", err)
	}
	return s, nil
}

// readHead checks the format and reads the file's key.
func (s *Store) readHead(tx *bbolt.Tx) error {
	v, err := readFormat(tx)
	if err != nil {
		return err
	}
	if v > format {
		return &VersionError{Path: s.path, Format: v, Readable: format}
	}
	if _, err := openBuckets(tx); err != nil {
		return err
	}
	meta := tx.Bucket([]byte(bucketMeta))
	secret, err := get(meta, []byte(keySecret))
	if err != nil {
		return err
	}
	if len(secret) != secretLen {
		return damaged("its key is unreadable")
	}
	s.secret = append([]byte(nil), secret...)
	_, err = readCounts(meta)
	return err
}

func readCounts(meta *bbolt.Bucket) (counts, error) {
	var c counts
	b, err := get(meta, []byte(keyCounts))
	if err != nil {
		return c, err
	}
	if json.Unmarshal(b, &c) != nil {
		return c, damaged("its counts are unreadable")
	}
	return c, nil
}

package store

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strconv"
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
)

// Open opens the state file of a portal, which belongs to this process until
// [Store.Close]. It takes milliseconds whatever the size of the file.
//
// Errors: [*LockedError], [*CorruptError], [*VersionError], [*AccessError];
// [fs.ErrNotExist] where there is no file and Create is not set.
func Open(path string, o Options) (*Store, error) {
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
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Create {
		if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
			return nil, fmt.Errorf("making the state directory: %w", err)
		}
	}
	err := checkAccess(path)
	if o.Create && errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("creating state file %s: %w", path, err)
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

// create makes a new state file. The file is complete before it gets its name: if
// power fails while bbolt writes a new file, that may be unreadable. If another
// process has made the file meanwhile, that file is used.
func create(path string) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	tmp, err := os.CreateTemp(dir, "."+base+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := tmp.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(tmp.Name(), fileMode, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	if err := db.Update(initialise); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
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

// preview inspects the file under a shared lock, which keeps writers away, before
// bbolt reads any pages except the two meta pages. torn reports that one of these
// is to be mended.
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
	}
	if err := s.upgrade(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.view(s.readHead); err != nil {
		return nil, errors.Join(err, s.Close())
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

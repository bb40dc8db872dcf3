package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// A RoomError says that the disk has no room for the copy that is made before a
// state file is converted to a new format. The file was left as it is.
type RoomError struct {
	Path   string
	Format int   // of the file
	Need   int64 // bytes for the copy and the conversion
	Free   int64 // bytes; negative if it is not known
	Err    error // of the copy; nil if none was begun
}

func (e *RoomError) Error() string {
	free := ""
	if e.Free >= 0 {
		free = fmt.Sprintf(" and %d are free", e.Free)
	}
	return fmt.Sprintf("no room to convert state file %s from format %d to %d: a copy is made first, which needs %d bytes on its disk%s; nothing was changed: free some space and start again", e.Path, e.Format, format, e.Need, free)
}

// Unwrap returns a [*FullError], so that all that lacks room is one kind of error.
func (e *RoomError) Unwrap() error { return &FullError{Path: e.Path, Err: e.Err} }

// backUp copies the file, which has an older format, and checks the copy. It
// returns the copy's path, NAME.v<format>-<date> beside the file. A copy of the
// same day is replaced: the file was not converted since.
func (s *Store) backUp(have int) (string, error) {
	var size int64
	err := s.view(func(tx *bbolt.Tx) error {
		size = tx.Size()
		return nil
	})
	if err != nil {
		return "", err
	}
	room := &RoomError{Path: s.path, Format: have, Need: size + size/4, Free: -1}
	if free, err := freeSpace(s.path); err == nil {
		if room.Free = free; free < room.Need {
			return "", room
		}
	}
	tmp := backupTemp(s.path)
	defer os.Remove(tmp)
	if err := s.copyTo(tmp); err != nil {
		if noRoom(err) {
			room.Err = err
			return "", room
		}
		return "", fmt.Errorf("copying state file %s before its conversion: %w", s.path, err)
	}
	if err := checkCopy(tmp); err != nil {
		var c *CorruptError
		if errors.As(err, &c) {
			err = &CorruptError{Path: s.path, Detail: c.Detail}
		}
		return "", err
	}
	to := fmt.Sprintf("%s.v%d-%s", s.path, have, time.Now().UTC().Format(time.DateOnly))
	if err := os.Rename(tmp, to); err != nil {
		return "", fmt.Errorf("copying state file %s before its conversion: %w", s.path, err)
	}
	return to, syncDir(filepath.Dir(to))
}

// isCopy reports whether a name is that of a copy which backUp has made of a file, or
// of one that [Restore] or [SetAside] has put aside.
func isCopy(file, name string) bool {
	if strings.HasPrefix(name, file+asideMark) || strings.HasPrefix(name, file+damagedMark) {
		return true
	}
	rest, ok := strings.CutPrefix(name, file+".v")
	format, date, dated := strings.Cut(rest, "-")
	_, err := strconv.Atoi(format)
	_, notADate := time.Parse(time.DateOnly, date)
	return ok && dated && err == nil && notADate == nil
}

// backupTemp is the name of a copy until it is complete and checked. Only the
// process that has the file open makes one; the next one replaces it.
func backupTemp(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, "."+base+".copy")
}

func (s *Store) copyTo(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // left behind by a kill
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = s.Copy(f)
	return errors.Join(err, f.Sync(), f.Close())
}

// Copy writes the file to w as it is at this moment, and returns its size in bytes.
// Commits and received events go on; the file grows by what they change until w has
// taken all of it.
func (s *Store) Copy(w io.Writer) (n int64, err error) {
	err = s.view(func(tx *bbolt.Tx) (err error) {
		n, err = tx.WriteTo(w)
		return err
	})
	return n, err
}

// CheckCopy proves a copy of a state file sound, of any format that this release reads:
// each page and each value. It changes nothing. Errors: [*CorruptError], and
// [*LockedError] for a file in use.
func CheckCopy(path string) error {
	if _, err := preview(path, Options{}.withDefaults()); err != nil {
		return err
	}
	return checkCopy(path)
}

// checkCopy proves a copy of any format sound.
func checkCopy(path string) error {
	db, file, err := openBolt(path, Options{}.withDefaults(), true)
	if err != nil {
		return err
	}
	s := &Store{path: path, db: db, file: file}
	defer db.Close()
	err = s.view(func(tx *bbolt.Tx) error {
		secret, err := get(tx.Bucket([]byte(bucketMeta)), []byte(keySecret))
		s.secret = append([]byte(nil), secret...)
		s.commits.found(tx.ID())
		return err
	})
	if err != nil {
		return err
	}
	return s.Check(context.Background())
}

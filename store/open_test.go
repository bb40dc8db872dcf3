package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

func TestOpenCreatesOnlyWhenAsked(t *testing.T) {
	path := statePath(t)
	if _, err := Open(path, Options{}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "sync --backfill") {
		t.Errorf("Open without Create: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("Open without Create made the directory")
	}
	s := openAt(t, path)
	commit(t, s, Commit{Meta: map[string][]byte{"m": []byte("1")}})
	s.Close()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind next to the file: %v, %v", entries, err)
	}
	for p, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", p, info.Mode(), err)
		}
	}
	// An existing file is left alone, even if it was made a moment ago.
	if err := create(path, time.Second); err != nil {
		t.Errorf("creating it again: %v", err)
	}
	s = openAt(t, path)
	if v, err := s.Meta("m"); string(v) != "1" || err != nil {
		t.Errorf("after opening again: %q, %v", v, err)
	}
}

// TestCreateTogether has several processes make the file at once: there is one
// file, and each of them can use it.
func TestCreateTogether(t *testing.T) {
	path := statePath(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			s, err := Open(path, Options{Create: true})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.Commit(Commit{Meta: map[string][]byte{strconv.Itoa(i): {1}}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s := openAt(t, path)
	for i := range 4 {
		if v, err := s.Meta(strconv.Itoa(i)); len(v) != 1 || err != nil {
			t.Errorf("the commit of the %d-th is lost: %v, %v", i, v, err)
		}
	}
}

func TestAccess(t *testing.T) {
	path := statePath(t)
	openAt(t, path).Close()
	refused := func(what, remedy string) {
		t.Helper()
		_, err := Open(path, Options{Create: true})
		var denied *AccessError
		if !errors.As(err, &denied) || !strings.HasPrefix(denied.Remedy, remedy) || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%s: %v; want an AccessError with %q", what, err, remedy)
		}
	}
	chmod := func(path string, mode fs.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, mode := range []fs.FileMode{0o644, 0o660, 0o601} {
		chmod(path, mode)
		refused("file "+mode.String(), "chmod 600 "+path)
	}
	chmod(path, 0o600)
	for _, mode := range []fs.FileMode{0o755, 0o770, 0o701} {
		chmod(filepath.Dir(path), mode)
		refused("directory "+mode.String(), "chmod 700 "+filepath.Dir(path))
	}
	chmod(filepath.Dir(path), 0o700)
	openAt(t, path).Close()

	// Only root can give a file to another user, and only if its user namespace
	// has one; modes do not stop root.
	switch err := os.Chown(path, 12345, -1); {
	case err == nil:
		refused("another's file", "sudo -u '#12345' ")
	case os.Geteuid() != 0:
		chmod(path, 0o400)
		refused("unwritable file", "chmod 600 "+path)
	}

	if _, err := Open(t.TempDir(), Options{}); err == nil {
		t.Error("a directory was opened")
	}
}

// rewrite changes a closed state file through bbolt.
func rewrite(t *testing.T, path string, f func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
}

func TestNewerFormat(t *testing.T) {
	path := statePath(t)
	openAt(t, path).Close()
	rewrite(t, path, func(tx *bbolt.Tx) error {
		return put(tx.Bucket([]byte(bucketMeta)), []byte(keyFormat), strconv.AppendInt(nil, format+1, 10))
	})
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, Options{Create: true})
	var newer *VersionError
	if !errors.As(err, &newer) || newer.Format != format+1 || newer.Readable != format {
		t.Errorf("Open of a newer format: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("refusing it changed the file (%v)", err)
	}
}

func TestForeignFiles(t *testing.T) {
	for name, write := range map[string]func(path string) error{
		"empty": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"short": func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"text":  func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("text "), 10_000), 0o600) },
		"another program's": func(path string) error {
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "acme.db")
			if err := errors.Join(write(path), os.Chmod(filepath.Dir(path), 0o700)); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Open(path, Options{Create: true})
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "sync --backfill") {
				t.Errorf("Open: %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("Open changed the file (%v)", err)
			}
		})
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	openAt(t, path).Close()
	s, err := Open(path, Options{MaxSize: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := newModel()
	var full *FullError
	for n := 1; ; n++ {
		c := numbered(n)
		err := s.Commit(c)
		if errors.As(err, &full) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		m.commit(c)
	}
	if full.Limit != 128<<10 || !strings.Contains(full.Error(), "131072") {
		t.Errorf("%v; limit %d", full, full.Limit)
	}
	if size := fileSize(t, path); size > 128<<10 {
		t.Errorf("the file has %d bytes", size)
	}
	m.compare(t, s)

	// The store stays usable: small commits fit, larger ones once there is more
	// room.
	small := Commit{Healed: []string{"q" + strconv.Itoa(len(m.audit))}}
	commit(t, s, small)
	m.commit(small)
	s.Close()
	s = openAt(t, path)
	c := numbered(len(m.audit) + 1)
	commit(t, s, c)
	m.commit(c)
	m.compare(t, s)
}

// TestCommitFailed covers failures that a test cannot cause.
func TestCommitFailed(t *testing.T) {
	open := func(t *testing.T) (s *Store, last int) {
		s = openAt(t, statePath(t))
		return s, s.lastCommit()
	}
	noSpace := fmt.Errorf("write: %w", syscall.ENOSPC)
	t.Run("no room before the meta page", func(t *testing.T) {
		s, last := open(t)
		var full *FullError
		if err := s.commitFailed(last+1, noSpace); !errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v; want a FullError", err)
		}
		commit(t, s, Commit{})
	})
	for name, f := range map[string]func(s *Store, last int) error{
		"no room for the meta page": func(s *Store, last int) error { return s.commitFailed(last, noSpace) },
		"failed sync":               func(s *Store, last int) error { return s.commitFailed(last+1, syscall.EIO) },
	} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			s, err := Open(path, Options{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			failed := f(s, s.lastCommit())
			if failed == nil {
				t.Fatal("no error")
			}
			if err := s.Commit(Commit{}); err != failed {
				t.Errorf("the next commit: %v; want the failure again", err)
			}
			if _, err := s.Count(); err != failed {
				t.Errorf("the next read: %v; want the failure again", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			openAt(t, path)
		})
	}
}

// TestAddressesStandOnce searches the raw file for personal data: each value is
// there once, the message never.
func TestAddressesStandOnce(t *testing.T) {
	path := statePath(t)
	s := openAt(t, path)
	commit(t, s, Commit{Gifts: []plan.Stored{{ObjectID: "1", Orphan: plan.NoContact, Gift: plan.Gift{
		ID: "T-1", Message: "for your eyes only", Recipient: plan.Person{Name: "Ada Unique", Email: "ada@one.example", Phone: "+31 6 1234"},
	}}}})
	s.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"ada@one.example": 1, "Ada Unique": 1, "+31 6 1234": 1, "for your eyes only": 0} {
		if n := bytes.Count(raw, []byte(text)); n != want {
			t.Errorf("%q stands %d times in the file, want %d", text, n, want)
		}
	}
}

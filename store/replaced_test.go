package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"thnks-hubspot-sync/sync/plan"
)

// TestReplaced: nothing is acknowledged once the open file is no longer the one
// at its path, and everything is again once it is back.
func TestReplaced(t *testing.T) {
	for name, take := range map[string]func(t *testing.T, path string) (back func()){
		"removed": func(t *testing.T, path string) func() {
			check(t, os.Link(path, path+".kept"))
			check(t, os.Remove(path))
			return func() { check(t, os.Rename(path+".kept", path)) }
		},
		"moved": func(t *testing.T, path string) func() {
			check(t, os.Rename(path, path+".old"))
			return func() { check(t, os.Rename(path+".old", path)) }
		},
		"replaced by a backup": func(t *testing.T, path string) func() {
			check(t, os.WriteFile(path+".backup", readFile(t, path), fileMode))
			check(t, os.Rename(path, path+".old"))
			check(t, os.Rename(path+".backup", path))
			return func() { check(t, os.Rename(path+".old", path)) }
		},
		"directory moved": func(t *testing.T, path string) func() {
			dir := filepath.Dir(path)
			check(t, os.Rename(dir, dir+".old"))
			return func() { check(t, os.Rename(dir+".old", dir)) }
		},
		"directory made anew": func(t *testing.T, path string) func() {
			dir := filepath.Dir(path)
			check(t, os.Rename(dir, dir+".old"))
			check(t, os.Mkdir(dir, dirMode))
			return func() { check(t, os.Remove(dir)); check(t, os.Rename(dir+".old", dir)) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			s := openAt(t, path)
			gift := plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: "T-1"}}
			receive(t, s, claim(1))
			back := take(t, path)
			if err := s.Commit(Commit{Gifts: []plan.Stored{gift}}); !errors.Is(err, ErrReplaced) {
				t.Errorf("Commit: %v", err)
			}
			if receipts, err := s.Receive(t.Context(), claim(2)); !errors.Is(err, ErrReplaced) || receipts != nil {
				t.Errorf("Receive: %v, %v", receipts, err)
			}
			if err := s.Check(t.Context()); !errors.Is(err, ErrReplaced) {
				t.Errorf("Check: %v", err)
			}
			if err := s.InPlace(); !errors.Is(err, ErrReplaced) {
				t.Errorf("InPlace: %v", err)
			}
			back()
			commit(t, s, Commit{Gifts: []plan.Stored{gift}})
			check(t, s.InPlace())
			if receipts := receive(t, s, claim(2)); receipts[0].DuplicateOf != 0 {
				t.Errorf("the refused event was kept: %+v", receipts)
			}
		})
	}
}

// TestReplacedInPlace: nothing is acknowledged once another process has written over
// the open file, which has the same inode then; the file is what that process made of
// it, and opens anew.
func TestReplacedInPlace(t *testing.T) {
	gift := plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: "T-1"}}
	for name, tt := range map[string]struct {
		over func(t *testing.T, older, other []byte) []byte
		want error // of opening it anew
	}{
		"by an older copy":      {func(_ *testing.T, older, _ []byte) []byte { return older }, nil},
		"by another portal's":   {func(_ *testing.T, _, other []byte) []byte { return other }, nil},
		"by nothing: truncated": {func(*testing.T, []byte, []byte) []byte { return nil }, &CorruptError{}},
	} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			s := openAt(t, path)
			receive(t, s, claim(1))
			older := readFile(t, path)
			receive(t, s, claim(2))
			other := openAt(t, statePath(t))
			for other.commits.last() < s.commits.last() { // the number alone does not tell the two apart
				commit(t, other, Commit{Gifts: []plan.Stored{gift}, Meta: map[string][]byte{"x": {byte(other.commits.last())}}})
			}
			text := tt.over(t, older, readFile(t, other.path))
			check(t, os.WriteFile(path, text, fileMode))

			if receipts, err := s.Receive(t.Context(), claim(3)); err == nil || receipts != nil {
				t.Errorf("Receive: %v, %v", receipts, err)
			}
			if err := s.Commit(Commit{Gifts: []plan.Stored{gift}}); err == nil {
				t.Error("Commit: nil")
			}
			if err := s.Check(t.Context()); err == nil {
				t.Error("Check: nil")
			}
			if err := s.InPlace(); err == nil || text != nil && !errors.Is(err, ErrReplaced) {
				t.Errorf("InPlace: %v", err)
			}
			if !bytes.Equal(readFile(t, path), text) {
				t.Error("it was written to")
			}
			check(t, s.Close())
			again, err := Open(path, Options{})
			if tt.want != nil {
				if !errors.As(err, new(*CorruptError)) {
					t.Errorf("opened anew: %v", err)
				}
				return
			}
			check(t, err)
			defer again.Close()
			check(t, again.Check(t.Context()))
			receive(t, again, claim(3))
		})
	}
}

// TestReplacedDuringACommit: what was committed to a file that was replaced
// meanwhile is not acknowledged.
func TestReplacedDuringACommit(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, path string, older []byte){
		"by another file": func(t *testing.T, path string, older []byte) {
			check(t, os.WriteFile(path+".new", older, fileMode))
			check(t, os.Rename(path+".new", path))
		},
		"removed": func(t *testing.T, path string, _ []byte) { check(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			s := openAt(t, path)
			receive(t, s, claim(1))
			older := readFile(t, path)
			err := s.update(func(*bbolt.Tx) error { replace(t, path, older); return nil })
			if !errors.Is(err, ErrReplaced) {
				t.Errorf("a commit into nothing: %v", err)
			}
			check(t, s.Close())
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

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

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package store

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// No test can cut the power during a commit, and killing the process alone loses
// nothing that was written. So we check the switches that would make commits
// faster but not durable.
func TestCommitsAreDurable(t *testing.T) {
	t.Parallel()
	s := openAt(t, statePath(t))
	if s.db.NoSync || s.db.NoGrowSync {
		t.Error("commits are not written through to the disk")
	}
}

// synced are the directories whose names were made durable, in all tests.
var synced sync.Map

// TestNamesAreDurable: what gets a name on disk keeps it if power fails at once: each
// directory in which one was made is synced.
func TestNamesAreDurable(t *testing.T) {
	dir := t.TempDir()
	want := func(dir, after string) {
		t.Helper()
		if _, ok := synced.LoadAndDelete(dir); !ok {
			t.Errorf("after %s, %s was not synced", after, dir)
		}
	}
	state := filepath.Join(dir, "a", "b", "state")
	path := filepath.Join(state, "acme.db")
	s, err := Open(path, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{dir, filepath.Join(dir, "a"), filepath.Join(dir, "a", "b")} {
		want(made, "the making of state directories in it")
	}
	want(state, "the making of a state file")

	if err := os.Mkdir(filepath.Join(dir, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "old", "old.db")
	text, err := unpack("testdata/format3.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(old, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	want(filepath.Dir(old), "a copy before the conversion")
}

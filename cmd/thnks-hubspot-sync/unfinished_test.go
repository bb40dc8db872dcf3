//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"thnks-hubspot-sync/configs"
)

// within lists the names in a folder.
func within(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// unfinishedWriters are all that write a file under another name first.
var unfinishedWriters = map[string]func(path string) error{
	"output": func(path string) error {
		_, err := writeOutput(path, []byte("new"))
		return err
	},
	"backup": func(path string) error {
		return writeWhole(path, func(f *os.File) error {
			_, err := f.WriteString("new")
			return err
		})
	},
	"owner or key": func(path string) error {
		err := linkFile(path, "new")
		if errors.Is(err, fs.ErrExist) {
			return nil // it replaces none
		}
		return err
	},
}

// TestKilledWritersLeaveNothing: what a kill has left of a file, before it had its name
// or after, is gone with the next file of that name; what is another file's stays.
func TestKilledWritersLeaveNothing(t *testing.T) {
	for name, write := range unfinishedWriters {
		for _, linked := range []bool{false, true} {
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			left := filepath.Join(dir, unfinishedMark(path)+"1", "a")
			err := errors.Join(os.Mkdir(filepath.Dir(left), 0o700), os.WriteFile(left, []byte("personal"), 0o600))
			if linked {
				err = errors.Join(err, os.Link(left, path))
			}
			if err := errors.Join(err, os.Mkdir(filepath.Join(dir, ".b.new-1"), 0o700), write(path)); err != nil {
				t.Fatal(err)
			}
			if got := within(t, dir); len(got) != 2 || got[0] != ".b.new-1" || got[1] != "a" {
				t.Errorf("%s, linked %v: left are %q", name, linked, got)
			}
		}
	}
}

// TestWritersBesideEachOther: of two that write a file at the same moment neither gives
// it the other's unfinished content, nor removes that.
func TestWritersBesideEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	err := writeWhole(path, func(outer *os.File) error {
		_, err := outer.WriteString("outer")
		return errors.Join(err, writeWhole(path, func(inner *os.File) error {
			_, err := inner.WriteString("inner, and longer")
			return err
		}))
	})
	if text, readErr := os.ReadFile(path); err != nil || readErr != nil || string(text) != "outer" {
		t.Errorf("%v, and %q, %v", err, text, readErr)
	}
	err = writeWhole(path, func(outer *os.File) error {
		stop := errors.New("stopped")
		if err := writeWhole(path, func(*os.File) error { return stop }); !errors.Is(err, stop) {
			t.Error(err)
		}
		_, err := outer.WriteString("whole")
		return err
	})
	if text, readErr := os.ReadFile(path); err != nil || readErr != nil || string(text) != "whole" {
		t.Errorf("beside one that failed: %v, and %q, %v", err, text, readErr)
	}
}

// TestOutputIsDurable: a report that has replaced an older one outlasts a power cut.
func TestOutputIsDurable(t *testing.T) {
	for name, write := range unfinishedWriters {
		dir := t.TempDir()
		if err := write(filepath.Join(dir, "a")); err != nil {
			t.Fatal(err)
		}
		if _, ok := namesSynced.Load(dir); !ok {
			t.Errorf("%s: the folder was not synced", name)
		}
	}
}

// TestKilledOwnersLeaveNothing: a kill while an account got its owner leaves nothing that
// the next run does not remove.
func TestKilledOwnersLeaveNothing(t *testing.T) {
	state := t.TempDir()
	p := configs.Portal{Name: "acme"}
	o := &owners{cfg: &configs.Config{StateDir: state, Portals: []configs.Portal{p}}}
	if err := os.WriteFile(stateFile(o.cfg, "acme"), nil, 0o600); err != nil { // else it owns nothing
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(state, ".owners-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := o.own(p, "7", false); err != nil {
		t.Fatal(err)
	}
	if got := within(t, state); len(got) != 2 {
		t.Errorf("a kill before the folder had its name left %q", got)
	}
	path := o.file(p.HubSpot, "7")
	left := filepath.Join(filepath.Dir(path), unfinishedMark(path)+"1")
	if err := errors.Join(os.Mkdir(left, 0o700), os.Link(path, filepath.Join(left, filepath.Base(path)))); err != nil {
		t.Fatal(err)
	}
	if err := o.own(p, "7", false); err != nil {
		t.Fatal(err)
	}
	if got := within(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("a kill after a file had its name left %q", got)
	}
}

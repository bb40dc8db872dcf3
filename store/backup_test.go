package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// beside lists the files beside a state file.
func beside(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestUpgradeKeepsACopy: before a file is converted there is a copy of it that
// the older release could use, which no other user may read.
func TestUpgradeKeepsACopy(t *testing.T) {
	for _, name := range []string{"format2", "format3"} {
		path := fixture(t, name)
		version := strings.TrimPrefix(name, "format")
		copied := path + ".v" + version + "-" + time.Now().UTC().Format(time.DateOnly)
		for _, left := range []string{copied, backupTemp(path)} { // by an upgrade that was killed
			if err := os.WriteFile(left, []byte("cut short"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		openAt(t, path).Close()
		if got := beside(t, path); len(got) != 1 || got[0] != filepath.Base(copied) {
			t.Fatalf("%s: beside the file: %v, want %s alone", name, got, filepath.Base(copied))
		}
		if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != fileMode {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		if err := checkCopy(copied); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		rewrite(t, copied, func(tx *bbolt.Tx) error {
			if v, err := readFormat(tx); string(rune('0'+v)) != version || err != nil {
				t.Errorf("%s: the copy has format %d, %v", name, v, err)
			}
			return nil
		})
		// A file of this format needs no copy.
		if err := os.Remove(copied); err != nil {
			t.Fatal(err)
		}
		openAt(t, path).Close()
		if got := beside(t, path); len(got) != 0 {
			t.Errorf("%s: opened again: %v", name, got)
		}
	}
}

// TestUpgradeOfADamagedFile: a file whose copy is not sound is not converted.
func TestUpgradeOfADamagedFile(t *testing.T) {
	path := fixture(t, "format3")
	rewrite(t, path, func(tx *bbolt.Tx) error {
		return put(tx.Bucket([]byte(bucketMeta)), []byte(keyCounts), []byte(`{"g":4}`))
	})
	before := readFile(t, path)
	_, err := Open(path, Options{})
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.Path != path {
		t.Fatalf("%v; want a CorruptError of the file itself", err)
	}
	if !bytes.Equal(before, readFile(t, path)) {
		t.Error("the file was changed")
	}
	if got := beside(t, path); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

// TestCheckCopyReadsValues: a copy that can be opened, and has a value that is wrong,
// is not sound; nor is one that cannot be opened. Neither is changed.
func TestCheckCopyReadsValues(t *testing.T) {
	if err := CheckCopy(fixture(t, "format3")); err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(path string){
		"a wrong count": func(path string) {
			rewrite(t, path, func(tx *bbolt.Tx) error {
				return put(tx.Bucket([]byte(bucketMeta)), []byte(keyCounts), []byte(`{"g":4}`))
			})
		},
		"nothing in it": func(path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		path := fixture(t, "format3")
		damage(path)
		before := readFile(t, path)
		var corrupt *CorruptError
		if err := CheckCopy(path); !errors.As(err, &corrupt) || corrupt.Path != path {
			t.Errorf("%s: %v; want a CorruptError of the copy", name, err)
		}
		if !bytes.Equal(before, readFile(t, path)) {
			t.Errorf("%s: the copy was changed", name)
		}
	}
}

// TestUpgradeRefusesNewerFormats: a file of a newer release is not touched.
func TestUpgradeRefusesNewerFormats(t *testing.T) {
	path := statePath(t)
	openAt(t, path).Close()
	rewrite(t, path, func(tx *bbolt.Tx) error {
		return put(tx.Bucket([]byte(bucketMeta)), []byte(keyFormat), strconv.AppendInt(nil, format+1, 10))
	})
	before := readFile(t, path)
	_, err := Open(path, Options{})
	var newer *VersionError
	if !errors.As(err, &newer) || newer.Format != format+1 || newer.Readable != format {
		t.Fatalf("%v; want a VersionError", err)
	}
	if !bytes.Equal(before, readFile(t, path)) || len(beside(t, path)) != 0 {
		t.Error("the file was changed or copied")
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoomErrorSaysWhatToDo(t *testing.T) {
	err := error(&RoomError{Path: "/s/acme.db", Format: 3, Need: 500, Free: 20})
	for _, want := range []string{"/s/acme.db", "500 bytes", "20 are free", "nothing was changed", "free some space"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	var full *FullError
	if !errors.As(err, &full) {
		t.Error("a lack of room is no FullError")
	}
}

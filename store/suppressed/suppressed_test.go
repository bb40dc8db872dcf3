package suppressed_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"thnks-hubspot-sync/store/suppressed"
)

// made makes a list with one person, one gift received and one sent.
func made(t *testing.T) (*suppressed.List, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "acme.suppressed")
	l := suppressed.At(path)
	if err := l.Refresh(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a list that is not there: %v", err)
	}
	if err := l.Create(); err != nil {
		t.Fatal(err)
	}
	if err := l.Add([]string{"ann@acme.example"}, []string{"T-1"}, []string{"T-2"}); err != nil {
		t.Fatal(err)
	}
	return l, path
}

// TestListOfTheErased: what is put on the list is on it, in this process and in the next one,
// and nothing else is; the file names no one and is the owner's alone.
func TestListOfTheErased(t *testing.T) {
	t.Parallel()
	l, path := made(t)
	again := suppressed.At(path)
	if again.Address("ann@acme.example") {
		t.Error("a list that was not read suppresses someone")
	}
	if err := again.Refresh(); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*suppressed.List{l, again} {
		if !l.Address("ann@acme.example") || !l.Received("T-1") || !l.Sent("T-2") {
			t.Error("what was put on the list is not on it")
		}
		if l.Address("bob@acme.example") || l.Address("T-1") || l.Received("T-2") || l.Sent("T-1") || l.Address("") {
			t.Error("something is on the list that was not put on it")
		}
	}
	if m := l.Mark(); m != again.Mark() || m.Addresses != 1 || m.Gifts != 2 {
		t.Errorf("marks %+v and %+v", m, again.Mark())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{"ann", "acme", "T-1", "T-2"} {
		if bytes.Contains(text, []byte(plain)) {
			t.Errorf("the file names %q", plain)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	was := l.Mark()
	if err := l.Create(); err != nil || l.Mark() != was {
		t.Errorf("a list is made over another one: %v, %+v", err, l.Mark())
	}
}

// TestShortHash: the hash in log lines is short, stable, and of this list alone.
func TestShortHash(t *testing.T) {
	t.Parallel()
	l, path := made(t)
	other, _ := made(t)
	again := suppressed.At(path)
	if again.Short("ann@acme.example") != "" {
		t.Error("a list that was not read has a key")
	}
	if err := again.Refresh(); err != nil {
		t.Fatal(err)
	}
	short := l.Short("ann@acme.example")
	if !regexp.MustCompile(`^[0-9a-f]{8}$`).MatchString(short) || short != again.Short("ann@acme.example") {
		t.Errorf("short hashes %q and %q", short, again.Short("ann@acme.example"))
	}
	if short == l.Short("bob@acme.example") || short == other.Short("ann@acme.example") {
		t.Error("two people, or two portals, have one hash")
	}
}

// TestReplacedListIsRead: a file that was put in the place of the one that was read is read,
// and one that has gone suppresses no one.
func TestReplacedListIsRead(t *testing.T) {
	t.Parallel()
	l, path := made(t)
	other, otherPath := made(t)
	if err := other.Add([]string{"bob@acme.example"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(otherPath, path); err != nil {
		t.Fatal(err)
	}
	if err := l.Refresh(); err != nil || !l.Address("bob@acme.example") || l.Mark() != other.Mark() {
		t.Errorf("the other list was not read: %v, %+v", err, l.Mark())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Refresh(); !errors.Is(err, fs.ErrNotExist) || l.Address("bob@acme.example") || l.Mark() != (suppressed.Mark{}) {
		t.Errorf("a list that has gone: %v", err)
	}
	if err := l.Add([]string{"carl@acme.example"}, nil, nil); err == nil {
		t.Error("an address was put on a list that has gone, under no key")
	}
}

// TestDamagedList: of a file that is cut short or changed in any byte nothing counts.
func TestDamagedList(t *testing.T) {
	t.Parallel()
	_, path := made(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := bytes.Clone(whole)
		if at := rapid.IntRange(0, len(text)-1).Draw(t, "at"); rapid.Bool().Draw(t, "cut") {
			text = text[:at]
		} else {
			text[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		l := suppressed.At(path)
		if err := l.Refresh(); err == nil || l.Mark() != (suppressed.Mark{}) {
			t.Fatalf("a damaged list is read: %v", err)
		}
	})
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := suppressed.At(path).Refresh(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a list that others may read: %v", err)
	}
}

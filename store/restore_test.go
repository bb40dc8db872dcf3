package store

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// writeCopy writes a copy of an open state file.
func writeCopy(t *testing.T, s *Store, path string) {
	t.Helper()
	var copied bytes.Buffer
	n, err := s.Copy(&copied)
	if err != nil || n != int64(copied.Len()) {
		t.Fatalf("%d of %d bytes, %v", n, copied.Len(), err)
	}
	if err := os.WriteFile(path, copied.Bytes(), fileMode); err != nil {
		t.Fatal(err)
	}
}

// holding is a state file with so many gifts.
func holding(t *testing.T, path string, gifts int) *Store {
	t.Helper()
	s := openAt(t, path)
	r := rand.New(rand.NewPCG(1, 1))
	for n := range gifts {
		commit(t, s, Commit{Gifts: []plan.Stored{typicalGift(r, n)}})
	}
	return s
}

func nothing(*Store) error { return nil }

// namesIn lists the names in a folder.
func namesIn(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestCopyIsOfOneMoment copies a file while commits go on: each copy is sound, and has
// what one of the commits has left.
func TestCopyIsOfOneMoment(t *testing.T) {
	t.Parallel()
	s := holding(t, statePath(t), 200)
	r := rand.New(rand.NewPCG(2, 2))
	var commits sync.WaitGroup
	ended := make(chan struct{})
	commits.Go(func() {
		for n := 200; ; n += 2 { // two a commit, so that an odd number is a torn copy
			select {
			case <-ended:
				return
			default:
			}
			if err := s.Commit(Commit{Gifts: []plan.Stored{typicalGift(r, n), typicalGift(r, n+1)}}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	path := statePath(t)
	if err := MakeDir(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		writeCopy(t, s, path)
		if err := CheckCopy(path); err != nil {
			t.Fatal(err)
		}
		c := openAt(t, path)
		if n, err := c.Count(); err != nil || n%2 != 0 || n < 200 {
			t.Errorf("the copy has %d gifts, %v", n, err)
		}
		c.Close()
	}
	close(ended)
	commits.Wait()
}

// TestRestore: the copy's content is there, the file of before stays beside it, and
// nothing else is left.
func TestRestore(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := holding(t, path, 3)
	from := filepath.Join(t.TempDir(), "copy.db")
	writeCopy(t, s, from)
	commit(t, s, Commit{Meta: map[string][]byte{"later": []byte("1")}})
	if _, err := Restore(t.Context(), path, from, nothing); !isLocked(err) {
		t.Errorf("restored under an open store: %v", err)
	}
	s.Close()

	examined := 0
	aside, err := Restore(t.Context(), path, from, func(c *Store) error {
		n, err := c.Count()
		examined = n
		return errors.Join(err, c.Commit(Commit{Audit: []AuditEntry{{Action: "restored"}}}))
	})
	if err != nil || examined != 3 {
		t.Fatalf("%v; %d gifts examined", err, examined)
	}
	s = openAt(t, path)
	if later, err := s.Meta("later"); err != nil || later != nil {
		t.Errorf("what was committed after the copy is there: %q, %v", later, err)
	}
	if head, err := s.AuditHead(); err != nil || head.Seq == 0 {
		t.Errorf("what was committed to the copy is not there: %+v, %v", head, err)
	}
	copies, err := s.Copies()
	if err != nil || len(copies) != 1 || copies[0] != aside {
		t.Errorf("beside it are %q, %v", copies, err)
	}
	s.Close()
	before := openAt(t, aside)
	if later, err := before.Meta("later"); err != nil || later == nil {
		t.Errorf("the file of before is not whole: %q, %v", later, err)
	}
	before.Close()
	for _, name := range namesIn(t, filepath.Dir(path)) {
		if strings.HasSuffix(name, ".restore") {
			t.Errorf("%s is left", name)
		}
	}
}

// TestRestoreAfterAKill: a restoration that was killed when the state file had a second
// name leaves one file of before to the next, not two names of it.
func TestRestoreAfterAKill(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := holding(t, path, 1)
	from := filepath.Join(t.TempDir(), "copy.db")
	writeCopy(t, s, from)
	s.Close()
	if err := os.Link(path, path+asideMark+"20260101T000000Z"); err != nil {
		t.Fatal(err)
	}
	aside, err := Restore(t.Context(), path, from, nothing)
	if err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	defer s.Close()
	if copies, err := s.Copies(); err != nil || len(copies) != 1 || copies[0] != aside {
		t.Errorf("beside it are %q, %v", copies, err)
	}
}

// TestRestoreChangesNothing: what cannot be restored leaves everything as it is, and
// the error names the copy.
func TestRestoreChangesNothing(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := holding(t, path, 3)
	good := filepath.Join(t.TempDir(), "copy.db")
	writeCopy(t, s, good)
	s.Close()
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	refuse := errors.New("of another portal")
	for name, tt := range map[string]struct {
		content []byte
		examine func(*Store) error
		is      func(error) bool
	}{
		"none":    {nil, nothing, func(err error) bool { return errors.Is(err, os.ErrNotExist) }},
		"empty":   {[]byte{}, nothing, isCorrupt},
		"cut off": {content[:len(content)/2], nothing, isCorrupt},
		"text":    {bytes.Repeat([]byte("no state file\n"), 1000), nothing, isCorrupt},
		"refused": {content, func(*Store) error { return refuse }, func(err error) bool { return errors.Is(err, refuse) }},
	} {
		before := raw(t, filepath.Dir(path))
		from := filepath.Join(t.TempDir(), "copy.db")
		if tt.content != nil {
			if err := os.WriteFile(from, tt.content, fileMode); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Restore(t.Context(), path, from, tt.examine)
		if !tt.is(err) || name != "refused" && !strings.Contains(err.Error(), from) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(before, raw(t, filepath.Dir(path))) {
			t.Errorf("%s: files were changed", name)
		}
	}
}

func isCorrupt(err error) bool { return errors.As(err, new(*CorruptError)) }
func isLocked(err error) bool  { return errors.As(err, new(*LockedError)) }

// TestRestoreOverDamage: a damaged state file, or none, keeps no copy from being
// restored, nor does what a kill has left of an earlier restoration.
func TestRestoreOverDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"none":   os.Remove,
		"zeroes": func(path string) error { return os.WriteFile(path, make([]byte, 1<<16), fileMode) },
		"empty":  func(path string) error { return os.WriteFile(path, nil, fileMode) },
		"half a restoration": func(path string) error {
			dir := restoreDir(path)
			return errors.Join(os.Mkdir(dir, dirMode), os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte("half"), fileMode))
		},
	} {
		path := statePath(t)
		s := holding(t, path, 3)
		from := filepath.Join(t.TempDir(), "copy.db")
		writeCopy(t, s, from)
		s.Close()
		if err := damage(path); err != nil {
			t.Fatal(err)
		}
		aside, err := Restore(t.Context(), path, from, nothing)
		if err != nil || (aside == "") != (name == "none") {
			t.Errorf("%s: %q, %v", name, aside, err)
			continue
		}
		s = openAt(t, path)
		if n, err := s.Count(); err != nil || n != 3 {
			t.Errorf("%s: %d gifts, %v", name, n, err)
		}
		s.Close()
	}
}

// TestRestoredFileDoesNotSend: gifts were sent after the copy was made, so sending is off
// once it is restored; and it is not where none was.
func TestRestoredFileDoesNotSend(t *testing.T) {
	t.Parallel()
	for _, sent := range []bool{false, true} {
		path := statePath(t)
		s := holding(t, path, 1)
		if _, err := s.OpenSending(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		from := filepath.Join(t.TempDir(), "copy.db")
		writeCopy(t, s, from)
		s.Close()
		if sent {
			s = openAt(t, path)
			if _, err := s.OpenSending(time.Unix(2, 0)); err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
		if _, err := Restore(context.Background(), path, from, nothing); err != nil {
			t.Fatal(err)
		}
		s = openAt(t, path)
		sending, err := s.OpenSending(time.Unix(3, 0))
		if err != nil || (sending.Off != "") != sent {
			t.Errorf("opened meanwhile: %v; sending is off: %q, %v", sent, sending.Off, err)
		}
		s.Close()
	}
}

// TestRestoreOlderFormat: a copy that an earlier release made is converted, and stays as
// it is itself.
func TestRestoreOlderFormat(t *testing.T) {
	t.Parallel()
	content, err := unpack("testdata/format3.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	from := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(from, content, fileMode); err != nil {
		t.Fatal(err)
	}
	if err := CheckCopy(from); err != nil {
		t.Errorf("an older copy is not sound: %v", err)
	}
	path := statePath(t)
	if err := MakeDir(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), path, from, nothing); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path)
	defer s.Close()
	if n, err := s.Count(); err != nil || n == 0 {
		t.Errorf("%d gifts, %v", n, err)
	}
	if got := namesIn(t, filepath.Dir(path)); len(got) > 2 { // the file, and who holds it
		t.Errorf("beside it are %q", got)
	}
	if after, err := os.ReadFile(from); err != nil || !bytes.Equal(after, content) {
		t.Errorf("the copy was changed: %v", err)
	}
}

// TestDamagedFileIsSetAside: a damaged file is set aside whole; one that is sound, is in use or cannot
// be read stays.
func TestDamagedFileIsSetAside(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := holding(t, path, 3)
	s.Close()
	if aside, err := SetAside(path); aside != "" || err != nil {
		t.Errorf("a sound file: %q, %v", aside, err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Damage that opening does not see: addresses of gifts.
	content = bytes.ReplaceAll(content, []byte("@"), []byte{0})
	if err := os.WriteFile(path, content, fileMode); err != nil {
		t.Fatal(err)
	}
	aside, err := SetAside(path)
	if err != nil || aside == "" {
		t.Fatalf("a damaged file: %q, %v", aside, err)
	}
	if moved, err := os.ReadFile(aside); err != nil || !bytes.Equal(moved, content) {
		t.Errorf("it was changed: %v", err)
	}
	if aside, err := SetAside(path); aside != "" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %q, %v", aside, err)
	}
	if err := os.Mkdir(path, dirMode); err != nil { // reading it is an error of the system
		t.Fatal(err)
	}
	if aside, err := SetAside(path); aside != "" || err == nil {
		t.Errorf("a file that cannot be read: %q, %v", aside, err)
	}
}

// TestTornFileIsSetAsideIfItIsDamaged: a file whose meta page is torn stays, as opening it
// repairs that, unless something else in it is damaged.
func TestTornFileIsSetAsideIfItIsDamaged(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	holding(t, path, 3).Close()
	sound := readFile(t, path)
	damaged := bytes.ReplaceAll(sound, []byte(`{"g":`), []byte(`{"x":`)) // its counts, of each commit
	if bytes.Equal(damaged, sound) {
		t.Fatal("the file has no counts to damage")
	}
	for page := range 2 {
		for name, part := range tears {
			path := torn(t, sound, page, part[0], part[1])
			if aside, err := SetAside(path); aside != "" || err != nil {
				t.Errorf("page %d, %s: a file that can be repaired: %q, %v", page, name, aside, err)
			}
			path = torn(t, damaged, page, part[0], part[1])
			content := readFile(t, path)
			aside, err := SetAside(path)
			if err != nil || aside == "" {
				t.Errorf("page %d, %s: a damaged file: %q, %v", page, name, aside, err)
				continue
			}
			if !bytes.Equal(readFile(t, aside), content) {
				t.Errorf("page %d, %s: it was changed", page, name)
			}
		}
	}
}

// TestFileBeingCopiedIsNotSetAside: a state file that another program is still
// writing is no damaged one.
func TestFileBeingCopiedIsNotSetAside(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := openAt(t, path)
	receive(t, s, claim(1))
	check(t, s.Close())
	whole := readFile(t, path)
	check(t, os.WriteFile(path, whole[:len(whole)/2], fileMode))
	written := make(chan error)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			time.Sleep(writtenPause / 2)
			_, err = f.Write(whole[len(whole)/2:])
			err = errors.Join(err, f.Close())
		}
		written <- err
	}()
	aside, err := SetAside(path)
	check(t, <-written)
	if aside != "" || err != nil {
		t.Errorf("set aside as %q, %v", aside, err)
	}
	if !bytes.Equal(readFile(t, path), whole) {
		t.Error("the copy is not what was copied")
	}
}

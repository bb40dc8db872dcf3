package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// torn returns a state file with a part of one of its meta pages overwritten.
func torn(t *testing.T, raw []byte, page, from, to int) (path string) {
	t.Helper()
	size := int(binary.NativeEndian.Uint32(raw[24:]))
	raw = bytes.Clone(raw)
	for i := from; i < min(to, size); i++ {
		raw[page*size+i] ^= 0xff
	}
	path = statePath(t)
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// tears are the parts of a meta page that a power cut may leave unwritten.
var tears = map[string][2]int{
	"whole page": {0, 1 << 20}, "first sector": {0, 512}, "header": {0, 16}, "number": {64, 72}, "checksum": {72, 80},
}

// TestTornMetaPage tears each meta page in several places. Opening mends it and
// says so once; then work goes on, and the check says that all is sound: before a
// commit, after it, and after another opening.
func TestTornMetaPage(t *testing.T) {
	t.Parallel()
	raw, states := sample(t)
	for page := range 2 {
		for name, part := range tears {
			path := torn(t, raw, page, part[0], part[1])
			var log bytes.Buffer
			o := Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
			for i := range 2 {
				s, err := Open(path, o)
				if err != nil {
					t.Fatalf("page %d, %s: %v", page, name, err)
				}
				if err := s.Check(context.Background()); err != nil {
					t.Errorf("page %d, %s, opened %d times: %v", page, name, i+1, err)
				}
				if i == 0 {
					m, err := read(s)
					if err != nil {
						t.Fatal(err)
					}
					if got := m.fingerprint(); got != states[0] && got != states[1] {
						t.Errorf("page %d, %s: it holds neither of the last two commits", page, name)
					}
					commit(t, s, numbered(500))
					if err := s.Check(context.Background()); err != nil {
						t.Errorf("page %d, %s, after a commit: %v", page, name, err)
					}
				}
				s.Close()
			}
			if n := strings.Count(log.String(), "level=WARN"); n != 1 {
				t.Errorf("page %d, %s: %d warnings:\n%s", page, name, n, &log)
			}
		}
	}
}

// TestTornWhileOpen tears a meta page of an open file: the check mends it, and
// what comes after goes on.
func TestTornWhileOpen(t *testing.T) {
	t.Parallel()
	raw, _ := sample(t)
	for page := range 2 {
		path := torn(t, raw, page, 0, 0)
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		size := int64(binary.NativeEndian.Uint32(raw[24:]))
		if _, err := io.WriteString(io.NewOffsetWriter(f, int64(page)*size), "torn, torn, torn"); err != nil {
			t.Fatal(err)
		}
		f.Close()
		for range 2 {
			if err := s.Check(context.Background()); err != nil {
				t.Errorf("page %d: %v", page, err)
			}
			commit(t, s, numbered(500))
		}
		s.Close()
	}
}

// TestTornAndContradictory: a check that mends a meta page looks at everything else, too.
func TestTornAndContradictory(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := openAt(t, path)
	commit(t, s, numbered(1))
	check(t, s.Close())
	for range 2 { // so that both meta pages know it
		rewrite(t, path, func(tx *bbolt.Tx) error {
			return put(tx.Bucket([]byte(bucketObject)), []byte("stray"), []byte("T-1"))
		})
	}
	s, err := Open(path, Options{})
	check(t, err)
	defer s.Close()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	_, err = f.WriteString("torn, torn, torn")
	check(t, errors.Join(err, f.Close()))
	var corrupt *CorruptError
	if err := s.Check(t.Context()); !errors.As(err, &corrupt) {
		t.Errorf("Check: %v", err)
	}
	if s.torn() {
		t.Error("the page is still torn")
	}
}

package export

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/thnksapi"
)

// TestCursors: a listing can be resumed in another process, with the same file
// only.
func TestCursors(t *testing.T) {
	t.Parallel()
	f := format(t, nil)
	path := write(t, numbered(1200))
	first := open(t, f, path)
	page, err := first.Transactions(t.Context(), thnksapi.Query{})
	if err != nil || len(page.Rows) != pageRows || page.Next == "" {
		t.Fatalf("%d rows, %v", len(page.Rows), err)
	}
	stale := func(name string, file *File) {
		t.Helper()
		var te *thnksapi.Error
		if _, err := file.Transactions(t.Context(), thnksapi.Query{Cursor: page.Next}); !errors.As(err, &te) || te.Kind != thnksapi.Stale {
			t.Errorf("%s: got %v, want a stale cursor", name, err)
		}
	}
	next, err := open(t, f, path).Transactions(t.Context(), thnksapi.Query{Cursor: page.Next})
	if err != nil || summary(next.Rows[0]) != "T000501 Coffee sent " {
		t.Errorf("resumed at %v, %v", next, err)
	}
	stale("other settings", open(t, format(t, map[string]string{"status": "Status"}), path))
	stale("another file", open(t, f, write(t, numbered(1201))))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, info.ModTime().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	stale("touched", open(t, f, path))
	if _, err := first.Transactions(t.Context(), thnksapi.Query{Cursor: page.Next}); err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("a file that changes under the listing: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(t, f, path).Transactions(ctx, thnksapi.Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPageAgain: a page that was interrupted is read again from its beginning.
func TestPageAgain(t *testing.T) {
	t.Parallel()
	file := open(t, format(t, nil), write(t, numbered(2*pageRows)))
	first, err := file.Transactions(t.Context(), thnksapi.Query{})
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := file.Transactions(over, thnksapi.Query{Cursor: first.Next}); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	second, err := file.Transactions(t.Context(), thnksapi.Query{Cursor: first.Next})
	if err != nil || len(second.Rows) != pageRows || summary(second.Rows[0]) == summary(first.Rows[0]) {
		t.Errorf("again: %d rows, %v", len(second.Rows), err)
	}
}

// TestCursorsWithinTheFile: a place is one from the first row to the end of the file.
func TestCursorsWithinTheFile(t *testing.T) {
	t.Parallel()
	file := open(t, format(t, nil), write(t, numbered(3)))
	first := file.layout.first
	first.File = file.id
	for _, tt := range []struct {
		offset int64
		line   int
		want   bool
	}{
		{0, 0, true}, {-1, 0, false}, {0, -1, false}, {file.size - first.Offset, 3, true}, {file.size - first.Offset + 1, 3, false},
	} {
		p := first
		p.Offset, p.Line = p.Offset+tt.offset, p.Line+tt.line
		if got, ok := file.parse(p.cursor()); ok != tt.want || ok && got != p {
			t.Errorf("%+v is a place: %t", p, ok)
		}
	}
}

// numbered is a file of n rows.
func numbered(n int) string {
	var b strings.Builder
	b.WriteString("Transaction ID,Gift Name,Status,Message\n")
	for i := range n {
		fmt.Fprintf(&b, "T%06d,Coffee,sent,\"line one\nline two\"\n", i+1)
	}
	return b.String()
}

// TestTruncatedUnderAPage: if a file is cut off while a page is read, there is
// no page, although the file was whole before.
func TestTruncatedUnderAPage(t *testing.T) {
	t.Parallel()
	path := write(t, numbered(100))
	file := open(t, format(t, nil), path)
	ctx := cutting{t.Context(), func() {
		if err := os.Truncate(path, 1000); err != nil {
			t.Error(err)
		}
	}}
	if page, err := file.Transactions(ctx, thnksapi.Query{}); err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("got %+v, error %v", page, err)
	}
}

// A cutting context calls cut whenever its error is read.
type cutting struct {
	context.Context
	cut func()
}

func (c cutting) Err() error {
	c.cut()
	return c.Context.Err()
}

// TestAnyCutGivesTheSameRows: a listing that is resumed after any page gives
// the same rows as one that is read in one go.
func TestAnyCutGivesTheSameRows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := format(t, nil)
	pieces := rapid.SampledFrom([]string{
		"T1,Coffee,sent,x\n", "T2,\"a\nb\",sent,\"\"\"\"\r\n", "\n", "T3,\"open,sent,\n", "T4,x\n", ",,,\r", "T5,é,sent,\xff\n",
	})
	rapid.Check(t, func(t *rapid.T) {
		alive()
		var b strings.Builder
		b.WriteString("Transaction ID,Gift Name,Status,Message\n")
		for _, p := range rapid.SliceOfN(pieces, 0, 12).Draw(t, "pieces") {
			b.WriteString(strings.Repeat(p, rapid.SampledFrom([]int{1, 1, 1, 1, 300}).Draw(t, "times")))
		}
		path := filepath.Join(dir, "cut.csv")
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		size := rapid.SampledFrom([]int{7, 100, readBytes}).Draw(t, "buffer")
		read := func(anew bool) []string {
			file, err := f.open(path, size)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { file.Close() }()
			var out []string
			for q := (thnksapi.Query{}); ; {
				page, err := file.Transactions(context.Background(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, row := range page.Rows {
					out = append(out, summary(row)+string(row.Raw))
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					return out
				}
				if anew {
					file.Close()
					if file, err = f.Open(path); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if diff := cmp.Diff(read(false), read(true)); diff != "" {
			t.Fatalf("one go, and cut (-one +cut):\n%s", diff)
		}
	})
}

package export

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"thnks-hubspot-sync/thnksapi"
)

// The bounds of a page.
const (
	pageRows  = 500
	pageBytes = 4 << 20
)

// headBytes is how much of the beginning of a file identifies it, together
// with its size and the time of its last change.
const headBytes = 64 << 10

// readBytes is the size of the buffer of a file that is read.
const readBytes = 64 << 10

// A File is an export file as a source of transactions. Its pages must be
// read one after the other; it holds one at a time.
type File struct {
	format  *Format
	f       *os.File
	path    string
	opened  time.Time
	size    int64
	changed time.Time
	id      string // of this file, read by these settings
	buffer  int    // bytes that are read at a time
	layout  layout

	decimal  string   // see [File.decimals]
	searched bool     // for it
	repeated int      // headers within the file, in the pages read
	records  *records // its next record is at next
	next     place
}

// A place is a position in a listing.
type place struct {
	File   string `json:"f"`
	Offset int64  `json:"o"`
	Line   int    `json:"l"` // number of the line before
}

// Open opens an export file and reads its header. A file without a header, or
// without a column for the transaction id, is refused; the error says what to
// do.
func (f *Format) Open(path string) (*File, error) { return f.open(path, readBytes) }

// open opens a file that is read by so many bytes at a time.
func (f *Format) open(path string, buffer int) (_ *File, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("export file %s: not a regular file: name the file itself", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	e := &File{format: f, f: file, path: path, opened: time.Now().UTC(), buffer: buffer}
	if info, err = file.Stat(); err != nil {
		return nil, unreadable(path, err)
	}
	e.size, e.changed = info.Size(), info.ModTime()
	head := make([]byte, headBytes)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, unreadable(path, err)
	}
	head = head[:n]
	e.id = identity(head, e.size, e.changed, f.settings)
	e.layout.order, e.layout.first.Offset = byteOrder(head)
	if err := binaryFile(head, e.layout.order != nil); err != nil {
		return nil, fmt.Errorf("export file %s: %w", path, err)
	}
	if err := e.readHeader(); err != nil {
		return nil, fmt.Errorf("export file %s: %w", path, err)
	}
	e.layout.first.File = e.id
	return e, nil
}

// Close closes the file.
func (e *File) Close() error { return e.f.Close() }

// ReadAt returns when the file was opened. It is the place of this reading in
// the order of all readings: what the file says was known then.
func (e *File) ReadAt() time.Time { return e.opened }

// RepeatedHeaders returns how many headers within the file were skipped in the
// pages that were read. A listing that begins anew counts from 0.
func (e *File) RepeatedHeaders() int { return e.repeated }

// identity identifies a file and the settings by which it is read.
func identity(head []byte, size int64, changed time.Time, settings []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %d ", size, changed.UnixNano(), len(head))
	h.Write(head)
	h.Write(settings)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// from returns the records from a place on.
func (e *File) from(p place) *records {
	src := newSource(io.NewSectionReader(e.f, p.Offset, e.size-p.Offset), e.buffer)
	return &records{
		lines: &lines{src: src, order: e.layout.order, number: p.Line, offset: p.Offset},
		comma: e.layout.comma, width: len(e.layout.keys), named: len(e.layout.header), id: e.layout.column[fieldID],
	}
}

// Transactions returns the next page of at most 500 rows. For a cursor that
// was made for another file, for an earlier version of this one, or under other
// settings it returns a [thnksapi.Error] of kind Stale: the listing must begin
// anew. If the file changes while it is read, the listing ends with an error,
// because any row may have been cut off.
//
// A header that stands within the file again is no row. One with other columns
// ends the listing with an error: what follows it is another file.
func (e *File) Transactions(ctx context.Context, q thnksapi.Query) (*thnksapi.Page, error) {
	at := e.layout.first
	if q.Cursor == "" {
		e.repeated = 0
	} else {
		var ok bool
		if at, ok = e.parse(q.Cursor); !ok {
			return nil, &thnksapi.Error{Kind: thnksapi.Stale, Path: e.path, Problem: "the file is not the one that the listing was begun with: it must begin anew"}
		}
	}
	if e.records == nil || at != e.next {
		e.records = e.from(at)
	}
	page, end, err := e.page(ctx, at)
	if err != nil {
		e.records = nil
		return nil, fmt.Errorf("export file %s: %w", e.path, err)
	}
	// Checked after the page: if the file was cut off meanwhile, the page has
	// half a row in it.
	info, err := e.f.Stat()
	if err != nil {
		return nil, fmt.Errorf("export file %s: %w", e.path, err)
	}
	if info.Size() != e.size || !info.ModTime().Equal(e.changed) {
		return nil, fmt.Errorf("export file %s: it changed while it was read: run again when it is complete; what was read is synced already", e.path)
	}
	e.next = end
	return page, nil
}

// page reads rows until a page is full, and returns where it ends.
func (e *File) page(ctx context.Context, at place) (*thnksapi.Page, place, error) {
	page := &thnksapi.Page{}
	size, repeated := 0, 0
	for len(page.Rows) < pageRows && size < pageBytes {
		if err := ctx.Err(); err != nil {
			return nil, at, err
		}
		rec, err := e.records.next()
		if errors.Is(err, io.EOF) {
			e.repeated += repeated
			return page, at, nil
		}
		if err != nil {
			return nil, at, err
		}
		at.Offset, at.Line = rec.end, rec.line+rec.lines-1
		if rec.problem == "" || rec.whole {
			again, err := e.layout.repeats(rec)
			if err != nil {
				return nil, at, err
			}
			if again {
				repeated++
				continue
			}
		}
		row, err := e.row(ctx, rec)
		if err != nil {
			return nil, at, err
		}
		page.Rows = append(page.Rows, row)
		size += len(row.Raw)
	}
	e.repeated += repeated
	page.Next = at.cursor()
	return page, at, nil
}

// row turns a record into a row.
func (e *File) row(ctx context.Context, rec record) (thnksapi.Row, error) {
	raw := rawRow{Line: rec.line, Problem: rec.problem, Text: rec.text}
	if rec.whole && len(rec.fields) < len(e.layout.header) {
		rec.fields = nil // a remark has no id
	}
	values := make(map[string]string, len(e.layout.column))
	for name, i := range e.layout.column {
		if i < len(rec.fields) {
			values[name] = rec.fields[i]
		}
	}
	bad := func(err error) thnksapi.Row {
		return thnksapi.Row{ID: e.format.knownID(values[fieldID]), Line: rec.line, Raw: raw.marshal(), Err: atLine(rec.line, err)}
	}
	if rec.problem != "" {
		raw.ID = e.format.knownID(values[fieldID])
		return bad(errors.New(rec.problem)), nil
	}
	raw.Columns = make(map[string]string, len(rec.fields))
	for i, v := range rec.fields {
		raw.Columns[e.layout.keys[i]] = v
	}
	t, err := e.format.transaction(values, sign{})
	if errors.Is(err, errTwoAmounts) {
		var searchErr error
		if raw.Decimal, searchErr = e.decimals(ctx); searchErr != nil {
			return thnksapi.Row{}, searchErr
		}
		t, err = e.format.transaction(values, sign{file: raw.Decimal, setting: e.format.decimal})
	}
	if err != nil {
		return bad(err), nil
	}
	raw.Line = 0
	return thnksapi.Row{Transaction: t, Line: rec.line, Raw: raw.marshal()}, nil
}

// Decode is [Format.Decode].
func (e *File) Decode(raw json.RawMessage) []thnksapi.Row { return e.format.Decode(raw) }

// Transaction returns [thnksapi.ErrNoDetail]: a file is read from end to end.
func (e *File) Transaction(context.Context, string) (*thnksapi.Row, error) {
	return nil, thnksapi.ErrNoDetail
}

// Filter returns [thnksapi.SinceNone]: a file lists everything every time.
func (e *File) Filter() thnksapi.SinceKind { return thnksapi.SinceNone }

// Calls returns 0: reading a file makes no calls.
func (e *File) Calls() int { return 0 }

func (p place) cursor() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic("export: " + err.Error()) // strings and integers only
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parse reads a cursor of this file.
func (e *File) parse(cursor string) (place, bool) {
	var p place
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &p) != nil {
		return place{}, false
	}
	return p, p.File == e.id && p.Offset >= e.layout.first.Offset && p.Offset <= e.size && p.Line >= e.layout.first.Line
}

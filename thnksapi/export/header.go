package export

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode"
)

// unreadable explains why a file cannot be opened.
func unreadable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("export file %s: there is no such file, or this process cannot see it: a service has its own /tmp and no home directories, so copy the file into the state directory: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("export file %s: this process may not read it: copy it into the state directory and give it to the owner of that: %w", path, err)
	default:
		return fmt.Errorf("export file %s: %w", path, err)
	}
}

// binaryFile refuses files that are no text, such as workbooks.
func binaryFile(head []byte, wide bool) error {
	if strings.HasPrefix(string(head), "PK\x03\x04") {
		return errors.New("a workbook or archive, not a text file: save it as \"CSV UTF-8\"")
	}
	if !wide && slices.Contains(head, 0) {
		return errors.New("not a text file in UTF-8: save it as \"CSV UTF-8\"")
	}
	return nil
}

var errNoHeader = errors.New("no header: the first line must name the columns")

// A layout is how a file is written, and which of its columns holds what.
type layout struct {
	order  binary.ByteOrder // of UTF-16; nil for UTF-8
	comma  byte
	line   int            // of the header
	header []string       // its names, folded; those at its end that are not empty
	keys   []string       // of all columns, each one different
	idName string         // of the id's column, folded
	column map[string]int // by field
	first  place          // after the header
}

// readHeader reads the delimiter and the columns.
func (e *File) readHeader() error {
	before, first, err := e.firstLine(e.layout.first)
	if err != nil {
		return err
	}
	e.layout.comma = delimiter(first.text)
	if c := separatorLine(first.text); c != 0 {
		e.layout.comma = c
		if before, _, err = e.firstLine(place{Offset: first.end, Line: first.number}); err != nil {
			return err
		}
	}
	rec, err := e.from(before).next()
	if err != nil {
		return err // not io.EOF: there is a line
	}
	if rec.problem != "" {
		return fmt.Errorf("line %d, which must be the header: %s", rec.line, rec.problem)
	}
	e.layout.first = place{Offset: rec.end, Line: rec.line + rec.lines - 1}
	return e.columns(rec)
}

// firstLine returns the first line from a place on that has more than
// separators, and its place.
func (e *File) firstLine(at place) (place, line, error) {
	all := e.from(at).lines
	for {
		l, err := all.next()
		if errors.Is(err, io.EOF) {
			return at, line{}, errNoHeader
		}
		if err != nil {
			return at, line{}, err
		}
		l.text = strings.TrimLeft(l.text, notContent)
		if l.problem != "" || strings.TrimFunc(l.text, separates) != "" {
			return at, l, nil
		}
		at = place{Offset: l.end, Line: l.number}
	}
}

func separates(r rune) bool {
	return unicode.IsSpace(r) || invisible(r) || strings.ContainsRune(delimiters+`"`+endOfFile, r)
}

// columns reads the names of the columns.
func (e *File) columns(rec record) error {
	names := make([]string, len(rec.fields))
	for i, f := range rec.fields {
		names[i] = visible(cell(f))
	}
	e.layout.line = rec.line
	e.layout.header = folded(names)
	e.layout.keys = distinct(names)
	settings := e.format.columns
	column, missing, err := assign(names, settings)
	if err != nil {
		return err
	}
	e.layout.column = column
	if len(missing) > 0 {
		return fmt.Errorf("no column %q, as thnks.csv.%s says; the columns are: %s", settings[missing[0]], missing[0], listed(names))
	}
	id, ok := column[fieldID]
	if !ok {
		return fmt.Errorf("no column \"Transaction ID\", which identifies a gift: name it in thnks.csv.%s, or put a header before the rows if there is none; the columns are: %s", fieldID, listed(names))
	}
	e.layout.idName = fold(names[id])
	return nil
}

// folded folds the names of a header, without empty ones at its end.
func folded(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, fold(cell(name)))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// isHeader reports whether a record is a header: it has a name of columns where
// an id must stand, or the name of the id's column anywhere, and most of its
// cells are names.
func (l *layout) isHeader(fields []string) bool {
	at := l.column[fieldID]
	begins := at < len(fields) && l.isName(fields[at])
	if !begins && !slices.ContainsFunc(fields, func(f string) bool { return l.isIDName(f) }) {
		return false
	}
	names, texts := 0, 0
	for _, f := range fields {
		if !blank(f) {
			texts++
		}
		if l.isName(f) {
			names++
		}
	}
	return 2*names > texts
}

// maxName bounds what can be the name of a column, in bytes.
const maxName = 256

// isName reports whether a cell's text is the name of a column.
func (l *layout) isName(text string) bool {
	if len(text) > maxName {
		return false
	}
	name := fold(cell(text))
	return name != "" && (slices.Contains(l.header, name) || fieldOf(name) != "")
}

// isIDName reports whether a cell's text is the name of the id's column.
func (l *layout) isIDName(text string) bool {
	if len(text) > maxName {
		return false
	}
	name := fold(cell(text))
	return name != "" && (name == l.idName || fieldOf(name) == fieldID)
}

// repeats reports whether a record is the header again. It returns an error for
// a header with other columns or with another separator.
func (l *layout) repeats(rec record) (bool, error) {
	const remedy = ": make a file of its own of what follows"
	if len(rec.fields) == 1 {
		text := rec.fields[0]
		if c := string(rune(delimiter(text))); strings.Contains(text, c) && l.isHeader(strings.Split(text, c)) {
			return false, fmt.Errorf("line %d is a second header, with another separator than the one on line %d"+remedy, rec.line, l.line)
		}
	}
	if !l.isHeader(rec.fields) {
		return false, nil
	}
	again := folded(rec.fields)
	const most = 10
	var other []string
	for i := range max(len(again), len(l.header)) {
		if i < len(again) && i < len(l.header) && again[i] == l.header[i] {
			continue
		}
		if len(other) == most {
			other = append(other, "…")
			break
		}
		other = append(other, fmt.Sprint(i+1))
	}
	if len(other) > 0 {
		return false, fmt.Errorf("line %d is a second header, and column %s of it is not that of the header on line %d"+remedy, rec.line, strings.Join(other, ", "), l.line)
	}
	return true, nil
}

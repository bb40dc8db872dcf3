package export

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
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

// readHeader reads the delimiter and the columns.
func (e *File) readHeader() error {
	before := e.first // where the header begins
	first, err := e.from(before).line()
	if errors.Is(err, io.EOF) {
		return errNoHeader
	}
	if err != nil {
		return err
	}
	e.comma = delimiter(first.text)
	if sep, ok := strings.CutPrefix(strings.ToLower(first.text), "sep="); ok && len(sep) == 1 && strings.Contains(delimiters, sep) {
		e.comma = sep[0]
		before = place{Offset: first.end, Line: first.number}
	}
	rec, err := e.from(before).next()
	switch {
	case errors.Is(err, io.EOF):
		return errNoHeader
	case err != nil:
		return err
	case rec.problem != "":
		return fmt.Errorf("line %d, which must be the header: %s", rec.line, rec.problem)
	case rec.line != before.Line+1:
		return errNoHeader // the delimiter was taken from an empty line
	}
	e.first = place{Offset: rec.end, Line: rec.line + rec.lines - 1}
	e.header = distinct(rec.fields)
	var missing []string
	if e.column, missing, err = assign(rec.fields, e.format.columns); err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("no column %q, as thnks.csv.%s says; the columns are: %s", e.format.columns[missing[0]], missing[0], listed(rec.fields))
	}
	if _, ok := e.column[fieldID]; !ok {
		return fmt.Errorf("no column \"Transaction ID\", which identifies a gift: name it in thnks.csv.%s; the columns are: %s", fieldID, listed(rec.fields))
	}
	return nil
}

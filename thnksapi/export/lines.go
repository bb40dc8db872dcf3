package export

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxRecord bounds a line, and a record of several lines, in bytes of the file.
const maxRecord = 1 << 20

// A line is one line of the file.
type line struct {
	text    string // in UTF-8, without the line's end; cut where the line is too long
	problem string // why the text could not be read whole, "" if it could
	ended   bool   // it has a line end; only the file's last line may have none
	number  int    // from 1
	end     int64  // offset of the next line
}

// The problems of lines.
const (
	tooLong    = "longer than 1 MiB: no row of an export is; check that its line ends are those of a text file"
	notUnicode = "not in UTF-8: save the file as \"CSV UTF-8\""
)

// lines reads a file line by line.
type lines struct {
	src    *source
	order  binary.ByteOrder // of UTF-16; nil for UTF-8
	number int              // of the line read last
	offset int64            // of the next
	unit   unit             // of UTF-16: read and not used
}

// A unit is the next unit of UTF-16, or the error in its place.
type unit struct {
	value uint16
	err   error
	held  bool
}

// A source hands out a file's bytes, at most as many at a time as its buffer
// has room for.
type source struct {
	r    io.Reader
	buf  []byte
	data []byte // of buf: not used yet
	err  error  // what follows the data
}

func newSource(r io.Reader, size int) *source {
	return &source{r: r, buf: make([]byte, size)}
}

// peek returns the bytes that are at hand, at least one, and io.EOF after the
// last.
func (s *source) peek() ([]byte, error) {
	const maxEmptyReads = 100
	for range maxEmptyReads {
		if len(s.data) > 0 {
			return s.data, nil
		}
		if s.err != nil {
			return nil, s.err
		}
		var n int
		n, s.err = s.r.Read(s.buf)
		s.data = s.buf[:n]
	}
	return nil, io.ErrNoProgress
}

func (s *source) skip(n int) { s.data = s.data[n:] }

// byteOrder returns the encoding, by the byte order mark that a file begins
// with, and the mark's length.
func byteOrder(head []byte) (order binary.ByteOrder, mark int64) {
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return nil, 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return binary.LittleEndian, 2
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return binary.BigEndian, 2
	}
	return nil, 0
}

// next returns the next line, and io.EOF after the last.
func (l *lines) next() (line, error) {
	read := l.bytes
	if l.order != nil {
		read = l.units
	}
	at, err := read()
	if err != nil {
		return line{}, err
	}
	if !at.ended {
		at.text = strings.TrimRight(at.text, endOfFile)
	}
	l.number++
	at.number, at.end = l.number, l.offset
	return at, nil
}

// bytes reads a line of UTF-8.
func (l *lines) bytes() (at line, err error) {
	if _, err := l.src.peek(); err != nil {
		return line{}, err // io.EOF at the end
	}
	var buf []byte
	for {
		part, err := l.src.peek()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return line{}, err
		}
		end := bytes.IndexAny(part, "\r\n")
		if end >= 0 {
			part = part[:end]
		}
		if room := maxRecord - len(buf); len(part) > room {
			at.problem = tooLong
			buf = append(buf, part[:room]...)
		} else {
			buf = append(buf, part...)
		}
		l.skip(len(part))
		if end >= 0 {
			at.ended = true
			if err := l.endBytes(); err != nil {
				return line{}, err
			}
			break
		}
	}
	if at.problem == "" && !utf8.Valid(buf) {
		at.problem = notUnicode
	}
	at.text = string(buf)
	return at, nil
}

// endBytes reads a line's end: LF, CRLF or CR.
func (l *lines) endBytes() error {
	part, err := l.src.peek()
	if err != nil {
		return err
	}
	c := part[0]
	l.skip(1)
	if c != '\r' {
		return nil
	}
	part, err = l.src.peek()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	if part[0] == '\n' {
		l.skip(1)
	}
	return nil
}

func (l *lines) skip(n int) {
	l.src.skip(n)
	l.offset += int64(n)
}

// units reads a line of UTF-16.
func (l *lines) units() (at line, err error) {
	if _, err := l.peekUnit(); errors.Is(err, io.EOF) {
		return line{}, err
	}
	var buf []uint16
	for !at.ended {
		u, err := l.peekUnit()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			at.problem = notUnicode
			l.useUnit()
			break
		}
		if err != nil {
			return line{}, err
		}
		l.useUnit()
		switch {
		case u == '\n':
			at.ended = true
		case u == '\r':
			at.ended = true
			if following, err := l.peekUnit(); err == nil && following == '\n' {
				l.useUnit()
			}
		case 2*len(buf) < maxRecord:
			buf = append(buf, u)
		default:
			at.problem = tooLong
		}
	}
	runes := utf16.Decode(buf)
	if at.problem == "" && slices.Contains(runes, utf8.RuneError) && !slices.Contains(buf, uint16(utf8.RuneError)) {
		at.problem = notUnicode
	}
	at.text = string(runes)
	return at, nil
}

// peekUnit returns the next unit of UTF-16; io.ErrUnexpectedEOF if half of one
// is left.
func (l *lines) peekUnit() (uint16, error) {
	if l.unit.held {
		return l.unit.value, l.unit.err
	}
	l.unit = unit{held: true}
	var two [2]byte
	for i := range two {
		part, err := l.src.peek()
		if i == 1 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			l.unit.err = err
			return 0, err
		}
		two[i] = part[0]
		l.src.skip(1)
	}
	l.unit.value = l.order.Uint16(two[:])
	return l.unit.value, nil
}

// useUnit goes on behind the unit that was peeked at, or the half of one.
func (l *lines) useUnit() {
	if errors.Is(l.unit.err, io.ErrUnexpectedEOF) {
		l.offset++
		l.unit.err = io.EOF
		return
	}
	l.offset += 2
	l.unit.held = false
}

// maxShown bounds what is kept of a line that is no record, in bytes.
const maxShown = 2 << 10

// shown returns what is kept of such a line for users to look at.
func shown(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxShown)], "\uFFFD")
}

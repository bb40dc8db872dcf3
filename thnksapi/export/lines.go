package export

import (
	"bufio"
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
	number  int    // from 1
	end     int64  // offset of the next line
}

// The problems of lines.
const (
	tooLong    = "longer than 1 MiB"
	notUnicode = "not in UTF-8: save the file as \"CSV UTF-8\""
)

// lines reads a file line by line.
type lines struct {
	src    *bufio.Reader
	order  binary.ByteOrder // of UTF-16; nil for UTF-8
	number int              // of the line read last
	offset int64            // of the next
}

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
	if _, err := l.src.Peek(1); err != nil {
		return line{}, err // io.EOF at the end
	}
	read := l.bytes
	if l.order != nil {
		read = l.units
	}
	text, problem, err := read()
	if err != nil {
		return line{}, err
	}
	l.number++
	return line{text: text, problem: problem, number: l.number, end: l.offset}, nil
}

// bytes reads a line of UTF-8.
func (l *lines) bytes() (text, problem string, err error) {
	var buf []byte
	for {
		if _, err := l.src.Peek(1); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", "", err
		}
		part, err := l.src.Peek(l.src.Buffered())
		if err != nil {
			return "", "", err
		}
		end := bytes.IndexAny(part, "\r\n")
		if end >= 0 {
			part = part[:end]
		}
		if room := maxRecord - len(buf); len(part) > room {
			problem = tooLong
			buf = append(buf, part[:room]...)
		} else {
			buf = append(buf, part...)
		}
		if err := l.skip(len(part)); err != nil {
			return "", "", err
		}
		if end >= 0 {
			if err := l.endBytes(); err != nil {
				return "", "", err
			}
			break
		}
	}
	if problem == "" && !utf8.Valid(buf) {
		problem = notUnicode
	}
	return string(buf), problem, nil
}

// endBytes reads a line's end: LF, CRLF or CR.
func (l *lines) endBytes() error {
	c, err := l.src.ReadByte()
	if err != nil {
		return err
	}
	l.offset++
	if c != '\r' {
		return nil
	}
	following, err := l.src.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.Equal(following, []byte("\n")) {
		return l.skip(1)
	}
	return nil
}

func (l *lines) skip(n int) error {
	_, err := l.src.Discard(n)
	l.offset += int64(n)
	return err
}

// units reads a line of UTF-16.
func (l *lines) units() (text, problem string, err error) {
	var buf []uint16
	for {
		unit, err := l.peekUnit()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			problem = notUnicode
			if err := l.skip(1); err != nil {
				return "", "", err
			}
			break
		}
		if err != nil {
			return "", "", err
		}
		if err := l.skip(2); err != nil {
			return "", "", err
		}
		if unit == '\n' {
			break
		}
		if unit == '\r' {
			if following, err := l.peekUnit(); err == nil && following == '\n' {
				if err := l.skip(2); err != nil {
					return "", "", err
				}
			}
			break
		}
		if 2*len(buf) < maxRecord {
			buf = append(buf, unit)
		} else {
			problem = tooLong
		}
	}
	runes := utf16.Decode(buf)
	if problem == "" && slices.Contains(runes, utf8.RuneError) && !slices.Contains(buf, uint16(utf8.RuneError)) {
		problem = notUnicode
	}
	return string(runes), problem, nil
}

// peekUnit returns the next unit of UTF-16; io.ErrUnexpectedEOF if half of one
// is left.
func (l *lines) peekUnit() (uint16, error) {
	two, err := l.src.Peek(2)
	switch {
	case err == nil:
		return l.order.Uint16(two), nil
	case errors.Is(err, io.EOF) && len(two) == 1:
		return 0, io.ErrUnexpectedEOF
	default:
		return 0, err
	}
}

// maxShown bounds what is kept of a line that is no record, in bytes.
const maxShown = 2 << 10

// shown returns what is kept of such a line for users to look at.
func shown(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxShown)], "\uFFFD")
}

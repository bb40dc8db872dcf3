package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// terminal returns w as a terminal, and whether it is one.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// moves reports whether terminals can do more than print: TERM says so.
func moves() bool { return os.Getenv("TERM") != "dumb" }

// coloured reports whether what goes to a terminal may be coloured, which NO_COLOR
// denies: see https://no-color.org.
func coloured() bool { return moves() && os.Getenv("NO_COLOR") == "" }

// colours reports whether what is written to w may be coloured.
func colours(w io.Writer) bool {
	_, is := terminal(w)
	return is && coloured()
}

// columns returns how wide a terminal is now; 0 when that cannot be found.
func columns(f *os.File) int {
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return w
}

// printable returns text that others wrote, or may have written, as it may go to
// a terminal or into a line of the log.
func printable(s string) string {
	return escaped(s, func(r rune) string {
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	})
}

// escaped returns s with characters that a terminal obeys or does not show
// replaced: control characters, those that change the reading direction, tags and
// variation selectors of plane 14, whatever is not assigned. Bytes that are not
// UTF-8 become U+FFFD.
func escaped(s string, escape func(rune) string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r >= 0xe0000 }
	if utf8.ValidString(s) && strings.IndexFunc(s, odd) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if odd(r) {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// display returns where text goes that was made for files and programs: w itself, and what
// makes it [printable] on the way where w is a terminal.
func display(w io.Writer) io.Writer {
	if _, is := terminal(w); is {
		return plainWriter{w}
	}
	return w
}

// A plainWriter writes lines of text as [printable] text. It is for what the
// library of the command line writes by itself, which quotes arguments, and for files
// that are shown.
type plainWriter struct{ w io.Writer }

// Write implements [io.Writer].
func (p plainWriter) Write(text []byte) (int, error) {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		body, ended := strings.CutSuffix(line, "\n")
		for i, cell := range strings.Split(body, "\t") {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(printable(cell))
		}
		if ended {
			b.WriteByte('\n')
		}
	}
	if _, err := io.WriteString(p.w, b.String()); err != nil {
		return 0, err
	}
	return len(text), nil
}

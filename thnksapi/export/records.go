package export

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A record is one record of the file, or one line that is none.
type record struct {
	fields  []string // of a line that is none, those before its fault
	problem string   // why the line is no record, "" for a record
	whole   bool     // which does not touch the fields: they are all there
	text    string   // of a line that is none
	line    int      // number of its first line
	lines   int      // how many it has
	end     int64    // offset of what follows
}

// records reads a file record by record. If a line is no record, only that
// line is set aside: the lines that seemed to belong to its record are read
// again.
//
// This is linear. Within quotes a line with an odd number of them ends either
// the record or the attempt, and only such a line can begin a record of several
// lines. No line is therefore read more than twice.
type records struct {
	lines *lines
	ahead []line // read from lines
	at    int    // the next of them to be used
	comma byte
	width int // fields of a record; 0: any number
	named int // of them those that the header has a name for
	id    int // the one of the transaction's id
	blank int // skipped lines without a value
}

// next returns the next record with any value, and io.EOF after the last.
func (r *records) next() (record, error) {
	for {
		r.drop()
		first, err := r.line()
		if err != nil {
			return record{}, err
		}
		rec, err := r.from(first)
		if err != nil {
			return record{}, err
		}
		if rec.problem != "" || slices.ContainsFunc(rec.fields, func(f string) bool { return !blank(f) }) {
			return rec, nil
		}
		r.blank += rec.lines
	}
}

// line returns the next line.
func (r *records) line() (line, error) {
	if r.at == len(r.ahead) {
		l, err := r.lines.next()
		if err != nil {
			return line{}, err
		}
		r.ahead = append(r.ahead, l)
	}
	r.at++
	return r.ahead[r.at-1], nil
}

// drop removes the used lines once they are half of all lines held.
func (r *records) drop() {
	if 2*r.at >= len(r.ahead) {
		n := copy(r.ahead, r.ahead[r.at:])
		clear(r.ahead[n:])
		r.ahead, r.at = r.ahead[:n], 0
	}
}

// from reads the record that begins with a line.
func (r *records) from(first line) (record, error) {
	first.text = strings.TrimLeft(first.text, notContent)
	if first.problem == "" && (blank(first.text) || separatorLine(first.text) != 0) {
		return record{lines: 1}, nil
	}
	after := r.at
	p := parser{comma: r.comma}
	open, problem := p.feed(first.text)
	whole := p.fields // that the first line has
	if first.problem == tooLong && !open && len(whole) > 0 {
		whole = whole[:len(whole)-1] // the last one was cut
	}
	bad := func(problem string) (record, error) {
		r.at = after
		return record{fields: whole, problem: problem, text: shown(first.text), line: first.number, lines: 1, end: first.end}, nil
	}
	size := 0
	for l := first; ; open, problem = p.feed(l.text) {
		switch {
		case l.problem != "":
			return bad(l.problem)
		case problem != "":
			return bad(problem)
		case !open:
			rec := record{fields: p.fields, line: first.number, lines: 1 + r.at - after, end: l.end}
			if r.width > 0 {
				if problem := r.fit(&rec, l.ended); problem != "" {
					if rec.lines == 1 {
						whole = rec.fields
					}
					fault, err := bad(problem)
					fault.whole = rec.whole
					return fault, err
				}
			}
			return rec, nil
		}
		if size += len(l.text) + 1; size > maxRecord {
			return bad("a quote that does not end within 1 MiB: " + doubleQuotes)
		}
		var err error
		if l, err = r.line(); errors.Is(err, io.EOF) {
			return bad("a quote that does not end: " + doubleQuotes)
		} else if err != nil {
			return record{}, err
		}
	}
}

const doubleQuotes = "a quote within a field is written twice"

// fit compares a record with the header. Cells that a line lacks at its end say
// nothing of their columns, and surplus ones without text are nothing. ended is
// whether its last line has a line end. The problem is "" if there is none.
func (r *records) fit(rec *record, ended bool) (problem string) {
	n := len(rec.fields)
	for n > r.width && blank(rec.fields[n-1]) {
		n--
	}
	rec.fields = rec.fields[:n]
	fields := "fields"
	if n == 1 {
		fields = "field"
	}
	unlike := fmt.Sprintf("%d %s, the header has %d", n, fields, r.width)
	switch {
	case n > r.width:
		rec.whole = true
		return unlike + ": a field with a separator in it stands in quotes"
	case n < r.named && !ended:
		rec.fields = rec.fields[:n-1] // the last one may be cut as well
		return unlike + ", and no line end: the file was cut off here; export it again"
	case n < r.named && r.id < n && !idOfShort(rec.fields[r.id]):
		rec.whole = true
		return unlike + ": no transaction, but some remark or total"
	}
	return ""
}

// idOfShort reports whether a text in the id's column of a short line may be an
// id. Remarks and totals below the rows are short lines, too.
func idOfShort(text string) bool {
	text = visible(text)
	return text == "" || strings.ContainsAny(text, "0123456789") && !strings.ContainsAny(text, " \n\""+delimiters)
}

// A parser splits records into fields by RFC 4180, a line at a time.
type parser struct {
	comma  byte
	fields []string
	quoted strings.Builder // the quoted field that is being read
	inside bool            // within quotes
}

// feed reads a line. If it ends within quotes, the record is open: it goes on
// in the next line.
func (p *parser) feed(s string) (open bool, problem string) {
	for {
		switch {
		case p.inside:
			text, rest, closed := strings.Cut(s, `"`)
			p.quoted.WriteString(text)
			if !closed {
				p.quoted.WriteByte('\n')
				return true, ""
			}
			if s = rest; strings.HasPrefix(s, `"`) {
				p.quoted.WriteByte('"')
				s = s[1:]
				continue
			}
			p.inside = false
			if s != "" && s[0] != p.comma {
				return false, "text after a closing quote"
			}
			p.fields = append(p.fields, p.quoted.String())
			p.quoted.Reset()
			if s == "" {
				return false, ""
			}
			s = s[1:]
		case strings.HasPrefix(s, `"`):
			p.inside = true
			s = s[1:]
		default:
			text, rest, more := strings.Cut(s, string(rune(p.comma)))
			if strings.Contains(text, `"`) && unwrap(text) == text {
				return false, "a quote in a field that is not quoted"
			}
			p.fields = append(p.fields, text)
			if !more {
				return false, ""
			}
			s = rest
		}
	}
}

// separatorLine returns the delimiter that Excel's line "sep=;" names, 0 for any
// other line.
func separatorLine(text string) byte {
	if len(text) != len("sep=;") || !strings.EqualFold(text[:4], "sep=") || !strings.Contains(delimiters, text[4:]) {
		return 0
	}
	return text[4]
}

// delimiters may separate fields, the likeliest first.
const delimiters = ",;\t|"

// delimiter returns the one that a header has most of outside quotes.
func delimiter(header string) byte {
	var counts [128]int
	quoted := false
	for _, c := range []byte(header) {
		switch {
		case c == '"':
			quoted = !quoted
		case !quoted && c < 128:
			counts[c]++
		}
	}
	best := delimiters[0]
	for _, c := range []byte(delimiters) {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

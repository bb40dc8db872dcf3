package export

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi"
)

// TestBoundsOfRecords: a line, and a record of several lines, may be 1 MiB
// long and no longer, in either encoding, and costs no other row.
func TestBoundsOfRecords(t *testing.T) {
	t.Parallel()
	const start = "T1,"
	for _, test := range []struct {
		name string
		size int // of the line or record
		wide bool
		ok   bool
	}{
		{"UTF-8", maxRecord, false, true},
		{"UTF-8", maxRecord + 1, false, false},
		{"UTF-16", maxRecord / 2, true, true},
		{"UTF-16", maxRecord/2 + 1, true, false},
	} {
		text := "Transaction ID,Message\n" + start + strings.Repeat("x", test.size-len(start)) + "\nT2,y\n"
		if test.wide {
			text = wide(binary.LittleEndian, text)
		}
		rows := all(t, open(t, format(t, nil), write(t, text)))
		if len(rows) != 2 || rows[1].Err != nil || (rows[0].Err == nil) != test.ok {
			t.Errorf("%s, %d characters: %v", test.name, test.size, rows[0].Err)
		}
		if !test.ok && (rows[0].ID != "T1" || rows[0].Err.Error() != "line 2: "+tooLong || len(rows[0].Raw) > 2*maxShown) {
			t.Errorf("%s, %d characters: id %q, %v, %d bytes kept", test.name, test.size, rows[0].ID, rows[0].Err, len(rows[0].Raw))
		}
	}
	for size, ok := range map[int]bool{maxRecord: true, maxRecord + 1: false} {
		half := strings.Repeat("y", maxRecord/2-1) // with its line end half of the bound
		first := start + `"` + strings.Repeat("x", size-maxRecord/2-maxRecord/4-len(start)-2)
		text := "Transaction ID,Message\n" + first + "\n" + half + "\n" + half[:maxRecord/4-1] + "\n" + `"` + "\nT2,y\n"
		rows := all(t, open(t, format(t, nil), write(t, text)))
		if (rows[0].Err == nil) != ok || rows[len(rows)-1].Err != nil {
			t.Errorf("a record of %d bytes: %v", size, rows[0].Err)
		}
		if !ok && !strings.Contains(rows[0].Err.Error(), "line 2: a quote that does not end within 1 MiB") {
			t.Errorf("a record of %d bytes: %v", size, rows[0].Err)
		}
	}
}

// TestHalfAUnit: a file of UTF-16 that ends within a unit is bad in its last
// line and in no other.
func TestHalfAUnit(t *testing.T) {
	t.Parallel()
	whole := wide(binary.LittleEndian, "Transaction ID,Status\nT1,sent\nT2,sent\n")
	for _, size := range []int{1, 2, readBytes} {
		for text, want := range map[string][]string{
			whole + "x":                             {"T1  sent ", "T2  sent ", "line 4: " + notUnicode},
			whole[:len(whole)-2] + "\r\x00x":        {"T1  sent ", "T2  sent ", "line 4: " + notUnicode},
			whole[:len(whole)-2] + "x":              {"T1  sent ", "line 3: " + notUnicode},
			whole[:len(whole)-2] + "\x00\xd8\n\x00": {"T1  sent ", "line 3: " + notUnicode}, // half a pair
			whole[:len(whole)-2] + "\r\x00":         {"T1  sent ", "T2  sent "},
		} {
			file, err := format(t, nil).open(write(t, text), size)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, summaries(all(t, file))); diff != "" {
				t.Errorf("%d bytes at a time (-want +got):\n%s", size, diff)
			}
			file.Close()
		}
	}
}

// TestBoundsOfPages: a page ends after 500 rows, or once it holds 4 MiB.
func TestBoundsOfPages(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		strings.Repeat("T1,x\n", pageRows):                                   pageRows,
		strings.Repeat("T1,x\n", pageRows+1):                                 pageRows,
		strings.Repeat("T1,"+strings.Repeat("x", 1<<20-100)+"\n", 10):        5,
		strings.Repeat("T1,"+strings.Repeat("x", 500_000)+"\n", 10):          9,
		"T1," + strings.Repeat("x", 1<<20-100) + "\nT2,y\n\n\nT3,\"\nT4,z\n": 4,
	} {
		file := open(t, format(t, nil), write(t, "Transaction ID,Message\n"+text))
		page, err := file.Transactions(t.Context(), thnksapi.Query{})
		if err != nil || len(page.Rows) != want {
			t.Errorf("%.20q…: %d rows, %v; want %d", text, len(page.Rows), err, want)
		}
		if more := strings.Count(text, "\nT")+1 >= pageRows || want == 5 || want == 9; more != (page.Next != "") {
			t.Errorf("%.20q…: another page is %q", text, page.Next)
		}
	}
}

// TestDelimiters: the header's most frequent one outside quotes, and of equals
// the likeliest.
func TestDelimiters(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]byte{
		"a": ',', "a,b": ',', "a;b": ';', "a\tb": '\t', "a|b": '|', "a,b;c;d": ';', "a,b;c": ',', "a|b\tc;d": ';', "a|b\tc": '\t',
		`"a,b,c";d`: ';', `"a""b;;;";c,d,e`: ',', "é;b": ';', "a:b:c": ',',
	} {
		if got := delimiter(header); got != want {
			t.Errorf("%q is separated by %q, want %q", header, got, want)
		}
	}
	for line, want := range map[string]byte{"sep=;": ';', "SEP=\t": '\t', "sep=,": ',', "sep=:": 0, "sep=": 0, "sep=;;": 0, "sep ;": 0, "set=;": 0} {
		if got := separatorLine(line); got != want {
			t.Errorf("%q names %q, want %q", line, got, want)
		}
	}
}

// TestUnreadableFiles: a message says what to do.
func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		fs.ErrPermission: "may not read it: copy it into the state directory", fs.ErrNotExist: "no such file, or this process cannot see it", io.ErrNoProgress: "export file x: multiple Read calls",
	} {
		if got := unreadable("x", err); !errors.Is(got, err) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v is said as %q", err, got)
		}
	}
}

// TestCells: only what protects a text is taken off it.
func TestCells(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "x": "x", "'": "'", "''": "''", "'x": "'x", "'=x": "=x", "'+x": "+x", "'-x": "-x", "'@x": "@x", "'＝x": "＝x", "''=x": "''=x",
		"'\tx": "\tx", "'\nx": "\nx", "\t=x": "=x", "\t\t=x": "\t=x", "\tx": "\tx", "=x": "=x",
		`="x"`: "x", `=""`: "", ` ="x" `: "x", `="x""y"`: `x"y`, `="x"&"y"`: `="x"&"y"`, `="x`: `="x`, `=x"`: `=x"`, `="`: `="`, `'="x"`: `="x"`,
	} {
		if got := cell(text); got != want {
			t.Errorf("%q means %q, want %q", text, got, want)
		}
	}
}

// TestManyColumns: a message lists no more columns than can be read.
func TestManyColumns(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{40: "39 ?, 40 ?", 41: "39 ?, 40 ?, …"} {
		_, err := format(t, nil).Open(write(t, strings.Repeat("x,", n-1)+"x\n"))
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d columns: %v", n, err)
		}
	}
}

// TestDistinctColumns: a column without a name of its own is named by its place,
// counted from one.
func TestDistinctColumns(t *testing.T) {
	t.Parallel()
	want := []string{"a", "a column 2", "column 3", "b"}
	if got := distinct([]string{"a", " a", "", "b "}); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestHeadersByMajority: names of columns within a row make no header of it.
func TestHeadersByMajority(t *testing.T) {
	t.Parallel()
	text := "Transaction ID,Gift Name,Gift Type,Status,Message\n" +
		"Status,x,y,z,w\n" +
		"Status,Message,x,y,\n" +
		"T1,Transaction ID,Status,y,z\n" +
		"T1,Status,Message,Status,Gift Name\n"
	file := open(t, format(t, nil), write(t, text))
	if rows := all(t, file); len(rows) != 4 || file.RepeatedHeaders() != 0 {
		t.Errorf("%q, %d headers", summaries(rows), file.RepeatedHeaders())
	}
	long := strings.Repeat("x", maxName+1)
	for name, known := range map[string]bool{long: false, long[1:]: true} {
		l := layout{header: []string{name}}
		if l.isName(name) != known {
			t.Errorf("a name of %d bytes is known: %t", len(name), !known)
		}
	}
}

// TestSecondHeaders: what is a header again by its first cell, or by the name of the
// id's column anywhere, ends the reading where its columns are others.
func TestSecondHeaders(t *testing.T) {
	t.Parallel()
	const header = "Transaction ID,Gift Name,Status,Recipient Email\n"
	for second, columns := range map[string]string{
		"Transaction ID,Gift Name,Status,Recipient Email":  "",
		"Transaction ID,Gift Name,Status,Recipient Email,": "",
		"Number,Transaction ID,Status,Recipient Email":     "1, 2",
		"Gift Name,Status,Recipient Email,Recipient Name":  "1, 2, 3, 4",
		"Transaction ID,Gift Name,Status":                  "4",
		"Transaction ID,Gift Name,Status,Sender Email":     "4",
	} {
		file := open(t, format(t, nil), write(t, header+"T1,Tea,sent,ann@acme.example\n"+second+"\nT2,Tea,sent,bob@acme.example\n"))
		_, err := file.Transactions(t.Context(), thnksapi.Query{})
		switch {
		case columns == "" && (err != nil || file.RepeatedHeaders() != 1):
			t.Errorf("%s: %v, %d headers", second, err, file.RepeatedHeaders())
		case columns != "" && (err == nil || !strings.Contains(err.Error(), "line 3 is a second header, and column "+columns+" of it")):
			t.Errorf("%s: %v", second, err)
		}
	}
}

// TestKnownIDs: the id of a row that is no transaction is believed up to 255 bytes,
// whatever blanks stand around it within twice as many.
func TestKnownIDs(t *testing.T) {
	t.Parallel()
	f := format(t, nil)
	id := strings.Repeat("x", maxID)
	for text, want := range map[string]string{
		id: id, id + "x": "", strings.Repeat(" ", maxID) + id: id, strings.Repeat(" ", maxID+1) + id: "", "": "", "a\x01b": "", "a\uFFFD": "",
	} {
		if got := f.knownID(text); got != want {
			t.Errorf("%d bytes: %q", len(text), got)
		}
	}
}

// TestFileAsASource: what the engine asks of a source and a file has not.
func TestFileAsASource(t *testing.T) {
	t.Parallel()
	file := open(t, format(t, nil), write(t, plainFile))
	if row, err := file.Transaction(t.Context(), "T1"); row != nil || !errors.Is(err, thnksapi.ErrNoDetail) {
		t.Errorf("a single transaction: %v, %v", row, err)
	}
	if file.Filter() != thnksapi.SinceNone || file.Calls() != 0 {
		t.Errorf("filter %q, %d calls", file.Filter(), file.Calls())
	}
	rows := all(t, file)
	if again := file.Decode(rows[0].Raw); full(again[0]) != full(rows[0]) {
		t.Errorf("read again: %v", again)
	}
	for _, cursor := range []string{"?", "e30", place{File: file.id, Offset: file.size + 1, Line: 9}.cursor(), place{File: file.id, Line: 9}.cursor(), place{File: file.id, Offset: file.size}.cursor()} {
		var te *thnksapi.Error
		if _, err := file.Transactions(t.Context(), thnksapi.Query{Cursor: cursor}); !errors.As(err, &te) || te.Kind != thnksapi.Stale {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// TestRawRows: a raw row has the cells that the line has, so that a missing one
// stays missing, and a row of an earlier version says nothing of what it left
// out.
func TestRawRows(t *testing.T) {
	t.Parallel()
	f := format(t, nil)
	row := all(t, open(t, f, write(t, "Transaction ID,Gift Name,Message,Notes\nT1,,x\n")))[0]
	var m marked
	if err := json.Unmarshal(row.Raw, &m); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"Transaction ID": "T1", "Gift Name": "", "Message": "x"}, m.Row.Columns); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for raw, want := range map[string]string{
		string(row.Raw): "T1||~|~|~|x|~",
		`{"export_row":{"columns":{"Transaction ID":"T1","Message":"x"}}}`:               "T1|~|~|~|~|x|~",
		`{"export_row":{"line":7,"columns":{"Transaction ID":"T1","Gift Amount":"?!"}}}`: `"T1": line 7: gift_amount: not a decimal number`,
		`{"export_row":{"line":7,"problem":"torn","text":"x","near":["T1"]}}`:            `"": line 7: torn`,
	} {
		if got := full(f.Decode([]byte(raw))[0]); got != want {
			t.Errorf("%s is read as %s, want %s", raw, got, want)
		}
	}
}

// TestEveryFieldIsListed: each field is missing where its column is, and only
// there.
func TestEveryFieldIsListed(t *testing.T) {
	t.Parallel()
	f := format(t, nil)
	names, sets := Fields(), make(map[string]thnksapi.FieldSet)
	for _, field := range fields {
		sets[field.name] = field.set
	}
	missing := func(columns []string) thnksapi.FieldSet {
		row := all(t, open(t, f, write(t, strings.Join(columns, ",")+"\n1"+strings.Repeat(",", len(columns)-1)+"\n")))[0]
		if row.Err != nil {
			t.Fatal(row.Err)
		}
		return row.Transaction.Missing
	}
	if got := missing(names); got != never {
		t.Errorf("with all columns %b is missing", got)
	}
	for i, name := range names {
		if name == fieldID {
			continue
		}
		rest := append(append([]string{}, names[:i]...), names[i+1:]...)
		if sets[name] == thnksapi.FieldTimes { // together
			rest = slices.DeleteFunc(rest, func(n string) bool { return sets[n] == thnksapi.FieldTimes })
		}
		if got := missing(rest); got != never|sets[name] || sets[name] == 0 {
			t.Errorf("without %s %b is missing", name, got)
		}
	}
}

// TestPageOfExactlyItsBound: a page that holds 4 MiB to the byte is full.
func TestPageOfExactlyItsBound(t *testing.T) {
	t.Parallel()
	const header, size = "Transaction ID,Message\n", pageBytes / 8
	empty := all(t, open(t, format(t, nil), write(t, header+"T1,x\n")))[0]
	row := "T1," + strings.Repeat("x", size-len(empty.Raw)+1) + "\n"
	file := open(t, format(t, nil), write(t, header+strings.Repeat(row, 9)))
	page, err := file.Transactions(t.Context(), thnksapi.Query{})
	if err != nil || len(page.Rows) != 8 || len(page.Rows[0].Raw) != size {
		t.Errorf("%d rows of %d bytes, %v; want 8 of %d", len(page.Rows), len(page.Rows[0].Raw), err, size)
	}
}

// TestTooManyFieldsKeepTheID: of a record of several lines with too many fields,
// the first line has as many as the header, and the id.
func TestTooManyFieldsKeepTheID(t *testing.T) {
	t.Parallel()
	rows := all(t, open(t, format(t, nil), write(t, "Transaction ID,Gift Name,Status\nT1,Tea,sent,\"x\ny\",z\nT2,Tea,sent\n")))
	if len(rows) != 3 || rows[0].ID != "T1" || rows[0].Err == nil || rows[2].Err != nil {
		t.Errorf("%q", summaries(rows))
	}
}

// TestTooLongWithoutAField: a line that is too long, and wrong before its first
// field ends, costs no other row.
func TestTooLongWithoutAField(t *testing.T) {
	t.Parallel()
	rows := all(t, open(t, format(t, nil), write(t, "Transaction ID,Status\n\"T1\"x"+strings.Repeat("x", maxRecord)+"\nT2,sent\n")))
	if len(rows) != 2 || rows[0].ID != "" || rows[0].Err == nil || rows[1].Err != nil {
		t.Errorf("%q", summaries(rows))
	}
}

// TestLongestName: the id's column may have a name of 256 bytes, by which a second
// header is known wherever it has that name.
func TestLongestName(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]bool{maxName: true, maxName + 1: false} {
		name := strings.Repeat("x", size)
		l := layout{idName: name, header: []string{name}}
		if l.isIDName(name) != want || l.isName(name) != want {
			t.Errorf("%d bytes are a name: %v and %v, want %v", size, l.isIDName(name), l.isName(name), want)
		}
	}
}

package export

import (
	"encoding/binary"
	"strings"
	"testing"

	"thnks-hubspot-sync/thnksapi"
)

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

// TestLinesThatEndBeforeTheID: a short line that ends just before the id's column
// is a row without an id, and costs no other row.
func TestLinesThatEndBeforeTheID(t *testing.T) {
	t.Parallel()
	rows := all(t, open(t, format(t, nil), write(t, "Gift Name,Status,Transaction ID\nTea,sent\nTea,sent,T2\n")))
	if len(rows) != 2 || rows[0].ID != "" || rows[0].Err == nil || rows[1].Err != nil {
		t.Errorf("%q", summaries(rows))
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

// TestEndWithinAUnit: half a unit at the end of a file of UTF-16 is read, so that
// what is at hand ends where the file does.
func TestEndWithinAUnit(t *testing.T) {
	t.Parallel()
	const text = "a\x00b"
	all := &lines{src: newSource(strings.NewReader(text), readBytes), order: binary.LittleEndian}
	at, err := all.next()
	if err != nil || at.end != int64(len(text)) || at.problem != notUnicode {
		t.Errorf("%+v, %v: want the end %d", at, err, len(text))
	}
}

// TestCurrencyWithoutAmount: a currency beside no amount is read as beside one, and
// dropped where it is none.
func TestCurrencyWithoutAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		",": "T1|~|||~|~|~", ",€": "T1|~||EUR|~|~|~", ",eur": "T1|~||EUR|~|~|~", "5,€": "T1|~|5|EUR|~|~|~", "5,pounds": "T1|~|5|!|~|~|~",
	} {
		rows := all(t, open(t, format(t, nil), write(t, "Transaction ID,Gift Amount,Gift Currency\nT1,"+text+"\n")))
		if got := full(rows[0]); got != want {
			t.Errorf("%q is read as %s, want %s", text, got, want)
		}
	}
}

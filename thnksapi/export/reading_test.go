package export

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi"
)

// TestAnyBufferGivesTheSameRows: where a buffer ends changes nothing, be it
// between CR and LF, within a character, or within quotes.
func TestAnyBufferGivesTheSameRows(t *testing.T) {
	t.Parallel()
	f := format(t, nil)
	const text = "\n\ufeffTransaction ID,Gift Name,Message\nT1,Käse €𝄞,\"a\n\nb \"\"c\"\"\"\n\n" +
		"T2,\"x\n\nT3,\"Tea\",y\nTransaction ID,Gift Name,Message\nT4,a,b,c\nT5,\"=\"\"1\"\"\",\nT6,a"
	var want []string
	for _, end := range []string{"\n", "\r\n", "\r"} {
		for name, encode := range map[string]func(string) string{
			"UTF-8":                func(s string) string { return s },
			"UTF-8 with a mark":    func(s string) string { return "\ufeff" + s },
			"UTF-16 little-endian": func(s string) string { return wide(binary.LittleEndian, s) },
			"UTF-16 big-endian":    func(s string) string { return wide(binary.BigEndian, s) },
		} {
			path := write(t, encode(strings.ReplaceAll(text, "\n", end)))
			for _, size := range []int{1, 2, 3, 4, 5, 7, 16, 61, 200, readBytes} {
				file, err := f.open(path, size)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, row := range all(t, file) {
					got = append(got, full(row))
				}
				file.Close()
				if want == nil {
					want = got
				}
				if diff := cmp.Diff(want, got); diff != "" || len(got) != 6 || file.RepeatedHeaders() != 1 {
					t.Errorf("%s, lines end in %q, %d bytes at a time (-want +got):\n%s", name, end, size, diff)
				}
			}
		}
	}
	// "T2," opens a quote that ends before "Tea": its line alone is bad.
	if want[0] != "T1|Käse €𝄞|~|~|~|a\n\nb \"c\"|~" || want[2] != "T3|Tea|~|~|~|y|~" || !strings.HasPrefix(want[1], `"T2": line 7:`) {
		t.Errorf("the rows are %q", want)
	}
}

// TestOffsetsOfLines: each line ends where the next one begins, whatever the buffer.
func TestOffsetsOfLines(t *testing.T) {
	t.Parallel()
	const text = "a\r\nb\rc\n\r\n\r\rd\n\re"
	for _, order := range []binary.ByteOrder{nil, binary.LittleEndian} {
		raw := text
		if order != nil {
			raw = wide(binary.LittleEndian, text)[2:]
		}
		for size := 1; size <= len(raw)+1; size++ {
			for _, r := range []io.Reader{strings.NewReader(raw), iotest.OneByteReader(strings.NewReader(raw)), iotest.DataErrReader(strings.NewReader(raw))} {
				all := &lines{src: newSource(r, size), order: order}
				var got []string
				for {
					l, err := all.next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					end := l.end
					if order != nil {
						end /= 2
					}
					got = append(got, fmt.Sprintf("%d %s %d %t", l.number, l.text, end, l.ended))
				}
				want := []string{"1 a 3 true", "2 b 5 true", "3 c 7 true", "4  9 true", "5  10 true", "6  11 true", "7 d 13 true", "8  14 true", "9 e 15 false"}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("order %v, %d bytes at a time (-want +got):\n%s", order, size, diff)
				}
			}
		}
	}
}

// TestReadErrors: what goes wrong under a file is an error and no end of it.
func TestReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, order := range []binary.ByteOrder{nil, binary.BigEndian} {
		for cut := range 8 {
			r := io.MultiReader(strings.NewReader("a\r\nb\rc\n"[:cut]), iotest.ErrReader(broken))
			all := &lines{src: newSource(r, 3), order: order}
			var err error
			for err == nil {
				_, err = all.next()
			}
			if !errors.Is(err, broken) {
				t.Errorf("order %v, after %d bytes: %v", order, cut, err)
			}
		}
	}
	stuck := &lines{src: newSource(readNothing{}, 3)}
	if _, err := stuck.next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", err)
	}
}

type readNothing struct{}

func (readNothing) Read([]byte) (int, error) { return 0, nil }

// TestRepeatedHeaders: the same header within a file is counted and is no row;
// another one ends the listing.
func TestRepeatedHeaders(t *testing.T) {
	t.Parallel()
	const header = "Transaction ID,Gift Name,Order,Status\n"
	f := format(t, nil)
	for _, test := range []struct {
		name, again string
		want        string // the error, "" for none
	}{
		{"the same", header, ""},
		{"twice", header + "\n" + header, ""},
		{"in other spelling", "\ufefftransaction_id, GIFT NAME ,\"order\",Status\r\n", ""},
		{"with empty names", "Transaction ID,Gift Name,Order,Status,,\n", ""},
		{"other order", "Gift Name,Transaction ID,Order,Status\n", "line 4 is a second header, and column 1, 2 of it is not that of the header on line 2"},
		{"another column", "Transaction ID,Gift Name,Amount,Status\n", "line 4 is a second header, and column 3 of it"},
		{"more columns", "Transaction ID,Gift Name,Order,Status,Message\n", "line 4 is a second header, and column 5 of it"},
		{"fewer columns", "Transaction ID,Gift Name\n", "line 4 is a second header, and column 3, 4 of it"},
		{"many other columns", "Order,Transaction ID,Status,Gift Name,Message,Sent Date,Opened Date,Created,Updated,Gift Type,Gift Amount,Donated Date\n", "column 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, … of it"},
		{"another separator", "Transaction ID;Gift Name;Order;Status\n", "line 4 is a second header, with another separator than the one on line 2"},
	} {
		text := "\n" + header + "T1,Tea,1,sent\n" + test.again + "T2,Status,1,sent\nT3,Transaction ID,1,sent\n"
		file := open(t, f, write(t, text))
		page, err := file.Transactions(t.Context(), thnksapi.Query{})
		switch {
		case test.want != "":
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "thnks.csv: line") {
				t.Errorf("%s: got %v, want %q", test.name, err, test.want)
			}
		case err != nil:
			t.Errorf("%s: %v", test.name, err)
		default:
			want := []string{"T1 Tea sent ", "T2 Status sent ", "T3 Transaction ID sent "}
			if diff := cmp.Diff(want, summaries(page.Rows)); diff != "" || file.RepeatedHeaders() != strings.Count(test.again, ",")/3 {
				t.Errorf("%s: %d headers (-want +got):\n%s", test.name, file.RepeatedHeaders(), diff)
			}
		}
	}
	// A name that a setting gives is one of a header, too.
	named := format(t, map[string]string{fieldID: "No", "gift_name": "What"})
	file := open(t, named, write(t, "No,What\n1,Tea\nNo,What\n2,Tea\n"))
	if rows := all(t, file); len(rows) != 2 || file.RepeatedHeaders() != 1 {
		t.Errorf("%q, %d headers", summaries(rows), file.RepeatedHeaders())
	}
}

// TestRepeatedHeadersAcrossPages counts them once, and anew in a new listing.
func TestRepeatedHeadersAcrossPages(t *testing.T) {
	t.Parallel()
	month := "Transaction ID,Status\n" + strings.Repeat("T1,sent\n", 400)
	file := open(t, format(t, nil), write(t, strings.Repeat(month, 5)))
	for range 2 {
		if rows := all(t, file); len(rows) != 2000 || file.RepeatedHeaders() != 4 {
			t.Errorf("%d rows, %d headers within the file; want 2000 and 4", len(rows), file.RepeatedHeaders())
		}
	}
}

// TestBadLinesKeepTheirID: wherever it can be read, also when the row is read
// again from the quarantine.
func TestBadLinesKeepTheirID(t *testing.T) {
	t.Parallel()
	f := format(t, nil)
	for _, test := range []struct{ header, line, want string }{
		{"Transaction ID,Gift Name,Gift Amount", "T1,Tea,five", "T1"},
		{"Transaction ID,Gift Name,Gift Amount", "T1,Tea,5,x", "T1"},
		{"Transaction ID,Gift Name,Gift Amount", "'T1,Te\"a,5", "T1"},
		{"Transaction ID,Gift Name,Gift Amount", "\"T1\",\"Tea\"x,5", "T1"},
		{"Transaction ID,Gift Name,Gift Amount", "T1,\"Tea,5", "T1"},
		{"Transaction ID,Gift Name,Gift Amount", "=\"001\",T\xe9,5", "001"},
		{"Transaction ID,Gift Name,Gift Amount", "T1," + strings.Repeat("x", maxRecord), "T1"},
		{"Gift Name,Transaction ID,Gift Amount", "Tea,T1,five", "T1"},
		{"Gift Name,Gift Amount,Transaction ID", "Tea,5,T1,x", "T1"},
		{"Gift Name,Gift Amount,Transaction ID", "Tea,\"5", ""},
		{"Transaction ID,Gift Name,Gift Amount", "T1\"x,Tea,5", ""},
		{"Transaction ID,Gift Name,Gift Amount", "\"T1\"x,Tea,5", ""},
		{"Transaction ID,Gift Name,Gift Amount", "T\xe91,Tea,5", ""},
		{"Transaction ID,Gift Name,Gift Amount", "T" + strings.Repeat("x", maxRecord) + ",Tea,5", ""},
		{"Transaction ID,Gift Name,Gift Amount", "1.2E+15,Tea,5,x", ""},
		{"Transaction ID,Gift Name,Gift Amount", "#REF!,Tea,5", ""},
		{"Transaction ID,Gift Name,Gift Amount", ",Tea,5,x", ""},
	} {
		row := all(t, open(t, f, write(t, test.header+"\n"+test.line+"\n")))[0]
		if row.Err == nil || row.ID != test.want {
			t.Errorf("%.40q has the id %q (%v), want %q", test.line, row.ID, row.Err, test.want)
		}
		if again := f.Decode(row.Raw)[0]; full(again) != full(row) {
			t.Errorf("read again: %s, was %s", full(again), full(row))
		}
	}
}

// TestNothingOfTheFileIsQuoted: whatever is wrong with a file, no message has
// any of its text.
func TestNothingOfTheFileIsQuoted(t *testing.T) {
	t.Parallel()
	const canary = "Zyzzyva"
	f := format(t, map[string]string{"gift_type": "Kind"})
	for _, text := range []string{
		canary, canary + "," + canary + "\n1,2\n", canary + ";Transaction ID\n", "Transaction ID," + canary + "," + canary + "\n", "Transaction ID,KIND,kind," + canary + "\n",
		"\"" + canary, canary + "\"x,1\n", canary + "\xff,x\n", strings.Repeat(canary, maxRecord/6), "sep=;\n" + canary, "Transaction ID,Gift Name,gift_name," + canary + "\n",
		"Transaction ID,Kind,Gift Amount,Sent Date,Gift Currency\n" + canary + "\n" + canary + ",Tea,5\n1," + canary + "\"\n2,\"" + canary + "\"" + canary + "\n3,\"" + canary + "\n4," + canary + ",5,,USD," + canary +
			"\n5,x," + canary + ",,USD\n6,x,5 " + canary + ",,USD\n7,x,5,x," + canary + "\n#" + canary + "!,x,5,,USD\n8," + canary + "\xff,5,,USD\n9,x," + canary,
		"Transaction ID,Kind\n1,2\n" + canary + ",Transaction ID,Status," + canary + ",Message\n",
	} {
		file, err := f.Open(write(t, text))
		var said []string
		if err != nil {
			said = append(said, err.Error())
		} else {
			page, err := file.Transactions(t.Context(), thnksapi.Query{})
			if err != nil {
				said = append(said, err.Error())
			} else {
				for _, row := range page.Rows {
					if row.Err != nil {
						said = append(said, row.Err.Error())
					}
				}
			}
			file.Close()
		}
		if len(said) == 0 {
			t.Errorf("%.60q is not refused", text)
		}
		for _, s := range said {
			if strings.Contains(strings.ToLower(s), strings.ToLower(canary)) {
				t.Errorf("%.60q: %s", text, s)
			}
		}
	}
}

// TestReadAt: the file's place in the order is when it was opened, not when it
// was written.
func TestReadAt(t *testing.T) {
	t.Parallel()
	path := write(t, plainFile)
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	file := open(t, format(t, nil), path)
	after := time.Now()
	all(t, file)
	if at := file.ReadAt(); at.Before(before) || at.After(after) {
		t.Errorf("read at %s, opened between %s and %s", at, before, after)
	}
}

// TestSettingsMakeCursorsStale: a listing does not go on under settings that
// read rows in another way.
func TestSettingsMakeCursorsStale(t *testing.T) {
	t.Parallel()
	path := write(t, numbered(pageRows+1))
	plain := Config{Dialect: thnksapi.DefaultDialect()}
	cursor := func(cfg Config, q thnksapi.Query) (string, error) {
		f, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		page, err := open(t, f, path).Transactions(context.Background(), q)
		if err != nil {
			return "", err
		}
		return page.Next, nil
	}
	next, err := cursor(plain, thnksapi.Query{})
	if err != nil || next == "" {
		t.Fatalf("%q, %v", next, err)
	}
	if _, err := cursor(plain, thnksapi.Query{Cursor: next}); err != nil {
		t.Errorf("under the same settings: %v", err)
	}
	dollars := plain
	dollars.Dialect.Money.DefaultCurrency = "USD"
	for name, cfg := range map[string]Config{
		"decimal": {Dialect: plain.Dialect, Decimal: ","}, "nothing": {Dialect: plain.Dialect, Nothing: []string{}}, "currency": dollars,
	} {
		var te *thnksapi.Error
		if _, err := cursor(cfg, thnksapi.Query{Cursor: next}); !errors.As(err, &te) || te.Kind != thnksapi.Stale {
			t.Errorf("%s: got %v, want a stale cursor", name, err)
		}
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

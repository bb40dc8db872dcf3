package export

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi"
)

func format(t testing.TB, columns map[string]string) *Format {
	t.Helper()
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	f, err := New(Config{Columns: columns, Dialect: thnksapi.DefaultDialect(), Zone: func() *time.Location { return amsterdam }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "thnks.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, f *Format, path string) *File {
	t.Helper()
	alive()
	file, err := f.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// all reads a file to its end.
func all(t testing.TB, file *File) []thnksapi.Row {
	t.Helper()
	var rows []thnksapi.Row
	for q := (thnksapi.Query{}); ; {
		alive()
		page, err := file.Transactions(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, page.Rows...)
		if page.Next == "" {
			return rows
		}
		if page.Next == q.Cursor || int64(len(rows)) > file.size {
			t.Fatalf("the page after %d rows leads to itself, or has rows that the file has not", len(rows))
		}
		q.Cursor = page.Next
	}
}

// summary returns a row in short.
func summary(row thnksapi.Row) string {
	if row.Err != nil {
		return row.Err.Error()
	}
	t := row.Transaction
	return fmt.Sprintf("%s %s %s %s", t.ID, t.GiftName, t.Status, t.Recipient.Email)
}

func summaries(rows []thnksapi.Row) []string {
	var out []string
	for _, r := range rows {
		out = append(out, summary(r))
	}
	return out
}

const plainFile = "Transaction ID,Gift Name,Status,Recipient Email,Notes\n" +
	"T1,Coffee,Sent,ann@acme.example,x\n" +
	"T2,\"Tea, green\",Redeemed,bob@acme.example,\n"

var plainRows = []string{"T1 Coffee sent ann@acme.example", "T2 Tea, green redeemed bob@acme.example"}

func wide(order binary.AppendByteOrder, text string) string {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// TestFilesOfAllKinds reads the kinds of files that programs and spreadsheets
// call CSV.
func TestFilesOfAllKinds(t *testing.T) {
	t.Parallel()
	semicolons := strings.ReplaceAll(strings.ReplaceAll(plainFile, ",", ";"), "Tea; green", "Tea, green")
	tabs := strings.ReplaceAll(strings.ReplaceAll(plainFile, ",", "\t"), "\"Tea\t green\"", "Tea, green")
	for name, text := range map[string]string{
		"plain":             plainFile,
		"no last end":       strings.TrimSuffix(plainFile, "\n"),
		"BOM":               "\ufeff" + plainFile,
		"CRLF":              strings.ReplaceAll(plainFile, "\n", "\r\n"),
		"CR":                strings.ReplaceAll(plainFile, "\n", "\r"),
		"semicolons":        semicolons,
		"bars":              strings.ReplaceAll(semicolons, ";", "|"),
		"sep line":          "sep=;\r\n" + semicolons,
		"tabs":              tabs,
		"Excel's Unicode":   wide(binary.LittleEndian, strings.ReplaceAll(tabs, "\n", "\r\n")),
		"UTF-16 big-endian": wide(binary.BigEndian, plainFile),
		"property names":    strings.NewReplacer("Transaction ID", "thnks_transaction_id", "Gift Name", "GIFT_NAME", "Recipient Email", "recipient-email").Replace(plainFile),
		"blank lines":       strings.ReplaceAll(plainFile, "T2", "\n,,,,\n  \nT2") + "\n\n",
		"quoted throughout": "\"Transaction ID\",\"Gift Name\",\"Status\",\"Recipient Email\"\n\"T1\",\"Coffee\",\"sent\",\"ann@acme.example\"\n\"T2\",\"Tea, green\",\"redeemed\",\"bob@acme.example\"",
	} {
		file := open(t, format(t, nil), write(t, text))
		if diff := cmp.Diff(plainRows, summaries(all(t, file))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestBadLines: each bad line is reported by its number and costs no other row.
func TestBadLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for _, test := range []struct {
		name, lines string
		want        []string
	}{
		{"some remark", "5 rows", []string{"line 2: 1 field, the header has 4: no transaction, but some remark or total"}},
		{"too many", "T1,Coffee,sent,a@b,c", []string{"line 2: 5 fields, the header has 4: a field with a separator in it stands in quotes"}},
		{"bare quote", "T1,5\" pizza,sent,", []string{"line 2: a quote in a field that is not quoted"}},
		{"after a quote", "T1,\"Tea\" green,sent,", []string{"line 2: text after a closing quote"}},
		{"no id", " ,Coffee,sent,", []string{"line 2: " + thnksapi.ErrNoID.Error()}},
		{"rounded id", "1.23457E+15,Coffee,sent,", []string{"line 2: " + errRounded.Error()}},
		{"not UTF-8", "T1,Caf\xe9,sent,", []string{"line 2: " + notUnicode}},
		{"lines in quotes", "T1,\"a\r\nb \"\"c\"\"\",sent,", []string{"T1 a\nb \"c\" sent "}},
		{"never closed", "T1,\"Tea,sent,", []string{"line 2: a quote that does not end: a quote within a field is written twice"}},
		{"never closed before others", "T1,\"Tea,sent,\nT2,Tea,sent,\nT3,x,sent,", []string{"line 2: a quote that does not end: a quote within a field is written twice", "T2 Tea sent ", "T3 x sent "}},
		{"closed by the next", "T1,\"Tea,sent,\nT2,\"Tea\",sent,", []string{"line 2: text after a closing quote", "T2 Tea sent "}},
		{"long line", "T1," + long + ",sent,\nT2,Tea,sent,", []string{"line 2: " + tooLong, "T2 Tea sent "}},
		{"long record", "T1,\"Tea,sent,\n" + long + "\nT2,Tea,sent,", []string{
			"line 2: a quote that does not end within 1 MiB: a quote within a field is written twice", "line 3: 1 field, the header has 4: no transaction, but some remark or total", "T2 Tea sent ",
		}},
	} {
		file := open(t, format(t, nil), write(t, "Transaction ID,Gift Name,Status,Recipient Email\n"+test.lines+"\nT9,Last,sent,\n"))
		got := summaries(all(t, file))
		if diff := cmp.Diff(append(test.want, "T9 Last sent "), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestRefusedFiles: a file that cannot be read is refused before any row is
// read, with a message that says what to do and quotes no row.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		columns    map[string]string
		want       string
	}{
		{"empty", "", nil, "no header"},
		{"blank", "\n\n", nil, "no header"},
		{"only a BOM", "\ufeff", nil, "no header"},
		{"no id", "Gift Name,Status\nx,y\n", nil, `no column "Transaction ID", which identifies a gift: name it in thnks.csv.thnks_transaction_id, or put a header before the rows if there is none; the columns are: 1 gift_name, 2 status`},
		{"no header", "T-17,Coffee,ann@acme.example,+31 6 1234\n", nil, "the columns are: 1 ?, 2 ?, 3 ?, 4 ?"},
		{"two for a field", "Transaction ID,Gift Name,gift_name\n", nil, "columns 2 and 3 both look like gift_name: say in thnks.csv.gift_name which it is"},
		{"twice the same", "Transaction ID,Gift Name,Gift Name\n", nil, "both look like gift_name"},
		{"setting without column", "Transaction ID,Gift\n", map[string]string{"gift_name": "Present"}, `no column "Present", as thnks.csv.gift_name says; the columns are: 1 thnks_transaction_id, 2 ?`},
		{"two settings for a column", "Transaction ID,Name\n", map[string]string{"sender_name": "Name", "recipient_name": "name"}, "name the same column"},
		{"a setting for two columns", "Transaction ID,Name, name\n", map[string]string{"sender_name": "NAME"}, "columns 2 and 3 both are called what thnks.csv.sender_name says"},
		{"workbook", "PK\x03\x04\x00\x00", nil, "a workbook or archive"},
		{"UTF-16 without a mark", "T\x00r\x00a\x00", nil, "not a text file"},
		{"quote in the header", "Transaction ID,\"Gift\nT1,x\n", nil, "line 1, which must be the header"},
	} {
		_, err := format(t, test.columns).Open(write(t, test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	for path, want := range map[string]string{
		t.TempDir(): "not a regular file", "/dev/null": "not a regular file",
		filepath.Join(t.TempDir(), "none.csv"): "copy the file into the state directory",
	} {
		if _, err := format(t, nil).Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, columns := range []map[string]string{{"gift": "Gift"}, {"gift_name": " "}} {
		if _, err := New(Config{Columns: columns, Dialect: thnksapi.DefaultDialect()}); err == nil || !strings.Contains(err.Error(), "thnks.csv.") {
			t.Errorf("%v: got %v", columns, err)
		}
	}
	f := format(t, map[string]string{"thnks_transaction_id": "order no", "recipient_email": "To", "status": "State"})
	file := open(t, f, write(t, "Order No,Transaction ID,To,Recipient Email,State\nA1,T1,ann@acme.example,other@acme.example,UNDELIVERABLE\n"))
	if diff := cmp.Diff([]string{"A1  undelivered ann@acme.example"}, summaries(all(t, file))); diff != "" {
		t.Error(diff)
	}
}

// TestValues: a column's text is read in the portal's time zone.
func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-07-01T10:00:00+02:00":     "2026-07-01T08:00:00Z",
		"2026-07-01T10:00:00.5Z":        "2026-07-01T10:00:00.5Z",
		"2026-07-01 10:00:00":           "2026-07-01T08:00:00Z",
		"2026-01-01 10:00":              "2026-01-01T09:00:00Z",
		"2026-07-01":                    "2026-06-30T22:00:00Z",
		"2026-07-01 10:00:00 -0500":     "2026-07-01T15:00:00Z",
		" n/a ":                         "",
		"-":                             "",
		"2026-07-01T10:00:00+0000":      "2026-07-01T10:00:00Z",
		"2026-07-01 10:00:00+0530":      "2026-07-01T04:30:00Z",
		"2026-07-01T10:00:00+00":        "2026-07-01T10:00:00Z",
		"2026-07-01 10:00:00-05":        "2026-07-01T15:00:00Z",
		"2026-07-01 10:00:00.25 +02":    "2026-07-01T08:00:00.25Z",
		"2026-07-01 10:00:00 UTC":       "2026-07-01T10:00:00Z",
		"2026-07-01 10:00 GMT":          "2026-07-01T10:00:00Z",
		"2026-07-01T10:00Z":             "2026-07-01T10:00:00Z",
		"2026-07-01 10:00 +02:00":       "2026-07-01T08:00:00Z",
		"2026-07-01 10:00:00 +0000 UTC": "2026-07-01T10:00:00Z",
		"2026-07-01 10:00:00utc":        "2026-07-01T10:00:00Z",
		"2026-07-01T10:00:00.000+0000":  "2026-07-01T10:00:00Z",
		"2026-07-01 UTC":                "2026-07-01T00:00:00Z",
		"2026-07-01Z":                   "2026-07-01T00:00:00Z",
		"2026-07-01 10:00:00 -0500 UTC": "dropped",
		"20260701":                      "2026-06-30T22:00:00Z",
		"20260701T100000Z":              "2026-07-01T10:00:00Z",
		"\u200e2026-07-01\u00a010:00":   "2026-07-01T08:00:00Z",
		"0000-00-00 00:00:00":           "",
		"NaT":                           "",
		"NULL":                          "",
		`\N`:                            "",
		"07/01/2026":                    "dropped",
		"1.7.2026":                      "dropped",
		"45839":                         "dropped", // a spreadsheet's count of days
		"2026-02-30":                    "dropped",
		"2026-07-01 10:00:00 EST":       "dropped",
		"yesterday":                     "dropped",
	} {
		row := all(t, open(t, format(t, nil), write(t, "Transaction ID\tSent Date\tCreated\nT1\t"+text+"\t2026-01-01T00:00Z\n")))[0]
		if row.Transaction == nil {
			t.Fatalf("%q costs the row: %v", text, row.Err)
		}
		got := ""
		if at := row.Transaction.Times[thnksapi.Sent]; !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		if dropped := row.Transaction.Dropped; dropped == thnksapi.FieldTimes {
			got += "dropped"
		} else if dropped != 0 {
			t.Errorf("%q: fields %b are dropped", text, dropped)
		}
		if row.Transaction.CreatedAt.IsZero() {
			t.Errorf("%q costs another date", text)
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
	d := thnksapi.DefaultDialect()
	d.TimeFormats = []string{"01/02/2006 15:04"}
	f, err := New(Config{Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	row := all(t, open(t, f, write(t, "Transaction ID\tSent Date\nT1\t07/01/2026 10:00\n")))[0]
	if row.Err != nil || !row.Transaction.Times[thnksapi.Sent].Equal(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("a configured format: %+v", row)
	}
}

// TestDecode reads rows as the quarantine keeps them, by the same and by other
// settings.
func TestDecode(t *testing.T) {
	t.Parallel()
	f := format(t, nil)
	text := plainFile + "T3,x\n,Coffee,sent,,\n\"T4,\xff\",,,,\n"
	rows := all(t, open(t, f, write(t, text)))
	if len(rows) != 5 {
		t.Fatal(summaries(rows))
	}
	for _, row := range rows {
		if !Decodes(row.Raw) {
			t.Errorf("%s is not recognised as a row of a file", row.Raw)
		}
		again := f.Decode(row.Raw)
		if len(again) != 1 || summary(again[0]) != summary(row) || string(again[0].Raw) != string(row.Raw) {
			t.Errorf("read again: %s, was %s", summaries(again), summary(row))
		}
	}
	if strings.Contains(string(rows[0].Raw), "line") {
		t.Errorf("%s changes with the line it stands on", rows[0].Raw)
	}
	again := format(t, map[string]string{"gift_name": "Notes"}).Decode(rows[0].Raw)
	if got := summary(again[0]); got != "T1 x sent ann@acme.example" {
		t.Errorf("by other settings: %s", got)
	}
	for _, raw := range []string{`{"id":"T1"}`, `{"export_row":{`, ``, `[]`, `{"export_row":null}`} {
		if rows := f.Decode([]byte(raw)); len(rows) != 1 || rows[0].Err == nil {
			t.Errorf("%q is read as %v", raw, rows)
		}
	}
}

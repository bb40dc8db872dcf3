package export

import (
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi"
)

func reader(text string, comma byte, width int) *records {
	return &records{lines: &lines{src: newSource(strings.NewReader(text), readBytes)}, comma: comma, width: width}
}

// drain reads all records.
func drain(t testing.TB, r *records) []record {
	t.Helper()
	var out []record
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
}

// countLines counts lines by their ends, in a different way than the reader.
func countLines(text string) int {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	n := strings.Count(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		n++
	}
	return n
}

// FuzzRecords: for any bytes, reading ends, accounts for every line and goes
// strictly forward. If the standard library's reader finds no fault, both read
// the same.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{"a,b\n", "\"a\nb\",c\r\nd,e", "\"x\ny,z\n\"\"\"", "\"\n\"\n\",\"\n", "a\rb\r\n\r", "\"a\"b,c\n"} {
		f.Add(s, 2)
	}
	f.Fuzz(func(t *testing.T, text string, width int) {
		alive()
		width = max(1, width%5)
		r := reader(text, ',', width)
		recs := drain(t, r)
		sum, end, line := r.blank, int64(0), 0
		for _, rec := range recs {
			sum += rec.lines
			if rec.end <= end || rec.line <= line || rec.end > int64(len(text)) {
				t.Fatalf("record on line %d ends at %d, after one on line %d that ends at %d", rec.line, rec.end, line, end)
			}
			end, line = rec.end, rec.line
			if rec.problem == "" && len(rec.fields) > width {
				t.Fatalf("%d fields", len(rec.fields))
			}
		}
		if want := countLines(text); sum != want {
			t.Fatalf("%d lines accounted for, the text has %d", sum, want)
		}
		if strings.Contains(strings.ReplaceAll(text, "\r\n", "\n"), "\r") {
			return // the standard library does not end lines at CR
		}
		if strings.Contains(text, "\x1a") {
			return // nor the text at Ctrl-Z
		}
		std := csv.NewReader(strings.NewReader(text))
		std.FieldsPerRecord = width
		theirs, err := std.ReadAll()
		if err != nil {
			return
		}
		var ours [][]string
		for _, rec := range recs {
			if rec.problem == notUnicode {
				return
			}
			if rec.problem != "" {
				t.Fatalf("line %d: %s; the standard library finds no fault", rec.line, rec.problem)
			}
			ours = append(ours, rec.fields)
		}
		var kept [][]string
		for _, fields := range theirs {
			if !blank(strings.Join(fields, "")) {
				kept = append(kept, fields)
			}
		}
		if diff := cmp.Diff(kept, ours); diff != "" {
			t.Fatalf("standard library, and we (-std +ours):\n%s", diff)
		}
	})
}

// FuzzOpen: a file of any bytes is refused or read to its end.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(plainFile))
	f.Add([]byte("sep=;\nTransaction ID;x\nT1;\"\n"))
	f.Add([]byte("\xff\xfeT\x00r\x00"))
	f.Add([]byte("thnks_transaction_id|Created|Updated\nT1||-\n"))
	dir := f.TempDir()
	format, err := New(Config{Columns: map[string]string{"status": "State"}, Dialect: thnksapi.DefaultDialect()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		alive()
		path := filepath.Join(dir, "fuzz.csv")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := format.Open(path)
		if err != nil {
			return
		}
		defer file.Close()
		for _, row := range all(t, file) {
			if (row.Transaction == nil) == (row.Err == nil) || !Decodes(row.Raw) {
				t.Fatalf("row %+v", row)
			}
		}
	})
}

// FuzzAssign: a header of any names is refused, or gives each field and column
// at most once.
func FuzzAssign(f *testing.F) {
	f.Add("Transaction ID,Status,Created", "State")
	f.Add("gift_name,Gift Name, ,\ufeff", "gift name")
	f.Fuzz(func(t *testing.T, names, setting string) {
		alive()
		header := strings.Split(names, ",")
		column, _, err := assign(header, map[string]string{"status": setting})
		if err != nil {
			return
		}
		taken := make(map[int]bool)
		for name, i := range column {
			if i < 0 || i >= len(header) || taken[i] {
				t.Fatalf("%s is in column %d of %q, with another", name, i, header)
			}
			taken[i] = true
		}
		keys := make(map[string]bool)
		for _, h := range distinct(header) {
			if h == "" || keys[h] {
				t.Fatalf("the names of %q are not distinct", header)
			}
			keys[h] = true
		}
	})
}

// TestStrayQuotesCostLinearTime: every attempt at a record of several lines
// ends at the next line with a quote, so no line is read over and over.
func TestStrayQuotesCostLinearTime(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"\"x\n", "\"\n", "\",\"\n", "a,\"\n", "\"\",\"\n", "\"\"\"\n"} {
		const n = 5000
		r := reader(strings.Repeat(line, n), ',', 3)
		most, got := 0, 0
		for {
			rec, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got += rec.lines
			most = max(most, len(r.ahead))
		}
		if got += r.blank; got != n || most > 8 {
			t.Errorf("%q: %d of %d lines, %d of them held at once", line, got, n, most)
		}
	}
}

// repeated reads n copies of a text.
type repeated struct {
	text string
	n    int
	rest string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = r.text
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

const typical = "T000001,Coffee for two,gift,12.50,USD,Ann Sender,ann@acme.example,Bob Recipient,bob@example.com,Redeemed,\"Thank you,\nBob\",2026-03-01T10:00:00Z,2026-03-02T11:00:00Z\n"

const typicalHeader = "Transaction ID,Gift Name,Gift Type,Gift Amount,Gift Currency,Sender Name,Sender Email,Recipient Name,Recipient Email,Status,Message,Sent Date,Redeemed Date\n"

// generate writes a file of n rows.
func generate(tb testing.TB, n int, row string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "large.csv")
	out, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, io.MultiReader(strings.NewReader(typicalHeader), &repeated{text: row, n: n})); err != nil {
		tb.Fatal(err)
	}
	return path
}

// peak reads a file and returns the largest live heap after any page.
func peak(tb testing.TB, path string, every int) (rows int, heap uint64) {
	tb.Helper()
	file := open(tb, format(tb, nil), path)
	for q, pages := (thnksapi.Query{}), 0; ; pages++ {
		alive()
		page, err := file.Transactions(tb.Context(), q)
		if err != nil {
			tb.Fatal(err)
		}
		if rows += len(page.Rows); int64(rows) > file.size {
			tb.Fatalf("%d rows of a file of %d bytes", rows, file.size)
		}
		if pages%every == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			heap = max(heap, m.HeapAlloc)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return rows, heap
		}
	}
}

// TestMemoryIsFlat: a file ten times the size takes no more memory, also if all
// of it is searched for the sign before its decimals. The test is not parallel,
// because the memory of other tests would be counted as well.
func TestMemoryIsFlat(t *testing.T) {
	for _, row := range []string{typical, strings.Replace(typical, "12.50", "5.101", 1)} {
		small, large := generate(t, 1_000, row), generate(t, 10_000, row)
		_, before := peak(t, small, 1)
		rows, after := peak(t, large, 4)
		if rows != 10_000 || after > before+1<<20 {
			t.Errorf("%d rows; %d KiB live, and %d KiB with a tenth of the file", rows, after>>10, before>>10)
		}
	}
}

// BenchmarkLargeFile reads 200 MB.
func BenchmarkLargeFile(b *testing.B) {
	const n = 200_000_000 / len(typical)
	path := generate(b, n, typical)
	b.SetBytes(200_000_000)
	for b.Loop() {
		rows, heap := peak(b, path, 100)
		if rows != n {
			b.Fatalf("%d rows", rows)
		}
		b.ReportMetric(float64(heap>>20), "MiB-heap")
	}
}

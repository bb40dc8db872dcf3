package stats

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

func TestTable(t *testing.T) {
	list := append(example(), plan.Stored{Gift: plan.Gift{
		ID: "9", Type: "\x1b[31mRed\a \u202Eevil\u2028 生命 and a name that goes on and on without end", Status: plan.Sent,
		Times: map[plan.Status]time.Time{plan.Sent: day(3, 1)}, Recipient: plan.Person{Name: "Zoë 👩‍👧\r\nSecond line"},
	}})
	rep, err := Compute(records(list), exampleOptions())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Table(&out, rep, false); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e' || r == '\u2028') {
			t.Errorf("%U reaches the terminal", r)
		}
	}
	golden(t, "table.txt", out.Bytes())
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestTableReportsWriteErrors(t *testing.T) {
	if err := Table(failing{}, Report{}, false); err == nil {
		t.Error("no error")
	}
}

// printed returns the table of a report.
func printed(t interface{ Fatal(...any) }, rep Report, colour bool) string {
	var out bytes.Buffer
	if err := Table(&out, rep, colour); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// busy returns a report of many currencies, hostile names and great amounts.
func busy(t interface{ Fatal(...any) }) Report {
	var list []plan.Stored
	names := []string{"生命の樹", "מתנה לך", "هدية", "👩‍👧‍👦 family", "e\u0301clair", strings.Repeat("long ", 30), "a\x1b[2Jb\u202ec", ""}
	for i := range 300 {
		r := example()[i%5]
		r.Gift.ID = fmt.Sprint(i)
		r.Gift.Type = names[i%len(names)]
		r.Gift.Sender = plan.Person{Name: names[i/2%len(names)] + fmt.Sprint(i%9)}
		r.Gift.Recipient = plan.Person{Name: names[i/3%len(names)]}
		r.Gift.Amount = plan.Money{Value: decimal.New(int64(i)*987654321, int32(i%4)*3-2), Currency: fmt.Sprintf("C%02d", i%30)}
		r.Links = append(r.Links, plan.Link{Kind: plan.Company, ID: fmt.Sprint(i % 14)})
		list = append(list, r)
	}
	o := exampleOptions()
	o.Filter = Filter{From: "2026-01-01", Sender: ""}
	rep, err := Compute(records(list), o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestTableOfManyKinds(t *testing.T) {
	rep := busy(t)
	plain := printed(t, rep, false)
	golden(t, "busy.txt", []byte(plain))
	if n := strings.Count(plain, "\n"); n > 140 {
		t.Errorf("%d lines", n)
	}
	for line := range strings.Lines(plain) {
		if n := width(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	codes := regexp.MustCompile("\x1b\\[[0-9]*m")
	coloured := printed(t, rep, true)
	if codes.ReplaceAllString(coloured, "") != plain {
		t.Error("colours change the text")
	}
	if !strings.Contains(coloured, "\x1b[1mMoney\x1b[0m") || strings.Contains(plain, "\x1b") {
		t.Error("colours are missing, or are where none should be")
	}
}

// TestTableFits tries whatever the numbers may be.
func TestTableFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(genCourse(), 0, 30).Draw(t, "records")
		for i := range list {
			list[i].Gift.Name = rapid.String().Draw(t, "name")
			list[i].Gift.Amount.Value = decimal.New(rapid.Int64().Draw(t, "units"), int32(rapid.IntRange(-30, 30).Draw(t, "places")))
			list[i].Gift.Recipient.Name = rapid.String().Draw(t, "recipient")
			list[i].Gift.Sender.Name = rapid.String().Draw(t, "sender")
		}
		rep, err := Compute(records(list), Options{Portal: rapid.String().Draw(t, "portal"), Now: day(5, 1)})
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(printed(t, rep, false)) {
			if n := width(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Fatalf("%d columns: %s", n, line)
			}
		}
	})
}

func TestSnip(t *testing.T) {
	for _, tt := range []struct {
		in      string
		columns int
		want    string
	}{
		{"生命の樹", 8, "生命の樹"},
		{"生命の樹", 7, "生命の…"},
		{"生命の樹", 6, "生命…"}, // a half of a wide character is none
		{"👩‍👧‍👦 family", 4, "👩‍👧‍👦 …"},
		{"e\u0301clair", 3, "e\u0301c…"},
	} {
		if got := snip(tt.in, tt.columns); got != tt.want || width(got) > tt.columns {
			t.Errorf("snip(%q, %d) = %q", tt.in, tt.columns, got)
		}
		if strings.HasPrefix(tt.in, "生") && width(tt.in) != text.StringWidth(tt.in) {
			t.Errorf("%q is %d columns wide", tt.in, width(tt.in))
		}
	}
}

func TestTexts(t *testing.T) {
	for got, want := range map[string]string{
		Grouped("1234567.891"):          "1,234,567.891",
		Grouped("-123"):                 "-123",
		Grouped("-1234"):                "-1,234",
		Duration(ptr(59)):               "59 min",
		Duration(ptr(24*60 - 1)):        "23 h 59 min",
		Duration(ptr(2*24*60 + 61)):     "2 d 1 h",
		bar(1, 1000000):                 "▏",
		bar(1, 1):                       "██████████",
		spark([]int{0, 7, 1}):           "▁█▂",
		isolated("Ann"):                 "Ann",
		isolated("מתנה"):                "\u2068מתנה\u2069",
		Visible("a\u202eb\U000e0041\a"): `a\u{202e}b\u{e0041}\u{7}`,
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTableOfNothing(t *testing.T) {
	var out bytes.Buffer
	if err := Table(&out, Report{Portal: "acme"}, false); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "Overview") || strings.Contains(text, "By type") || strings.Contains(text, "Status") {
		t.Errorf("want the overview alone:\n%s", text)
	}
}

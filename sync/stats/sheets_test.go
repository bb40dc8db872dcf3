package stats

import (
	"bytes"
	"encoding/csv"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSheetsExample(t *testing.T) {
	rep, err := Compute(records(example()), exampleOptions())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, s := range Sheets([]Report{rep}) {
		out.WriteString("-- " + s.Name + ".csv --\n")
		if err := s.Write(&out); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^[a-z_]+$`).MatchString(s.Name) {
			t.Errorf("%q is no name of a file", s.Name)
		}
		for _, row := range s.Rows {
			if len(row) != len(s.Header) {
				t.Errorf("%s: %d cells under %d headers", s.Name, len(row), len(s.Header))
			}
		}
	}
	golden(t, "sheets.txt", out.Bytes())
}

// TestSheetsOfPortals: each sheet has the rows of all portals, and its header
// where there are none.
func TestSheetsOfPortals(t *testing.T) {
	none := Sheets(nil)
	two := Sheets([]Report{{Portal: "acme"}, {Portal: "other"}})
	if len(none) != len(two) || len(none[0].Header) == 0 || len(none[0].Rows) != 0 {
		t.Errorf("%+v", none[0])
	}
	if rows := two[0].Rows; len(rows) != 2 || rows[0][0] != "acme" || rows[1][0] != "other" {
		t.Errorf("%q", rows)
	}
}

func TestNoCellIsAFormula(t *testing.T) {
	for in, want := range map[string]string{
		`=HYPERLINK("http://x")`: `'=HYPERLINK("http://x")`,
		"+1 555 0100":            "'+1 555 0100",
		"@SUM(1)":                "'@SUM(1)",
		"-1+cmd|' /C calc'!A0":   "'-1+cmd|' /C calc'!A0",
		"\t=1":                   "'\t=1",
		"＝1+1":                   "'＝1+1",
		"\r=1":                   "'=1", // csv drops CR
		"-0.25":                  "-0.25",
		"-12":                    "-12",
		"a,b":                    "a,b",
		"two\nlines":             "two\nlines",
		"a\xff":                  "a\ufffd",
		"":                       "",
	} {
		if got := cells(t, Sheet{Header: []string{"h", "i"}, Rows: [][]string{{in, "x"}}})[1][0]; got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// cells reads a sheet back.
func cells(t interface{ Fatal(...any) }, s Sheet) [][]string {
	var out bytes.Buffer
	if err := s.Write(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "\r\n") {
		t.Fatal("lines do not end in CRLF")
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestCellsAreSafeAndWhole(t *testing.T) {
	bad := regexp.MustCompile("^[=+@\t\r\n＝＋－＠]|^-.*[^0-9.]")
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringMatching("[=+@\t\r\n-].{0,5}")), 2, 2).Draw(t, "cells")
		rows := cells(t, Sheet{Header: []string{"h", "i"}, Rows: [][]string{in}})
		if len(rows) != 2 {
			t.Fatalf("%q", rows)
		}
		for i, c := range rows[1] {
			if bad.MatchString(c) {
				t.Fatalf("%q becomes %q", in[i], c)
			}
			want := strings.ReplaceAll(in[i], "\r", "")
			if got := strings.ReplaceAll(c, "\r", ""); got != want && got != "'"+want {
				t.Fatalf("%q becomes %q", in[i], c)
			}
		}
	})
}

func TestSheetReportsWriteErrors(t *testing.T) {
	if err := Sheets(nil)[0].Write(failing{}); err == nil {
		t.Error("no error")
	}
}

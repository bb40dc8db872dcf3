package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const list = `# what this is

file p/a.go
kind NEGATION
line if x > 0 {
why x is never 0
`

func TestJudge(t *testing.T) {
	mutants := func(n int, status string) string {
		return strings.Repeat(fmt.Sprintf(`{"type": "BOUNDARY", "status": %q, "line": 1},`, status), n)
	}
	const equivalent = `{"type": "NEGATION", "status": "LIVED", "line": 2}`
	for _, tt := range []struct {
		name, mutants, want string
	}{
		{"all is well", mutants(95, "KILLED") + mutants(5, "LIVED") + mutants(9, "NOT VIABLE") + equivalent, ""},
		{"too many live", mutants(94, "KILLED") + mutants(6, "LIVED") + equivalent, "94.0 % of the mutants were killed"},
		{"too many time out", mutants(97, "KILLED") + mutants(3, "TIMED OUT") + equivalent, "3.0 % of the mutants timed out"},
		{"too few are run", mutants(94, "KILLED") + mutants(6, "NOT COVERED") + equivalent, "tests run 94.0 %"},
		{"the list is out of date", mutants(1, "KILLED") + `{"type": "NEGATION", "status": "KILLED", "line": 2}`, "did not live"},
		{"none", `{"type": "NEGATION", "status": "NOT VIABLE", "line": 2}`, "no mutant was tried"},
	} {
		var r report
		text := fmt.Sprintf(`{"files": [{"file_name": "a.go", "mutations": [%s]}]}`, tt.mutants)
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		listed, err := parse(list)
		if err != nil {
			t.Fatal(err)
		}
		_, err = judge(r, "p", listed, func(_ string, n int) (string, error) {
			return map[int]string{1: "another line", 2: "if x > 0 {"}[n], nil
		})
		if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) && tt.want != "" {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestListSaysWhy(t *testing.T) {
	for _, bad := range []string{strings.Replace(list, "why x is never 0", "why", 1), strings.Replace(list, "kind", "sort", 1)} {
		if _, err := parse(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestOpenCases(t *testing.T) {
	const before = `package p

func f(x, y int) int {
	switch z := x; {
	case z > 0, y > 0 &&
		z < y: // and a comment
		switch x {
		case y - 1:
			return 1
		}
	case func() bool { switch { case x == 0: return true }; return false }():
	default:
		return 2
	}
	return 3
}
`
	const after = `package p

func f(x, y int) int {
	switch z := x; {
	case func() bool { return z > 0 }(), func() bool { return y > 0 &&
		z < y }(): // and a comment
		switch x {
		case y - 1:
			return 1
		}
	case func() bool { return func() bool { switch { case func() bool { return x == 0 }(): return true }; return false }() }():
	default:
		return 2
	}
	return 3
}
`
	dir := t.TempDir()
	name := filepath.Join(dir, "p.go")
	if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openCases(dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != after {
		t.Errorf("%v\n%s", err, got)
	}
	if err := openCases(t.TempDir()); err == nil {
		t.Error("no error where there is nothing to try")
	}
}

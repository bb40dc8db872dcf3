package main

import (
	"fmt"
	"slices"
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
	some := func(n int, s status) []result {
		return slices.Repeat([]result{{mutant{file: "a.go", kind: "BOUNDARY", text: "another line"}, s}}, n)
	}
	equivalent := func(s status) []result {
		return []result{{mutant{file: "a.go", kind: "NEGATION", text: "if x > 0 {"}, s}}
	}
	for _, tt := range []struct {
		name    string
		results []result
		want    string
	}{
		{"all is well", slices.Concat(some(95, killed), some(5, lived), equivalent(lived)), ""},
		{"too many live", slices.Concat(some(94, killed), some(6, lived), equivalent(lived)), "94.0 % of the mutants were killed"},
		{"too many time out", slices.Concat(some(97, killed), some(3, timedOut), equivalent(lived)), "3.0 % of the mutants timed out"},
		{"too few are met", slices.Concat(some(94, killed), some(6, notCovered), equivalent(notCovered)), "tests meet 94.0 %"},
		{"the list is out of date", slices.Concat(some(1, killed), equivalent(killed)), "did not live"},
		{"none is met", some(1, notCovered), "no test meets a mutant"},
	} {
		listed, err := parse(list)
		if err != nil {
			t.Fatal(err)
		}
		_, err = judge(tt.results, "p", listed)
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

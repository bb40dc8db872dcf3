package main

import (
	"slices"
	"strings"
	"testing"
)

const table = `
# A remark.
format  both      run format
fuzz    quick     run fuzz 6s   # not a remark
fuzz    full      run fuzz 20s

mutants mutation  go run ./mutants
`

func TestChoose(t *testing.T) {
	t.Parallel()
	all, err := parse(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		mode  string
		names []string
		want  []string
	}{
		{quick, nil, []string{"run format", "run fuzz 6s   # not a remark"}},
		{full, nil, []string{"run format", "run fuzz 20s"}},
		{mutation, nil, []string{"go run ./mutants"}},
		{full, []string{"fuzz", "format"}, []string{"run format", "run fuzz 20s"}},
		{quick, []string{"format"}, []string{"run format"}},
	} {
		chosen, err := choose(all, test.mode, test.names)
		var got []string
		for _, s := range chosen {
			got = append(got, s.command)
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s %q: %q, %v, want %q", test.mode, test.names, got, err, test.want)
		}
	}
	for mode, name := range map[string]string{"long": "format", "both": "format", quick: "mutants", full: "nothing"} {
		if chosen, err := choose(all, mode, []string{"fuzz", name}); err == nil {
			t.Errorf("%s %s: %v", mode, name, chosen)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, table := range []string{
		"format",
		"format both",
		"format sometimes run format",
		"format both run format\nformat quick run format",
		"fuzz full run fuzz\nfuzz full run fuzz",
	} {
		if all, err := parse(strings.NewReader(table)); err == nil {
			t.Errorf("%q: %v", table, all)
		}
	}
}

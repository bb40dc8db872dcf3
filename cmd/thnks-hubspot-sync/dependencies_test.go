package main

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestDependenciesAreJustified: the page for contributors says of each module that the
// code imports what it is for, and of no other.
func TestDependenciesAreJustified(t *testing.T) {
	t.Parallel()
	names := func(path, line, name string) (all []string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range regexp.MustCompile(line).FindAllString(string(text), -1) {
			for _, m := range regexp.MustCompile(name).FindAllStringSubmatch(l, -1) {
				all = append(all, m[1])
			}
		}
		return all
	}
	needed := names("../../go.mod", `(?m)^\t\S+ v\S+$`, `^\t(\S+) `)
	told := names("../../.github/CONTRIBUTING.md", `(?m)^\| `+"`"+`[^|]+\| \S.*\|$`, "`([^`]+)`")
	if len(needed) < 20 || !slices.Equal(needed, told) {
		t.Errorf("the page has %q, go.mod has %q", told, needed)
	}
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestAlertsAreExplained: the page on alerts says of each alert of the rules what to do,
// and of no other.
func TestAlertsAreExplained(t *testing.T) {
	t.Parallel()
	names := func(path, pattern string) (all []string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
		return all
	}
	rules := names("../../configs/prometheus-rules.yaml", `(?m)^      - alert: (\S+)$`)
	page := names(filepath.Join(docs, "alerts.md"), `(?m)^## (\S+)$`)
	if len(rules) < 10 || !slices.Equal(rules, page) {
		t.Errorf("the page has %q, the rules have %q", page, rules)
	}
}

package plan

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReportRecipes finds each property and option that the recipes for reports and
// views name among those that we create, and each label before its property.
func TestReportRecipes(t *testing.T) {
	text, err := os.ReadFile("../../.github/docs/hubspot-reports.md")
	if err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]Field)
	for _, f := range Fields() {
		fields[f.Name] = f
	}
	named := regexp.MustCompile("([^|;`]*)`([a-z_]+)`")
	properties, options := 0, 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, m := range named.FindAllStringSubmatch(line, -1) {
			before, name := strings.TrimSpace(m[1]), m[2]
			if f, ok := fields[name]; ok {
				properties++
				if !strings.HasSuffix(before, f.Label) {
					t.Errorf("%s stands behind %q; its label is %q", name, before, f.Label)
				}
				continue
			}
			options++
			if !slices.ContainsFunc(fields[statusProperty].Options, func(o Option) bool { return o.Value == name }) {
				t.Errorf("%q is neither a property nor a status: %s", name, line)
			}
		}
	}
	if properties < 20 || options < 10 {
		t.Errorf("only %d properties and %d options were found: the test does not read the page", properties, options)
	}
}

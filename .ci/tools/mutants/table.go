package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

const preface = `# Planted bugs

Each of these bugs is planted into the program, one at a time, by ` + "`.ci/run mutation`" + `,
and the tests have to find it, where the table says so under the race detector.
The entries are in the text files here. This table is generated:

    go -C .ci/tools run ./mutants -o ../mutants/README.md

| mutant | bug | breaks | found by | seconds |
|---|---|---|---|---:|
`

// render returns the table, as Markdown.
func render(results []result) string {
	var b strings.Builder
	b.WriteString(preface)
	for _, r := range results {
		by := "**none**"
		switch {
		case r.timedOut:
			by = "**timed out**"
		case r.by != "":
			by = "`" + r.by + "`"
			if r.race {
				by += " under the race detector"
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %.0f |\n", r.name, cell(r.bug), cell(r.breaks), by, r.took.Seconds())
	}
	fmt.Fprintf(&b, "\nMutants: %d; not found: %d.\n", len(results), survivors(results))
	return b.String()
}

// cell escapes what would end a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func survivors(results []result) (n int) {
	for _, r := range results {
		if r.by == "" {
			n++
		}
	}
	return n
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// sameAsTable checks that the table in the tree lists the catalogue's mutants.
func sameAsTable(all []*mutant, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var listed, have []string
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	for _, m := range all {
		have = append(have, m.name)
	}
	if !slices.Equal(listed, have) {
		return fmt.Errorf("%s does not list what the catalogue does: generate it anew", path)
	}
	return nil
}

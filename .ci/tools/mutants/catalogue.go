package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// catalogue is where the mutants are listed, a text file for each room.
const catalogue = ".ci/mutants"

// A mutant is a bug that a programmer might make.
type mutant struct {
	name   string
	bug    string   // what is wrong
	breaks string   // the promise that is broken by it
	file   string   // where it is planted
	hunks  []hunk   // how
	pkg    string   // where a test is expected to find it, such as ./sync/plan
	tests  []string // which, subtests behind a slash
	race   bool     // whether it takes the race detector to find it
	at     string   // of the entry, file:line
	source []byte   // the whole changed file
}

// A hunk is a place that is changed. The old text stands exactly once in the
// file; it may be a part of a line.
type hunk struct{ old, new string }

// load reads the catalogue and applies every mutant to the tree's files, in
// memory. An entry that does not fit the tree any more is an error.
func load(tree string) ([]*mutant, error) {
	paths, err := filepath.Glob(filepath.Join(tree, catalogue, "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []*mutant
	var errs []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		some, err := parse(filepath.Base(path), string(text))
		all = append(all, some...)
		errs = append(errs, err)
	}
	if len(all) == 0 {
		errs = append(errs, errors.New("the catalogue is empty"))
	}
	named := make(map[string]string)
	known := make(map[string]map[string]bool) // tests by package
	for _, m := range all {
		if at, ok := named[m.name]; ok {
			errs = append(errs, fmt.Errorf("%s: %s has the name already", m.at, at))
		}
		named[m.name] = m.at
		if known[m.pkg] == nil {
			known[m.pkg] = testsOf(filepath.Join(tree, m.pkg))
		}
		if err := m.fit(tree, known[m.pkg]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", m.at, m.name, err))
		}
	}
	return all, errors.Join(errs...)
}

// parse reads one file of the catalogue. An entry is
//
//	mutant  name-of-the-bug
//	bug     what is wrong
//	breaks  the promise that is broken by it
//	file    sync/plan/merge.go
//	find    ./sync/plan TestMake TestMerge/newer
//	-	the old text
//	+	the new text
//
// with tabs or spaces behind the words. A line with the word race has the tests
// look under the race detector, for bugs that only it sees, such as a lock that
// is not taken. Several lines of old text are one text,
// and so are those of new text; without any the old text goes. After a new text
// the next old one begins another hunk. Empty lines stand between entries, and
// lines that begin with # are remarks.
func parse(name, text string) (all []*mutant, err error) {
	var errs []error
	var m *mutant
	fresh := true // the next old text begins a hunk
	for i, line := range strings.Split(text, "\n") {
		at := fmt.Sprintf("%s:%d", name, i+1)
		key, value := line, ""
		if end := strings.IndexAny(line, " \t"); end >= 0 {
			key, value = line[:end], line[end+1:]
		}
		trimmed := strings.TrimSpace(value)
		if m == nil && key != "mutant" && key != "" && !strings.HasPrefix(key, "#") {
			return all, fmt.Errorf("%s: an entry begins with the word mutant", at)
		}
		switch {
		case key == "" || strings.HasPrefix(key, "#"):
		case key == "mutant":
			m = &mutant{name: trimmed, at: at}
			all = append(all, m)
			fresh = true
		case key == "bug":
			m.bug = trimmed
		case key == "breaks":
			m.breaks = trimmed
		case key == "race" && trimmed == "":
			m.race = true
		case key == "file":
			m.file = trimmed
		case key == "find":
			if words := strings.Fields(trimmed); len(words) > 0 {
				m.pkg, m.tests = words[0], words[1:]
			}
		case key == "-" && fresh:
			m.hunks = append(m.hunks, hunk{old: value})
			fresh = false
		case key == "-":
			m.hunks[len(m.hunks)-1].old += "\n" + value
		case key == "+" && len(m.hunks) > 0:
			h := &m.hunks[len(m.hunks)-1]
			if fresh {
				h.new += "\n"
			}
			h.new += value
			fresh = true
		default:
			errs = append(errs, fmt.Errorf("%s: not a line of an entry: %q", at, line))
		}
	}
	return all, errors.Join(errs...)
}

// fit applies the mutant and checks the rest of its entry.
func (m *mutant) fit(tree string, tests map[string]bool) error {
	if m.name == "" || m.bug == "" || m.breaks == "" || len(m.hunks) == 0 || len(m.tests) == 0 {
		return errors.New("the entry is not complete")
	}
	text, err := os.ReadFile(filepath.Join(tree, m.file))
	if err != nil {
		return err
	}
	source := string(text)
	for _, h := range m.hunks {
		if n := strings.Count(source, h.old); n != 1 {
			return fmt.Errorf("the old text occurs %d times in %s, and should once: bring the entry up to date:\n%s", n, m.file, h.old)
		}
		if h.old == h.new {
			return errors.New("the new text is the old one")
		}
		source = strings.Replace(source, h.old, h.new, 1)
	}
	m.source = []byte(source)
	if filepath.Ext(m.file) == ".go" { // others are embedded
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, m.source, parser.SkipObjectResolution); err != nil {
			return fmt.Errorf("the changed file is no Go: %w", err)
		}
	}
	for _, name := range m.tests {
		if top, _, _ := strings.Cut(name, "/"); !tests[top] {
			return fmt.Errorf("%s has no %s", m.pkg, top)
		}
	}
	return nil
}

// testsOf returns the names of a folder's test functions.
func testsOf(folder string) map[string]bool {
	names := make(map[string]bool)
	paths, _ := filepath.Glob(filepath.Join(folder, "*_test.go")) // the pattern is well formed
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			continue // the compiler tells of it
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

// pattern returns the -run pattern of some tests.
func pattern(tests []string) string {
	var all []string
	for _, name := range tests {
		parts := strings.Split(name, "/")
		for i, p := range parts {
			parts[i] = "^" + p + "$"
		}
		all = append(all, strings.Join(parts, "/"))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "|")
}

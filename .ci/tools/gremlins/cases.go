package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// openCases rewrites the Go files of a directory, tests excepted, for gremlins,
// which tries what Go's coverage has a block for: it has none for the conditions
// of a switch's cases. Each becomes the result of a function that is called in its
// place, which means the same and stands on the same line.
func openCases(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("no Go files in " + dir)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if text, err = openCasesOf(text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func openCasesOf(text []byte) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	inserts := make(map[int]string) // by offset
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SwitchStmt)
		if !ok || s.Tag != nil { // the type of a case of a tag is not known here
			return true
		}
		for _, clause := range s.Body.List {
			for _, cond := range clause.(*ast.CaseClause).List {
				inserts[fset.Position(cond.Pos()).Offset] += "func() bool { return "
				inserts[fset.Position(cond.End()).Offset] += " }()"
			}
		}
		return true
	})
	var out []byte
	last := 0
	for _, at := range slices.Sorted(maps.Keys(inserts)) {
		out = append(append(out, text[last:at]...), inserts[at]...)
		last = at
	}
	return append(out, text[last:]...), nil
}

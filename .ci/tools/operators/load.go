package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A mutant is one change of one operator. Its number is its place among those of its
// package.
type mutant struct {
	file   string // within the package
	line   int
	column int
	kind   string // as gremlins calls it
	text   string // of the line, without the space around it
}

// A source is a package in which every operator is replaced by a call that chooses
// between what stands there and its mutants.
type source struct {
	name    string            // that of its package clause
	files   map[string][]byte // by absolute path
	mutants []mutant
	rapid   bool // its tests take the flags of pgregory.net/rapid
}

// load reads the package in the folder pkg below root and changes it. Files for
// other systems, generated ones and tests stay as they are.
func load(ctx context.Context, root, pkg string) (*source, error) {
	loaded, err := packages.Load(&packages.Config{
		Context: ctx,
		Dir:     root,
		Tests:   true,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedTypesSizes,
	}, "./"+pkg)
	if err != nil {
		return nil, err
	}
	s := source{files: make(map[string][]byte)}
	for _, p := range loaded {
		for _, err := range p.Errors {
			return nil, err
		}
		if _, ok := p.Imports["pgregory.net/rapid"]; ok {
			s.rapid = true
		}
		if p.ID != p.PkgPath || strings.HasSuffix(p.ID, ".test") { // has tests, or runs them
			continue
		}
		s.name = p.Name
		for _, syntax := range p.Syntax {
			if ast.IsGenerated(syntax) {
				continue
			}
			tokens := p.Fset.File(syntax.FileStart)
			text, err := os.ReadFile(tokens.Name())
			if err != nil {
				return nil, err
			}
			f := file{
				source: &s,
				syntax: syntax,
				tokens: tokens,
				lines:  strings.Split(string(text), "\n"),
				pkg:    p.Types,
				types:  p.TypesInfo.Types,
				sizes:  p.TypesSizes,
			}
			ast.Inspect(syntax, f.visit)
			s.files[tokens.Name()] = apply(text, f.edits)
		}
	}
	if len(s.mutants) == 0 {
		return nil, errors.New(pkg + " has nothing to change")
	}
	return &s, nil
}

// A file collects the edits that change a file.
type file struct {
	*source
	syntax *ast.File
	tokens *token.File
	lines  []string
	pkg    *types.Package
	types  map[ast.Expr]types.TypeAndValue
	sizes  types.Sizes
	edits  []edit
}

// add notes mutants of the operator at a position, and returns the number of the
// first.
func (f *file) add(pos token.Pos, kinds ...string) string {
	first := len(f.mutants)
	at := f.tokens.Position(pos)
	for _, kind := range kinds {
		f.mutants = append(f.mutants, mutant{
			file: filepath.Base(at.Filename), line: at.Line, column: at.Column,
			kind: kind, text: strings.TrimSpace(f.lines[at.Line-1]),
		})
	}
	return fmt.Sprint(first)
}

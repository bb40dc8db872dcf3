package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A property is a test of package rapid.
type property struct{ dir, name string }

// properties tries every test of package rapid with as many values as its argument
// says, which are many more than step tests tries: twenty thousand where a value costs
// nothing but time, in the rules and the statistics. A failure names its seed.
func properties(p place, args []string) error {
	values, err := one(args, "how many values")
	if err != nil {
		return err
	}
	all, err := findProperties(".")
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("no properties found")
	}
	programs := filepath.Join(p.tmp, "tested")
	build := []string{"go", "test", "-c", "-vet=off", "-o", programs + "/"}
	for _, property := range all {
		build = append(build, property.dir)
	}
	slices.Sort(build[6:])
	if err := cmd(slices.Compact(build)...).loudly(); err != nil {
		return err
	}
	err = each(all, runtime.NumCPU(), func(property property) error {
		times := values
		if property.dir == "./sync/plan" || property.dir == "./sync/stats" {
			times = "20000"
		}
		program := filepath.Join(programs, filepath.Base(property.dir)+".test")
		return property.try(p, program, times)
	})
	fmt.Println(len(all), "properties")
	return err
}

// try fails, too, if the test did not try that many values, as when it calls rapid by
// way of a function of its own.
func (t property) try(p place, program, times string) error {
	log, err := cmd(program, "-test.v", "-test.timeout", "20m", "-test.run", "^"+t.name+"$", "-rapid.checks", times, "-rapid.nofailfile").
		in(t.dir).with(p.inMemory()).quietly(p)
	if err != nil || !bytes.Contains(log, []byte("[rapid] OK, passed "+times+" tests")) {
		return fmt.Errorf("not %s times: %s %s", times, t.dir, t.name)
	}
	return nil
}

// findProperties finds the tests that call package rapid in the packages below a
// folder, as the go command finds these for ./... . A call in another function counts as
// one of the test before it.
func findProperties(root string) ([]property, error) {
	var all []property
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		names, err := propertiesOf(path)
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		for _, name := range names {
			all = append(all, property{"./" + filepath.ToSlash(dir), name})
		}
		return err
	})
	slices.SortFunc(all, func(a, b property) int {
		return cmp.Or(cmp.Compare(a.dir, b.dir), cmp.Compare(a.name, b.name))
	})
	return slices.Compact(all), err
}

// propertiesOf returns the names of the tests of a file that call package rapid.
func propertiesOf(path string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote("pgregory.net/rapid") }) {
		return nil, nil
	}
	var names []string
	test := "unknown"
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
			test = f.Name.Name
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok || call.Sel.Name != "Check" && call.Sel.Name != "MakeCheck" {
				return true
			}
			if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "rapid" {
				names = append(names, test)
			}
			return true
		})
	}
	return names, nil
}

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Bounds of the types of a room. A larger one does several things.
const (
	maxMethods          = 30 // of a type that its methods change
	maxFields           = 15 // of such a type; plain data may have more
	maxInterfaceMethods = 11
)

// boundedRoom reports whether a room is held to these bounds: those of the engine and of
// the program. A client or the store is as wide as what it stands for, and so are
// the emulators and the world of the tests.
func boundedRoom(room string) bool {
	return room != worldRoom && (room == "sync" || strings.HasPrefix(room, "sync/") || strings.HasPrefix(room, "cmd/"))
}

// plainData are types that may have any number of fields.
var plainData = []string{"sync/plan.Gift", "sync.Config", "sync.Report"}

// A shape is what matters of a type, which is named by its package's folder and
// its own name.
type shape struct {
	isInterface bool
	fields      int
	methods     int
	mutable     bool     // a method changes a field
	embeds      []string // other types of this module
}

// TestShapes holds the types of these rooms to the bounds, and structs to named
// fields: one that embeds another of ours with methods borrows these, and then
// nothing shows any more what may touch what.
func TestShapes(t *testing.T) {
	shapes := make(map[string]*shape)
	for _, r := range listRooms(t) {
		if !boundedRoom(r.name()) {
			continue
		}
		for _, file := range r.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(r.Dir, file), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			readShapes(shapes, r.name(), f)
		}
	}
	if s := shapes["sync.run"]; s == nil || s.fields == 0 || s.methods == 0 {
		t.Fatal("the shapes of sync cannot be right: no run")
	}
	for _, bad := range misshapen(shapes) {
		t.Error(bad)
	}
}

// TestShapesBite tries the rules themselves.
func TestShapesBite(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"embedded struct":    `type T struct{ *U }; type U struct{ n int }; func (u *U) Add() { u.n++ }`,
		"embedded by value":  `type T struct{ U }; type U struct{ n int }; func (u U) N() int { return u.n }`,
		"interface of parts": "type I interface { J; " + repeat("M%d();", 6) + "}; type J interface {" + repeat("N%d();", 6) + "}",
		"large interface":    "type I interface {" + repeat("M%d();", 12) + "}",
		"many fields":        "type T struct {" + repeat("F%d int;", 16) + "}; func (t *T) Add() { t.F0++ }",
		"many methods":       "type T struct{ n map[int]int };" + repeat("func (t *T) M%d() { t.n[0] = 1 };", 31),
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p;"+src, 0)
		if err != nil {
			t.Fatal(err)
		}
		shapes := make(map[string]*shape)
		if readShapes(shapes, "p", f); len(misshapen(shapes)) != 1 {
			t.Errorf("%s: %q", name, misshapen(shapes))
		}
	}
}

func repeat(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// misshapen says which types break a rule, and how.
func misshapen(shapes map[string]*shape) []string {
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		s := shapes[name]
		if s.isInterface {
			if n := interfaceMethods(shapes, name); n > maxInterfaceMethods {
				bad = append(bad, fmt.Sprintf("interface %s has %d methods, more than %d: part it by its users", name, n, maxInterfaceMethods))
			}
			continue
		}
		if s.mutable && s.methods > maxMethods {
			bad = append(bad, fmt.Sprintf("%s has %d methods, more than %d", name, s.methods, maxMethods))
		}
		if s.mutable && s.fields > maxFields && !slices.Contains(plainData, name) {
			bad = append(bad, fmt.Sprintf("%s has %d fields, more than %d", name, s.fields, maxFields))
		}
		for _, e := range s.embeds {
			if other := shapes[e]; other != nil && !other.isInterface && other.methods > 0 {
				bad = append(bad, fmt.Sprintf("%s embeds %s, which has methods: make it a field", name, e))
			}
		}
	}
	return bad
}

// interfaceMethods counts an interface's methods, those of interfaces in it
// included.
func interfaceMethods(shapes map[string]*shape, name string) int {
	s := shapes[name]
	n := s.methods
	for _, e := range s.embeds {
		if shapes[e] != nil {
			n += interfaceMethods(shapes, e)
		}
	}
	return n
}

// readShapes adds the types of a file.
func readShapes(shapes map[string]*shape, room string, f *ast.File) {
	get := func(name string) *shape {
		key := room + "." + name
		if shapes[key] == nil {
			shapes[key] = new(shape)
		}
		return shapes[key]
	}
	imports := make(map[string]string) // rooms by the name they have in the file
	for _, spec := range f.Imports {
		if own, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/"); ok {
			name := path.Base(own)
			if spec.Name != nil {
				name = spec.Name.Name
			}
			imports[name] = own
		}
	}
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				continue
			}
			receiver := d.Recv.List[0].Type
			if star, ok := receiver.(*ast.StarExpr); ok {
				receiver = star.X
			}
			if index, ok := receiver.(*ast.IndexExpr); ok {
				receiver = index.X
			}
			s := get(receiver.(*ast.Ident).Name)
			s.methods++
			s.mutable = s.mutable || changesReceiver(d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					readType(get(t.Name.Name), room, imports, t.Type)
				}
			}
		}
	}
}

// changesReceiver reports whether a method assigns to a field of its receiver, or
// to an element of one.
func changesReceiver(d *ast.FuncDecl) bool {
	if len(d.Recv.List[0].Names) == 0 || d.Body == nil {
		return false
	}
	receiver := d.Recv.List[0].Names[0].Name
	ofReceiver := func(expr ast.Expr) bool {
		inside := false
		for {
			switch e := expr.(type) {
			case *ast.SelectorExpr:
				expr, inside = e.X, true
			case *ast.IndexExpr:
				expr = e.X
			case *ast.Ident:
				return inside && e.Name == receiver
			default:
				return false
			}
		}
	}
	changes := false
	ast.Inspect(d.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			changes = changes || slices.ContainsFunc(n.Lhs, ofReceiver)
		case *ast.IncDecStmt:
			changes = changes || ofReceiver(n.X)
		}
		return true
	})
	return changes
}

func readType(s *shape, room string, imports map[string]string, expr ast.Expr) {
	var list *ast.FieldList
	switch t := expr.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list, s.isInterface = t.Methods, true
	default:
		return
	}
	for _, field := range list.List {
		switch n := len(field.Names); {
		case n > 0 && s.isInterface:
			s.methods += n
		case n > 0:
			s.fields += n
		default:
			s.fields++
			if name := typeName(room, imports, field.Type); name != "" {
				s.embeds = append(s.embeds, name)
			}
		}
	}
}

// typeName is the key of a type of this module, "" for any other.
func typeName(room string, imports map[string]string, expr ast.Expr) string {
	switch t := expr.(type) {
	case *ast.StarExpr:
		return typeName(room, imports, t.X)
	case *ast.Ident:
		return room + "." + t.Name
	case *ast.SelectorExpr:
		if x, ok := t.X.(*ast.Ident); ok && imports[x.Name] != "" {
			return imports[x.Name] + "." + t.Sel.Name
		}
	}
	return ""
}

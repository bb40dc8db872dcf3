package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
)

// The kinds of mutants, which are those that gremlins makes by default.
const (
	arithmetic = "ARITHMETIC_BASE"
	boundary   = "CONDITIONALS_BOUNDARY"
	negation   = "CONDITIONALS_NEGATION"
	increment  = "INCREMENT_DECREMENT"
	inversion  = "INVERT_NEGATIVES"
)

// What is called in the place of an operator; see choice.
var (
	orders = map[token.Token]string{
		token.LSS: "mutantLess", token.LEQ: "mutantAtMost", token.GTR: "mutantMore", token.GEQ: "mutantAtLeast",
	}
	sums = map[token.Token]string{
		token.ADD: "mutantSum", token.SUB: "mutantDifference",
		token.MUL: "mutantProduct", token.QUO: "mutantQuotient", token.REM: "mutantRemainder",
	}
	steps = map[token.Token]string{token.INC: "mutantUp", token.DEC: "mutantDown"}
)

// visit replaces the operators of a node and below. What has to be a constant stays:
// calls are none.
func (f *file) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.ArrayType:
		return false
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.UnaryExpr:
		if n.Op == token.SUB {
			f.negative(n)
		}
	case *ast.IncDecStmt:
		if typ, ok := f.typeOf(n.X); ok {
			call := " += " + steps[n.Tok] + "[" + typ + "](" + f.add(n.TokPos, increment) + ")"
			f.edit(n.TokPos, len(n.Tok.String()), call)
		}
	}
	return true
}

func (f *file) binary(n *ast.BinaryExpr) {
	switch {
	case n.Op == token.EQL || n.Op == token.NEQ:
		f.edit(n.Pos(), 0, "mutantEqual("+f.add(n.OpPos, negation)+", ")
		f.edit(n.End(), 0, ")")
	case orders[n.Op] != "":
		f.call(n, orders[n.Op]+"("+f.add(n.OpPos, negation, boundary))
	case sums[n.Op] != "" && f.isNumber(n):
		if typ, ok := f.instance(n, n.X, n.Y); ok {
			f.call(n, sums[n.Op]+typ+"("+f.add(n.OpPos, arithmetic))
		}
	}
}

// call makes x op y a call of a function, whose first argument stands already.
func (f *file) call(n *ast.BinaryExpr, function string) {
	f.edit(n.Pos(), 0, function+", ")
	f.edit(n.OpPos, len(n.Op.String()), ",")
	f.edit(n.End(), 0, ")")
}

func (f *file) negative(n *ast.UnaryExpr) {
	if typ, ok := f.instance(n, n.X); ok {
		f.edit(n.OpPos, 1, "mutantNegative"+typ+"("+f.add(n.OpPos, inversion)+", ")
		f.edit(n.End(), 0, ")")
	}
}

func (f *file) isNumber(e ast.Expr) bool {
	b, ok := f.types[e].Type.Underlying().(*types.Basic)
	return !ok || b.Info()&types.IsNumeric != 0 // a type parameter is none of string alone
}

// instance returns the type argument that a call in the place of a constant needs:
// that the constant became, as nothing else says it. It reports false where there
// can be no call, as an operand does not fit into the type.
func (f *file) instance(e ast.Expr, operands ...ast.Expr) (string, bool) {
	if f.types[e].Value == nil {
		return "", true
	}
	typ, ok := f.typeOf(e)
	if !ok {
		return "", false
	}
	for _, o := range operands {
		b, ok := types.Default(f.types[e].Type).Underlying().(*types.Basic)
		if !ok || !f.fits(f.types[o].Value, b) {
			return "", false
		}
	}
	return "[" + typ + "]", true
}

// fits reports whether a constant is a value of a type.
func (f *file) fits(v constant.Value, b *types.Basic) bool {
	if b.Info()&types.IsInteger == 0 {
		return true
	}
	v = constant.ToInt(v)
	if v.Kind() != constant.Int {
		return false
	}
	if b.Info()&types.IsUnsigned != 0 {
		return constant.Sign(v) >= 0 && constant.BitLen(v) <= int(8*f.sizes.Sizeof(b))
	}
	return constant.BitLen(v) < int(8*f.sizes.Sizeof(b))
}

// typeOf returns how the file writes the type of an expression. It reports false
// where the file has no name for it, as it does not import its package.
func (f *file) typeOf(e ast.Expr) (string, bool) {
	named := true
	name := types.TypeString(types.Default(f.types[e].Type), func(p *types.Package) string {
		if p == f.pkg {
			return ""
		}
		for _, spec := range f.syntax.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err != nil || path != p.Path() {
				continue
			}
			if spec.Name != nil {
				return spec.Name.Name
			}
			return p.Name()
		}
		named = false
		return p.Name()
	})
	return name, named
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestShop changes a package that has an operator of each kind, and a mutant of each
// fate.
func TestShop(t *testing.T) {
	results, err := try(t.Context(), "testdata", "shop", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int) // by kind
	var rest []string
	for _, r := range results {
		if r.status == killed {
			found[r.kind]++
		} else {
			rest = append(rest, fmt.Sprintf("%s: %s %s", r.status, r.kind, r.text))
		}
	}
	want := map[string]int{arithmetic: 7, boundary: 4, negation: 10, increment: 4, inversion: 2}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("killed %v, want %v", found, want)
	}
	wantRest := []string{
		"lived: CONDITIONALS_BOUNDARY if n <= 0 {",
		"lived: CONDITIONALS_BOUNDARY if n > 20 || n >= 10 && n != 12 { // a comment",
		"lived: CONDITIONALS_NEGATION func Loose(n int) bool { return n == 5 }",
		"not covered: CONDITIONALS_NEGATION func Unseen(n int) bool { return n == 3 }",
		"timed out: CONDITIONALS_NEGATION for n != 1 {",
		"timed out: INCREMENT_DECREMENT for i := 0; i != n; i++ {",
	}
	if slices.Sort(rest); !slices.Equal(rest, wantRest) {
		t.Errorf("the rest is\n%s\nwant\n%s", strings.Join(rest, "\n"), strings.Join(wantRest, "\n"))
	}

	text, err := os.ReadFile("testdata/.ci/operators/equivalent.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	summary, err := judge(results, "shop", listed)
	if want := "shop: 27 killed, 1 lived, 2 timed out, 1 not covered, 2 change nothing"; !strings.Contains(summary, want) {
		t.Errorf("%q is not in\n%s", want, summary)
	}
	for _, want := range []string{"90.0 % of the mutants were killed", "6.7 % of the mutants timed out", "did not live: take it out, or bring it up to date: left--"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// TestRefusals has what cannot be tried end with the reason.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct{ name, code, test, want string }{
		{"a test fails already", "func f(n int) bool { return n > 0 }", `func TestF(t *testing.T) { t.Error("a fault") }`, "TestF fails, and nothing was changed"},
		{"there is no operator", "func f() {}", "func TestF(t *testing.T) { f() }", "nothing to change"},
		{"it does not compile", "func f() { return 1 }", "func TestF(t *testing.T) { f() }", "too many return values"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range map[string]string{
				"go.mod": "module shop.example\n\ngo 1.26.0\n", "p/p.go": "package p\n\n" + tt.code + "\n",
				"p/p_test.go": "package p\n\nimport \"testing\"\n\n" + tt.test + "\n",
			} {
				name = filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := try(t.Context(), root, "p", time.Second); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

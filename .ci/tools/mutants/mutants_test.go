package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The program that the mutants of these tests are planted into.
var program = map[string]string{
	"go.mod": "module tiny\n\ngo 1.26\n",
	"sum/sum.go": `package sum

func Sum(a, b int) int { return a + b }

func Double(a int) int { return 2 * a }
`,
	"sum/count.go": `package sum

import "sync"

type Count struct {
	mu sync.Mutex
	n  int
}

func (c *Count) Add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
}
`,
	"sum/sum_test.go": `package sum

import "testing"

func TestSum(t *testing.T) {
	t.Run("small", func(t *testing.T) {
		if Sum(1, 2) != 3 {
			t.Error("wrong")
		}
	})
}

func TestOther(t *testing.T) {
	if Sum(0, 0) != 0 {
		t.Error("wrong")
	}
}

func TestCount(t *testing.T) {
	var c Count
	done := make(chan struct{})
	go func() {
		c.Add()
		close(done)
	}()
	c.Add()
	<-done
}
`,
}

const entry = `# A remark.

mutant  minus
bug     the second number is taken off
breaks  sums
file    sum/sum.go
find    ./sum TestSum/small
-	return a + b
+	return a - b
`

const unlocked = `
mutant  unlocked
bug     two callers count at once
breaks  counts
file    sum/count.go
find    ./sum TestCount
race
-	c.mu.Lock()
-		defer c.mu.Unlock()
`

// tree writes the program and a catalogue into a folder.
func tree(t *testing.T, entries string) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{catalogue + "/sum.txt": entries}
	for name, text := range program {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	t.Parallel()
	two := strings.Replace(entry, "+	return a - b", "+	if a == b {\n+		panic(a)\n+	}\n+	return a - b\n-	return 2 * a\n+	return 3 * a", 1)
	all, err := load(tree(t, two))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("return a + b", "if a == b {\n\tpanic(a)\n}\nreturn a - b", "2 * a", "3 * a").Replace(program["sum/sum.go"])
	if len(all) != 1 || string(all[0].source) != want {
		t.Errorf("changed to\n%s\nwant\n%s", all[0].source, want)
	}
	if got := pattern(all[0].tests); got != "^TestSum$/^small$" {
		t.Errorf("pattern %s", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, old, now, says string }{
		{"a text that is gone", "return a + b", "return b + a", "occurs 0 times"},
		{"a text that is there twice", "-	return a + b", "-	return", "occurs 2 times"},
		{"what is no Go", "return a - b", "return a -", "no Go"},
		{"no change", "return a - b", "return a + b", "is the old one"},
		{"a test that is gone", "TestSum", "TestSums", "has no TestSums"},
		{"a file that is gone", "sum/sum.go", "sum/add.go", "no such file"},
		{"an entry without its bug", "bug     the second number is taken off\n", "", "not complete"},
		{"an unknown word", "breaks", "break", "not a line of an entry"},
		{"lines before the first entry", "mutant  minus\n", "", "begins with the word mutant"},
		{"a name given twice", entry, entry + "\n" + entry, "has the name already"},
		{"nothing", entry, "", "is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(tree(t, strings.Replace(entry, test.old, test.now, 1)))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one with %q", err, test.says)
			}
		})
	}
}

func TestPlant(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, old, now string
		by, says       string
		expected       bool
		timedOut       bool
	}{
		{name: "found", by: "sum TestSum", expected: true},
		{name: "found by another", old: "TestSum/small", now: "TestOther", by: "sum TestSum"},
		{name: "found by the race detector", old: entry, now: unlocked, by: "sum TestCount", expected: true},
		{name: "not found", old: "-	return a + b\n+	return a - b", now: "-	2 * a\n+	3 * a"},
		{name: "timed out", old: "return a - b", now: "select {}", timedOut: true},
		{name: "not compiled", old: "return a - b", now: "return a - c", says: "undefined: c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, strings.Replace(entry, test.old, test.now, 1))
			all, err := load(dir)
			if err != nil {
				t.Fatal(err)
			}
			b := &bench{tree: dir, tmp: t.TempDir(), limit: time.Minute}
			if test.timedOut {
				b.limit = time.Second
			}
			r, err := b.plant(t.Context(), all[0])
			if err != nil != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Fatalf("error %v, want %q", err, test.says)
			}
			if r.by != test.by || r.expected != test.expected || r.timedOut != test.timedOut {
				t.Errorf("found by %q, expected %t, timed out %t; want %q, %t, %t", r.by, r.expected, r.timedOut, test.by, test.expected, test.timedOut)
			}
		})
	}
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	dir := tree(t, entry)
	all, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{tree: dir, tmp: t.TempDir(), limit: time.Minute}
	if err := b.baseline(t.Context(), all); err != nil {
		t.Errorf("of a program that is well: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sum/sum.go"), all[0].source, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.baseline(t.Context(), all); err == nil || !strings.Contains(err.Error(), "TestSum fails without") {
		t.Errorf("of a program with a bug: %v", err)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	all := []*mutant{{name: "a", bug: "x | y"}, {name: "b"}}
	path := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(path, []byte(render([]result{{mutant: all[0], by: "sum TestSum"}, {mutant: all[1]}})), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sameAsTable(all, path); err != nil {
		t.Error(err)
	}
	if err := sameAsTable(all[:1], path); err == nil {
		t.Error("a table with a mutant too many is taken")
	}
}

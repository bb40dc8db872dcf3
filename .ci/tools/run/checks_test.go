package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	const arrows = "--- PASS: TestArrows (0.01s)\n"
	for _, test := range []struct {
		name, log string
		maySkip   []string
		says      string
	}{
		{"all ran", arrows, nil, ""},
		{"one was skipped", arrows + "--- SKIP: TestFullDisk (0.00s)\n", nil, "skipped"},
		{"one that may be", arrows + "--- SKIP: TestFullDisk (0.00s)\n", []string{"TestColours", "TestFullDisk"}, ""},
		{"one of a group that may be", arrows + "--- SKIP: TestBrowserShows (0.00s)\n", []string{"TestBrowser"}, ""},
		{"another", arrows + "--- SKIP: TestStore (0.00s)\n", []string{"TestFullDisk"}, "skipped"},
		{"a part", arrows + "    --- SKIP: TestStore/TestFullDisk (0.00s)\n", []string{"TestFullDisk"}, "skipped"},
		{"no arrows", "--- PASS: TestArrowsOf (0.01s)\n", nil, "TestArrows"},
		{"what is no text", "\xff\x00\n" + arrows + "\xfe--- SKIP\n", nil, ""},
	} {
		err := judge([]byte(test.log), test.maySkip)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}

func TestFuzzTargets(t *testing.T) {
	t.Parallel()
	got := fuzzTargets("FuzzConfig\nFuzzSchedule\nok  \tacme/configs\t0.01s\n?   \tacme/cmd\t[no test files]\nok  \tacme/none\t0.01s\nFuzzRows\nok  \tacme/rows\t0.01s\n")
	want := []target{{"FuzzConfig", "acme/configs"}, {"FuzzSchedule", "acme/configs"}, {"FuzzRows", "acme/rows"}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestEndOfTime(t *testing.T) {
	t.Parallel()
	const end = "--- FAIL: FuzzRows (6.00s)\n    context deadline exceeded\nFAIL\n"
	for log, want := range map[string]bool{
		end: true,
		end + "    Failing input written to testdata/fuzz\n": false,
		"--- FAIL: FuzzRows (6.00s)\n":                       false,
		"get: context deadline exceeded\n":                   false,
	} {
		if endOfTime([]byte(log)) != want {
			t.Errorf("%q: %t", log, !want)
		}
	}
}

// write writes files into a new folder, which it returns.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFindProperties(t *testing.T) {
	t.Parallel()
	const header = "package a\n\nimport \"pgregory.net/rapid\"\n\n"
	root := write(t, map[string]string{
		"sync/plan/a_test.go": header + `func TestTwice(t *testing.T) {
	rapid.Check(t, f)
	t.Run("other", rapid.MakeCheck(g))
}

func TestPlain(t *testing.T) {}

func TestB(t *testing.T) { rapid.Check(t, f) }
`,
		"sync/plan/b.go":                   header + "func TestNo() { rapid.Check(nil, f) }\n",
		"store/a_test.go":                  header + "func check(t *testing.T) { rapid.Check(t, f) }\n",
		"store/c_test.go":                  "package a\n\n// \"pgregory.net/rapid\"\nfunc TestNo(t *testing.T) { rapid.Check(t, f) }\n",
		"store/testdata/a_test.go":         header + "func TestNo(t *testing.T) { rapid.Check(t, f) }\n",
		".ci/tools/a_test.go":              header + "func TestNo(t *testing.T) { rapid.Check(t, f) }\n",
		"hubspot/node_modules/a/a_test.go": header + "func TestNo(t *testing.T) { rapid.Check(t, f) }\n",
	})
	got, err := findProperties(root)
	want := []property{{"./store", "unknown"}, {"./sync/plan", "TestB"}, {"./sync/plan", "TestTwice"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

// A program that stands for the tests of a package tells how many values it tried.
func TestPropertyTriesAll(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"all": "#!/bin/sh\necho \"[rapid] OK, passed $7 tests (1ms)\"\n"})
	program := filepath.Join(root, "all")
	p := place{tmp: t.TempDir(), memory: t.TempDir()}
	test := property{root, "TestAll"}
	if err := test.try(p, program, "1000"); err != nil {
		t.Error(err)
	}
	for name, script := range map[string]string{
		"too few": "#!/bin/sh\necho '[rapid] OK, passed 100 tests (1ms)'\n",
		"none":    "#!/bin/sh\n",
		"failed":  "#!/bin/sh\necho '[rapid] OK, passed 1000 tests (1ms)'\nexit 1\n",
	} {
		program := filepath.Join(write(t, map[string]string{"p": script}), "p")
		if err := test.try(p, program, "1000"); err == nil || !strings.Contains(err.Error(), "not 1000 times") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEach(t *testing.T) {
	t.Parallel()
	var calls, now, most atomic.Int32
	err := each([]int{1, 2, 3, 4, 5, 6, 7}, 3, func(i int) error {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		calls.Add(1)
		now.Add(-1)
		if i%2 == 0 {
			return errors.New("even")
		}
		return nil
	})
	if calls.Load() != 7 || most.Load() > 3 || err == nil || strings.Count(err.Error(), "even") != 3 {
		t.Errorf("%d calls, %d at a time, %v", calls.Load(), most.Load(), err)
	}
}

func TestExits(t *testing.T) {
	t.Parallel()
	p := place{tmp: t.TempDir()}
	log, err := cmd("sh", "-c", "echo out; echo err >&2; exit 3").exits(3, p)
	if err != nil || string(log) != "out\nerr\n" {
		t.Errorf("%q, %v", log, err)
	}
	if _, err := cmd("true").exits(3, p); err == nil || err.Error() != "exit status 0, want 3: true" {
		t.Errorf("another status: %v", err)
	}
	if _, err := cmd("/no/such/program").exits(3, p); err == nil {
		t.Error("a program that is not there is taken")
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	got := string(without([]byte("=== RUN   TestA\n    a.go:1: wrong \xff\n    --- PASS: TestA/b\n--- FAIL: TestA\nPASS\n"), fine))
	if want := "    a.go:1: wrong \xff\n--- FAIL: TestA\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestBunches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		counts
		want []int
	}{
		{counts{lives: 2000, bunch: 1000}, []int{1, 1001}},
		{counts{lives: 100000, bunch: 11112}, []int{1, 11113, 22225, 33337, 44449, 55561, 66673, 77785, 88897}},
	} {
		if got := test.bunches(); !slices.Equal(got, test.want) {
			t.Errorf("%v, want %v", got, test.want)
		}
	}
}

func TestLast(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "c\n", 2: "b\nc\n", 9: "a\nb\nc\n"} {
		if got := string(last([]byte("a\nb\nc\n"), n)); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// play runs a table of steps and returns the runner and what it printed.
func play(t *testing.T, table string, r *runner) string {
	t.Helper()
	steps, err := parse(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r.out, r.err, r.began = out, out, time.Now()
	r.runAll(steps)
	r.summarize()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\d+( s)?\n`).ReplaceAllString(string(text), "N$1\n")
}

const three = `
one    both  echo first
two    both  echo second; false; echo never
three  both  exit 7
four   both  echo last
`

func TestFirstFailureEnds(t *testing.T) {
	t.Parallel()
	r := &runner{}
	out := play(t, strings.Replace(three, "false", "exit 3", 1), r)
	want := `
== one
first
-- one: N s

== two
second
-- two: N s

step         seconds
one                N
two                N
total              N
FAILED: two
`
	if squeeze(out) != squeeze(want) || r.status != 3 {
		t.Errorf("status %d and\n%s\nwant 3 and\n%s", r.status, out, want)
	}
}

func TestGoesOn(t *testing.T) {
	t.Parallel()
	r := &runner{goesOn: true}
	out := play(t, three, r)
	if r.status != 1 || !strings.Contains(out, "\nlast\n") || strings.Contains(out, "never") || !strings.HasSuffix(out, "\nFAILED: two three\n") {
		t.Errorf("status %d and\n%s", r.status, out)
	}
}

func TestAllIsWell(t *testing.T) {
	t.Parallel()
	r := &runner{}
	if out := play(t, "one quick true", r); r.status != 0 || !strings.HasSuffix(out, "\nok\n") {
		t.Errorf("status %d and\n%s", r.status, out)
	}
}

// The numbers stand in a column.
func TestTable(t *testing.T) {
	t.Parallel()
	out := play(t, "one quick true\nstaticcheck quick true", &runner{})
	if !strings.Contains(out, "step         seconds\none                N\nstaticcheck        N\ntotal              N\n") {
		t.Errorf("printed\n%s", out)
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	const says = "that is longer than the 0 minutes it should take"
	for limit, want := range map[time.Duration]bool{0: false, time.Nanosecond: true, time.Hour: false} {
		if out := play(t, "one quick true", &runner{limit: limit}); strings.Contains(out, says) != want {
			t.Errorf("with a limit of %v it printed\n%s", limit, out)
		}
	}
}

// A step ends at its first command that fails, has no input, and fails for a variable
// that is not set or a command of a pipe, too.
func TestBash(t *testing.T) {
	t.Parallel()
	for command, status := range map[string]int{
		"cat":                               0,
		"false; true":                       1,
		"false | true":                      1,
		": $no_such_variable":               1,
		"kill -9 $$":                        128 + 9,
		`A=x; f() { [ "$A" = y ]; }; A=y f`: 0,
	} {
		r := &runner{}
		if play(t, "one quick "+command, r); r.status != status {
			t.Errorf("%s: status %d, want %d", command, r.status, status)
		}
	}
}

// A signal ends the step with all that it started, and the steps after it do not run.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		goesOn  bool
		command string
	}{
		"quick":                  {false, "sleep 600 & echo $! >$file; wait"},
		"one that goes on":       {true, "sleep 600 & echo $! >$file; wait"},
		"one that is deaf to it": {true, "(trap '' TERM; sleep 600) & trap : TERM; echo $! >$file; wait; true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			if err := syscall.Mkfifo(file, 0o600); err != nil {
				t.Fatal(err)
			}
			stop, read := make(chan os.Signal, 1), make(chan []byte, 1)
			go func() {
				pid, _ := os.ReadFile(file) // when the step has written it
				read <- pid
				stop <- syscall.SIGTERM
			}()
			r := &runner{goesOn: test.goesOn, stop: stop}
			out := play(t, "one both "+strings.Replace(test.command, "$file", file, 1)+"\ntwo both echo never", r)
			if r.status != interrupted || !strings.HasSuffix(out, "FAILED: one, interrupted\n") || strings.Contains(out, "never") {
				t.Errorf("status %d and\n%s", r.status, out)
			}
			pid := <-read
			if len(pid) == 0 {
				t.Fatal("the step did not begin")
			}
			if stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat"); err == nil && !strings.Contains(string(stat), ") Z ") {
				t.Errorf("it left a process behind: %s", stat)
			}
		})
	}
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

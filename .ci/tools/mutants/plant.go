package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A bench is where mutants are planted.
type bench struct {
	tree  string
	tmp   string        // removed at the end
	named bool          // let only the tests look that the mutants name
	limit time.Duration // of the tests of a package
}

// errTimedOut is what ends tests that ran into the limit. That finds nothing:
// on a slow machine it would find everything.
var errTimedOut = errors.New("the tests timed out")

// A result is what became of a mutant.
type result struct {
	*mutant
	by       string // the test that found it first; "" where none did
	expected bool   // by one of those that the entry names
	timedOut bool   // before any test found it
	took     time.Duration
}

func (r result) String() string {
	s := fmt.Sprintf("%6.1f s  %-36s", r.took.Seconds(), r.name)
	switch {
	case r.timedOut:
		return s + " TIMED OUT"
	case r.by == "":
		return s + " NOT FOUND"
	case !r.expected:
		return s + " found by " + r.by + ", not by what its entry names"
	}
	return s + " found by " + r.by
}

// plant lets the tests look for the mutant: first those that should find it,
// then the packages about it, at last all.
func (b *bench) plant(ctx context.Context, m *mutant) (result, error) {
	r := result{mutant: m}
	dir, err := os.MkdirTemp(b.tmp, "")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(b.tree, m.file): changed}})
	if err != nil {
		return r, err
	}
	for name, data := range map[string][]byte{changed: m.source, overlay: list} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return r, err
		}
	}
	began := time.Now()
	for i, args := range [][]string{
		{"-run", pattern(m.tests), m.pkg},
		{m.pkg, "./" + path.Dir(m.file)},
		{"./..."},
	} {
		r.by, err = b.test(ctx, dir, m.race, append([]string{"-overlay", overlay}, args...))
		r.took = time.Since(began)
		if errors.Is(err, errTimedOut) {
			r.timedOut = true
			return r, nil
		}
		if err != nil {
			return r, fmt.Errorf("%s: %s: %w", m.at, m.name, err)
		}
		if r.by != "" {
			r.expected = i == 0
			return r, nil
		}
		if b.named {
			return r, nil
		}
	}
	return r, nil
}

// baseline has the tests that the mutants name pass without any mutant: one
// that fails anyway would find everything. Those of mutants for the race detector
// pass under it.
func (b *bench) baseline(ctx context.Context, all []*mutant) error {
	for _, race := range []bool{false, true} {
		var tests []string
		packages := make(map[string]bool)
		for _, m := range all {
			if m.race == race {
				tests = append(tests, m.tests...)
				packages[m.pkg] = true
			}
		}
		if len(tests) == 0 {
			continue
		}
		by, err := b.test(ctx, b.tmp, race, append([]string{"-run", pattern(tests)}, slices.Sorted(maps.Keys(packages))...))
		if err != nil {
			return err
		}
		if by != "" {
			return fmt.Errorf("%s fails without any mutant", by)
		}
	}
	return nil
}

// test runs go test, on request under the race detector, and returns the test that
// failed first, "" for none. What it makes is made in dir.
func (b *bench) test(ctx context.Context, dir string, race bool, args []string) (failed string, err error) {
	if race {
		args = append([]string{"-race"}, args...)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(running, "go", append([]string{"test", "-json", "-vet=off", "-count=1", "-failfast", "-timeout", b.limit.String()}, args...)...)
	cmd.Dir = b.tree
	cmd.Env = append(os.Environ(), "TMPDIR="+dir,
		// Property tests find the same every time, do not spend half a minute on
		// a smaller example, and leave no file with it in the tree.
		"RAPID_SEED=1", "RAPID_SHRINKTIME=0s", "RAPID_NOFAILFILE=true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // to end the tests with the go command
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	failed, broken, late := read(out)
	if failed != "" || late {
		stop() // the other tests need not end
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case late:
		return "", errTimedOut
	case broken != "":
		return "", fmt.Errorf("it does not compile:\n%s", broken)
	case failed != "":
		return failed, nil
	case err != nil:
		return "", fmt.Errorf("go test: %w: %s", err, &complaints)
	}
	return "", nil
}

// read reads the output of go test -json up to the first failure, and returns
// what failed, or what the compiler says, or that the tests ran into the limit.
func read(out io.Reader) (failed, broken string, late bool) {
	var said strings.Builder
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return "", "", false
		}
		var e struct{ Action, Package, Test, Output, FailedBuild string }
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		switch {
		case e.Action == "build-output":
			said.WriteString(e.Output)
		case e.Action == "fail" && e.FailedBuild != "", e.Action == "build-fail":
			return "", cmp.Or(said.String(), "the compiler does not say why"), false
		case e.Action == "output" && strings.Contains(e.Output, "panic: test timed out after "):
			return "", "", true
		case e.Action == "fail":
			_, pkg, _ := strings.Cut(e.Package, "/")
			test, _, _ := strings.Cut(e.Test, "/") // which subtest is first differs
			return strings.TrimSpace(pkg + " " + test), "", false
		}
	}
}

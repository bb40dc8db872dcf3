package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// A place is where a check leaves what it makes.
type place struct {
	tmp    string // on the disk
	memory string // in memory, where there is enough of it
}

// inMemory is the environment of tests whose files may be in memory, which spares waits
// for a disk. What the go command makes is too large for that, and stays on it.
func (p place) inMemory() string { return "TMPDIR=" + p.memory }

// A command is one that a check runs.
type command struct {
	args []string
	dir  string
	env  []string // beside that of the step
}

func cmd(args ...string) command { return command{args: args} }

// with returns the command with more in its environment.
func (c command) with(env ...string) command {
	c.env = append(c.env[:len(c.env):len(c.env)], env...)
	return c
}

func (c command) in(dir string) command {
	c.dir = dir
	return c
}

func (c command) start(ctx context.Context) *exec.Cmd {
	started := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	started.Dir = c.dir
	started.Env = append(os.Environ(), c.env...)
	started.Cancel = func() error { return started.Process.Signal(syscall.SIGTERM) }
	started.WaitDelay = 10 * time.Second
	return started
}

func (c command) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", strings.Join(c.args, " "), err)
}

// loudly runs the command and lets all see what it prints.
func (c command) loudly() error {
	started := c.start(context.Background())
	started.Stdout, started.Stderr = os.Stdout, os.Stderr
	return c.explain(started.Run())
}

// output runs the command and returns what it prints on standard output.
func (c command) output() (string, error) {
	started := c.start(context.Background())
	started.Stderr = os.Stderr
	out, err := started.Output()
	return strings.TrimSpace(string(out)), c.explain(err)
}

// logged runs the command and returns all that it prints. That goes by way of a file,
// as a process that is left behind would hold a pipe open.
func (c command) logged(ctx context.Context, p place) ([]byte, error) {
	file, err := os.CreateTemp(p.tmp, "log")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	started := c.start(ctx)
	started.Stdout, started.Stderr = file, file
	ended := started.Run()
	log, err := os.ReadFile(file.Name())
	return log, errors.Join(c.explain(ended), err)
}

// What go test -v prints of tests that are well.
var fine = regexp.MustCompile(`^ *(=== |--- PASS|PASS)`)

// quietly runs the command, returns what it prints, and prints it only where it
// failed, without the tests that did not. What tests print need not be text.
func (c command) quietly(p place) ([]byte, error) {
	log, err := c.logged(context.Background(), p)
	if err != nil {
		os.Stdout.Write(without(log, fine))
	}
	return log, err
}

// exits checks how the command ends, and returns what it prints.
func (c command) exits(want int, p place) ([]byte, error) {
	log, err := c.logged(context.Background(), p)
	got := 0
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else if err != nil {
		return log, err
	}
	if got != want {
		os.Stdout.Write(log)
		short := append([]string{filepath.Base(c.args[0])}, c.args[1:]...)
		return log, fmt.Errorf("exit status %d, want %d: %s", got, want, strings.Join(short, " "))
	}
	return log, nil
}

// showing runs a command quietly, and prints the lines of its output that match
// -show, or the part of them in parentheses.
func showing(p place, args []string) error {
	f := flag.NewFlagSet("quietly", flag.ContinueOnError)
	show := f.String("show", "", "print the lines that match `REGEXP`")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return errors.New("it takes a command")
	}
	pattern, err := regexp.Compile(*show)
	if err != nil {
		return err
	}
	log, err := cmd(f.Args()...).quietly(p)
	if err != nil || *show == "" {
		return err
	}
	return print(log, pattern)
}

// print prints the lines that match, or the part of them in parentheses. That there are
// none is an error.
func print(log []byte, pattern *regexp.Regexp) error {
	found := false
	for line := range bytes.Lines(log) {
		if m := pattern.FindSubmatch(bytes.TrimRight(line, "\n")); m != nil {
			found = true
			shown := bytes.TrimRight(line, "\n")
			if len(m) > 1 {
				shown = m[1]
			}
			fmt.Printf("%s\n", shown)
		}
	}
	if !found {
		return fmt.Errorf("nothing was printed that matches %s", pattern)
	}
	return nil
}

// without returns the lines that do not match.
func without(log []byte, pattern *regexp.Regexp) []byte {
	var rest []byte
	for line := range bytes.Lines(log) {
		if !pattern.Match(line) {
			rest = append(rest, line...)
		}
	}
	return rest
}

// install installs packages of Debian, within a time.
func install(p place, within time.Duration, packages ...string) error {
	quiet := "DEBIAN_FRONTEND=noninteractive"
	ctx, done := context.WithTimeout(context.Background(), time.Minute)
	defer done()
	if _, err := cmd("apt-get", "update").with(quiet).logged(ctx, p); err != nil {
		return err
	}
	ctx, done = context.WithTimeout(context.Background(), within)
	defer done()
	args := append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, packages...)
	_, err := cmd(args...).with(quiet).logged(ctx, p)
	return err
}

// found tells whether one of the programs is installed.
func found(programs ...string) bool {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err == nil {
			return true
		}
	}
	return false
}

// tool is a program whose version .ci/tools/go.mod pins.
func tool(args ...string) command {
	return cmd(append([]string{"go", "tool", "-modfile=.ci/tools/go.mod"}, args...)...)
}

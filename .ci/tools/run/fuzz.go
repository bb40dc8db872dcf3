package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A target is a fuzz test.
type target struct{ name, pkg string }

// fuzz tries every fuzz target of every package for the time that its argument says,
// four at a time: what they compile in turn leaves room.
func fuzz(p place, args []string) error {
	period, err := one(args, "a time for each target")
	if err != nil {
		return err
	}
	list, err := cmd("go", "test", "-list", "^Fuzz", "./...").output()
	if err != nil {
		return err
	}
	targets := fuzzTargets(list)
	if len(targets) == 0 {
		return errors.New("no fuzz targets found")
	}
	// First what most of them need: go commands side by side would each compile it.
	if err := cmd("go", "test", "-c", "-o", filepath.Join(p.tmp, "fuzz.test"), "-fuzz", ".", "./sync").loudly(); err != nil {
		return err
	}
	return each(targets, 4, func(t target) error { return t.try(p, period) })
}

// fuzzTargets reads what go test -list prints: the names of a package's tests, and
// then the package.
func fuzzTargets(list string) []target {
	var all []target
	var names []string
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		switch {
		case len(words) > 0 && strings.HasPrefix(words[0], "Fuzz"):
			names = append(names, words[0])
		case len(words) > 1 && words[0] == "ok":
			for _, name := range names {
				all = append(all, target{name, words[1]})
			}
			names = nil
		}
	}
	return all
}

// try fuzzes with one worker.
func (t target) try(p place, period string) error {
	fmt.Println(t.pkg, t.name)
	log, err := cmd("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", period, "-fuzzminimizetime", "10x", "-parallel", "1", t.pkg).
		logged(context.Background(), p)
	if err == nil || endOfTime(log) {
		return nil
	}
	os.Stdout.Write(without(log, fine))
	return err
}

var (
	deadline = regexp.MustCompile(`(?m)^    context deadline exceeded$`)
	failing  = regexp.MustCompile(`Failing input`)
)

// endOfTime recognises the end of the time, which before Go 1.27 may itself be reported
// as a failure, with these words and without an input (https://go.dev/issue/75804).
func endOfTime(log []byte) bool { return deadline.Match(log) && !failing.Match(log) }

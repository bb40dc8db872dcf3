// Run runs the steps of .ci/run, and does what takes more than one command to do.
//
//	.ci/run [quick|full|mutation] [STEP...]
//
// is how it is started: that script builds it and gives it the table of steps. A step's
// command is a line of bash, in which
//
//	run NAME ARG...
//
// calls one of the checks of this program, and $tmp and $memory are folders that are
// gone after the run: one on the disk, and one in memory where there is enough of it.
// A check that a machine lacks something for says "not tried, as …".
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The checks by the names that they have in the table.
var checks = map[string]func(p place, args []string) error{
	"quietly":    showing,
	"format":     format,
	"vulns":      vulns,
	"unit":       unit,
	"rules":      rules,
	"builds":     builds,
	"smoke":      smoke,
	"tests":      tests,
	"older":      older,
	"properties": properties,
	"fuzz":       fuzz,
	"budgets":    budgets,
	"deaths":     deaths,
	"packages":   packages,
	"boot":       boot,
}

func main() {
	if len(os.Args) < 2 || os.Getenv("tmp") == "" {
		fmt.Fprintln(os.Stderr, "run: start .ci/run instead, which tells this program what to do")
		os.Exit(2)
	}
	name, args := os.Args[1], os.Args[2:]
	if name == "steps" {
		os.Exit(steps(args))
	}
	check, ok := checks[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "run: there is no check %q\n", name)
		os.Exit(2)
	}
	if err := check(place{tmp: os.Getenv("tmp"), memory: os.Getenv("memory")}, args); err != nil {
		fmt.Fprintf(os.Stderr, "run %s: %v\n", name, err)
		os.Exit(1)
	}
}

// steps runs those steps of the table on standard input that the arguments ask for,
// and returns the exit status.
func steps(args []string) int {
	stop := interrupts()
	tmp := os.Getenv("tmp")
	defer os.RemoveAll(tmp)
	table, err := parse(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, ".ci/run:", err)
		return 1
	}
	mode, names := quick, args
	if len(args) > 0 {
		mode, names = args[0], args[1:]
	}
	chosen, err := choose(table, mode, names)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v\nusage: .ci/run [%s] [STEP...]\n", err, strings.Join(modes, "|"))
		return 2
	}
	memory, err := prepare(tmp)
	defer os.RemoveAll(memory)
	if err != nil {
		fmt.Fprintln(os.Stderr, ".ci/run:", err)
		return 1
	}
	r := &runner{goesOn: mode != quick, limit: limits[mode], out: os.Stdout, err: os.Stderr, stop: stop, began: began()}
	r.runAll(chosen)
	if mode == full && len(names) == 0 && !r.stopped {
		fmt.Print(untried)
	}
	r.summarize()
	return r.status
}

// Nothing that is started here can try these.
const untried = `
Not tried, because no machine like this one can:
  a real HubSpot portal and a real Thnks account (no credentials)
  a power cut in the middle of a write
`

// one returns the only argument of a check.
func one(args []string, what string) (string, error) {
	if len(args) != 1 {
		return "", fmt.Errorf("it takes one argument: %s", what)
	}
	return args[0], nil
}

// each calls f for every item, some at a time, and all of them even where some fail.
func each[T any](items []T, beside int, f func(T) error) error {
	errs := make([]error, len(items))
	places := make(chan struct{}, beside)
	for i, item := range items {
		places <- struct{}{}
		go func() {
			errs[i] = f(item)
			<-places
		}()
	}
	for range beside {
		places <- struct{}{}
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return err == nil })...)
}

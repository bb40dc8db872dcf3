// Mutants plants bugs into the program, one at a time, and lets the tests look
// for them. A bug that no test finds is a hole in the suite, and fails the run.
//
// The bugs are listed in .ci/mutants, a text file for each room; how an entry
// is written is said at [parse]. Nothing is copied and the tree is not touched:
// the go command is given the changed file in the place of the real one.
//
//	go -C .ci/tools run ./mutants -check        does every entry still apply?
//	go -C .ci/tools run ./mutants               plant all, print a table
//	go -C .ci/tools run ./mutants -only status  those whose name or file matches
//	go -C .ci/tools run ./mutants -o ../mutants/README.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("mutants", flag.ContinueOnError)
	root := f.String("root", "../..", "`folder` of the program's go.mod")
	check := f.Bool("check", false, "only check that every entry applies")
	only := f.String("only", "", "plant only the mutants whose name or file in the catalogue matches `REGEXP`")
	named := f.Bool("named", false, "let only the tests look that the entries name")
	beside := f.Int("p", 2, "plant `N` at a time")
	output := f.String("o", "", "write the table into `file`, not to standard output")
	if err := f.Parse(args); err != nil {
		return err
	}
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	tree, err := filepath.Abs(*root)
	if err != nil {
		return err
	}
	all, err := load(tree)
	if err != nil {
		return err
	}
	if *check {
		fmt.Printf("%d mutants apply\n", len(all))
		return sameAsTable(all, filepath.Join(tree, catalogue, "README.md"))
	}
	all = slices.DeleteFunc(all, func(m *mutant) bool { return !chosen.MatchString(m.at + " " + m.name) })
	if len(all) == 0 {
		return fmt.Errorf("no bug's name or file matches -only %s", *only)
	}
	tmp, err := os.MkdirTemp("", "m") // short, as sockets are made in it
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	b := &bench{tree: tree, tmp: tmp, named: *named, limit: 10 * time.Minute}
	if err := b.baseline(ctx, all); err != nil {
		return err
	}
	results, err := b.plantAll(ctx, all, *beside)
	if err != nil {
		return err
	}
	table := render(results)
	if *output == "" {
		fmt.Print(table)
	} else if err := os.WriteFile(*output, []byte(table), 0o644); err != nil {
		return err
	}
	if n := survivors(results); n > 0 {
		return fmt.Errorf("%d of %d mutants were not found by any test: add the tests that are missing", n, len(results))
	}
	return nil
}

// plantAll plants every mutant, some at a time, and tells of each on standard
// error as it is done. The results are in the order of the catalogue.
func (b *bench) plantAll(ctx context.Context, all []*mutant, beside int) ([]result, error) {
	results := make([]result, len(all))
	errs := make([]error, len(all))
	next := make(chan int)
	var workers sync.WaitGroup
	for range beside {
		workers.Go(func() {
			for i := range next {
				results[i], errs[i] = b.plant(ctx, all[i])
				if errs[i] == nil {
					fmt.Fprintln(os.Stderr, results[i])
				}
			}
		})
	}
	for i := range all {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return results, errors.Join(errs...)
}

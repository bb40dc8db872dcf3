// Operators changes the operators of a package, one at a time, and has the tests of
// the package find each. A mutant that lives is a hole in the tests, unless
// .ci/operators/equivalent.txt lists it with the reason why it changes nothing; how
// an entry is written is said there.
//
//	go -C .ci/tools run ./operators sync/stats
//
// Its kinds of mutants have the names and the meaning that those of gremlins
// (https://github.com/go-gremlins/gremlins) have. That tool builds a test program
// for each mutant, which takes most of its time. Here one program has them all, and
// each run chooses one (see choice). Nothing is copied and the tree is not touched:
// the go command is given the changed files in the place of the real ones.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: operators PACKAGE...")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, "../..", os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "operators:", err)
		os.Exit(1)
	}
}

// run tries the packages, which are folders below root, one after the other, and
// returns what is wrong with any.
func run(ctx context.Context, root string, pkgs []string) error {
	text, err := os.ReadFile(filepath.Join(root, ".ci/operators/equivalent.txt"))
	if err != nil {
		return err
	}
	listed, err := parse(string(text))
	if err != nil {
		return err
	}
	var errs []error
	for _, pkg := range pkgs {
		start := time.Now()
		results, err := try(ctx, root, pkg, 3*time.Second)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			var summary string
			summary, err = judge(results, pkg, listed)
			fmt.Printf("%s, in %.0f s\n", summary, time.Since(start).Seconds())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// try returns what became of each mutant of a package. A run may take spare more
// than several times what its tests usually do.
func try(ctx context.Context, root, pkg string, spare time.Duration) ([]result, error) {
	source, err := load(ctx, root, pkg)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "operators-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	p := program{
		path:  filepath.Join(dir, "mutants.test"),
		dir:   filepath.Join(root, pkg),
		tmp:   dir,
		spare: spare,
	}
	if source.rapid { // with one seed, so that what is found does not depend on chance
		p.flags = []string{"-rapid.nofailfile", "-rapid.shrinktime=0s", "-rapid.seed=1"}
	}
	if err := source.build(ctx, root, pkg, dir, p.path); err != nil {
		return nil, err
	}
	return p.try(ctx, source.mutants)
}

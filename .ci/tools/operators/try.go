package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A status is what became of a mutant.
type status string

const (
	killed     status = "killed"
	lived      status = "lived"
	timedOut   status = "timed out"
	notCovered status = "not covered"
)

type result struct {
	mutant
	status status
}

// A check is a test of the package, with what it does to the program as it is.
type check struct {
	name string
	met  []byte // has a 1 for each mutant that it meets
	cost cost
}

// try has the tests look for each mutant, as many at a time as there are
// processors: first each test alone without any mutant, to see which it meets and
// how long it takes, then for each mutant those that meet it.
func (p program) try(ctx context.Context, mutants []mutant) ([]result, error) {
	checks, err := p.checks(ctx, len(mutants))
	if err != nil {
		return nil, err
	}
	results := make([]result, len(mutants))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for i, m := range mutants {
		g.Go(func() error {
			s, err := p.hunt(ctx, i, checks)
			results[i] = result{m, s}
			return err
		})
	}
	return results, g.Wait()
}

// checks runs each test of the program.
func (p program) checks(ctx context.Context, mutants int) ([]check, error) {
	c := exec.CommandContext(ctx, p.path, "-test.list", "^(Test|Fuzz|Example)")
	c.Dir = p.dir
	list, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the tests: %w", err)
	}
	names := strings.Fields(string(list))
	checks := make([]check, len(names))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.NumCPU())
	for i, name := range names {
		g.Go(func() error {
			path := filepath.Join(p.tmp, "met."+name)
			if err := os.WriteFile(path, make([]byte, mutants), 0o600); err != nil {
				return err
			}
			o, err := p.run(ctx, []string{"OPERATORS_MET=" + path}, []string{name}, cost{cpu: time.Minute, wall: time.Minute})
			if err != nil {
				return err
			}
			if o.status != lived {
				return fmt.Errorf("%s fails, and nothing was changed: %s\n%s", name, o.status, o.printed)
			}
			met, err := os.ReadFile(path)
			checks[i] = check{name, met, o.cost}
			return err
		})
	}
	return checks, g.Wait()
}

// A round runs some of the checks, with flags.
type round struct {
	checks []check
	flags  []string
}

// hunt has the tests look for a mutant. Most are found by the quickest tests, and by
// the first few values of properties.
func (p program) hunt(ctx context.Context, n int, checks []check) (status, error) {
	var meet []check
	for _, c := range checks {
		if c.met[n] == 1 {
			meet = append(meet, c)
		}
	}
	if len(meet) == 0 {
		return notCovered, nil
	}
	quick, slow := split(meet)
	rounds := []round{{quick, nil}, {slow, nil}}
	if len(p.flags) > 0 {
		few := []string{"-rapid.checks=5"}
		rounds = []round{{quick, few}, {slow, few}, {meet, nil}}
	}
	for _, r := range rounds {
		if len(r.checks) == 0 {
			continue
		}
		var names []string
		var usual cost
		for _, c := range r.checks {
			names = append(names, c.name)
			usual.cpu += c.cost.cpu
			usual.wall += c.cost.wall
		}
		o, err := p.run(ctx, []string{fmt.Sprint("OPERATORS_CHOSEN=", n)}, names, usual, r.flags...)
		if err != nil || o.status != lived {
			return o.status, err
		}
	}
	return lived, nil
}

// split parts the quickest checks, which take a quarter of the time together, from
// the others.
func split(checks []check) (quick, slow []check) {
	sorted := slices.SortedFunc(slices.Values(checks), func(a, b check) int { return cmp.Compare(a.cost.cpu, b.cost.cpu) })
	var sum, all time.Duration
	for _, c := range sorted {
		all += c.cost.cpu
	}
	for i, c := range sorted {
		if sum += c.cost.cpu; sum > all/4 {
			return sorted[:i], sorted[i:]
		}
	}
	return sorted, nil
}

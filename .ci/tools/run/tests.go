package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// tests runs all tests under the race detector, and sees that none was skipped but those
// that this machine lacks something for.
func tests(p place, _ []string) error { return testsWith(p) }

// older runs the tests with the oldest line of Go that go.mod allows.
func older(p place, _ []string) error {
	if !has(olderGo) {
		fmt.Printf("not tried, as %s can be neither found nor fetched here: the tests with it\n", olderGo)
		return nil
	}
	fmt.Println(olderGo)
	return testsWith(p, "GOTOOLCHAIN="+olderGo)
}

func testsWith(p place, env ...string) error {
	lacking, err := lacks(p)
	if err != nil {
		return err
	}
	var maySkip []string
	for _, l := range lacking {
		fmt.Printf("not tried, as %s\n", l.why)
		maySkip = append(maySkip, l.tests)
	}
	// A step before has vetted all of it. Where one test waits another works.
	log, err := cmd("go", "test", "-race", "-vet=off", "-parallel", "4", "-count=1", "-v", "-timeout", "14m", "./...").
		with(p.inMemory()).with(env...).quietly(p)
	if err != nil {
		return err
	}
	if err := judge(log, maySkip); err != nil {
		return err
	}
	return print(log, regexp.MustCompile(`^ok`))
}

var (
	skip   = regexp.MustCompile(`^ *--- SKIP`)
	arrows = regexp.MustCompile(`(?m)^--- PASS: TestArrows `)
)

// judge reads what go test -v printed: only tests whose names begin with one of
// those given may be skipped, and the test of the arrows between packages ran.
func judge(log []byte, maySkip []string) error {
	skipped := false
	for line := range bytes.Lines(log) {
		excused := slices.ContainsFunc(maySkip, func(test string) bool { return bytes.Contains(line, []byte(" "+test)) })
		if skip.Match(line) && !excused {
			os.Stdout.Write(line)
			skipped = true
		}
	}
	if skipped {
		return errors.New("tests were skipped")
	}
	if !arrows.Match(log) {
		return errors.New("TestArrows did not run")
	}
	return nil
}

// A lack is what a machine has no means for.
type lack struct {
	why   string // and what is not tried
	tests string // how the names of the tests begin that may be skipped
}

// lacks finds out what this machine lacks.
func lacks(p place) ([]lack, error) {
	var all []lack
	dir := filepath.Join(p.tmp, "mnt")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ctx := context.Background()
	mount := []string{"mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir}
	if _, err := cmd(mount...).logged(ctx, p); err != nil {
		all = append(all, lack{"only a root that may mount can: a daemon with a full file system (TestFullDisk)", "TestFullDisk"})
	} else if err := cmd("umount", dir).loudly(); err != nil {
		return nil, err
	}
	if _, err := cmd(append([]string{"unshare", "-Urm"}, mount...)...).logged(ctx, p); err != nil {
		all = append(all, lack{"nothing can be mounted in a namespace here: a store with a full file system (TestDiskFull)", "TestDiskFull"})
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return nil, err
	}
	if files.Max < 7680 {
		all = append(all, lack{"a process may have too few open files here: webhooks beside 2,560 connections (TestBeside…)", "TestBeside"})
	}
	if info, err := os.Stat("/dev/ptmx"); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		all = append(all, lack{"there are no pseudo-terminals here: colours (TestColours)", "TestColours"})
	}
	if !found("chromium", "chromium-browser", "google-chrome") {
		if err := install(p, 5*time.Minute, "chromium"); err != nil {
			all = append(all, lack{"there is no Chromium here and it cannot be installed: the page in a browser (TestBrowser…)", "TestBrowser"})
		}
	}
	return all, nil
}

// budgets counts calls, measures the memory of many portals, and takes the time of
// events on the fake clock, without the race detector, under which some of these tests
// are smaller or left out. Its argument says of which sizes.
func budgets(p place, args []string) error {
	sizes, err := one(args, "a pattern of sizes")
	if err != nil {
		return err
	}
	log, err := cmd("go", "test", "-count=1", "-v", "-run", "(Budget|Costs|^TestEventLatency$)/"+sizes, "./sync", "./sync/daemon").quietly(p)
	if err != nil {
		return err
	}
	if err := print(log, regexp.MustCompile(`^ *[a-z_]*\.go:[0-9]*: (.*N = .*)`)); err != nil {
		return err
	}
	return cmd("env", "-u", "GOGC", "go", "test", "-run", "^$", "-bench", "^BenchmarkManyPortals$", "-benchtime", "1x", "./cmd/thnks-hubspot-sync").loudly()
}

// format names the files that gofumpt would write otherwise.
func format(place, []string) error {
	files, err := tool("gofumpt", "-l", ".").output()
	if err == nil && files != "" {
		err = fmt.Errorf("not formatted with gofumpt:\n%s", files)
	}
	return err
}

// vulns looks for calls that reach a fault of the Go vulnerability database, of
// which .ci/vulndb/go.mod pins a version. A Go that is known to have one shows that
// the database is read. Without the toolchain of releases its faults are looked
// for in the calls of the other.
func vulns(p place, _ []string) error {
	if err := cmd("go", "-C", ".ci/vulndb", "mod", "download").loudly(); err != nil {
		return err
	}
	dir, err := cmd("go", "-C", ".ci/vulndb", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/vulndb").output()
	if err != nil {
		return err
	}
	db := "file://" + dir + "/data/osv"
	log, err := tool("govulncheck", "-db", db, "./hubspot").with("GOVERSION=go1.27.2").exits(3, p)
	if err != nil {
		return err
	}
	if !strings.Contains(string(log), "GO-2026-6809") {
		return errors.New("govulncheck does not find GO-2026-6809 in go1.27.2")
	}
	return tool("govulncheck", "-db", db, "./...").with("GOVERSION=" + releaseGo).loudly()
}

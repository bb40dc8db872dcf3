// Gremlins judges what the mutation tool of that name
// (https://github.com/go-gremlins/gremlins) reports of one package. A mutant that
// lives is a hole in the tests, unless .ci/gremlins/equivalent.txt lists it with
// the reason why it changes nothing; how an entry is written is said there.
//
//	go -C .ci/tools run ./gremlins sync/stats /tmp/stats.json
//
// Before, it prepares a package of a copy of the repository, so that the other tool
// tries the conditions of cases, too:
//
//	go -C .ci/tools run ./gremlins -open-cases /tmp/copy/sync/stats
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The least shares in per cent. A mutant that times out may be killed or not, so
// that few may: a loaded machine would hide all of them.
const (
	minKilled  = 95 // of those that a test runs
	minCovered = 95 // of all
	maxTimeout = 2  // of those that a test runs
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gremlins PACKAGE REPORT.json\n       gremlins -open-cases DIRECTORY")
		os.Exit(2)
	}
	var err error
	if os.Args[1] == "-open-cases" {
		err = openCases(os.Args[2])
	} else {
		err = run("../..", os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gremlins:", err)
		os.Exit(1)
	}
}

func run(root, pkg, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	list, err := os.ReadFile(filepath.Join(root, ".ci/gremlins/equivalent.txt"))
	if err != nil {
		return err
	}
	listed, err := parse(string(list))
	if err != nil {
		return err
	}
	line := func(file string, n int) (string, error) {
		text, err := os.ReadFile(filepath.Join(root, pkg, file))
		if err != nil {
			return "", err
		}
		lines := strings.Split(string(text), "\n")
		if n < 1 || n > len(lines) {
			return "", fmt.Errorf("%s has no line %d", file, n)
		}
		return strings.TrimSpace(lines[n-1]), nil
	}
	summary, err := judge(r, pkg, listed, line)
	fmt.Print(summary)
	return err
}

// A report is what gremlins writes with -o.
type report struct {
	Files []struct {
		Name      string     `json:"file_name"` // within the package
		Mutations []mutation `json:"mutations"`
	} `json:"files"`
}

type mutation struct {
	Type, Status string
	Line         int
}

// An entry of the list is a mutant that changes nothing.
type entry struct{ file, kind, line string }

// parse reads the list: a line each for file, kind and line, then why, and an
// empty line.
func parse(text string) (map[entry]bool, error) {
	listed := make(map[entry]bool)
	for block := range strings.SplitSeq(text, "\n\n") {
		if block = strings.TrimSpace(block); block == "" || strings.HasPrefix(block, "#") {
			continue
		}
		var values []string
		for i, line := range strings.Split(block, "\n") {
			word, value, _ := strings.Cut(line, " ")
			if i < 4 && word != []string{"file", "kind", "line", "why"}[i] {
				return nil, fmt.Errorf("equivalent.txt: an entry has %q where %s is due", word, []string{"file", "kind", "line", "why"}[i])
			}
			values = append(values, strings.TrimSpace(value))
		}
		if len(values) < 4 || values[3] == "" {
			return nil, fmt.Errorf("equivalent.txt: the entry of %s does not say why", values[0])
		}
		listed[entry{values[0], values[1], values[2]}] = true
	}
	return listed, nil
}

// judge counts the mutants of a package and names those that live. Its error says
// which share is too small or too large, and which entries of the list are out of date.
func judge(r report, pkg string, listed map[entry]bool, line func(file string, n int) (string, error)) (string, error) {
	var out strings.Builder
	var killed, lived, late, bare, excused int
	met := make(map[entry]bool)
	for _, f := range r.Files {
		for _, m := range f.Mutations {
			switch m.Status {
			case "KILLED":
				killed++
				continue
			case "LIVED", "TIMED OUT", "NOT COVERED":
			default: // it does not compile
				continue
			}
			text, err := line(f.Name, m.Line)
			if err != nil {
				return "", err
			}
			e := entry{pkg + "/" + f.Name, m.Type, text}
			if listed[e] {
				met[e] = true
				excused++
				continue
			}
			switch m.Status {
			case "LIVED":
				lived++
			case "TIMED OUT":
				late++
			case "NOT COVERED":
				bare++
			}
			fmt.Fprintf(&out, "%s %s at %s/%s:%d: %s\n", strings.ToLower(m.Status), m.Type, pkg, f.Name, m.Line, text)
		}
	}
	ran := killed + lived + late
	if ran == 0 {
		return "", errors.New("no mutant was tried")
	}
	share := func(n, of int) float64 { return 100 * float64(n) / float64(of) }
	fmt.Fprintf(&out, "%s: %d killed, %d lived, %d timed out, %d not covered, %d change nothing: %.1f %% killed, %.1f %% covered\n",
		pkg, killed, lived, late, bare, excused, share(killed, ran), share(ran, ran+bare))
	var errs []error
	if got := share(killed, ran); got < minKilled {
		errs = append(errs, fmt.Errorf("%s: %.1f %% of the mutants were killed, and should be %d %%: add the tests that are missing", pkg, got, minKilled))
	}
	if got := share(late, ran); got > maxTimeout {
		errs = append(errs, fmt.Errorf("%s: %.1f %% of the mutants timed out, and %d %% may: try again on a quieter machine", pkg, got, maxTimeout))
	}
	if got := share(ran, ran+bare); got < minCovered {
		errs = append(errs, fmt.Errorf("%s: tests run %.1f %% of the mutants, and should %d %%", pkg, got, minCovered))
	}
	for e := range listed {
		if strings.HasPrefix(e.file, pkg+"/") && filepath.Dir(e.file) == pkg && !met[e] {
			errs = append(errs, fmt.Errorf("equivalent.txt lists %s of %s, which did not live: take it out, or bring it up to date: %s", e.kind, e.file, e.line))
		}
	}
	return out.String(), errors.Join(errs...)
}

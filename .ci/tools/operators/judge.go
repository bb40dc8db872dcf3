package main

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// The least shares in per cent. A mutant that times out may be killed or not, so
// that few may.
const (
	minKilled   = 95 // of those that a test meets
	minCovered  = 95 // of all
	maxTimedOut = 2  // of those that a test meets
)

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
func judge(results []result, pkg string, listed map[entry]bool) (string, error) {
	var out strings.Builder
	count := make(map[status]int)
	excused, met := 0, make(map[entry]bool)
	for _, r := range results {
		e := entry{path.Join(pkg, r.file), r.kind, r.text}
		if r.status != killed && listed[e] {
			met[e] = true
			excused++
			continue
		}
		count[r.status]++
		if r.status != killed {
			fmt.Fprintf(&out, "%s: %s at %s:%d:%d: %s\n", r.status, r.kind, e.file, r.line, r.column, r.text)
		}
	}
	ran := count[killed] + count[lived] + count[timedOut]
	if ran == 0 {
		return "", fmt.Errorf("%s: no test meets a mutant", pkg)
	}
	share := func(n, of int) float64 { return 100 * float64(n) / float64(of) }
	fmt.Fprintf(&out, "%s: %d killed, %d lived, %d timed out, %d not covered, %d change nothing: %.1f %% killed, %.1f %% covered",
		pkg, count[killed], count[lived], count[timedOut], count[notCovered], excused, share(count[killed], ran), share(ran, ran+count[notCovered]))
	var errs []error
	if got := share(count[killed], ran); got < minKilled {
		errs = append(errs, fmt.Errorf("%s: %.1f %% of the mutants were killed, and should be %d %%: add the tests that are missing", pkg, got, minKilled))
	}
	if got := share(count[timedOut], ran); got > maxTimedOut {
		errs = append(errs, fmt.Errorf("%s: %.1f %% of the mutants timed out, and %d %% may: have a test fail before it waits forever", pkg, got, maxTimedOut))
	}
	if got := share(ran, ran+count[notCovered]); got < minCovered {
		errs = append(errs, fmt.Errorf("%s: tests meet %.1f %% of the mutants, and should %d %%", pkg, got, minCovered))
	}
	for e := range listed {
		if path.Dir(e.file) == pkg && !met[e] {
			errs = append(errs, fmt.Errorf("equivalent.txt lists %s of %s, which did not live: take it out, or bring it up to date: %s", e.kind, e.file, e.line))
		}
	}
	return out.String(), errors.Join(errs...)
}

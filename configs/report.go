package configs

import (
	"fmt"
	"slices"
	"strings"
)

// maxProblems is how many problems of a configuration are listed.
const maxProblems = 1000

// A report collects the problems of a configuration.
type report struct {
	problems []Problem
	more     int             // problems beyond maxProblems
	lines    map[string]int  // key path → line, for keys that the file has
	broken   map[string]bool // key paths whose value could not be read
}

// add records a problem, unless the value at key was already found unreadable,
// so that one mistake is reported once.
func (r *report) add(key, what, remedy string) {
	for at := key; ; at = parent(at) {
		if r.broken[at] {
			return
		}
		if at == "" {
			break
		}
	}
	problem := Problem{Line: r.line(key), Key: key, What: what, Remedy: remedy}
	switch {
	case len(r.problems) == maxProblems:
		r.more++
	case !slices.Contains(r.problems, problem): // two portals may miss the same setting
		r.problems = append(r.problems, problem)
	}
}

// all returns the problems in the order of the file.
func (r *report) all() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
	if r.more == 0 {
		return r.problems
	}
	return append(r.problems, Problem{What: fmt.Sprintf("%d further problems", r.more), Remedy: "put those above right first"})
}

// unreadable records a problem of shape or type.
func (r *report) unreadable(key, what, remedy string) {
	r.add(key, what, remedy)
	r.broken[key] = true
}

// line returns the line of key, or of its group if key is absent.
func (r *report) line(key string) int {
	for {
		if line, ok := r.lines[key]; ok || key == "" {
			return line
		}
		key = parent(key)
	}
}

// parent returns the path of the mapping or list that holds key.
func parent(key string) string {
	return key[:max(strings.LastIndexAny(key, ".["), 0)]
}

// join returns the path of a key inside the mapping at path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

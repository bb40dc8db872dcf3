package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The modes of a run. The first step that fails ends a quick one; the others go on, and
// name all that failed.
const (
	quick    = "quick"    // every push
	full     = "full"     // before a release
	mutation = "mutation" // before a release, too: bugs that the tests have to find
)

var modes = []string{quick, full, mutation}

// How long the modes should take on two cores.
var limits = map[string]time.Duration{quick: 20 * time.Minute, full: 150 * time.Minute}

// A step is a line of the table.
type step struct {
	name    string
	mode    string // or "both" for quick and full
	command string // for bash
}

func (s step) belongs(mode string) bool {
	return s.mode == mode || s.mode == "both" && mode != mutation
}

// parse reads the table: a line for each step with its name, its mode and its command.
// Empty lines and those that begin with # are for the reader.
func parse(from io.Reader) ([]step, error) {
	var table []step
	for lines := bufio.NewScanner(from); ; {
		if !lines.Scan() {
			return table, lines.Err()
		}
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		mode, command, _ := strings.Cut(strings.TrimSpace(rest), " ")
		s := step{name, mode, strings.TrimSpace(command)}
		if mode != "both" && !slices.Contains(modes, mode) || s.command == "" {
			return nil, fmt.Errorf("a step is a name, a mode and a command, not %q", line)
		}
		for _, other := range table {
			if other.name == name && slices.ContainsFunc(modes, func(m string) bool { return s.belongs(m) && other.belongs(m) }) {
				return nil, fmt.Errorf("there are two steps %s in one mode", name)
			}
		}
		table = append(table, s)
	}
}

// choose returns the steps of a mode in the order of the table, or of these only those
// with the names.
func choose(table []step, mode string, names []string) ([]step, error) {
	if !slices.Contains(modes, mode) {
		return nil, fmt.Errorf("there is no mode %q", mode)
	}
	var all, chosen []step
	for _, s := range table {
		if !s.belongs(mode) {
			continue
		}
		all = append(all, s)
		if len(names) == 0 || slices.Contains(names, s.name) {
			chosen = append(chosen, s)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(s step) bool { return s.name == name }) {
			var have []string
			for _, s := range all {
				have = append(have, s.name)
			}
			return nil, fmt.Errorf("%s has no step %q, but %s", mode, name, strings.Join(have, ", "))
		}
	}
	return chosen, nil
}

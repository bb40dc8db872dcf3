package configs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// placeState makes StateDir absolute. A relative one starts at the folder of the
// configuration file. It used to start at the current directory: if the state
// files are still there, starting without them would sync everything anew.
func (c *Config) placeState() error {
	if filepath.IsAbs(c.StateDir) {
		return nil
	}
	written := c.StateDir
	c.StateDir = filepath.Join(c.dir, written)
	old, err := filepath.Abs(written)
	if err != nil || !c.hasState(old) || c.hasState(c.StateDir) {
		return nil // without a current directory nothing can be there
	}
	return &LoadError{File: c.file, Problems: []Problem{c.problem("state_dir",
		"starts at the folder of this file, not at the current directory, which still has the state files",
		"end every run, then move them: "+moveCommand(old, c.StateDir))}}
}

// hasState reports whether a folder has the state file of a portal.
func (c *Config) hasState(dir string) bool {
	for _, p := range c.Portals {
		if exists(filepath.Join(dir, p.Name+".db")) {
			return true
		}
	}
	return false
}

// moveCommand returns the shell command that moves the state files.
func moveCommand(from, to string) string {
	if exists(to) {
		return "mv " + quoted(from) + "/*.db " + quoted(to) + "/"
	}
	move := "mv " + quoted(from) + " " + quoted(to)
	if parent := filepath.Dir(to); !exists(parent) {
		move = "mkdir -p " + quoted(parent) + " && " + move
	}
	return move
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// plainPath matches paths that a shell reads as they are.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./@%+=:,-]+$`)

// quoted returns a path as an argument in a shell command.
func quoted(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

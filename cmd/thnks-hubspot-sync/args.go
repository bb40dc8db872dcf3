package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// noArguments refuses arguments. A portal's name is the likeliest of them, so the
// error says how one is named.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	path := cmd.CommandPath()
	if cmd.Flags().Lookup("portal") == nil {
		return fmt.Errorf("%s takes no arguments, and got %q", path, args[0])
	}
	return fmt.Errorf("%s takes no arguments, and got %q; if that is a portal, type: %s --portal %[2]s", path, args[0], path)
}

// listedByDefault refuses arguments of a command that lists where no other command
// below it is named.
func listedByDefault(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("unknown command %q for %q; if that is a portal, type: %s list --portal %[1]s", args[0], cmd.CommandPath(), cmd.CommandPath())
}

// wrongValue matches the library's words about a value that a flag cannot take, up
// to those of the function that parsed it.
var wrongValue = regexp.MustCompile(`^invalid argument ("(?:[^"\\]|\\.)*") for "(?:-\w, )?(--[\w-]+)" flag: `)

// flagError says of a wrong value of a flag what it should be: the library quotes
// the function that could not parse it.
func flagError(cmd *cobra.Command, err error) error {
	m := wrongValue.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	name, value := m[2], m[1]
	f := cmd.Flags().Lookup(strings.TrimPrefix(name, "--"))
	switch {
	case f == nil:
		return err
	case f.Value.Type() == "bool":
		return fmt.Errorf("%s %s: give the flag alone, or with =true or =false", name, value)
	case f.Value.Type() == "int":
		return fmt.Errorf("%s %s: write a whole number, in digits alone", name, value)
	}
	return fmt.Errorf("%s %s: use %s", name, value, f.Usage)
}

package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	giftsync "thnks-hubspot-sync/sync"
)

// syncFlags are what the command line of a sync says.
type syncFlags struct {
	portal, reassociate, restore, from string

	backfill, stop                 bool
	acceptNewSource, acceptSmaller bool
	dryRun, all, json              bool
}

// arguments accepts the value of --reassociate behind a blank. The library takes
// it for an argument, as the flag may stand alone.
func (f *syncFlags) arguments(cmd *cobra.Command, args []string) error {
	if len(args) == 1 && cmd.Flags().Changed("reassociate") {
		return nil
	}
	return noArguments(cmd, args)
}

// request is what the flags ask for.
func (f *syncFlags) request(cmd *cobra.Command, args []string) (giftsync.Request, error) {
	req := giftsync.Request{
		Mode: giftsync.Incremental, DryRun: f.dryRun, AllChanges: f.all || f.json,
		AcceptNewSource: f.acceptNewSource, AcceptSmallerSource: f.acceptSmaller,
	}
	given := cmd.Flags().Changed
	switch {
	case f.all && !f.dryRun:
		return req, usagef("--all is about what --dry-run prints: give both")
	case several(f.backfill, given("reassociate"), given("restore"), given("from"), f.stop):
		return req, usagef("--backfill, --reassociate, --restore, --from and --stop are of their own: give one")
	case f.stop && (f.dryRun || f.json):
		return req, usagef("--stop ends a run, and reports none: give neither --dry-run nor --json with it")
	case given("from"):
		path, err := exportPath(f.from)
		req.From = path
		return req, err
	case f.backfill:
		req.Mode = giftsync.Backfill
	case given("reassociate"):
		what := f.reassociate
		if len(args) == 1 {
			what = args[0]
		}
		mode, ok := reassociations[what]
		if !ok {
			return req, usagef("--reassociate is orphans or all, not %q", what)
		}
		req.Mode = mode
	case given("restore"):
		if f.restore == "" {
			return req, usagef("--restore needs a transaction id, or all")
		}
		req.Mode = giftsync.Restore
		if f.restore != "all" {
			req.Keys = []string{f.restore}
		}
	}
	return req, nil
}

// exportPath is the path by which the daemon, too, finds the export file: it
// has another working directory, and a /dev/stdin of its own.
func exportPath(from string) (string, error) {
	path, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err != nil {
		return path, nil // reading it says what is wrong
	} else if !info.Mode().IsRegular() {
		return "", usagef("--from %s: not a regular file: write what comes from there into one, and name that", from)
	}
	if direct, err := filepath.EvalSymlinks(path); err == nil {
		return direct, nil
	}
	return path, nil
}

// several reports whether more than one of the flags is given.
func several(given ...bool) bool {
	n := 0
	for _, g := range given {
		if g {
			n++
		}
	}
	return n > 1
}

// reassociations are the values of --reassociate.
var reassociations = map[string]giftsync.Mode{
	"orphans": giftsync.Reassociate,
	"all":     giftsync.ReassociateAll,
}

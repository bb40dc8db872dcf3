package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/send"
)

// A status is the program's exit status.
type status int

// The statuses, fixed for scripts and units that look at them.
const (
	done        status = 0 // all was done
	failed      status = 1 // a run failed
	misused     status = 2 // usage or configuration
	quarantined status = 3 // done, but this run left records in quarantine
)

// worse returns the worse of two portals' statuses: one that failed outweighs
// one that is configured wrongly, and that one with something in quarantine.
func (s status) worse(t status) status {
	badness := [...]int{done: 0, quarantined: 1, misused: 2, failed: 3}
	if badness[t] > badness[s] {
		return t
	}
	return s
}

// statusOf returns the status that an error stands for.
func statusOf(err error) status {
	var said statusError
	var wrong usage
	var load *configs.LoadError
	var remote *admin.RemoteError
	switch {
	case err == nil:
		return done
	case errors.As(err, &said):
		return status(said)
	case errors.As(err, &wrong), errors.As(err, &load),
		errors.Is(err, send.ErrOrder), errors.Is(err, store.ErrSendDiffers), errors.Is(err, store.ErrSendsUnknown),
		errors.As(err, &remote) && remote.Usage:
		return misused
	default:
		return failed
	}
}

// usage marks an error in what the caller asked for or configured.
type usage struct{ error }

func (u usage) Unwrap() error { return u.error }

func usagef(format string, args ...any) error {
	return usage{fmt.Errorf(format, args...)}
}

// A statusError is a status whose reasons have been printed already.
type statusError status

func (s statusError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// asError returns the status as a command's error: nil when all was done.
func (s status) asError() error {
	if s == done {
		return nil
	}
	return statusError(s)
}

// suggestion begins what cobra adds to an error about an unknown command: names
// of ours, a line each.
const suggestion = "\n\nDid you mean this?\n"

// said returns the text of an error for a terminal. Arguments and what others
// wrote may be quoted in it. Only the problems of a configuration, and what cobra
// suggests, have lines of their own.
func said(err error) string {
	var load *configs.LoadError
	if errors.As(err, &load) {
		shown := *load
		shown.File = printable(load.File)
		lines := strings.Split(shown.Error(), "\n")
		for i, line := range lines {
			lines[i] = printable(line)
		}
		return strings.Join(lines, "\n")
	}
	text, names, suggests := strings.Cut(err.Error(), suggestion)
	text = printable(strings.ReplaceAll(text, "\n", "; "))
	if suggests {
		text += suggestion + names
	}
	return text
}

// explain prints what err says, unless that was done already, and returns its
// status. command is the one that was called, as the user would type it.
func explain(w io.Writer, command string, err error) status {
	s := statusOf(err)
	var printed statusError
	var load *configs.LoadError
	if err == nil || errors.As(err, &printed) {
		return s
	}
	printError(w, said(err))
	if s == misused && !errors.As(err, &load) {
		fmt.Fprintf(w, "See '%s --help'.\n", command)
	}
	return s
}

package admin

import (
	"context"
	"errors"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/stats"
)

// A Desk is where a portal's work is asked for: the daemon's own or, through
// [Client], that of another process. Its methods may be called at the same
// time. For a portal that it has not got they return [ErrUnknownPortal].
type Desk interface {
	// Status says how every portal stands, in the order of the configuration.
	// It does not wait for a run.
	Status(ctx context.Context) ([]giftsync.Status, error)
	// Run does a run, after those that are under way or in line, and reports
	// it. The report is valid with an error too.
	Run(ctx context.Context, portal string, req giftsync.Request, watch Watcher) (giftsync.Report, error)
	// Stop ends the run under way at its next safe point. It is false where
	// none is.
	Stop(ctx context.Context, portal string) (bool, error)
	// Stats computes the portal's statistics, which may take seconds.
	Stats(ctx context.Context, portal string) (stats.Report, error)
	// Quarantine lists the records that could not be synced.
	Quarantine(ctx context.Context, portal string) (giftsync.QuarantineList, error)
	// Check is the doctor's, which may take as long as the vendors do.
	Check(ctx context.Context, portal string) ([]giftsync.Finding, error)
}

// A Watcher is told how a run comes along, one call at a time and none after
// the run has been reported. Either function may be nil.
type Watcher struct {
	Waiting  func(giftsync.Status)   // another run is under way, and ours waits for it
	Progress func(giftsync.Progress) // where the run stands; from afar some calls may be left out
}

// ErrUnknownPortal says that the desk has not got the portal.
var ErrUnknownPortal = errors.New("the daemon has no portal")

// ErrNotRunning says that no daemon answers on the socket.
var ErrNotRunning = errors.New("no daemon runs with this state directory")

// ErrGoesOn says that nobody follows the run any more, and that the daemon
// finishes it all the same.
var ErrGoesOn = errors.New("interrupted; the run goes on in the daemon")

// ErrVersion says that the two ends do not understand each other.
var ErrVersion = errors.New("the daemon runs another version of this program: restart it")

// A RemoteError is an error that the daemon's desk returned. It is also
// [ErrUnknownPortal] where that was.
type RemoteError struct {
	Text  string // the whole text of the daemon's error
	Usage bool   // it is one of usage or configuration: exit status 2
	is    error
}

func (e *RemoteError) Error() string { return e.Text }

func (e *RemoteError) Unwrap() error { return e.is }

package admin

import (
	"context"
	"errors"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// A Service does a portal's work on request. The daemon implements it, and
// [Client] is the daemon's service seen from another process. Methods may be
// called concurrently. They return [giftsync.ErrUnknownPortal] for a portal that the
// service does not have.
type Service interface {
	// Status returns the state of every portal, in the order of the
	// configuration. It does not wait for a run.
	Status(ctx context.Context) ([]giftsync.Status, error)
	// Run performs a run, after those that are under way or queued, and returns
	// its report. The report is valid with an error too.
	Run(ctx context.Context, portal string, req giftsync.Request, watch giftsync.Watcher) (giftsync.Report, error)
	// Stop ends the run under way at its next safe point. It returns false if
	// there is none.
	Stop(ctx context.Context, portal string) (bool, error)
	// Stats computes the portal's statistics, which may take seconds, and minutes
	// where they are compared with HubSpot.
	Stats(ctx context.Context, portal string, q stats.Query) (stats.Report, error)
	// Quarantine lists the records that could not be synced.
	Quarantine(ctx context.Context, portal string) (giftsync.QuarantineList, error)
	// ShowQuarantined returns a record of the quarantine with its row, by its full
	// key.
	ShowQuarantined(ctx context.Context, portal, key string) (giftsync.QuarantinedRow, error)
	// DropQuarantined takes records out of the quarantine, by their full keys, and
	// returns how many. Where one is not there, none is taken out.
	DropQuarantined(ctx context.Context, portal string, keys []string) (int, error)
	// Events lists webhook events that were received.
	Events(ctx context.Context, portal string, q giftsync.EventQuery) (giftsync.EventList, error)
	// Replay makes the events with these numbers due again and returns how many
	// there were; repeats are skipped.
	Replay(ctx context.Context, portal string, seqs []uint64) (int, error)
	// Check examines the portal. It may take as long as the vendors' answers.
	Check(ctx context.Context, portal string) ([]doctor.Finding, error)
}

// A Sender sends gifts on request. The daemon implements it, and so does [Client].
// The rules of [Service] hold for it, too.
type Sender interface {
	// Send takes an order into the portal's ledger and sends what is due at once. It
	// returns what became of each recipient's gift.
	Send(ctx context.Context, portal string, o send.Order) ([]send.Row, error)
	// Sends lists the portal's ledger.
	Sends(ctx context.Context, portal string, q send.Query) (send.List, error)
	// ChangeSends does what a person has decided about sends, and returns them as
	// they are then.
	ChangeSends(ctx context.Context, portal string, c send.Change) ([]send.Row, error)
	// TryTriggers says what each of the portal's triggers would do with an event that
	// came now. Nothing is sent or kept.
	TryTriggers(ctx context.Context, portal string, t send.Trial) ([]send.Tried, error)
	// FireEvents has the portal's triggers look at events that have come, by their
	// numbers, as a person wants it, and returns what each trigger has done.
	FireEvents(ctx context.Context, portal string, seqs []uint64) ([]send.Fired, error)
}

// ErrUnanswered says that the daemon did not tell what became of an order.
var ErrUnanswered = errors.New("the daemon ended or was stopped before it reported what became of the order")

// ErrNotRunning says that no daemon answers on the socket.
var ErrNotRunning = errors.New("no daemon runs with this state directory")

// ErrGoesOn says that the caller stopped following the run, and that the
// daemon finishes it nevertheless.
var ErrGoesOn = errors.New("interrupted; the run goes on in the daemon")

// ErrVersion says that the two ends do not understand each other.
var ErrVersion = errors.New("the daemon runs another version of this program: restart it")

// A RemoteError is an error that the daemon's service returned. It wraps
// [giftsync.ErrUnknownPortal] if the service returned that.
type RemoteError struct {
	Text  string // the whole text of the daemon's error
	Usage bool   // it is one of usage or configuration: exit status 2
	is    error
}

func (e *RemoteError) Error() string { return e.Text }

func (e *RemoteError) Unwrap() error { return e.is }

package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
)

// freeAgain is how full the inbox may be, as a share, for a full one to count as
// over: at the very limit it would come and go with every event.
const freeAgain = 0.9

// proveWithin is how long events are processed to prove that a fault is over. A run that
// is due waits meanwhile.
const proveWithin = 10 * time.Minute

// settle notes what the end of a run says of the portal. A pass that ended early
// is trouble; so is any other run that was asked for and failed, unless the
// reason lies in what was asked for. A run that ended well lets the faults be
// proved that stand.
func (l *Loop) settle(ctx context.Context, e *giftsync.Engine, req giftsync.Request, rep giftsync.Report, err error) {
	l.cfg.Lose(e.Journal(), err)
	park(l, err)
	kind := kindOf(err)
	if err != nil && !isPass(req) && ctx.Err() == nil {
		l.log.Warn("a run that was asked for failed", "mode", string(req.Mode), "dry_run", req.DryRun, logError, l.health.text(err))
	}
	switch {
	case kind != "" && saysOfThePortal(req, err):
		l.health.failed(kind, byRun, err)
	case isPass(req) && err == nil:
		l.health.succeeded()
	case isPass(req):
		l.health.delayed(err)
	case err != nil && kind == "" && !req.DryRun && ctx.Err() == nil && saysOfThePortal(req, err):
		l.health.setTrouble(err)
	}
	if !mustReopen(err) {
		l.health.proved(faultOpen) // the engine was there
	}
	if err == nil && !req.DryRun {
		l.prove(ctx, e, rep.Created+rep.Updated+rep.AssociationsCreated > 0)
	}
}

// saysOfThePortal reports whether how a run ended says something of the portal,
// and not only of what was asked for.
func saysOfThePortal(req giftsync.Request, err error) bool {
	var wrong *giftsync.RequestError
	if errors.As(err, &wrong) {
		return false
	}
	if req.From != "" || req.Mode == giftsync.Restore || req.Mode == giftsync.Adopt {
		return giftsync.IsVendors(err) || kindOf(err) == faultDisk
	}
	return true
}

// prove makes the calls that show whether the faults that stand are over. wrote
// says that HubSpot has accepted writes in the run before.
func (l *Loop) prove(ctx context.Context, e *giftsync.Engine, wrote bool) {
	l.proveInbox()
	for _, kind := range []faultKind{faultHubSpot, faultThnks, faultDisk} {
		f, stands := l.health.standing(kind)
		if !stands {
			continue
		}
		err := e.Prove(ctx, f.err, wrote)
		if err == nil && f.by == byWorker {
			err = l.proveEvents(ctx, e)
		}
		park(l, err)
		switch now := kindOf(err); {
		case err == nil:
			l.health.proved(kind)
		case ctx.Err() != nil:
			return
		case now != "":
			l.health.failed(now, f.by, err)
			l.lease.drop(e) // a replaced secret is seen when it is opened anew
		default:
			l.health.delayed(err) // and the fault stands
		}
	}
}

// park leaves scheduled runs out for as long as err says that more of them would
// hardly ever help. Runs that are asked for are done.
func park(l *Loop, err error) {
	if fatal, ok := errors.AsType[*giftsync.Fatal](err); ok && fatal.Again > 0 {
		l.parked = time.Now().Add(fatal.Again)
	}
}

// proveEvents processes the events that are due, as what failed is still among
// them. What is not done within proveWithin, such as what a worker has in hand for
// longer, is left to the workers: they notice a fault that is still there.
func (l *Loop) proveEvents(ctx context.Context, e *giftsync.Engine) error {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	for _, w := range l.workers {
		result, err := w.process(e, ctx)
		l.cfg.Meter.EventsDone(result.Done)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unopened notes that the portal could not be opened, and reports whether an
// admin has to do something about it.
func (l *Loop) unopened(by origin, err error) (admin bool) {
	if admin = giftsync.IsFatal(err) || l.cfg.NeedsAdmin(err); admin {
		l.health.failed(faultOpen, by, err)
	}
	return admin
}

// lostState notes that the open state file does no more work. The portal is not
// ready until a run has ended with another.
func (l *Loop) lostState(err error) {
	l.health.failed(faultOpen, byRun, fmt.Errorf("the open state file can no longer be used, and is opened anew: %w", err))
}

// reopenedState asks for a run after the state file was opened anew: what it
// holds may be older than what HubSpot does, or nothing.
func (l *Loop) reopenedState() {
	l.log.Warn("the state file was opened anew; a run finds out what it lacks")
	l.Hint()
}

// received notes what the receipt of a webhook event, or a replay, ended with.
func (l *Loop) received(err error) {
	var full *store.FullError
	switch {
	case err == nil:
		l.health.provedBy(byReceipt, faultOpen, faultDisk)
		l.proveInbox()
	case errors.Is(err, store.ErrInboxFull):
		l.health.failed(faultInbox, byReceipt, err)
	case errors.As(err, &full):
		l.health.failed(faultDisk, byReceipt, err)
	}
}

// proveInbox notes whether an inbox that was full has room again.
func (l *Loop) proveInbox() {
	if _, stands := l.health.standing(faultInbox); !stands || l.cfg.State == nil {
		return
	}
	j, err := l.cfg.State()
	if err != nil {
		return
	}
	if load, err := j.InboxLoad(); err == nil && load <= freeAgain {
		l.health.proved(faultInbox)
	}
}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
)

// Keys of log lines.
const (
	logPortal  = "portal"
	logProblem = "problem"
	logError   = "error"
	logPanic   = "panic"
	logStack   = "stack"
)

// lastSlotEntry is the journal's entry for when the last scheduled run that
// ended had begun, a time.Time.
const lastSlotEntry = "last_slot"

// LoopConfig is everything a [Loop] works with. Now may be left out.
type LoopConfig struct {
	Portal   string
	Schedule cron.Schedule // asked with times in UTC
	Offset   time.Duration // by which every slot of the schedule is later; see [Offset]

	// Open makes the portal's engine: state file, secrets, clients. It is called
	// before the first run or when the first webhook events come in, at each later
	// occasion while it fails, and again after a run that ended with a
	// [*giftsync.Fatal] error or a panic, or where the journal does no more work,
	// so that a replaced secret or state file is seen without a restart. No run is
	// under way then, and the engine it gave before is not used again. The engine
	// must report its progress to the function given.
	Open func(progress func(giftsync.Progress)) (*giftsync.Engine, error)
	// NeedsAdmin tells the errors of Open that an admin has to fix, such as a
	// missing secret, from those that pass by themselves, such as a state file
	// that another command holds.
	NeedsAdmin func(error) bool
	// State returns the portal's state file; nil where that is not to be asked.
	State func() (State, error)
	// Lose is called with what every run, and the processing of events, ended with,
	// for the state file that it used to be opened anew where the error says so; it
	// may be nil.
	Lose func(giftsync.Journal, error)

	Progress func(giftsync.Progress) // of every run, whatever asked for it
	Meter    Meter                   // counts what the loop did; nil for none
	Logger   *slog.Logger
	Now      func() time.Time // the wall clock; nil for time.Now
}

// A Loop keeps one portal up to date. Schedule, webhooks and commands ask it for
// runs, which it does one at a time, in the order in which they were asked for.
// Concurrently its workers process the webhook events that [Loop.Events] signals.
// [RunAll] starts the loops of all portals.
//
// What goes wrong is shown by [Loop.Status] and logged once, when it begins
// and when it is over; the loop tries again at every slot. What needs an admin is
// over when the call that failed has succeeded, which each run then makes.
type Loop struct {
	cfg       LoopConfig
	log       *slog.Logger
	queue     *runQueue
	timetable *timetable
	health    *health
	lease     *lease
	workers   []*worker
	pulse     heartbeat
	activity  activity // of the goroutine that does the runs
	watched   activity // of the clock that asks whether a run is due
	loaded    bool     // what the journal remembers has been read; only the lease's open uses it

	parked time.Time // until when scheduled runs are left out: see [giftsync.Fatal.Again]
}

// errStopRequested is the cancel cause when a user stops a run. It wraps
// context.Canceled because net/http may report the cause instead.
var errStopRequested = fmt.Errorf("asked to end: %w", context.Canceled)

// NewLoop returns the loop of one portal. It does nothing until [Loop.Run].
func NewLoop(cfg LoopConfig) *Loop {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Lose == nil {
		cfg.Lose = func(giftsync.Journal, error) {}
	}
	if cfg.Meter == nil {
		cfg.Meter = noMeter{}
	}
	log := cfg.Logger.With(logPortal, cfg.Portal)
	l := &Loop{
		cfg:       cfg,
		log:       log,
		queue:     newRunQueue(cfg.Portal),
		timetable: &timetable{slots: slots{cfg.Schedule, cfg.Offset}, clock: cfg.Now},
		health:    newHealth(cfg.Portal, cfg.Now, log),
		workers:   newWorkers(),
	}
	l.lease = newLease(l.open, l.Events)
	return l
}

// Do asks for a run and waits for its end; the report and the error are those
// of [giftsync.Engine.Run]. A portal that cannot be opened gives a report, too.
//
// Once asked for, the run is done even where ctx ends: Do then returns an empty
// report and ctx's error, and the run goes on without its caller. Only a dry
// run, which would have no effect then, ends with ctx. Where the daemon stops
// first, the error is [giftsync.ErrStopping].
func (l *Loop) Do(ctx context.Context, req giftsync.Request, watch giftsync.Watcher) (giftsync.Report, error) {
	if err := ctx.Err(); err != nil {
		return giftsync.Report{}, err
	}
	q := newQueuedRun(req)
	if req.DryRun {
		q.ctx = ctx
	}
	if waits := l.queue.add(q); waits && watch.Waiting != nil {
		watch.Waiting(l.Status())
	}
	show := func(p giftsync.Progress) {
		if watch.Progress != nil {
			watch.Progress(p)
		}
	}
	for {
		select {
		case p := <-q.progress:
			show(p)
		case <-q.done:
			select {
			case p := <-q.progress:
				show(p)
			default:
			}
			return q.report, q.err
		case <-ctx.Done():
			return giftsync.Report{}, ctx.Err()
		}
	}
}

// Hint asks for an incremental run and does not wait for it. However often it
// is called, and at whatever slot of the schedule, at most one such run waits.
// A hint during a run leaves one waiting, as that run may already have passed
// what the hint is about.
func (l *Loop) Hint() { l.queue.addAutomatic(true) }

// checkSchedule asks for a run if a slot of the schedule has come since the last
// scheduled run began, and logs once a day how the portal stands. See [RunAll]
// for when it is called.
func (l *Loop) checkSchedule() {
	if l.timetable.due() {
		l.queue.addAutomatic(false)
	}
	l.ask()
	l.beat()
	if l.cfg.State != nil { // it may have been replaced while nothing used it
		if _, err := l.cfg.State(); err != nil {
			l.unopened(byRun, err)
		}
	}
}

// Stop ends the run under way at its next safe point, and reports whether
// there is one. What waits behind it goes on.
func (l *Loop) Stop() bool { return l.queue.stopCurrent() }

// Status returns how the portal stands.
func (l *Loop) Status() giftsync.Status {
	s := l.health.get()
	s.NextRun = l.timetable.nextRun()
	return s
}

// Run does what the loop is asked for, until ctx ends, and returns when the
// run under way has come to its safe point. It begins by itself with a pass
// where a slot of the schedule was missed while nothing ran, however many
// were, and where the first backfill has not finished. Call it once.
func (l *Loop) Run(ctx context.Context) {
	defer l.queue.close()
	var workers sync.WaitGroup
	defer workers.Wait()
	for _, w := range l.workers {
		workers.Go(func() { l.runWorker(ctx, w) })
	}
	l.checkSchedule()
	for ctx.Err() == nil {
		if l.runNext(ctx) {
			continue
		}
		l.activity.note(idle)
		select {
		case <-l.queue.wake:
		case <-ctx.Done():
		}
	}
}

// runNext does the run whose turn it is, and reports whether there was one.
func (l *Loop) runNext(ctx context.Context) bool {
	run, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	q, automatic := l.queue.begin(stop, l.timetable.due)
	if q == nil {
		return false
	}
	l.activity.note(working) // which opens the portal first
	l.health.doing(q.req.Mode)
	defer context.AfterFunc(q.ctx, func() { stop(errStopRequested) })()
	q.report, q.err = l.attempt(run, q, automatic)
	l.meter(q)
	l.queue.ended()
	l.health.doing("")
	open := l.lease.isOpen()
	close(q.done)
	if open {
		l.Events() // which may have waited for this run
	}
	return true
}

// panicked says what a recovered panic was: the runtime's own words, or else only the
// value's type, as a value may quote what someone sent.
func panicked(v any) string {
	if own, ok := v.(runtime.Error); ok {
		return own.Error()
	}
	return fmt.Sprintf("%T", v)
}

// attempt does one run:
//
//   - Open the portal, unless that is done. An automatic run that cannot begin
//     because of something that passes by itself stays due, so that the next look
//     at the clock tries again; what needs an admin is tried again at the next
//     slot.
//   - Run the engine. The slot is taken from the moment the run begins.
//   - Record the slot, however the run ended: a failing portal is tried once a
//     slot, and no more often because the daemon restarts. A run that the
//     daemon's own stopping cuts off leaves its slot open, as a killed one
//     does, and is resumed right after the start. So does one that needs an
//     admin: a start must not look ready, and an admin who has fixed the problem
//     expects it to be tried.
//
// A panic ends the run alone. Nothing that took part in it is used again.
func (l *Loop) attempt(ctx context.Context, q *queuedRun, automatic bool) (rep giftsync.Report, err error) {
	began := l.timetable.now()
	var e *giftsync.Engine
	defer func() {
		if v := recover(); v != nil {
			l.log.Error("a run panicked", logPanic, panicked(v), logStack, string(debug.Stack()))
			err = fmt.Errorf("portal %s: the run crashed (bug in this program); see the log for the stack, and please report it", l.cfg.Portal)
			rep = giftsync.NotRun(l.cfg.Portal, q.req, began, err)
			l.lease.drop(e)
			l.takeSlot(automatic, began)
			l.health.delayed(err)
		}
	}()

	e, release, err := l.lease.get()
	if err != nil {
		err = fmt.Errorf("portal %s: %w", l.cfg.Portal, err)
		if q.needsAdmin = l.unopened(byRun, err); q.needsAdmin {
			l.takeSlot(automatic, began)
		} else {
			l.health.delayed(err)
		}
		return giftsync.NotRun(l.cfg.Portal, q.req, began, err), err
	}
	defer release()
	slot := l.takeSlot(automatic, began)
	switch {
	case !automatic || q.hinted:
	case !slot: // the journal knew better: none was missed
		return giftsync.Report{}, nil
	case time.Now().Before(l.parked):
		return giftsync.Report{}, nil
	}
	l.parked = time.Time{}
	l.activity.note(running)
	rep, err = e.Run(ctx, q.req)
	l.activity.note(working)
	if err != nil && ctx.Err() != nil && !errors.Is(context.Cause(ctx), errStopRequested) {
		err = fmt.Errorf("%w: %w", giftsync.ErrStopping, err)
		rep.Error = err.Error()
		return rep, err
	}
	fatal := giftsync.IsFatal(err)
	if slot && !fatal {
		if err := e.Journal().Commit(store.Commit{Meta: giftsync.Meta(lastSlotEntry, began)}); err != nil {
			l.log.Warn("the scheduled run could not be recorded; after a restart it is done again", logError, err)
		}
	}
	if fatal {
		l.lease.drop(e)
	}
	l.settle(ctx, e, q.req, rep, err)
	if isPass(q.req) {
		l.health.synced(giftsync.LastSync(e.Journal()))
	}
	if err == nil {
		l.logEnd(rep)
	}
	return rep, err
}

// isPass reports whether a run is one that keeps the portal up to date.
func isPass(req giftsync.Request) bool {
	return !req.DryRun && req.From == "" && (req.Mode == giftsync.Incremental || req.Mode == giftsync.Backfill)
}

// takeSlot reports whether an automatic run is a scheduled one, and if so
// counts the slots up to then as taken.
func (l *Loop) takeSlot(automatic bool, at time.Time) bool {
	return automatic && l.timetable.take(at)
}

// open makes the engine. The first one's journal tells when the last scheduled
// run began.
func (l *Loop) open() (*giftsync.Engine, error) {
	e, err := l.cfg.Open(l.progress)
	if err != nil {
		return nil, err
	}
	l.pulse.use(e)
	if !l.loaded {
		l.loaded = true
		l.loadSchedule(e.Journal())
	}
	return e, nil
}

// loadSchedule reads when the last scheduled run began. Where that is unknown
// or unreadable, or where the first backfill has not finished, one is due now: a
// run too many costs a call.
func (l *Loop) loadSchedule(j giftsync.Journal) {
	var last time.Time
	finished, err := giftsync.Backfilled(j)
	if err == nil && finished {
		_, err = giftsync.Recall(j, lastSlotEntry, &last)
	}
	if err != nil {
		last = time.Time{}
	}
	l.timetable.begin(last)
	l.health.synced(giftsync.LastSync(j))
}

// progress passes a run's progress on.
func (l *Loop) progress(p giftsync.Progress) {
	l.cfg.Progress(p)
	l.health.progressed(p)
	l.queue.show(p)
}

// logEnd logs a run that ended well. One that found nothing to do is no news.
func (l *Loop) logEnd(rep giftsync.Report) {
	level := slog.LevelDebug
	if rep.Mode != giftsync.Incremental || rep.Created+rep.Updated+rep.Quarantined+rep.AssociationsCreated > 0 {
		level = slog.LevelInfo
	}
	skipped := 0
	for _, n := range rep.Skipped {
		skipped += n
	}
	l.log.Log(context.Background(), level, "run finished", "mode", string(rep.Mode), "dry_run", rep.DryRun,
		"fetched", rep.Fetched, "created", rep.Created, "updated", rep.Updated, "unchanged", rep.Unchanged,
		"quarantined", rep.Quarantined, "skipped", skipped, "links", rep.AssociationsCreated, "took", rep.FinishedAt.Sub(rep.StartedAt).Round(time.Millisecond))
}

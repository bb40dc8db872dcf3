package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// LoopConfig is everything a [Loop] works with. Now may be left out.
type LoopConfig struct {
	Portal   string
	Schedule cron.Schedule // asked with times in UTC
	Offset   time.Duration // by which every slot of the schedule is later; see [Offset]

	// Open joins what the portal's runs need: the state file, the secrets, the
	// clients. It is called before the first run, at each later occasion while it
	// fails, and again after a run that ended with a [*Fatal] error or a panic, or
	// where the journal does no more work, so that a secret or a state file that
	// was replaced is seen without a restart. Where webhook events come in before
	// the first run, they are such an occasion. No run is under way then, and the
	// engine it gave before is not used again.
	// The engine must report its progress to the function given.
	Open func(progress func(Progress)) (*Engine, error)
	// NeedsPerson tells the errors of Open that a person has to mend, such as
	// a missing secret, from those that pass by themselves, such as a state
	// file that another command holds.
	NeedsPerson func(error) bool

	Progress func(Progress) // hears of every run, whoever asked for it
	Logger   *slog.Logger
	Now      func() time.Time // the wall clock; nil for time.Now
}

// A Loop keeps one portal up to date for as long as the daemon runs. Schedule,
// webhooks and commands never work on a portal themselves: they ask its loop
// for a run, and the loop does the runs one at a time, in the order in which
// they were asked for. Beside them it works off the webhook events that
// [Loop.Events] tells it of. [Keep] starts the loops of all portals.
//
// What goes wrong is shown by [Loop.Status] and logged once, when it begins
// and when it is over; the loop tries again at every slot.
type Loop struct {
	cfg   LoopConfig
	slots slots
	log   *slog.Logger
	wake  chan struct{} // holds one token when there may be something to do

	lanes []*lane // work webhook events off

	mu        sync.Mutex
	changed   *sync.Cond // the next three have
	engine    *Engine    // nil before its first use, and when it must be opened anew
	users     int        // of the engine, or of the one before
	opening   bool       // somebody opens it
	recalled  bool       // what the journal remembers has been read; of who opens it
	queue     []*ask     // not begun yet, in the order of asking
	automatic *ask       // the one in the queue that nobody waits for, if any
	under     *ask       // the one under way, if any
	stop      context.CancelCauseFunc
	stopped   bool      // Run has returned
	last      time.Time // when the last scheduled run began; zero before the first
	next      time.Time // the first slot after last
	status    Status    // all but NextRun
	cause     string    // which problem status.Problem tells of
}

// An ask is one run that was asked for.
type ask struct {
	req    Request
	hinted bool            // of an automatic one: it is to run even where no slot is due
	ctx    context.Context // a run that has no effect without its asker ends with this

	progress chan Progress // the latest that the asker has not heard of yet
	done     chan struct{} // closed once report and err are set
	report   Report
	err      error
}

func newAsk(req Request) *ask {
	return &ask{
		req:      req,
		ctx:      context.Background(),
		progress: make(chan Progress, 1),
		done:     make(chan struct{}),
	}
}

// A Watcher hears how a run that was asked for comes along. Its functions are
// called one at a time, by the goroutine that called [Loop.Do] and so never
// after that returned. Either may be nil. However slow, they hold no run up:
// progress that nobody had time for is left out, the latest is not.
type Watcher struct {
	Waiting  func(Status)   // once, where another run has to end first
	Progress func(Progress) // after every window
}

// ErrStopping is the error of a run that did not begin, or not come to its
// end, because the daemon stops.
var ErrStopping = errors.New("the daemon is stopping")

// errAsked is why a run's context ended when somebody asked for that. It is a
// cancellation to whoever is told it in the place of one, as net/http does.
var errAsked = fmt.Errorf("asked to end: %w", context.Canceled)

// NewLoop returns the loop of one portal. It does nothing until [Loop.Run].
func NewLoop(cfg LoopConfig) *Loop {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	l := &Loop{
		cfg:    cfg,
		slots:  slots{cfg.Schedule, cfg.Offset},
		log:    cfg.Logger.With("portal", cfg.Portal),
		wake:   make(chan struct{}, 1),
		lanes:  newLanes(),
		status: Status{Portal: cfg.Portal, Ready: true},
	}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Do asks for a run and waits for its end; the report and the error are those
// of [Engine.Run]. A portal that cannot be opened gives a report, too.
//
// Once asked for, the run is done even where ctx ends: Do then returns an empty
// report and ctx's error, and the run goes on without its asker. Only a dry
// run, which would have no effect then, ends with ctx. Where the daemon stops
// first, the error is [ErrStopping].
func (l *Loop) Do(ctx context.Context, req Request, watch Watcher) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	a := newAsk(req)
	if req.DryRun {
		a.ctx = ctx
	}
	if waits := l.accept(a); waits && watch.Waiting != nil {
		watch.Waiting(l.Status())
	}
	tell := func(p Progress) {
		if watch.Progress != nil {
			watch.Progress(p)
		}
	}
	for {
		select {
		case p := <-a.progress:
			tell(p)
		case <-a.done:
			select {
			case p := <-a.progress:
				tell(p)
			default:
			}
			return a.report, a.err
		case <-ctx.Done():
			return Report{}, ctx.Err()
		}
	}
}

// accept puts a run into the queue and reports whether others come first.
func (l *Loop) accept(a *ask) (waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		l.refuse(a)
		return false
	}
	waits = l.under != nil || len(l.queue) > 0
	l.queue = append(l.queue, a)
	l.nudge()
	return waits
}

// refuse ends an ask that will not be begun any more.
func (l *Loop) refuse(a *ask) {
	a.err = fmt.Errorf("portal %s: %w: the run did not begin", l.cfg.Portal, ErrStopping)
	a.report = l.notRun(a.req, a.err)
	close(a.done)
}

// Hint asks for an incremental run and does not wait for it. However often it
// is called, and at whatever slot of the schedule, at most one such run waits.
// A hint during a run leaves one waiting, as that run may have passed already
// what the hint is about.
func (l *Loop) Hint() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want(true)
}

// want sees to it that an automatic run waits. It is called with mu held.
func (l *Loop) want(hinted bool) {
	if l.stopped {
		return
	}
	if l.automatic == nil {
		l.automatic = newAsk(Request{Mode: Incremental})
		l.queue = append(l.queue, l.automatic)
		l.nudge()
	}
	l.automatic.hinted = l.automatic.hinted || hinted
}

func (l *Loop) nudge() {
	select {
	case l.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// due asks for a run where a slot of the schedule has come since the last
// scheduled run began. See [Keep] for who calls it when.
func (l *Loop) due() {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isDue(now) {
		l.want(false)
	}
}

// isDue is called with mu held.
func (l *Loop) isDue(now time.Time) bool {
	next := l.nextSlot(now)
	return !next.IsZero() && !next.After(now)
}

// setBack is how far the wall clock must have been set back for it to matter:
// time servers move it by less all the time, and that must not make a slot
// come twice.
const setBack = time.Minute

// nextSlot returns the first slot after the last scheduled run's beginning, and
// now before the first one. A beginning that lies ahead is a clock's mistake,
// made then or now; counting from it would put all slots off until then. It is
// called with mu held.
func (l *Loop) nextSlot(now time.Time) time.Time {
	if l.last.IsZero() {
		return now
	}
	if l.last.After(now.Add(setBack)) {
		l.countFrom(now)
	}
	return l.next
}

// countFrom notes when a scheduled run began. It is called with mu held.
func (l *Loop) countFrom(began time.Time) {
	l.last, l.next = began, l.slots.Next(began)
}

// Stop ends the run under way at its next safe point, and reports whether
// there is one. What waits behind it goes on.
func (l *Loop) Stop() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under == nil {
		return false
	}
	l.stop(errAsked)
	return true
}

// Status returns how the portal stands.
func (l *Loop) Status() Status {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.status
	if !l.isDue(now) {
		s.NextRun = l.nextSlot(now)
	}
	return s
}

// now returns the wall clock's time. UTC takes the monotonic reading off:
// slots are the wall clock's, and so is every comparison with them.
func (l *Loop) now() time.Time { return l.cfg.Now().UTC() }

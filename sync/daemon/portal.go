package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/stats"
)

// A PortalConfig is what the daemon needs of one portal. Its functions read the
// configuration's files anew each time, so that a replaced one is seen without a
// restart.
type PortalConfig struct {
	Loop LoopConfig // Open, NeedsAdmin, State and Lose are the daemon's

	OpenState func() (*store.Store, error)
	// SetAside gives the state file, which is not open, another name if it is damaged,
	// and returns that; "" if it is sound.
	SetAside func() (string, error)
	Connect  func(*store.Store, func(giftsync.Progress)) (*Connection, error)
	// Suppressed is the portal's list of erased people, of whom no event is kept.
	Suppressed giftsync.Suppressed
	// Facts returns a function that reads rows of the quarantine, nil where they
	// cannot be read.
	Facts func(*store.Store) func(json.RawMessage) giftsync.RowFacts
	// Reread returns a function that reads the kept body of an event again.
	Reread func(*store.Store) func(e store.Event, body []byte) store.Event
	Stats  func(context.Context, *store.Store, stats.Query) (stats.Report, error)
	// Desk returns the desk that sends the portal's gifts, and calls changed when its
	// ledger has changed. Nil where the configuration lets nothing be sent.
	Desk func(j *store.Store, changed func()) (*send.Desk, error)
	// SendRules are the rules for sending as a list shows them.
	SendRules func(*store.Store) send.Rules
	// Access watches until ctx ends whether the portal still has access to HubSpot,
	// and calls ended with what it failed with. It may be nil.
	Access func(ctx context.Context, state func() (*store.Store, error), ended func(error))
	// CheckSecrets looks at the portal's secret files. A failing one keeps the rest
	// from being examined.
	CheckSecrets func() []doctor.Finding
	// OpenFailed is the finding about a portal that cannot be opened.
	OpenFailed func(error) doctor.Finding
}

// A Connection is what one use of a portal's vendors needs.
type Connection struct {
	Engine  *giftsync.Engine
	HubSpot doctor.Client
	Close   func() // lets go of idle connections
}

// A managedPortal is one that the daemon keeps up to date.
type managedPortal struct {
	cfg   PortalConfig
	loop  *Loop
	sends sends

	problems []func() string // why its webhooks are not served, each "" when they are

	mu       sync.Mutex
	journal  *store.Store   // once opened, held until the daemon ends or it breaks
	openErr  error          // why it could not be opened the last time; nil where it was
	openedAt time.Time      // when that was tried
	lost     bool           // a state file that was open does no more work, and no other is open yet
	sent     store.SendMark // of the state file that was open last
	damaged  error          // why the state file that was open is damaged; nil if it is not
	closed   bool           // the daemon has ended: no state file is opened any more
	open     *Connection    // over the journal

	opened atomic.Pointer[store.Store] // the journal, for those who must not wait for mu
}

// reopenDelay is how long events fail fast after the state file could not be
// opened: opening blocks up to 3 s, and queued requests would use up all
// connections.
const reopenDelay = 5 * time.Second

func newManagedPortal(cfg PortalConfig) *managedPortal {
	p := &managedPortal{cfg: cfg}
	p.sends.wake = make(chan struct{}, 1)
	cfg.Loop.Open, cfg.Loop.NeedsAdmin = p.connect, needsAdmin
	cfg.Loop.State = func() (State, error) { return p.state() }
	cfg.Loop.Lose = func(j giftsync.Journal, err error) {
		p.lose(j, err)
		p.sendsChanged() // a first run may have learnt what was sent before
	}
	p.loop = NewLoop(cfg.Loop)
	return p
}

// needsAdmin reports whether the reason why a portal could not be opened stays
// until an admin does something. A state file that a command holds will be free.
func needsAdmin(err error) bool {
	var locked *store.LockedError
	return !errors.As(err, &locked)
}

// connect opens the portal for its loop.
func (p *managedPortal) connect(progress func(giftsync.Progress)) (*giftsync.Engine, error) {
	j, err := p.state()
	if err != nil {
		return nil, err
	}
	open, err := p.cfg.Connect(j, progress)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open != nil {
		p.open.Close()
	}
	p.open = open
	return open.Engine, nil
}

// state opens the portal's state file, once, and again after one that does no
// more work: it may have been repaired, or moved aside.
func (p *managedPortal) state() (*store.Store, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.openState()
}

// stateForEvents is state, but fails fast.
func (p *managedPortal) stateForEvents() (*store.Store, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.openErr != nil && time.Since(p.openedAt) < reopenDelay {
		return nil, p.openErr
	}
	return p.openState()
}

// openState is called with mu held.
func (p *managedPortal) openState() (*store.Store, error) {
	if p.closed {
		return nil, giftsync.ErrStopping
	}
	if p.journal != nil {
		if err := unusable(p.journal); err != nil {
			p.giveUp(err)
		}
	}
	if p.journal == nil {
		if p.damaged != nil {
			p.setAside(p.damaged)
		}
		if p.journal, p.openErr = p.openArmed(); isDamage(p.openErr) && p.setAside(p.openErr) {
			p.journal, p.openErr = p.openArmed()
		}
		p.openedAt = time.Now()
		p.opened.Store(p.journal)
		if p.openErr == nil && p.lost {
			p.lost = false
			p.loop.reopenedState()
		}
	}
	return p.journal, p.openErr
}

// isDamage reports whether err says that the state file is damaged.
func isDamage(err error) bool { return errors.As(err, new(*store.CorruptError)) }

// withoutRemedy is an error about a damaged state file, without what a person would do
// about it.
func withoutRemedy(err error) error {
	if c, ok := errors.AsType[*store.CorruptError](err); ok {
		return fmt.Errorf("state file %s is damaged (%s)", c.Path, c.Detail)
	}
	return err
}

// setAside sets a damaged state file aside, so that the portal is rebuilt from HubSpot
// by itself, and reports whether it did. Whatever is lost by that is in the file that
// was set aside; no gift is sent before a person has looked, as with every new file. It
// is called with mu held.
func (p *managedPortal) setAside(why error) bool {
	aside, err := p.cfg.SetAside()
	if err != nil {
		p.loop.log.Error("a damaged state file could not be set aside", logError, err)
		return false
	}
	p.damaged = nil
	if aside == "" {
		return false
	}
	p.loop.log.Error("the state file is damaged: it was set aside, and the portal is rebuilt from HubSpot; see the page on recovery",
		"aside", aside, logProblem, withoutRemedy(why).Error())
	p.lost = true
	return true
}

// openArmed opens the state file. Triggers of a portal that sends nothing are away
// from then on.
func (p *managedPortal) openArmed() (*store.Store, error) {
	j, err := p.cfg.OpenState()
	if err != nil {
		return nil, err
	}
	j.Succeed(p.sent)
	if p.cfg.Desk != nil {
		return j, nil
	}
	if err := send.Disarm(j); err != nil {
		_ = j.Close() // nothing was written
		return nil, err
	}
	return j, nil
}

// lose gives a state file up where err, which work with it ended with, says that
// it must be opened anew. Who uses it meanwhile gets errors, and the next to need
// it opens it: the engine under the lease, when no one uses the old one. A file
// that was opened since is none of err's business.
func (p *managedPortal) lose(file giftsync.Journal, err error) {
	if !mustReopen(err) && !isDamage(err) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.journal != nil && file == giftsync.Journal(p.journal) {
		p.giveUp(err)
	}
}

// giveUp is called with mu held.
func (p *managedPortal) giveUp(err error) {
	p.sent = p.journal.SendMark()
	_ = p.journal.Close() // opening it says what is wrong
	if isDamage(err) {
		p.damaged = err
	}
	p.journal, p.lost = nil, true
	p.opened.Store(nil)
	p.loop.lostState(withoutRemedy(err))
}

// close waits for the gifts that commands are sending, which are over soon after their
// desk's life, and gives the state file back.
func (p *managedPortal) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.sends.asked.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open != nil {
		p.open.Close()
	}
	if p.journal != nil {
		_ = p.journal.Close() // every commit was made durable when it was made
	}
}

// accessEnded notes that the access to HubSpot has failed, outside a run.
func (p *managedPortal) accessEnded(err error) {
	err = giftsync.Classify(err)
	if kind := kindOf(err); kind != "" {
		p.loop.health.failed(kind, byRun, err)
	}
}

// check examines the portal with clients of its own: they see today's secrets,
// and do not wait for the run under way.
func (p *managedPortal) check(ctx context.Context) []doctor.Finding {
	findings := p.cfg.CheckSecrets()
	if doctor.Worst(findings) == doctor.Fail {
		return findings
	}
	j, err := p.state()
	if err != nil {
		return append(findings, p.cfg.OpenFailed(err))
	}
	open, err := p.cfg.Connect(j, nil)
	if err != nil {
		return append(findings, p.cfg.OpenFailed(err))
	}
	defer open.Close()
	busy := func() bool { return p.loop.Status().Doing != "" }
	findings = append(findings, doctor.Check(ctx, open.Engine.View(), open.HubSpot, busy)...)
	if p.cfg.Desk != nil {
		desk, err := p.desk()
		if err == nil {
			err = desk.CheckOptOut(ctx)
		}
		findings = append(findings, doctor.Sends(p.cfg.Loop.Portal, j, err, time.Now()))
	}
	return findings
}

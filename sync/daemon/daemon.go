package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/stats"
	"thnks-hubspot-sync/sync/webhook"
)

// A Daemon holds every portal's state file and runs every portal's loop. Its
// methods are the service that commands use through the admin socket; they may
// be called concurrently, and return [giftsync.ErrUnknownPortal] for a portal
// that it does not have.
type Daemon struct {
	portals []*managedPortal
	byName  map[string]*managedPortal
}

// New returns a daemon for the portals. It opens nothing before [Daemon.Run].
func New(portals []PortalConfig) *Daemon {
	d := &Daemon{byName: make(map[string]*managedPortal)}
	for _, cfg := range portals {
		p := newManagedPortal(cfg)
		d.portals = append(d.portals, p)
		d.byName[cfg.Loop.Portal] = p
	}
	return d
}

// Keep keeps all portals up to date until ctx ends, and returns when the runs
// under way have come to their safe points.
func (d *Daemon) Keep(ctx context.Context, log *slog.Logger) {
	loops := make([]*Loop, len(d.portals))
	var beside sync.WaitGroup
	for i, p := range d.portals {
		loops[i] = p.loop
		beside.Go(func() { p.keepSends(ctx, log) })
		if p.cfg.Access != nil {
			beside.Go(func() { p.cfg.Access(ctx, p.state, p.accessEnded) })
		}
	}
	RunAll(ctx, loops, log)
	beside.Wait()
}

// Close gives the state files back. Later calls get errors, so that another
// daemon can have them. It waits for the gifts that commands are sending; once the life
// of their desks has ended they begin no other.
func (d *Daemon) Close() {
	var all sync.WaitGroup
	for _, p := range d.portals {
		all.Go(p.close)
	}
	all.Wait()
}

// AddProblem has a portal need attention while its webhooks are not served: problem says
// why, "" when they are, and is asked each time. Call it before Keep.
func (d *Daemon) AddProblem(portal string, problem func() string) {
	p := d.byName[portal]
	p.problems = append(p.problems, problem)
}

// withProblems adds to how a portal stands why its webhooks are not served.
func (p *managedPortal) withProblems(s giftsync.Status) giftsync.Status {
	for _, problem := range p.problems {
		why := problem()
		if why == "" {
			continue
		}
		s.Ready = false
		if s.Problem != "" {
			s.Problem += "; "
		}
		s.Problem += why
	}
	return s
}

// Hint asks for an incremental run of a portal and does not wait for it; see
// [Loop.Hint].
func (d *Daemon) Hint(portal string) { d.byName[portal].loop.Hint() }

// Inbox returns the inbox of a portal's webhook events.
func (d *Daemon) Inbox(portal string) webhook.Inbox { return inbox{d.byName[portal]} }

// Zone returns the time zone of a portal's HubSpot account, nil before its first
// run has learnt it.
func (d *Daemon) Zone(portal string) *time.Location {
	j, err := d.byName[portal].stateForEvents()
	if err != nil {
		return nil
	}
	return giftsync.PortalZone(j)
}

// An inbox puts a portal's events into its state file and signals its loop.
type inbox struct{ portal *managedPortal }

// Receive implements [webhook.Inbox].
func (i inbox) Receive(ctx context.Context, events ...store.Event) (repeats int, err error) {
	j, err := i.portal.stateForEvents()
	if err != nil {
		i.portal.loop.unopened(byReceipt, err)
		return 0, err
	}
	receipts, err := i.portal.keepEvents(ctx, j, events)
	i.portal.lose(j, err)
	i.portal.loop.received(err)
	// Also after an error: whether the event was kept may be unknown, and its repeat
	// would be no news.
	i.portal.loop.Events()
	i.portal.sendsChanged() // it may fire a trigger
	for _, r := range receipts {
		if r.DuplicateOf != 0 {
			repeats++
		}
	}
	return repeats, err
}

// keepEvents puts events into the inbox without what they say of erased people. An
// erasure that begins meanwhile finds them there.
func (p *managedPortal) keepEvents(ctx context.Context, j *store.Store, events []store.Event) (receipts []store.Receipt, err error) {
	list := p.cfg.Suppressed
	if list == nil {
		return j.Receive(ctx, events...)
	}
	err = list.Using(func() error {
		scrubbed := slices.Clone(events)
		for k, e := range events {
			if scrubbed[k], err = giftsync.ScrubEvent(list, j, e); err != nil {
				return err
			}
		}
		receipts, err = j.Receive(ctx, scrubbed...)
		return err
	})
	return receipts, err
}

// portal finds a portal that a command asks for.
func (d *Daemon) portal(name string) (*managedPortal, error) {
	p := d.byName[name]
	if p == nil {
		return nil, fmt.Errorf("%w %q: it was not in the configuration when the daemon started", giftsync.ErrUnknownPortal, name)
	}
	return p, nil
}

// StateFile opens the state file of a portal, unless that is done. It stays the
// daemon's.
func (d *Daemon) StateFile(name string) (*store.Store, error) {
	_, j, err := d.state(name)
	return j, err
}

// state finds a portal that a command asks for, with its state file.
func (d *Daemon) state(name string) (*managedPortal, *store.Store, error) {
	p, err := d.portal(name)
	if err != nil {
		return nil, nil, err
	}
	j, err := p.state()
	return p, j, err
}

// Status returns the state of every portal, in the order of the configuration.
func (d *Daemon) Status(context.Context) ([]giftsync.Status, error) {
	all := make([]giftsync.Status, len(d.portals))
	for i, p := range d.portals {
		all[i] = p.withProblems(p.loop.Status())
	}
	return all, nil
}

// Figures returns the figures of every portal, in the order of the
// configuration. It opens nothing and waits for nothing but reading.
func (d *Daemon) Figures() []Figures {
	all := make([]Figures, len(d.portals))
	for i, p := range d.portals {
		all[i] = p.loop.Figures()
		all[i].Status = p.withProblems(all[i].Status)
		if j := p.opened.Load(); j != nil {
			all[i].Holdings = holdingsOf(j, p.cfg.Desk != nil)
		}
	}
	return all
}

// Run performs a run, after those that are under way or queued, and returns its
// report.
func (d *Daemon) Run(ctx context.Context, name string, req giftsync.Request, watch giftsync.Watcher) (giftsync.Report, error) {
	p, err := d.portal(name)
	if err != nil {
		return giftsync.Report{}, err
	}
	if !req.DryRun {
		// The daemon's end is not the caller's, who gets the end of the run.
		ctx = context.WithoutCancel(ctx)
	}
	return p.loop.Do(ctx, req, watch)
}

// Stop ends the run under way at its next safe point, and reports whether there
// is one.
func (d *Daemon) Stop(_ context.Context, name string) (bool, error) {
	p, err := d.portal(name)
	if err != nil {
		return false, err
	}
	return p.loop.Stop(), nil
}

// Stats computes a portal's statistics.
func (d *Daemon) Stats(ctx context.Context, name string, q stats.Query) (stats.Report, error) {
	p, j, err := d.state(name)
	if err != nil {
		return stats.Report{}, err
	}
	return p.cfg.Stats(ctx, j, q)
}

// Quarantine lists the records that could not be synced.
func (d *Daemon) Quarantine(ctx context.Context, name string) (giftsync.QuarantineList, error) {
	p, j, err := d.state(name)
	if err != nil {
		return giftsync.QuarantineList{}, err
	}
	return giftsync.ListQuarantine(ctx, name, j, p.cfg.Facts(j))
}

// ShowQuarantined returns a record of the quarantine with its row.
func (d *Daemon) ShowQuarantined(_ context.Context, name, key string) (giftsync.QuarantinedRow, error) {
	p, j, err := d.state(name)
	if err != nil {
		return giftsync.QuarantinedRow{}, err
	}
	return giftsync.ShowQuarantined(j, key, p.cfg.Facts(j))
}

// DropQuarantined takes records out of the quarantine and returns how many.
func (d *Daemon) DropQuarantined(_ context.Context, name string, keys []string) (int, error) {
	p, j, err := d.state(name)
	if err != nil {
		return 0, err
	}
	n, err := giftsync.DropQuarantined(j, keys)
	if n > 0 {
		p.loop.log.Info("records were taken out of the quarantine, as an admin asked for", "count", n)
	}
	return n, err
}

// Events lists webhook events that were received.
func (d *Daemon) Events(ctx context.Context, name string, q giftsync.EventQuery) (giftsync.EventList, error) {
	_, j, err := d.state(name)
	if err != nil {
		return giftsync.EventList{}, err
	}
	return giftsync.ListEvents(ctx, name, j, q)
}

// Replay reads events again, makes them due, and returns how many there were.
func (d *Daemon) Replay(ctx context.Context, name string, seqs []uint64) (int, error) {
	p, j, err := d.state(name)
	if err != nil {
		return 0, err
	}
	n, err := j.Replay(ctx, seqs, p.cfg.Reread(j))
	if err != nil {
		p.lose(j, err)
		p.loop.received(err)
	}
	p.loop.Events()
	return n, err
}

// Erase erases a person from a portal, beside its runs; see [giftsync.Engine.Erase].
// It ends with ctx, and the next run does the rest then.
func (d *Daemon) Erase(ctx context.Context, name string, who giftsync.Person) (giftsync.Erasure, error) {
	p, err := d.portal(name)
	if err != nil {
		return giftsync.Erasure{}, err
	}
	e, release, err := p.loop.lease.get()
	if err != nil {
		return giftsync.Erasure{}, giftsync.EraseLater(p.cfg.Suppressed, who, err)
	}
	defer release()
	rep, err := e.Erase(ctx, who)
	p.lose(e.Journal(), err)
	return rep, err
}

// Held returns what a portal's state file holds of the person with an e-mail
// address.
func (d *Daemon) Held(ctx context.Context, name, email string) (giftsync.Holding, error) {
	p, err := d.portal(name)
	if err != nil {
		return giftsync.Holding{}, err
	}
	e, release, err := p.loop.lease.get()
	if err != nil {
		return giftsync.Holding{}, err
	}
	defer release()
	return e.Held(ctx, email)
}

// Runs lists what a portal's runs did.
func (d *Daemon) Runs(ctx context.Context, name string, limit int) (giftsync.RunList, error) {
	_, j, err := d.state(name)
	if err != nil {
		return giftsync.RunList{}, err
	}
	return giftsync.ListRuns(ctx, name, j, limit)
}

// Audit calls each with groups of a portal's audit entries.
func (d *Daemon) Audit(ctx context.Context, name string, q giftsync.AuditQuery, each func([]giftsync.AuditRecord) error) error {
	_, j, err := d.state(name)
	if err != nil {
		return err
	}
	return giftsync.ListAudit(ctx, j, q, each)
}

// VerifyAudit goes through the chain of a portal's audit.
func (d *Daemon) VerifyAudit(ctx context.Context, name, head string) (giftsync.AuditFinding, error) {
	_, j, err := d.state(name)
	if err != nil {
		return giftsync.AuditFinding{}, err
	}
	return giftsync.VerifyAudit(ctx, name, j, head)
}

// Backup writes a portal's state file to w as it is at one moment. The file grows, and the
// portal cannot be closed, until w has taken all of it or returns an error.
func (d *Daemon) Backup(_ context.Context, name string, w io.Writer) error {
	_, j, err := d.state(name)
	if err != nil {
		return err
	}
	_, err = j.Copy(w)
	return err
}

// Compact writes a portal's state file anew with nothing but what it holds. Its runs and
// webhooks wait meanwhile.
func (d *Daemon) Compact(_ context.Context, name string) (store.Compaction, error) {
	p, j, err := d.state(name)
	if err != nil {
		return store.Compaction{}, err
	}
	c, err := j.Compact()
	p.lose(j, err)
	return c, err
}

// Check examines a portal.
func (d *Daemon) Check(ctx context.Context, name string) ([]doctor.Finding, error) {
	p, err := d.portal(name)
	if err != nil {
		return nil, err
	}
	return p.check(ctx), nil
}

package sync

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// Keys of log lines.
const (
	logPortal      = "portal"
	logRun         = "run"
	logTransaction = "transaction"
	logObject      = "object"
	logInto        = "into"
	logKind        = "kind"
	logTo          = "to"
	logClass       = "class"
	logCorrelation = "correlation"
	logEvent       = "event"
	logReason      = "reason"
	logFeature     = "feature"
	logScope       = "scope"
	logCount       = "count"
	logError       = "error"
)

// A run is one call of [Engine.Run], [Engine.ApplyEvents] or
// [Engine.FetchEvents]: its request, its clock and what it has found out so
// far.
type run struct {
	engine    *Engine
	req       Request
	mode      Mode   // may turn into another
	id        string // names the run in the audit
	started   time.Time
	log       *slog.Logger
	journal   History
	recorder  recorder
	locks     *giftLocks
	inbox     Inbox // whose waiting events join the gifts in hand; nil for none
	portal    *portal.Portal
	counts    counts
	planned   changeLog
	secondary secondary
	turn      Turn
}

// newRun returns a run. A dry run reads HubSpot without writing, drops its
// commits, and locks nothing that others wait for.
func (e *Engine) newRun(req Request) *run {
	r := &run{
		engine:  e,
		req:     req,
		id:      rand.Text()[:12],
		mode:    req.Mode,
		started: time.Now().UTC(),
		journal: e.cfg.Journal,
		locks:   e.locks,
		inbox:   e.cfg.Inbox,
		planned: noChangeLog{},
		turn:    noTurn{},
	}
	r.recorder = lockedRecorder{e.cfg.Journal, r}
	if req.DryRun {
		r.recorder, r.locks, r.inbox = droppingRecorder{}, newGiftLocks(), nil
		r.journal = foreseenJournal{e.cfg.Journal, make(map[string]plan.Stored)}
		r.planned = &preview{
			all: req.AllChanges, counted: r.counts.tally.has,
			listed: make(map[plan.Action]int), orphans: make(map[plan.Orphan]int),
		}
	}
	r.log = e.cfg.Logger.With(logPortal, e.cfg.Portal, logRun, r.id)
	r.counts.begin(&e.cfg)
	r.counts.deletions, r.counts.links = new(deletions), make(map[plan.Kind]linkCount)
	r.counts.progress = progressReport{
		show: e.cfg.Progress, began: r.started, quiet: req.Mode == byEvents,
		now: Progress{Portal: e.cfg.Portal, Mode: req.Mode, Phase: PhaseListing},
	}
	r.counts.failures.lastSync = LastSync(e.cfg.Journal)
	r.portal = enter(r)
	return r
}

// enter begins the run's use of the portal.
func enter(r *run) *portal.Portal {
	return r.engine.conn.Begin(portal.Session{
		Run: r.id, Started: r.started, Memory: r.memory(), Log: r.log,
		DryRun: r.req.DryRun, Events: r.req.Mode == byEvents,
		Waiting: func(ctx context.Context) func(context.Context) error { return r.turn.Wait(ctx) },
	})
}

func (r *run) cfg() *Config { return &r.engine.cfg }

func (r *run) memory() memory { return memory{r.journal, r.recorder} }

// rules are the portal's rules for planning, at the run's time.
func (r *run) rules() plan.Rules {
	links := r.portal.Links
	return plan.Rules{Companies: links.Companies, MaxDeals: links.MaxDeals, Lookback: links.Lookback, Now: r.started, LeaveOut: r.cfg().LeaveOut}
}

// olderThan reports whether something done then is due again after d. A stamp
// from the future is a clock's mistake and puts nothing off.
func (r *run) olderThan(then time.Time, d time.Duration) bool {
	since := r.started.Sub(then)
	return since >= d || since < 0
}

// isFuture reports whether a stamp is from a clock that was ahead.
func isFuture(r *run, stamp time.Time) bool { return stamp.After(r.started.Add(clockSlack)) }

// moveCheckpoint commits a checkpoint alone.
func (r *run) moveCheckpoint(name string, cp store.Checkpoint) error {
	return r.recorder.Commit(checkpoint(name, cp))
}

// checkpoint is the commit that moves a checkpoint.
func checkpoint(name string, cp store.Checkpoint) store.Commit {
	return store.Commit{Checkpoints: map[string]store.Checkpoint{name: cp}}
}

// do does the pass that the request asks for, and the search that earlier runs
// have left.
func (r *run) do(ctx context.Context) error {
	if err := readDebt(r); err != nil {
		return err
	}
	if _, err := finishErasures(ctx, r); err != nil {
		return err
	}
	if !r.req.DryRun {
		if err := respellJournal(ctx, r); err != nil {
			return err
		}
	}
	if err := r.portal.Object.Complement(ctx); err != nil {
		return err
	}
	if err := catchUp(ctx, r); err != nil {
		return err
	}
	if err := r.pass(ctx); err != nil {
		return err
	}
	if err := catchUp(ctx, r); err != nil { // the first run knows only now what HubSpot holds
		return err
	}
	return payDebt(ctx, r)
}

// catchUp brings the ledger of sends and what HubSpot shows of it together.
func catchUp(ctx context.Context, r *run) error {
	if err := lookForSends(ctx, r); err != nil {
		return err
	}
	return showSends(ctx, r)
}

// pass does the pass itself. An incremental run of a portal whose first backfill
// has not finished goes on with that: until then there is no watermark to start
// from. A portal without a source has nothing to backfill, and its incremental
// runs look orphans up.
func (r *run) pass(ctx context.Context) error {
	lists := r.mode == Incremental || r.mode == Backfill
	switch {
	case r.req.From != "" && !lists:
		return fmt.Errorf("sync: mode %q does not read export files", r.mode)
	case r.req.From != "":
		return exportPass(ctx, r)
	case lists && len(r.cfg().Sources) == 0:
		if r.mode == Backfill {
			if err := ensureJournal(ctx, r); err != nil {
				return err
			}
		}
		r.mode = Incremental
		return incrementalPass(ctx, r)
	case lists:
		if err := checkFeed(r); err != nil {
			return err
		}
	}
	if r.mode == Incremental {
		finished, err := Backfilled(r.journal)
		if err != nil {
			return err
		}
		if !finished {
			r.mode = Backfill
		}
	}
	pass, ok := passes[r.mode]
	if !ok {
		return fmt.Errorf("sync: unknown mode %q", r.mode)
	}
	return pass(ctx, r)
}

// passes are the modes that a request may ask for.
var passes = map[Mode]func(context.Context, *run) error{
	Incremental:    incrementalPass,
	Backfill:       backfillPass,
	Retry:          retryPass,
	Restore:        restorePass,
	Reassociate:    reassociatePass,
	ReassociateAll: reassociateAllPass,
	Adopt:          adoptPass,
}

// adoptPass makes a custom object ours that this program did not create.
func adoptPass(ctx context.Context, r *run) error {
	if len(r.req.Keys) != 1 {
		return &Fatal{What: "no custom object named", Remedy: "name one by its type id, such as `check --adopt 2-123456`"}
	}
	return r.portal.Object.Adopt(ctx, r.req.Keys[0])
}

// logRefusedLinks says how many links HubSpot refused; at level debug each has a
// line of its own.
func logRefusedLinks(r *run, n int) {
	r.log.Warn("HubSpot refused links, as records may have a limited number of associations; they are left out until `sync --reassociate=all`", logCount, n)
}

// logChosen says of how many gifts a rule chose the links; at level debug each has
// a line of its own.
func logChosen(r *run) {
	chosen := r.portal.Records.Chosen()
	if chosen.Ambiguous > 0 {
		r.log.Info("several contacts match the recipients of gifts; the rule chose one for each", logCount, chosen.Ambiguous)
	}
	if chosen.Cut > 0 {
		r.log.Info("gifts have more open deals than associations.deals.max; the newest were linked", logCount, chosen.Cut, "left_out", chosen.LeftOut)
	}
}

// finish makes the report, and records when the run ended.
func (r *run) finish(runErr error) (Report, error) {
	rep := Report{
		Portal:              r.cfg().Portal,
		Mode:                r.mode,
		DryRun:              r.req.DryRun,
		Skipped:             make(map[string]int),
		AssociationsCreated: r.counts.linked,
		Orphans:             make(map[plan.Orphan]int),
		StartedAt:           r.started,
		FinishedAt:          time.Now().UTC(),
		SchemaChanges:       r.portal.Object.SchemaChanges(),
		Choices:             r.portal.Directory.Choices(),
	}
	r.planned.report(&rep)
	r.counts.tally.report(&rep)
	r.counts.deletions.report(r)
	rep.HubSpotCalls, rep.ThnksCalls = r.counts.calls(r.cfg())
	rep.Older, rep.RepeatedHeaders = r.counts.older, r.counts.headers
	for _, p := range fieldProblems(r) {
		rep.Warnings = append(rep.Warnings, p.String())
		r.log.Warn("a field of Thnks's rows could not be used in most of them", "field", p.Field, logCount, p.Dropped, "rows", p.Rows)
	}
	if err := r.counts.deletions.erasure; err != nil {
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("an erasure is not finished, and the next run tries again: %v", err))
	}
	orphans, err := r.journal.OrphanCounts()
	if err != nil {
		return rep, err
	}
	for _, reason := range plan.Orphans() {
		rep.Orphans[reason] = orphans[reason]
	}
	if rep.Ambiguous, err = r.journal.AmbiguousCount(); err != nil {
		return rep, err
	}
	for _, f := range r.portal.Withheld {
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("the HubSpot token lacks %s: %s; grant it to the app or service key, then run `sync --reassociate=all`", f.Scopes[0].Name, f.Without))
	}
	if err := portal.OwnersUnlisted(r.portal.Directory); err != nil {
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("%v; records keep the owners that they have, and new ones have none; when it works again, `sync --reassociate=all` gives them theirs", err))
	}
	logChosen(r)
	if n := r.counts.refusedLinks(); n > 0 {
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("HubSpot refused %d of the links, as records may have a limited number of associations; they are left out until `sync --reassociate=all`", n))
		logRefusedLinks(r, n)
	}
	if runErr != nil {
		rep.Error = runErr.Error()
		if err := r.recorder.Commit(listEnded(r, rep)); err != nil {
			r.log.Debug("the run is not in the list of runs", logError, err)
		}
		return rep, nil
	}
	c := listEnded(r, rep)
	synced := r.req.From != "" || len(r.cfg().Sources) > 0
	switch r.mode {
	case Incremental, Backfill, Resweep:
		if synced {
			maps.Copy(c.Meta, Meta(lastSyncEntry, rep.FinishedAt))
		}
	}
	if err := addSpent(r, &c, rep.FinishedAt); err != nil {
		return rep, err
	}
	return rep, r.recorder.Commit(c)
}

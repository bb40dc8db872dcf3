package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// carryOut does what is planned for a batch: write, associate, commit.
func (b *batch) carryOut(ctx context.Context, moved func() store.Commit) error {
	if b.req.DryRun {
		_, fresh := b.split()
		changes := append(b.changes, b.make(fresh)...)
		if err := b.preview(ctx, changes); err != nil {
			return err
		}
		b.list(changes)
		b.run.moved(b.window)
		return nil
	}
	// What was written is remembered even where the window cannot be finished:
	// then without moving the checkpoint, so that the next run does the rest.
	err := b.write(ctx)
	if err == nil && b.suspect {
		err = b.stillThere(ctx)
	}
	if err == nil {
		err = b.associate(ctx)
	}
	if err == nil {
		err = b.conserved()
	}
	if err != nil {
		fatal := isFatal(err)
		b.stop(fatal)
		if fatal || b.suspect {
			err = joined(err, b.suspectObject())
		}
		return joined(err, b.commit(store.Commit{}))
	}
	if b.suspect {
		if err := b.suspectObject(); err != nil {
			return err
		}
	}
	if err := b.commit(moved()); err != nil {
		return err
	}
	b.run.moved(b.window)
	return nil
}

// suspectObject has the next run look at the object's definition: somebody may
// have changed it, and what was refused for that be accepted when it is mended.
func (b *batch) suspectObject() error {
	if b.object == nil || b.object.TypeID == "" {
		return nil
	}
	b.object.Checked = b.started.Add(-driftAfter)
	return b.remember(metaObject, b.object)
}

// conserved checks that every gift of the window has an end before the
// checkpoint passes it: fetched is created, updated, unchanged, quarantined or
// skipped, and nothing falls in between.
func (b *batch) conserved() error {
	for _, g := range b.window.gifts {
		if !b.tally.has(g.ID) {
			return fmt.Errorf("transaction %s was fetched and came to no end; this is a defect of the program, please report it", g.ID)
		}
	}
	return nil
}

// joined returns err, and with it the failure to keep what was done before.
func joined(err, also error) error {
	if also != nil {
		return fmt.Errorf("%w; moreover, what was written could not be recorded: %v", err, also)
	}
	return err
}

// moved tells the onlooker. What events do is no progress of a run.
func (r *run) moved(w *window) {
	if r.mode == byEvents {
		return
	}
	r.done += w.rows
	if w.newest.After(r.newest) {
		r.newest = w.newest
	}
	r.Progress(Progress{
		Portal: r.Portal, Mode: r.mode, Done: r.done,
		Created: r.tally.counts[endCreated], Updated: r.tally.counts[endUpdated],
		Unchanged: r.tally.counts[endUnchanged], Quarantined: r.tally.counts[endQuarantined],
		Through: r.newest, Elapsed: time.Since(r.started),
	})
}

// A batch is a window on its way through the steps.
type batch struct {
	*run
	window *window
	listed int // of the window's gifts are its own; events tell of the others

	have   map[string]plan.Stored
	jailed map[string]store.Quarantined // what the quarantine holds of the window's ids
	who    plan.Directory

	changes plan.Plan // of the gifts that have a record

	// What has happened so far, to be committed together.
	effects     []*effect
	doubtful    map[string]bool // gifts of events alone whose records stay in doubt
	certain     []plan.Stored   // are what they were, after all: see doubt
	suspect     bool            // HubSpot refused a record, which may be for the definition
	quarantined []store.Quarantined
	samples     []store.Quarantined // of what ended a call early
	healed      []string
	missed      []string                            // addresses searched in vain
	fresh       map[string]bool                     // gifts whose record was made a moment ago, so that nobody has touched it
	told        map[string][]told                   // what events say of the gifts, by transaction id
	rejected    map[string]store.Quarantined        // gifts of events alone that HubSpot refused
	alone       map[string]bool                     // gifts that are told one event at a time
	calls       []*hubspot.Call                     // that wrote, in order
	entries     map[*hubspot.Call]*store.AuditEntry // of calls
}

func (r *run) batch(w *window) *batch {
	return &batch{run: r, window: w, entries: make(map[*hubspot.Call]*store.AuditEntry)}
}

// setAside takes out the rows that are no gifts, and the gifts that wait in
// the quarantine and have not changed since the last run that ended well. To the others it adds what events
// said that wait for them.
func (b *batch) setAside() error {
	if b.mode != Retry {
		for _, class := range b.window.classes {
			if err := b.unreadable.add(class); err != nil {
				return err
			}
		}
	}
	for _, row := range b.window.bad {
		b.quarantineRow(row)
	}
	ids := b.window.ids()
	var err error
	if b.jailed, err = b.Journal.QuarantinedByID(ids); err != nil {
		return err
	}
	if b.have, err = b.Journal.Gifts(ids); err != nil {
		return err
	}
	b.keepDoubts()
	if b.mode == Retry || b.mode == Restore || len(b.jailed) == 0 {
		b.listed = len(b.window.gifts)
		return b.hear()
	}
	b.window.gifts = slices.DeleteFunc(b.window.gifts, func(g plan.Gift) bool {
		q, ok := b.jailed[g.ID]
		if !ok || b.unjudged(q) || q.RowDigest != digest(b.window.raw[g.ID]) || !b.have[g.ID].Deleted.IsZero() {
			return false
		}
		b.tally.add(g.ID, endQuarantined)
		return true
	})
	b.listed = len(b.window.gifts)
	return b.hear()
}

// unjudged reports whether a gift was set aside by a run that did not end well.
// Nobody has told yet whether that was the row's fault: a later slice of the
// window may have shown that HubSpot refused them all.
func (r *run) unjudged(q store.Quarantined) bool {
	return q.Class == classSchemaProblem || q.Last.After(r.lastSync) && q.Last.Before(r.started)
}

// lookUp plans the gifts that have a record, and finds the people behind the
// gifts about to be written that no contact is linked to.
func (b *batch) lookUp(ctx context.Context, ahead *window) error {
	if b.req.DryRun {
		if err := b.readExisting(ctx); err != nil {
			return err
		}
	}
	known, fresh := b.plan()
	return b.findPeople(ctx, known, fresh, ahead)
}

// plan plans what the journal alone can tell: the gifts that have a record.
func (b *batch) plan() (known, fresh []plan.Gift) {
	known, fresh = b.split()
	b.changes = b.make(known)
	return known, fresh
}

// findPeople looks up who is needed for the batch, and plans again with them. A gift
// that needs no change needs no call.
func (b *batch) findPeople(ctx context.Context, known, fresh []plan.Gift, ahead *window) error {
	need := lacking(b.changes, fresh)
	if len(need) == 0 {
		return nil
	}
	var err error
	if b.who, err = b.directory(ctx, need, ahead); err != nil {
		return err
	}
	if b.req.DryRun {
		if err := b.search(ctx, unmatched(b.who)); err != nil {
			return err
		}
	}
	b.changes = b.make(known)
	return b.heed(ctx, b.changes)
}

// directory looks addresses up, and along with them the next window's where
// that fills a batch.
func (r *run) directory(ctx context.Context, need []string, ahead *window) (plan.Directory, error) {
	if err := r.identify(ctx); err != nil {
		return nil, err
	}
	var next []string
	if ahead != nil {
		for _, g := range ahead.gifts {
			next = appendAddress(next, g)
		}
	}
	return r.people.lookup(ctx, need, next)
}

// lacking returns the addresses of the gifts that will be created, and of the
// orphans that will be updated.
func lacking(changes plan.Plan, fresh []plan.Gift) []string {
	var need []string
	for _, g := range fresh {
		need = appendAddress(need, g)
	}
	for _, c := range changes {
		if c.Action == plan.Update && c.Orphan != "" {
			need = appendAddress(need, c.Gift)
		}
	}
	return need
}

func appendAddress(list []string, g plan.Gift) []string {
	if a, ok := plan.CanonicalEmail(g.Recipient.Email); ok {
		list = append(list, a)
	}
	return list
}

// split parts the window's gifts into those that have a record and those that
// have none, the latter sorted by id.
func (b *batch) split() (known, fresh []plan.Gift) {
	for _, g := range b.window.gifts {
		if _, ok := b.have[g.ID]; ok {
			known = append(known, g)
		} else {
			fresh = append(fresh, g)
		}
	}
	slices.SortStableFunc(fresh, func(x, y plan.Gift) int { return strings.Compare(x.ID, y.ID) })
	return known, fresh
}

// make plans what must happen to some of the window's gifts.
func (b *batch) make(gifts []plan.Gift) plan.Plan {
	return plan.Make(gifts, b.have, b.who, b.rules())
}

func (r *run) rules() plan.Rules {
	return plan.Rules{
		Companies: r.Rules.Companies,
		MaxDeals:  r.Rules.MaxDeals,
		Lookback:  r.Rules.Lookback,
		Now:       r.started,
	}
}

// readExisting is how a dry run learns what exists: by key, for everything
// that the journal does not know. (Otherwise a create that meets an existing
// record finds that out by itself.)
func (b *batch) readExisting(ctx context.Context) error {
	var unknown []string
	seen := make(map[string]bool)
	for _, g := range b.window.gifts {
		if _, ok := b.have[g.ID]; !ok && !seen[g.ID] {
			seen[g.ID] = true
			unknown = append(unknown, g.ID)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	if err := b.findObject(ctx); err != nil {
		return err
	}
	if b.object.TypeID == "" {
		return nil // it would be created: nothing can exist in it
	}
	outcomes, err := b.CRM.ReadByKey(ctx, b.object.TypeID, keyProperty, unknown, propertyNames(), false)
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		if o.Object == nil {
			continue
		}
		have, err := stored(*o.Object)
		if err != nil {
			b.log.Warn("record not readable as a gift", "transaction", unknown[i], "error", err)
			continue
		}
		b.have[unknown[i]] = have
	}
	return nil
}

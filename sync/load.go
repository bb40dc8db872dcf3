package sync

import (
	"context"
	"maps"
	"slices"
	"strings"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// loaded is what the state file knows of an input. It is read-only
// then.
type loaded struct {
	run *run
	in  *input

	gifts      []plan.Gift                  // to plan: the input's, and what events claim of them
	have       map[string]plan.Stored       // what the journal says HubSpot holds
	quarantine map[string]store.Quarantined // entries that end when their gift gets through
	left       []string                     // gifts that stay in quarantine
	events     giftEvents                   // about the gifts
	stale      map[string]bool              // gifts whose stale mark stays: see [batch.markStale]
	readWell   bool                         // a source's rows show the gifts
	older      int                          // rows of a file that say less than is known
}

// load reads what the state file knows of the input's gifts: what HubSpot
// holds, which are in quarantine, and the events that wait for them. It changes
// nothing.
func (r *run) load(ctx context.Context, in *input) (*loaded, error) {
	ids := giftIDs(in.gifts)
	l := &loaded{run: r, in: in}
	var err error
	if l.have, err = r.journal.Gifts(ids); err != nil {
		return nil, err
	}
	l.thaw()
	l.forgetMetadata()
	if in.policy.fromJournal {
		if _, err := l.suppress(in.gifts); err != nil {
			return nil, err
		}
		// An event may have changed a gift since it was read.
		for _, id := range ids {
			if s, ok := l.have[id]; ok {
				l.gifts = append(l.gifts, s.Gift)
			}
		}
		return l, nil
	}
	if l.quarantine, err = r.cfg().Quarantine.QuarantinedByID(ids); err != nil {
		return nil, err
	}
	if l.readWell = !in.policy.fromEvents; l.readWell {
		if _, err := rowsAside(ctx, r); err != nil {
			return nil, err
		}
	}
	l.keepStale()
	gifts, err := l.suppress(in.filled(l.have))
	if err != nil {
		return nil, err
	}
	if in.file {
		l.older = countOlder(gifts, l.have)
	}
	l.gifts = gifts
	if len(l.quarantine) > 0 && !in.policy.tryQuarantined {
		l.gifts = nil
		for _, g := range gifts {
			if l.staysInQuarantine(g) {
				l.left = append(l.left, g.ID)
			} else {
				l.gifts = append(l.gifts, g)
			}
		}
	}
	if err := l.addWaitingEvents(); err != nil {
		return nil, err
	}
	if in.policy.recreate {
		l.forgetDeleted()
	}
	return l, nil
}

// countOlder counts the gifts of a file that say less than the journal.
func countOlder(gifts []plan.Gift, have map[string]plan.Stored) (n int) {
	for _, g := range gifts {
		if plan.Lowers(have[g.ID].Gift, g) {
			n++
		}
	}
	return n
}

// thaw takes stamps that cannot be believed out of what the journal says.
func (l *loaded) thaw() {
	clock := l.in.clock
	if clock.Before(l.run.started) {
		clock = l.run.started
	}
	for id, have := range l.have {
		if isFrozen(have.Gift, clock) {
			have.Gift = thawed(have.Gift, clock)
			l.have[id] = have
		}
	}
}

// forgetMetadata takes out of what the journal says what is in properties that the
// settings no longer name. In HubSpot it stays.
func (l *loaded) forgetMetadata() {
	for id, have := range l.have {
		if len(have.Gift.Metadata) > 0 {
			have.Gift = have.Gift.OfMetadata(l.run.cfg().Metadata)
			l.have[id] = have
		}
	}
}

// filled returns the input's gifts, with what their rows say nothing of as the
// journal has it.
func (in *input) filled(have map[string]plan.Stored) []plan.Gift {
	if len(in.silent) == 0 {
		return in.gifts
	}
	gifts := slices.Clone(in.gifts)
	for i, g := range gifts {
		if silent := in.silent[g.ID]; silent != 0 {
			gifts[i] = fill(g, have[g.ID].Gift, silent)
		}
	}
	return gifts
}

// staysInQuarantine reports whether a gift's row has not changed since a run
// that ended well quarantined it. One that waits for a contact, and whose row is not
// kept, may find it now: not every source can be asked for that row again.
func (l *loaded) staysInQuarantine(g plan.Gift) bool {
	q, ok := l.quarantine[g.ID]
	if q.Class == ClassNeedsContact && len(q.Row) == 0 {
		return false
	}
	have := l.have[g.ID]
	return ok && !l.fromFailedRun(q) && q.RowDigest == digest(l.in.rows[g.ID]) && have.Deleted.IsZero() && have.Erased.IsZero()
}

// fromFailedRun reports whether a failed run quarantined the gift. Such entries
// are tried again: a later slice of that run may have shown that HubSpot refused
// them all, for a reason that is not the row's.
func (l *loaded) fromFailedRun(q store.Quarantined) bool {
	return q.Class == ClassSchemaProblem || !q.Last.Equal(l.run.started) && (q.Last.After(l.run.counts.failures.lastSync) || isFuture(l.run, l.run.counts.failures.lastSync))
}

// forgetDeleted lets the gifts be created as if their records had never been, but
// for those whose recipients were erased. They are created without
// the texts that this row does not have.
func (l *loaded) forgetDeleted() {
	l.gifts = slices.Clone(l.gifts)
	for i, g := range l.gifts {
		l.gifts[i] = plan.Merge(l.have[g.ID].Gift, g).WithoutDigests()
	}
	for _, g := range l.gifts {
		if l.have[g.ID].Erased.IsZero() {
			delete(l.have, g.ID)
		}
	}
}

// keepStale keeps the stale mark of gifts known only from events: a full
// rewrite needs the source's latest version, and the journal's may be older than
// the record's. Only the events' own changes are written.
func (l *loaded) keepStale() {
	for id, have := range l.have {
		if have.Mapping > 0 || !l.eventsOnly(id) {
			continue
		}
		if l.stale == nil {
			l.stale = make(map[string]bool)
		}
		l.stale[id] = true
		have.Mapping = l.run.rules().Mapping()
		l.have[id] = have
	}
}

// eventsOnly reports whether the batch knows a gift from events alone: it then
// has no row that the quarantine could keep.
func (l *loaded) eventsOnly(giftID string) bool {
	return l.in.policy.fromEvents && l.in.rows[giftID] == nil
}

// split parts the gifts into those that have a record and those that have
// none, the latter sorted by id.
func (l *loaded) split() (recorded, newGifts []plan.Gift) {
	for _, g := range l.gifts {
		if _, ok := l.have[g.ID]; ok {
			recorded = append(recorded, g)
		} else {
			newGifts = append(newGifts, g)
		}
	}
	slices.SortStableFunc(newGifts, func(x, y plan.Gift) int { return strings.Compare(x.ID, y.ID) })
	return recorded, newGifts
}

// make plans what must happen to some of the gifts.
func (b *batch) make(gifts []plan.Gift) []plan.Change {
	return plan.Make(gifts, b.loaded.have, b.who, b.run.rules())
}

// lookUp adds the contacts behind addresses to the batch's directory, and along
// with them those of the gifts ahead where that fills a batch.
func (b *batch) lookUp(ctx context.Context, need []string, ahead []plan.Gift) error {
	if len(need) == 0 {
		return nil
	}
	found, err := b.run.portal.Directory.LookUp(ctx, need, addresses(b.run, ahead))
	if err != nil {
		return err
	}
	maps.Copy(b.who, found)
	b.setUnreadableAside()
	if !b.in.policy.searchFirst {
		return nil
	}
	s, err := b.run.newSearch(notFound(found), b.in.policy.uncounted)
	if err != nil {
		return err
	}
	s.Do(ctx, b.run.counts.progress.search(s.Len()))
	return b.addFound(ctx, s)
}

// A giftPlanner plans gifts as a source or events show them.
type giftPlanner struct {
	lookUp bool // recipients have to be looked up
}

// first plans the gifts that have a record. Recipients are looked up for gifts
// that will be created, and for orphans that will be updated: a gift that needs no
// change needs no call.
func (p *giftPlanner) first(_ context.Context, b *batch) ([]plan.Change, []string, error) {
	recorded, newGifts := b.loaded.split()
	changes := b.make(recorded)
	var need []string
	for _, g := range newGifts {
		need = appendAddress(b.run, need, g)
	}
	for _, c := range changes {
		if c.Action == plan.Update && c.Orphan != "" {
			need = appendAddress(b.run, need, c.Gift)
		}
	}
	need = slices.DeleteFunc(need, func(a string) bool { _, ok := b.who[a]; return ok })
	p.lookUp = len(need) > 0
	return changes, need, nil
}

// second plans the gifts to create, and the others again where recipients
// were looked up.
func (p *giftPlanner) second(ctx context.Context, b *batch, changes []plan.Change) ([]plan.Change, error) {
	recorded, newGifts := b.loaded.split()
	if p.lookUp {
		changes = b.make(recorded)
	}
	if err := b.preferLinkedContacts(ctx, changes, nil); err != nil {
		return nil, err
	}
	return append(changes, b.make(newGifts)...), nil
}

package sync

import (
	"context"
	"fmt"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// write creates and updates records, and adds every outcome to the results. The
// error says that HubSpot cannot be written to at all, or that what it refuses
// is not the rows' fault; the outcomes before it stand.
func (b *batch) write(ctx context.Context, changes []plan.Change) error {
	var creates, updates []plan.Change
	for _, c := range changes {
		switch c.Action {
		case plan.Create:
			creates = append(creates, c)
		case plan.Update:
			updates = append(updates, c)
		case plan.Keep:
			b.keep(c)
		case plan.Skip:
			b.skip(c)
		}
	}
	existing, err := b.create(ctx, creates)
	if err == nil {
		err = b.res.checkFailureRate(creates)
	}
	if err == nil {
		// An earlier run may have known another recipient.
		err = b.preferLinkedContacts(ctx, existing, nil)
	}
	if err != nil {
		return err
	}
	for _, c := range attainable(existing, b.aside) {
		if c.Action == plan.Update {
			updates = append(updates, c)
			continue
		}
		b.run.planned.add(c)
		b.run.counts.tally.add(c.Gift.ID, countedUnchanged)
		b.res.addEffect(c, c.ObjectID, nil)
	}
	if err := b.update(ctx, updates); err != nil {
		return err
	}
	if err := b.res.checkFailureRate(updates); err != nil {
		return err
	}
	if b.res.schemaSuspect {
		return b.run.portal.Object.Exists(ctx)
	}
	return nil
}

// keep counts a gift that needs nothing in HubSpot. The journal records what it
// did not know: something that HubSpot does not hold, such as a newer version, or
// that the source lists the gift again.
func (b *batch) keep(c plan.Change) {
	b.run.planned.add(c)
	if !b.in.policy.owed {
		b.run.counts.tally.add(c.Gift.ID, countedUnchanged)
	}
	b.res.leaveQuarantine(c.Gift.ID)
	b.res.showSend(c.Gift.ID)
	have := c.Have
	news := !c.Same || c.Orphan != have.Orphan || !have.Gone.IsZero()
	if c.Noted || b.in.policy.listed && news || len(b.loaded.events[c.Gift.ID]) > 0 {
		b.res.effects = append(b.res.effects, &effect{stored: b.res.storedAfter(c, c.ObjectID)})
	}
}

// skip counts a gift whose record users deleted, or whose recipient was erased. It
// has nothing to wait for in quarantine.
func (b *batch) skip(c plan.Change) {
	b.run.planned.add(c)
	b.res.showSend(c.Gift.ID)
	if c.Skipped == plan.SkippedErased {
		b.run.counts.tally.add(c.Gift.ID, countedErased)
		b.res.leaveQuarantine(c.Gift.ID)
		return
	}
	b.run.counts.tally.add(c.Gift.ID, countedDeleted)
	b.res.leaveQuarantine(c.Gift.ID)
	if c.Noted {
		b.res.effects = append(b.res.effects, &effect{stored: c.Have})
	}
}

// create creates records with their links. It returns the changes still due on
// those that exist already: an earlier run created them and crashed before its
// commit.
func (b *batch) create(ctx context.Context, changes []plan.Change) (existing []plan.Change, err error) {
	outcomes, err := b.run.portal.Records.Create(ctx, changes)
	for _, o := range outcomes {
		c := o.Change
		switch o.End {
		case portal.Existed:
			again, ok := b.planExisting(o)
			if ok {
				existing = append(existing, again)
			}
		case portal.Created:
			b.run.planned.add(c)
			b.run.counts.tally.add(c.Gift.ID, countedCreated)
			b.res.audit.add(portal.ActionCreate, o.Call, c.Gift.ID, c.Reasons)
			if o.Unlinked {
				b.res.addEffect(c, o.ObjectID, c.Links)
				continue
			}
			b.res.addEffect(c, o.ObjectID, nil)
			b.run.counts.linked += len(c.Links)
		case portal.Deleted:
			if b.in.policy.recreate {
				b.res.quarantineRestored(c, o.ObjectID)
			} else {
				b.res.addTombstone(c, o.ObjectID)
			}
		case portal.Refused:
			b.res.quarantine(c, o.Err)
		case portal.NeedsContact:
			b.res.quarantineWaiting(c, o.Err)
		case portal.Undone:
			b.res.sample(c, o.Err)
		}
	}
	return existing, err
}

// planExisting plans the change that a record found in HubSpot still needs, and
// reports whether it could be read. What the gift's row says nothing of stays as the
// record has it, but for what it has of erased people, which is cleared. Its links are
// made again: that is harmless where they exist.
func (b *batch) planExisting(o portal.Outcome) (plan.Change, bool) {
	c := o.Change
	have, err := portal.Stored(o.Found, b.run.cfg().Metadata)
	if err != nil {
		b.res.quarantine(c, err)
		return plan.Change{}, false
	}
	b.res.audit.add(portal.ActionRecovered, o.Call, c.Gift.ID, nil)
	have.Orphan, have.Given = c.Orphan, c.Have.Given
	if silent := b.in.silent[c.Gift.ID]; silent != 0 {
		c.Gift = fill(c.Gift, have.Gift, silent)
	}
	c.Gift = c.Gift.Without(partiesOf(b.run.cfg().Suppressed, have.Gift))
	again := plan.Make([]plan.Gift{c.Gift}, map[string]plan.Stored{c.Gift.ID: have}, nil, plan.Rules{Now: b.run.started, LeaveOut: b.run.cfg().LeaveOut})[0]
	again.Links, again.Orphan, again.Ambiguous = c.Links, c.Orphan, c.Ambiguous
	again.ObjectID = o.ObjectID
	if len(c.Links) > 0 {
		again.Action = plan.Update
	}
	return again, true
}

// update writes the properties that differ. Changes of links alone pass
// through to associate.
func (b *batch) update(ctx context.Context, changes []plan.Change) error {
	var patches []plan.Change
	for _, c := range changes {
		b.run.planned.add(c)
		if len(c.Properties) > 0 {
			patches = append(patches, c)
			continue
		}
		b.res.addEffect(c, c.ObjectID, c.Links) // counted when its links are made
	}
	if err := b.res.markStale(patches); err != nil {
		return err
	}
	outcomes, err := b.run.portal.Records.Update(ctx, patches)
	for _, o := range outcomes {
		c := o.Change
		switch o.End {
		case portal.Updated:
			if len(c.Properties) > 0 { // HubSpot may have refused all of them, and the gift can do without
				b.run.counts.tally.add(c.Gift.ID, countedUpdated)
			}
			b.res.audit.add(portal.ActionUpdate, o.Call, c.Gift.ID, c.Reasons)
			b.res.addEffect(c, o.ObjectID, c.Links)
		case portal.Deleted:
			b.res.addTombstone(c, o.ObjectID)
		case portal.Refused:
			b.res.quarantine(c, o.Err)
			if have, ok := b.loaded.have[c.Gift.ID]; ok && !b.loaded.stale[c.Gift.ID] {
				b.res.unwritten = append(b.res.unwritten, have)
			}
		default:
			b.res.sample(c, o.Err)
		}
	}
	return err
}

// associate makes the links that the writes could not carry. If one end of a
// link was not found, the record or the deal may have been merged or deleted: they are
// read again, and followed.
func (b *batch) associate(ctx context.Context) error {
	if err := b.link(ctx); err != nil {
		return err
	}
	again, err := b.resolveMissing(ctx)
	if err == nil && again {
		err = b.link(ctx)
	}
	if err != nil {
		return err
	}
	for _, e := range b.res.effects {
		switch {
		case e.linkOnly && e.linked > 0:
			b.run.counts.tally.add(e.stored.Gift.ID, countedUpdated)
		case e.linkOnly:
			b.run.counts.tally.add(e.stored.Gift.ID, countedUnchanged)
		}
	}
	return nil
}

// link makes the pending links, a kind at a time. One that HubSpot refuses is
// recorded as such; the rest goes on.
func (b *batch) link(ctx context.Context) error {
	for _, kind := range plan.Kinds() {
		var effects []*effect
		var in []portal.Pending
		for _, e := range b.res.effects {
			for _, l := range e.pending {
				if l.Kind == kind {
					effects = append(effects, e)
					in = append(in, portal.Pending{ObjectID: e.stored.ObjectID, Link: l})
				}
			}
		}
		outcomes, err := b.run.portal.Records.Associate(ctx, kind, in)
		if err == nil {
			if err := b.run.counts.addLinks(kind, outcomes); err != nil {
				return err // the links stay to be made
			}
		}
		for i, o := range outcomes {
			b.addLinked(effects[i], in[i].Link, o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addLinked adds the outcome of a link to its effect. One that was not decided
// stays pending: the gift is not recorded, and the next run does it again.
func (b *batch) addLinked(e *effect, l plan.Link, o portal.Linked) {
	id := e.stored.Gift.ID
	switch o.End {
	case portal.LinkMade:
		b.run.counts.linked++
		e.link(l)
		b.res.audit.add(portal.ActionAssociate, o.Call, id, []string{string(l.Kind)})
	case portal.LinkMissing:
		e.dropPending(l)
		e.missing = append(e.missing, l)
		if l.Kind == plan.Contact {
			// Company and deals follow the contact.
			e.missing = append(e.missing, e.pending...)
			e.pending = nil
		}
	case portal.LinkRefused:
		e.refuse(l)
		b.run.log.Debug("link refused by HubSpot", logTransaction, id, logKind, string(l.Kind), logTo, l.ID, logError, o.Err)
	case portal.LinkUnclear:
		if hubspot.IsUnprocessable(o.Err) {
			// It stays pending: the gift waits in quarantine for the daily pass.
			c := plan.Change{Gift: e.stored.Gift}
			b.res.putAside(c, b.res.refusal(c, o.Err))
			return
		}
		e.dropPending(l)
		b.run.log.Warn("HubSpot does not say whether it made a link; left to the next re-association", logTransaction, id, logKind, string(l.Kind), logTo, l.ID, logError, o.Err)
	}
}

// resolveMissing reads the records again whose links failed because one end was not
// found, and the deals at the other end of such links. The links of a record that was
// merged are pending again, on the surviving record, if that is still the gift's, and
// those to a deal that was merged into an open one lead there; other links are dropped.
func (b *batch) resolveMissing(ctx context.Context) (again bool, err error) {
	var lacking []*effect
	var records, deals []string
	for _, e := range b.res.effects {
		if len(e.missing) > 0 {
			lacking = append(lacking, e)
			records = append(records, e.stored.ObjectID)
			deals = append(deals, plan.LinkIDs(e.missing, plan.Deal)...)
		}
	}
	now, err := b.run.portal.Records.Current(ctx, records)
	if err != nil {
		return false, fmt.Errorf("resolving links: %w", err)
	}
	into, err := portal.MergedInto(ctx, b.run.portal.Directory, deals)
	if err != nil {
		return false, fmt.Errorf("resolving links: %w", err)
	}
	for _, e := range lacking {
		missing := e.missing
		e.missing = nil
		id, was := e.stored.Gift.ID, e.stored.ObjectID
		record, found := now[was]
		switch {
		case record.Err != nil:
			e.pending = append(e.pending, missing...)
			b.setChangeAside(plan.Change{Gift: e.stored.Gift}, record.Err)
		case !found || record.TakenBy(was, id):
			b.res.markDeleted(e)
		case record.ID != was:
			b.run.logMerged(id, was, record.ID)
			e.stored.ObjectID = record.ID
			e.pending = append(e.pending, missing...)
			again = true
		default:
			for _, l := range e.follow(missing, into) {
				b.run.log.Warn("link left out: its other end is not in HubSpot", logTransaction, id, logKind, string(l.Kind), logTo, l.ID)
			}
			again = again || len(e.pending) > 0
		}
	}
	return again, nil
}

// follow has links to deals that were merged lead to the deals that these are now, and
// returns the links that lead nowhere. Deals are linked where their contact is.
func (e *effect) follow(links []plan.Link, into map[string]plan.OpenDeal) (nowhere []plan.Link) {
	for _, l := range links {
		deal, merged := into[l.ID]
		if l.Kind != plan.Deal || !merged || !plan.HasMade(e.stored.Links, plan.Contact) {
			nowhere = append(nowhere, l)
			continue
		}
		l.ID, l.Stage, l.Amount = deal.ID, deal.Stage, deal.Amount
		if !plan.HasMadeLink(e.stored.Links, plan.Deal, l.ID) && !plan.HasMadeLink(e.pending, plan.Deal, l.ID) {
			e.pending = append(e.pending, l)
		}
	}
	return nowhere
}

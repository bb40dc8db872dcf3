package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// write plans the gifts that have no record yet, creates and updates records,
// and notes every outcome among the batch's effects. The error says that HubSpot
// cannot be written to at all, or that what it refuses is not the rows' fault;
// the outcomes before it stand.
func (b *batch) write(ctx context.Context) error {
	_, fresh := b.split()
	var updates []plan.Change
	for _, c := range b.changes {
		switch c.Action {
		case plan.Update:
			updates = append(updates, c)
		case plan.Keep:
			b.keep(c)
		case plan.Skip:
			b.skip(c)
		}
	}
	for len(fresh) > 0 {
		var part []plan.Gift
		part, fresh = slice(fresh, b.sliceGifts)
		creates := b.make(part)
		if err := b.prepare(ctx, creates); err != nil {
			return err
		}
		if err := b.giveOwners(ctx, creates); err != nil {
			return err
		}
		met, err := b.create(ctx, creates)
		if err == nil {
			err = b.judge(creates)
		}
		if err != nil {
			return err
		}
		// Whoever made these may have known another recipient.
		if err := b.heed(ctx, met); err != nil {
			return err
		}
		for _, c := range met {
			if c.Action == plan.Update {
				updates = append(updates, c)
				continue
			}
			b.tally.add(c.Gift.ID, endUnchanged)
			b.record(c, c.ObjectID, nil)
		}
	}
	if len(updates) == 0 {
		return nil
	}
	if err := b.prepare(ctx, updates); err != nil {
		return err
	}
	if err := b.update(ctx, updates); err != nil {
		return err
	}
	return b.judge(updates)
}

// prepare makes HubSpot ready to take the changes.
func (b *batch) prepare(ctx context.Context, changes []plan.Change) error {
	for _, c := range changes {
		if c.Ambiguous && len(c.Links) > 0 {
			b.log.Info("several contacts match the recipient; the rule chose one", "transaction", c.Gift.ID)
		}
		if c.DealsCut > 0 {
			b.log.Info("more open deals than associations.deals.max; the newest were linked", "transaction", c.Gift.ID, "left_out", c.DealsCut)
		}
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	if err := b.findObject(ctx); err != nil {
		return err
	}
	if err := b.growOptions(ctx, changes); err != nil {
		return err
	}
	return b.learnStages(ctx, changes)
}

// keep counts a gift that needs nothing in HubSpot. The journal notes what it
// did not know: a newer version, or that the source lists it again.
func (b *batch) keep(c plan.Change) {
	b.tally.add(c.Gift.ID, endUnchanged)
	b.heal(c.Gift.ID)
	have := c.Have
	news := c.Gift.UpdatedAt.After(have.Gift.UpdatedAt) || c.Orphan != have.Orphan || !have.Gone.IsZero()
	if c.Noted || b.window.source != "" && news || len(b.told[c.Gift.ID]) > 0 {
		b.effects = append(b.effects, &effect{stored: b.present(c, c.ObjectID)})
	}
}

// skip counts a gift whose record people deleted. In the quarantine it has
// nothing to wait for.
func (b *batch) skip(c plan.Change) {
	b.tally.add(c.Gift.ID, endDeleted)
	b.heal(c.Gift.ID)
	if c.Noted {
		b.effects = append(b.effects, &effect{stored: c.Have})
	}
}

// create creates records with their links inline. It returns the changes that
// are still due on those that turned out to exist: a run before this one
// created them and died before it could remember.
func (b *batch) create(ctx context.Context, changes []plan.Change) ([]plan.Change, error) {
	in := make([]hubspot.NewObject, len(changes))
	for i, c := range changes {
		in[i].Properties = c.Properties
		for _, l := range c.Links {
			in[i].Links = append(in[i].Links, hubspot.NewLink{ToID: l.ID, Type: b.object.Links[l.Kind]})
		}
	}
	outcomes, err := b.CRM.Create(ctx, b.object.TypeID, keyProperty, in)
	if err == nil {
		err = b.readWhole(ctx, outcomes)
	}
	var met []plan.Change
	for i, o := range outcomes {
		c := changes[i]
		switch {
		case o.Object != nil && o.Existed:
			rest, ok := b.meet(c, o)
			if ok {
				met = append(met, rest)
			}
		case o.Object != nil:
			b.tally.add(c.Gift.ID, endCreated)
			b.audit(actionCreate, o.Call, c.Gift.ID, c.Reasons)
			if o.Unlinked {
				b.record(c, o.Object.ID, c.Links)
				continue
			}
			b.record(c, o.Object.ID, nil)
			b.linked += len(c.Links)
		case err != nil:
			// The call ended early: whatever was not done is decided by the next run.
			b.sample(c, o.Err)
		case archived(o.Err) && b.mode == Restore:
			b.held(c, archivedID(o.Err))
		case archived(o.Err):
			b.tombstone(c, archivedID(o.Err))
		case refused(o.Err):
			b.quarantine(c, o.Err)
		default:
			return met, noEnd(c, o.Err)
		}
	}
	return met, err
}

// readWhole reads the records that turned out to exist again, with all that a
// gift may have: a create looks only for the properties that it was to write, and
// what the source has emptied since the record was made must go.
func (b *batch) readWhole(ctx context.Context, outcomes []hubspot.Outcome) error {
	var at []int
	var ids []string
	for i, o := range outcomes {
		if o.Object != nil && o.Existed {
			at, ids = append(at, i), append(ids, o.Object.ID)
		}
	}
	whole, err := b.CRM.Read(ctx, b.object.TypeID, ids, propertyNames())
	if err != nil {
		err = fmt.Errorf("reading records that exist already: %w", err)
	}
	for k, o := range whole {
		switch {
		case err != nil:
			outcomes[at[k]] = hubspot.Outcome{Err: err}
		case o.Object != nil:
			outcomes[at[k]].Object = o.Object
		}
	}
	return err
}

// noEnd is the error of a gift whose outcome is none that a run can end with.
// It ends the run, for the checkpoint must not pass a gift without an end.
func noEnd(c plan.Change, err error) error {
	return fmt.Errorf("transaction %s: no outcome that can be recorded: %w", c.Gift.ID, err)
}

// meet plans the change that a record found in HubSpot still needs, and
// whether it needs any. Its links are made again: that is harmless where they
// exist.
func (b *batch) meet(c plan.Change, o hubspot.Outcome) (plan.Change, bool) {
	have, err := stored(*o.Object)
	if err != nil {
		b.quarantine(c, err)
		return plan.Change{}, false
	}
	b.audit(actionRecovered, o.Call, c.Gift.ID, nil)
	have.Orphan = c.Orphan
	again := plan.Make([]plan.Gift{c.Gift}, map[string]plan.Stored{c.Gift.ID: have}, nil, plan.Rules{Now: b.started})[0]
	again.Links, again.Orphan, again.Ambiguous = c.Links, c.Orphan, c.Ambiguous
	again.ObjectID = o.Object.ID
	if again.Action == plan.Keep && len(c.Links) == 0 {
		b.tally.add(c.Gift.ID, endUnchanged)
		b.record(again, o.Object.ID, nil)
		return plan.Change{}, false
	}
	again.Action = plan.Update
	return again, true
}

// update writes the properties that differ. Changes of links alone pass
// through to associate.
func (b *batch) update(ctx context.Context, changes []plan.Change) error {
	var in []hubspot.Patch
	var patched []plan.Change
	for _, c := range changes {
		if len(c.Properties) > 0 {
			in = append(in, hubspot.Patch{ID: c.ObjectID, Properties: c.Properties, Key: keyProperty, Value: c.Gift.ID})
			patched = append(patched, c)
			continue
		}
		b.record(c, c.ObjectID, c.Links) // counted when its links are made
	}
	if len(in) == 0 {
		return nil
	}
	if err := b.doubt(patched); err != nil {
		return err
	}
	outcomes, err := b.CRM.Update(ctx, b.object.TypeID, in)
	for i, o := range outcomes {
		c := patched[i]
		switch {
		case o.Object != nil:
			// A merged record answers under its new id.
			b.tally.add(c.Gift.ID, endUpdated)
			b.audit(actionUpdate, o.Call, c.Gift.ID, c.Reasons)
			b.record(c, o.Object.ID, c.Links)
		case err != nil:
			b.sample(c, o.Err)
		case gone(o.Err):
			b.tombstone(c, c.ObjectID)
		case refused(o.Err):
			b.quarantine(c, o.Err)
			if have, ok := b.have[c.Gift.ID]; ok && !b.doubtful[c.Gift.ID] {
				b.certain = append(b.certain, have)
			}
		default:
			return noEnd(c, o.Err)
		}
	}
	return err
}

// The questions that outcomes' errors are asked.

func kindIs(err error, kinds ...hubspot.Kind) bool {
	var he *hubspot.Error
	return errors.As(err, &he) && slices.Contains(kinds, he.Kind)
}

func refused(err error) bool  { return kindIs(err, hubspot.Refused) }
func gone(err error) bool     { return kindIs(err, hubspot.NotFound, hubspot.Archived) }
func archived(err error) bool { return kindIs(err, hubspot.Archived) }

func archivedID(err error) string {
	var he *hubspot.Error
	if errors.As(err, &he) && len(he.IDs) > 0 {
		return he.IDs[0]
	}
	return ""
}

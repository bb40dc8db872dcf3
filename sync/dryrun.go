package sync

import (
	"context"

	"thnks-hubspot-sync/sync/plan"
)

// listedChanges is how many planned changes of each action a dry run lists
// unless it is asked for all.
const listedChanges = 20

// preview notes the changes to the object's definition that the planned
// changes would bring with them.
func (b *batch) preview(ctx context.Context, changes plan.Plan) error {
	var writes []plan.Change
	for _, c := range changes {
		if c.Action == plan.Create || c.Action == plan.Update {
			writes = append(writes, c)
		}
	}
	if len(writes) == 0 {
		return nil
	}
	if err := b.identify(ctx); err != nil {
		return err
	}
	if err := b.findObject(ctx); err != nil {
		return err
	}
	return b.growOptions(ctx, writes)
}

// list counts and lists what a dry run would do. A gift that waits in the
// quarantine was counted before.
func (r *run) list(changes plan.Plan) {
	for _, c := range changes {
		switch c.Action {
		case plan.Create:
			r.tally.add(c.Gift.ID, endCreated)
		case plan.Update:
			r.tally.add(c.Gift.ID, endUpdated)
		case plan.Keep:
			r.tally.add(c.Gift.ID, endUnchanged)
			continue
		case plan.Skip:
			r.tally.add(c.Gift.ID, endDeleted)
		}
		r.linked += len(c.Links)
		if r.perKind[c.Action]++; r.req.AllChanges || r.perKind[c.Action] <= listedChanges {
			r.changes = append(r.changes, planned(c))
		}
	}
}

func planned(c plan.Change) PlannedChange {
	p := PlannedChange{
		Action:        c.Action,
		TransactionID: c.Gift.ID,
		ObjectID:      c.ObjectID,
		Orphan:        c.Orphan,
		Ambiguous:     c.Ambiguous && len(c.Links) > 0,
		Reasons:       c.Reasons,
	}
	if c.Action == plan.Skip {
		p.Reasons = []string{c.Skipped}
	}
	for _, l := range c.Links {
		switch l.Kind {
		case plan.Contact:
			p.Contact = l.ID
		case plan.Company:
			p.Company = l.ID
		case plan.Deal:
			p.Deals = append(p.Deals, l.ID)
		}
	}
	return p
}

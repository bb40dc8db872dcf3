package sync

import (
	"context"
	"fmt"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// blank clears the personal values of erased people in the records of some gifts,
// which are locked.
func (e *eraser) blank(ctx context.Context, ids []string) error {
	r, list, rep := e.run, e.list, e.rep
	have, err := r.journal.Gifts(ids)
	if err != nil {
		return err
	}
	var changes []plan.Change
	var done store.Commit
	for _, id := range ids {
		s, ok := have[id]
		var of plan.Party
		if !s.Erased.IsZero() {
			of |= plan.Recipient
		}
		if list.Sent(id) {
			of |= plan.Sender
		}
		switch {
		case !ok || of == 0 || s.Mapping != 0:
		case !s.Deleted.IsZero():
			rep.Deleted++
			s.Mapping = plan.Mapping // there is nothing to write to
			done.Gifts = append(done.Gifts, s)
		default:
			changes = append(changes, plan.Change{Action: plan.Update, Gift: s.Gift, Have: s, ObjectID: s.ObjectID, Properties: e.blanks(s, of), Reasons: []string{"erased"}})
		}
	}
	outcomes, updateErr := r.portal.Records.Update(ctx, changes)
	audit := auditLog{run: r.id}
	for _, o := range outcomes {
		s := o.Change.Have
		switch o.End {
		case portal.Updated:
			rep.Blanked++
			s.ObjectID = o.ObjectID
			audit.add(portal.ActionErase, o.Call, s.Gift.ID, o.Change.Reasons)
		case portal.Deleted:
			rep.Deleted++
			s.Deleted, s.Links = r.started, nil
		case portal.Refused:
			rep.Refused++
			r.log.Warn("HubSpot does not let a record be blanked whose recipient was erased", logTransaction, s.Gift.ID, logObject, s.ObjectID)
			continue
		default:
			continue
		}
		if !s.Erased.IsZero() { // it is not written again; an erased sender's is, in full
			s.Mapping = plan.Mapping
		}
		done.Gifts = append(done.Gifts, s)
	}
	for _, entry := range audit.entries {
		done.Audit = append(done.Audit, *entry)
	}
	if isEmpty(done) {
		return updateErr
	}
	if err := r.recorder.Commit(done); err != nil {
		return fmt.Errorf("recording what was blanked: %w", err)
	}
	return updateErr
}

// blanks are the properties that clear what the record of a gift holds of parties.
func (e *eraser) blanks(s plan.Stored, of plan.Party) map[string]string {
	props := plan.Blank(of)
	if of&plan.Recipient == 0 {
		return props
	}
	for _, name := range e.run.cfg().Metadata {
		props[name] = ""
	}
	for name := range s.Gift.Metadata {
		props[name] = ""
	}
	return props
}

// stillErased is a gift as a rebuilt journal holds it: if one of its parties was
// erased, without what HubSpot may still have of him, which the next run blanks.
func stillErased(r *run, s plan.Stored) plan.Stored {
	of := partiesOf(r.cfg().Suppressed, s.Gift)
	if of == 0 {
		return s
	}
	mapping, holds := s.Mapping, plan.HoldsPersonal(s, of)
	if s = plan.Erase(s, of, r.started); !holds {
		s.Mapping = mapping
	}
	return s
}

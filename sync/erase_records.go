package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"thnks-hubspot-sync/hubspot"
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
	suspect := errors.As(updateErr, new(*hubspot.Systematic)) // the definition, as it may lack a property
	audit := auditLog{run: r.id}
	dead, err := e.tombstones(ctx, outcomes)
	updateErr = errors.Join(updateErr, err)
	for _, o := range outcomes {
		s := o.Change.Have
		switch o.End {
		case portal.Updated:
			rep.Blanked++
			s.ObjectID = o.ObjectID
			audit.add(portal.ActionErase, o.Call, s.Gift.ID, o.Change.Reasons)
		case portal.Deleted:
			if !dead {
				continue
			}
			rep.Deleted++
			s.Deleted, s.Links = r.started, nil
		case portal.Refused:
			rep.Refused++
			suspect = suspect || portal.IsRefused(o.Err)
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
	if suspect {
		if err := r.portal.Object.RecheckLater(); err != nil {
			updateErr = errors.Join(updateErr, err)
		}
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

// tombstones reports whether the records that HubSpot does not find were deleted. Like
// a run, it believes this of up to four, and of more only if HubSpot does not list them
// either: if we took a live record for deleted, it would keep a person's values for good.
func (e *eraser) tombstones(ctx context.Context, outcomes []portal.Outcome) (believed bool, err error) {
	d := e.run.counts.deletions
	all := slices.Clone(d.found)
	for _, o := range outcomes {
		if o.End == portal.Deleted {
			all = append(all, tombstone{o.Change.Gift.ID, o.Change.ObjectID, e.run.started})
		}
	}
	if len(all) > len(d.found) && len(all) > trustedDeletions {
		if err := d.check(ctx, e.run, all); err != nil {
			return false, err
		}
	}
	d.found = all
	return true, nil
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

// stayErased takes out of gifts that are on their way into a rebuilt journal what HubSpot
// may still have of erased people, which the next run blanks. It puts the gifts on the
// list first: once the address has gone, the id alone tells whose they are.
func stayErased(r *run, gifts []plan.Stored) error {
	list := r.cfg().Suppressed
	var received, sent []string
	for i, s := range gifts {
		of := partiesOf(list, s.Gift)
		if of&plan.Recipient != 0 {
			received = append(received, s.Gift.ID)
		}
		if of&plan.Sender != 0 {
			sent = append(sent, s.Gift.ID)
		}
		if of == 0 {
			continue
		}
		gifts[i] = plan.Erase(s, of, r.started)
		if !plan.HoldsPersonal(s, of) {
			gifts[i].Mapping = s.Mapping
		}
	}
	if len(received)+len(sent) == 0 {
		return nil
	}
	return list.Add(nil, received, sent)
}

package sync

import (
	"context"
	"fmt"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// linkKinds are the kinds of links, in the order in which they are made.
var linkKinds = [...]plan.Kind{plan.Contact, plan.Company, plan.Deal}

// associate makes the links that the writes could not carry. Where an end of
// one was not found, the record may have been merged or deleted meanwhile: it
// is looked at singly, and followed.
func (b *batch) associate(ctx context.Context) error {
	if err := b.link(ctx); err != nil {
		return err
	}
	merged, err := b.trace(ctx)
	if err == nil && merged {
		err = b.link(ctx)
	}
	if err != nil {
		return err
	}
	for _, e := range b.effects {
		switch {
		case e.linkOnly && e.linked > 0:
			b.tally.add(e.stored.Gift.ID, endUpdated)
		case e.linkOnly:
			b.tally.add(e.stored.Gift.ID, endUnchanged)
		}
	}
	return nil
}

// link makes the pending links, a kind at a time. One that HubSpot refuses is
// noted as such; the rest goes on.
func (b *batch) link(ctx context.Context) error {
	for _, kind := range linkKinds {
		var owners []*effect
		var links []plan.Link
		var in []hubspot.Pair
		for _, e := range b.effects {
			for _, l := range e.pending {
				if l.Kind == kind {
					owners, links = append(owners, e), append(links, l)
					in = append(in, hubspot.Pair{
						FromID: e.stored.ObjectID, ToID: l.ID,
						Types: []hubspot.AssociationType{b.object.Links[kind]},
					})
				}
			}
		}
		if len(in) == 0 {
			continue
		}
		outcomes, err := b.CRM.Associate(ctx, b.object.TypeID, linkTypes[kind], in)
		for i, o := range outcomes {
			e, id := owners[i], owners[i].stored.Gift.ID
			switch {
			case o.Err == nil:
				b.linked++
				e.link(links[i])
				b.audit(actionAssociate, o.Call, id, []string{string(kind)})
			case err != nil:
				// Still pending: the gift is not recorded, and the next run does it again.
			case gone(o.Err):
				e.forgo(links[i])
				e.lost = append(e.lost, links[i])
				if kind == plan.Contact {
					// Company and deals follow the contact.
					e.lost = append(e.lost, e.pending...)
					e.pending = nil
				}
			case refused(o.Err):
				b.refused++
				e.refuse(links[i])
				b.log.Info("link refused by HubSpot", "transaction", id, "kind", string(kind), "to", links[i].ID, "error", o.Err)
			default:
				e.forgo(links[i])
				b.log.Warn("HubSpot does not say whether it made a link; left to the next re-association", "transaction", id, "kind", string(kind), "to", links[i].ID, "error", o.Err)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// trace looks at the records with links of which an end was not found. The
// links of a record that was merged are pending again, on the new record, if
// that is still the gift's; a
// record that stands where it was lacks its other end, and the link is left
// out.
func (b *batch) trace(ctx context.Context) (merged bool, err error) {
	for _, e := range b.effects {
		if len(e.lost) == 0 {
			continue
		}
		lost := e.lost
		e.lost = nil
		o, err := b.CRM.Get(ctx, b.object.TypeID, e.stored.ObjectID, []string{keyProperty}, false)
		switch {
		case gone(err), err == nil && taken(o, e.stored.ObjectID, e.stored.Gift.ID):
			b.bury(e)
		case err != nil:
			return false, fmt.Errorf("looking what became of record %s: %w", e.stored.ObjectID, err)
		case o.ID != e.stored.ObjectID:
			b.log.Info("record was merged in HubSpot", "transaction", e.stored.Gift.ID, "object", e.stored.ObjectID, "into", o.ID)
			e.stored.ObjectID = o.ID
			e.pending = append(e.pending, lost...)
			merged = true
		default:
			for _, l := range lost {
				b.log.Warn("link left out: its other end is not in HubSpot", "transaction", e.stored.Gift.ID, "kind", string(l.Kind), "to", l.ID)
			}
		}
	}
	return merged, nil
}

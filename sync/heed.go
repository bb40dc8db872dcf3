package sync

import (
	"context"
	"fmt"
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// A revision is a change whose record's associations have been read.
type revision struct {
	at    int // among the changes
	seen  []plan.Link
	found []string // contacts among them
}

// heed lets contacts that people linked by hand count: before an orphan's
// record is linked to its match, the contacts that it has are read, and one
// among them is taken for the match.
func (b *batch) heed(ctx context.Context, changes []plan.Change) error {
	var revs []revision
	for i, c := range changes {
		if c.Action == plan.Update && hasKind(c.Links, plan.Contact) && !b.fresh[c.Gift.ID] {
			revs = append(revs, revision{at: i})
		}
	}
	if len(revs) == 0 {
		return nil
	}
	if err := b.findObject(ctx); err != nil {
		return err
	}
	if err := b.see(ctx, changes, plan.Contact, revs); err != nil {
		return err
	}
	var ids []string
	revs = slices.DeleteFunc(revs, func(r revision) bool {
		ids = append(ids, r.found...)
		return len(r.found) == 0
	})
	if len(revs) == 0 {
		return nil
	}
	contacts, err := b.people.contacts(ctx, ids)
	if err != nil {
		return err
	}
	return b.follow(ctx, changes, revs, contacts)
}

// see reads what the records of the changes are associated with, of one kind.
func (b *batch) see(ctx context.Context, changes []plan.Change, kind plan.Kind, revs []revision) error {
	ids := make([]string, len(revs))
	for i, r := range revs {
		ids[i] = changes[r.at].ObjectID
	}
	related, err := b.CRM.Associated(ctx, b.object.TypeID, linkTypes[kind], ids)
	if err != nil {
		return fmt.Errorf("reading the records' associations: %w", err)
	}
	for i, outcome := range related {
		if outcome.Err != nil {
			return fmt.Errorf("reading the records' associations: %w", outcome.Err)
		}
		for _, to := range outcome.Found {
			revs[i].seen = append(revs[i].seen, plan.Link{Kind: kind, ID: to.ToID})
			if kind == plan.Contact {
				revs[i].found = append(revs[i].found, to.ToID)
			}
		}
	}
	return nil
}

// follow plans the links of records anew that have been seen to have
// contacts: company and deals follow one of them.
func (b *batch) follow(ctx context.Context, changes []plan.Change, revs []revision, contacts map[string]plan.Candidate) error {
	chosen := make([]plan.Candidate, len(revs))
	var need []string
	for i, r := range revs {
		c := changes[r.at]
		var found []plan.Candidate
		for _, id := range r.found {
			if p, ok := contacts[id]; ok {
				found = append(found, p)
			}
		}
		id := plan.Linked(c.Have, found)
		for _, p := range found {
			if p.ID == id {
				chosen[i] = p
			}
		}
		if id != "" && (!hasLink(c.Have.Links, plan.Contact, id) || plan.SentWithin(c.Gift, b.rules()) || len(linkIDs(c.Retry, plan.Deal)) > 0) {
			need = append(need, id)
		}
	}
	slices.Sort(need)
	deals, err := b.people.openDeals(ctx, slices.Compact(need))
	if err != nil {
		return fmt.Errorf("looking deals up: %w", err)
	}
	for i, r := range revs {
		p := chosen[i]
		contact := plan.Match{ID: p.ID, Company: p.Company, Deals: deals[p.ID]}
		changes[r.at] = changes[r.at].Relink(r.seen, contact, b.who, b.rules())
	}
	return nil
}

// contacts reads contacts by their ids, which those that were merged answer
// to as before. One that is gone is absent.
func (p *people) contacts(ctx context.Context, ids []string) (map[string]plan.Candidate, error) {
	found, err := p.run.current(ctx, "contacts", ids, contactProperties)
	if err != nil {
		return nil, err
	}
	contacts := make(map[string]plan.Candidate, len(found))
	for id, o := range found {
		contacts[id] = candidate(*o)
	}
	return contacts, nil
}

// current reads records by ids that may be old. A record that was merged into
// another drops out of batches in silence, and only a single read tells what
// it has become; one that is gone is absent.
func (r *run) current(ctx context.Context, objectType string, ids, properties []string) (map[string]*hubspot.Object, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	outcomes, err := r.CRM.Read(ctx, objectType, ids, properties)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", objectType, err)
	}
	found := make(map[string]*hubspot.Object, len(ids))
	for i, o := range outcomes {
		if gone(o.Err) {
			o.Object, o.Err = r.CRM.Get(ctx, objectType, ids[i], properties, false)
			if gone(o.Err) {
				continue
			}
		}
		if o.Err != nil {
			return nil, fmt.Errorf("reading %s: %w", objectType, o.Err)
		}
		found[ids[i]] = o.Object
	}
	return found, nil
}

func hasKind(links []plan.Link, k plan.Kind) bool {
	return slices.ContainsFunc(links, func(l plan.Link) bool { return l.Kind == k && !l.Refused })
}

func hasLink(links []plan.Link, k plan.Kind, id string) bool {
	return slices.ContainsFunc(links, func(l plan.Link) bool { return l.Kind == k && l.ID == id && !l.Refused })
}

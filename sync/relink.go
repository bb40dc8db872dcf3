package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// linkedRecord is a change whose record's associations have been read.
type linkedRecord struct {
	at       int // among the changes
	seen     []plan.Link
	contacts []string // among what was seen
}

// removed returns the links that the journal knows and the record does not have,
// where everything was read that the record is associated with and links are made to.
func (r linkedRecord) removed(known []plan.Link) []plan.Link {
	return slices.DeleteFunc(slices.Clone(known), func(l plan.Link) bool {
		return plan.HasMadeLink(r.seen, l.Kind, l.ID)
	})
}

// withheld reports whether the token's scopes allow no links of a kind to be read.
func withheld(r *run, kind plan.Kind) bool {
	return slices.ContainsFunc(r.portal.Withheld, func(f portal.Feature) bool { return f.Links == kind })
}

// preferLinkedContacts respects contacts that users linked by hand: before an
// orphan is linked to its match, it reads the record's contacts and uses one of
// them instead. Records in created are so new that no user has linked them.
func (b *batch) preferLinkedContacts(ctx context.Context, changes []plan.Change, created map[string]bool) error {
	var records []linkedRecord
	for i, c := range changes {
		if c.Action == plan.Update && plan.HasMade(c.Links, plan.Contact) && !created[c.Gift.ID] {
			records = append(records, linkedRecord{at: i})
		}
	}
	if err := b.readLinks(ctx, changes, plan.Contact, records); err != nil {
		return err
	}
	var ids []string
	records = slices.DeleteFunc(records, func(r linkedRecord) bool {
		ids = append(ids, r.contacts...)
		return len(r.contacts) == 0
	})
	if len(records) == 0 {
		return nil
	}
	contacts, failed, err := b.run.portal.Directory.Contacts(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range records {
		setAsideWith(b, changes[r.at], r.contacts, failed)
	}
	return b.planFromContacts(ctx, changes, records, contacts)
}

// readLinks reads what the records of the changes are associated with, of one
// kind.
func (b *batch) readLinks(ctx context.Context, changes []plan.Change, kind plan.Kind, records []linkedRecord) error {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = changes[r.at].ObjectID
	}
	found, err := b.run.portal.Records.Associations(ctx, kind, ids)
	if err != nil {
		return err
	}
	for i, to := range found {
		if to.Err != nil {
			b.setChangeAside(changes[records[i].at], to.Err)
		}
		for _, id := range to.IDs {
			records[i].seen = append(records[i].seen, plan.Link{Kind: kind, ID: id})
		}
		if kind == plan.Contact {
			records[i].contacts = append(records[i].contacts, to.IDs...)
		}
	}
	return nil
}

// planFromContacts plans the links of records again that were seen to have
// contacts: company and deals follow one of these.
func (b *batch) planFromContacts(ctx context.Context, changes []plan.Change, records []linkedRecord, contacts map[string]plan.Candidate) error {
	rules := b.run.rules()
	chosen := make([]plan.Candidate, len(records))
	need := make(map[string]plan.Candidate)
	for i, r := range records {
		c := changes[r.at]
		var found []plan.Candidate
		for _, id := range r.contacts {
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
		newlyLinked := !plan.HasMadeLink(c.Have.Links, plan.Contact, id)
		if id != "" && (newlyLinked || plan.SentWithin(c.Gift, rules) || len(plan.LinkIDs(c.Retry, plan.Deal)) > 0) {
			need[id] = chosen[i]
		}
	}
	deals, failed, err := b.run.portal.Directory.OpenDeals(ctx, slices.SortedFunc(maps.Values(need), func(x, y plan.Candidate) int { return plan.CompareIDs(x.ID, y.ID) }))
	if err != nil {
		return fmt.Errorf("looking deals up: %w", err)
	}
	for i, r := range records {
		p := chosen[i]
		setAsideWith(b, changes[r.at], []string{p.ID}, failed)
		contact := plan.Match{ID: p.ID, Company: p.Company, Deals: deals[p.ID]}
		changes[r.at] = changes[r.at].Relink(r.seen, contact, b.who, rules)
	}
	return nil
}

// relink plans the links of changes by the batch's directory.
func (b *batch) relink(changes []plan.Change) {
	for i, c := range changes {
		changes[i] = c.Relink(nil, plan.Match{}, b.who, b.run.rules())
	}
}

// unchanged returns a change for each gift of a journal batch, with nothing to
// do yet.
func (b *batch) unchanged() []plan.Change {
	changes := make([]plan.Change, len(b.loaded.gifts))
	for i, g := range b.loaded.gifts {
		changes[i] = plan.Unchanged(b.loaded.have[g.ID])
	}
	return changes
}

// A reviewPlanner plans gifts of the journal by what HubSpot holds today: where
// their records, contacts and companies are now, what users linked and unlinked,
// which recipients have become contacts, what is missing.
type reviewPlanner struct {
	revived map[string]bool // contacts that were deleted, with their links, and are there again; may be nil

	records  []linkedRecord
	contacts map[string]plan.Candidate
}

// first finds out where records, contacts and companies are now. Orphans
// without a contact need their recipient looked up.
func (p *reviewPlanner) first(ctx context.Context, b *batch) ([]plan.Change, []string, error) {
	changes := b.unchanged()
	retry := make([][]plan.Link, len(changes))
	for i, c := range changes {
		var links []plan.Link
		for _, l := range c.Have.Links {
			if l.Refused {
				retry[i] = append(retry[i], l)
			} else {
				links = append(links, l)
			}
		}
		changes[i].Have.Links = links
	}
	if err := b.followRecords(ctx, changes); err != nil {
		return nil, nil, err
	}
	for i, c := range changes {
		changes[i].Retry = retry[i]
		if c.Action != plan.Skip && !b.aside[c.Gift.ID] {
			p.records = append(p.records, linkedRecord{at: i})
		}
	}
	for _, kind := range plan.Kinds() {
		if withheld(b.run, kind) {
			continue
		}
		if err := b.readLinks(ctx, changes, kind, p.records); err != nil {
			return nil, nil, err
		}
	}
	if err := p.followContacts(ctx, b, changes); err != nil {
		return nil, nil, err
	}
	if err := p.followCompanies(ctx, b, changes); err != nil {
		return nil, nil, err
	}
	var need []string
	for _, r := range p.records {
		if c := changes[r.at]; c.Have.Orphan != "" && len(r.contacts) == 0 {
			need = appendAddress(b.run, need, c.Gift)
		}
	}
	return changes, need, nil
}

// second plans the links.
func (p *reviewPlanner) second(ctx context.Context, b *batch, changes []plan.Change) ([]plan.Change, error) {
	for _, r := range p.records {
		changes[r.at].Removed = r.removed(changes[r.at].Have.Links)
	}
	return changes, b.planFromContacts(ctx, changes, p.records, p.contacts)
}

// followRecords finds out where the changes' records are: merged into another,
// deleted by users, or restored by them. Those without an owner are given to the
// user who sent the gift.
func (b *batch) followRecords(ctx context.Context, changes []plan.Change) error {
	if err := b.run.portal.Directory.LearnOwners(ctx); err != nil {
		return err
	}
	var live, deleted []string
	for _, c := range changes {
		if c.Skipped == plan.SkippedErased {
			continue
		}
		if c.Action == plan.Skip {
			// A restored one may have been merged since, which its old id would not
			// tell.
			deleted = append(deleted, c.Gift.ID)
		} else {
			live = append(live, c.ObjectID)
		}
	}
	records, err := b.run.portal.Records.Current(ctx, live)
	if err != nil {
		return err
	}
	restored, err := b.run.portal.Records.ByGift(ctx, deleted)
	if err != nil {
		return err
	}
	for i, c := range changes {
		now, found := records[c.ObjectID]
		if c.Action == plan.Skip {
			now, found = restored[c.Gift.ID]
		}
		if now.Err != nil {
			b.setChangeAside(c, now.Err)
			continue
		}
		if found && now.TakenBy(c.ObjectID, c.Gift.ID) {
			found = false
		}
		changes[i] = b.followRecord(c, now, found)
	}
	return nil
}

// followRecord returns the change of a record that was found to be now, or to be
// gone.
func (b *batch) followRecord(c plan.Change, now portal.Record, found bool) plan.Change {
	switch {
	case !found && c.Action == plan.Skip, c.Skipped == plan.SkippedErased:
		return c
	case !found:
		c.Have.Links, c.Have.Deleted = nil, b.run.started
		b.run.logDeleted(c.Gift.ID, c.ObjectID)
		c = plan.Unchanged(c.Have)
		c.Noted = true
		return c
	case c.Action == plan.Skip:
		// Its links went with it. A change that was about to be written when it was
		// found to be deleted is not in it: it is written in full at the next change.
		c.Have.Deleted, c.Have.Orphan, c.Have.Mapping = time.Time{}, plan.NoContact, 0
		b.run.log.Info("record was restored in HubSpot", logTransaction, c.Gift.ID, logObject, c.ObjectID)
	case now.ID != c.ObjectID:
		b.run.logMerged(c.Gift.ID, c.ObjectID, now.ID)
	default:
		b.assignOwner(&c, now.Owner)
		return c
	}
	c.Have.ObjectID = now.ID
	c = plan.Unchanged(c.Have)
	c.Noted = true
	b.assignOwner(&c, now.Owner)
	return c
}

// assignOwner gives a record that has no owner to the user who sent the gift.
func (b *batch) assignOwner(c *plan.Change, owner string) {
	if id := b.run.portal.Directory.OwnerOf(c.Gift.Sender.Email); owner == "" && id != "" {
		c.Properties = map[string]string{portal.OwnerProperty: id}
		c.Reasons = []string{"owner"}
	}
}

// followContacts reads the contacts that the journal or HubSpot links to the
// records, and re-keys the journal's links: to the contact that one was merged
// into, and to nothing where it is gone, or was and has no link any more. A gift that
// is left without a contact by that is an orphan again.
func (p *reviewPlanner) followContacts(ctx context.Context, b *batch, changes []plan.Change) error {
	var ids []string
	for _, r := range p.records {
		ids = append(append(ids, r.contacts...), plan.LinkIDs(changes[r.at].Have.Links, plan.Contact)...)
	}
	var failed map[string]error
	var err error
	if p.contacts, failed, err = b.run.portal.Directory.Contacts(ctx, ids); err != nil {
		return err
	}
	for _, r := range p.records {
		setAsideWith(b, changes[r.at], slices.Concat(r.contacts, plan.LinkIDs(changes[r.at].Have.Links, plan.Contact)), failed)
	}
	now := func(id string) string { return p.contacts[id].ID }
	for k, r := range p.records {
		c := &changes[r.at]
		before := slices.IndexFunc(c.Have.Links, func(l plan.Link) bool { return l.Kind == plan.Contact && !l.Refused })
		had := before >= 0
		if had {
			c.Have.Former = c.Have.Links[before]
		}
		rekey(c, plan.Contact, func(id string) string {
			if p.revived[id] && !slices.Contains(r.contacts, now(id)) {
				return ""
			}
			return now(id)
		})
		p.records[k].contacts = slices.DeleteFunc(r.contacts, func(id string) bool { return now(id) == "" })
		p.records[k].seen = slices.DeleteFunc(r.seen, func(l plan.Link) bool { return l.Kind == plan.Contact && now(l.ID) == "" })
		if had && !plan.HasMade(c.Have.Links, plan.Contact) {
			c.Have.Orphan = plan.ContactGone
		} else if had {
			c.Have.Former = plan.Link{}
		}
	}
	return nil
}

// followCompanies re-keys the journal's links to companies that the records no
// longer show.
func (p *reviewPlanner) followCompanies(ctx context.Context, b *batch, changes []plan.Change) error {
	if withheld(b.run, plan.Company) {
		return nil
	}
	var ids []string
	for _, r := range p.records {
		for _, id := range plan.LinkIDs(changes[r.at].Have.Links, plan.Company) {
			if !plan.HasMadeLink(r.seen, plan.Company, id) {
				ids = append(ids, id)
			}
		}
	}
	companies, failed, err := b.run.portal.Directory.Companies(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range p.records {
		setAsideWith(b, changes[r.at], plan.LinkIDs(changes[r.at].Have.Links, plan.Company), failed)
		rekey(&changes[r.at], plan.Company, func(id string) string {
			if plan.HasMadeLink(r.seen, plan.Company, id) && companies[id] == "" {
				return id
			}
			return companies[id]
		})
	}
	return nil
}

// rekey changes the ids of the journal's links of one kind to what they are
// now; "" drops a link. Two that have become one keep the earlier's time.
func rekey(c *plan.Change, kind plan.Kind, now func(id string) string) {
	var links []plan.Link
	for _, l := range c.Have.Links {
		if l.Kind != kind {
			links = append(links, l)
			continue
		}
		id := now(l.ID)
		c.Noted = c.Noted || id != l.ID
		if id == "" {
			continue
		}
		l.ID = id
		if i := slices.IndexFunc(links, func(m plan.Link) bool { return m.Kind == kind && m.ID == id }); i >= 0 {
			if l.At.Before(links[i].At) {
				links[i] = l
			}
			continue
		}
		links = append(links, l)
	}
	c.Have.Links = plan.SortLinks(links)
}

package sync

import (
	"context"
	"slices"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// review plans a batch by what HubSpot holds today: where its records, their
// contacts and companies have gone to, what people linked and unlinked, whose
// recipients have become contacts, what is missing.
func (b *batch) review(ctx context.Context, _ []plan.Stored) error {
	retry := make([][]plan.Link, len(b.changes))
	for i, c := range b.changes {
		var links []plan.Link
		for _, l := range c.Have.Links {
			if l.Refused {
				retry[i] = append(retry[i], l)
			} else {
				links = append(links, l)
			}
		}
		b.changes[i].Have.Links = links
	}
	if err := b.followRecords(ctx); err != nil {
		return err
	}
	for i := range b.changes {
		b.changes[i].Retry = retry[i]
	}
	var revs []revision
	for i, c := range b.changes {
		if c.Action != plan.Skip {
			revs = append(revs, revision{at: i})
		}
	}
	for _, kind := range linkKinds {
		if err := b.see(ctx, b.changes, kind, revs); err != nil {
			return err
		}
	}
	contacts, err := b.followContacts(ctx, revs)
	if err != nil {
		return err
	}
	if err := b.followCompanies(ctx, revs); err != nil {
		return err
	}
	var need []string
	for _, r := range revs {
		if c := b.changes[r.at]; c.Have.Orphan != "" && len(r.found) == 0 {
			need = appendAddress(need, c.Gift)
		}
	}
	if err := b.meetPeople(ctx, need, nil); err != nil {
		return err
	}
	return b.follow(ctx, b.changes, revs, contacts)
}

// followRecords finds out where the batch's records are: merged into another,
// deleted by people, or restored by them. Those that nobody owns are given to
// the user who sent the gift.
func (b *batch) followRecords(ctx context.Context) error {
	if err := b.learnOwners(ctx); err != nil {
		return err
	}
	var alive, buried, graves []string
	for _, c := range b.changes {
		if c.Action == plan.Skip {
			// One that came back may have been merged since, of which its old id
			// would tell nothing.
			buried, graves = append(buried, c.Gift.ID), append(graves, c.ObjectID)
		} else {
			alive = append(alive, c.ObjectID)
		}
	}
	records, err := b.current(ctx, b.object.TypeID, alive, []string{ownerProperty, keyProperty})
	if err != nil {
		return err
	}
	restored, err := b.CRM.ReadByKey(ctx, b.object.TypeID, keyProperty, buried, []string{ownerProperty, keyProperty}, false)
	if err != nil {
		return err
	}
	for i, o := range restored {
		if o.Object != nil {
			records[graves[i]] = o.Object
		}
	}
	for i, c := range b.changes {
		o := records[c.ObjectID]
		if taken(o, c.ObjectID, c.Gift.ID) {
			o = nil
		}
		switch {
		case o == nil && c.Action == plan.Skip:
			continue
		case o == nil:
			c.Have.Links, c.Have.Deleted = nil, b.started
			b.changes[i] = plan.Unchanged(c.Have)
			b.changes[i].Noted = true
			b.log.Info("record was deleted in HubSpot and stays deleted", "transaction", c.Gift.ID, "object", c.ObjectID)
			continue
		case c.Action == plan.Skip:
			// Its links went with it. What was about to be written when it was found
			// to be deleted is not in it: it is written in full when it is next met.
			c.Have.Deleted, c.Have.Orphan, c.Have.Mapping = time.Time{}, plan.NoContact, 0
			b.log.Info("record was restored in HubSpot", "transaction", c.Gift.ID, "object", c.ObjectID)
		case o.ID != c.ObjectID:
			b.log.Info("record was merged in HubSpot", "transaction", c.Gift.ID, "object", c.ObjectID, "into", o.ID)
		default:
			b.own(&b.changes[i], o.Properties[ownerProperty])
			continue
		}
		c.Have.ObjectID = o.ID
		b.changes[i] = plan.Unchanged(c.Have)
		b.changes[i].Noted = true
		b.own(&b.changes[i], o.Properties[ownerProperty])
	}
	return nil
}

// taken reports whether the record was merged into another gift's: that one
// keeps its transaction id, and this gift's record is no more.
func taken(o *hubspot.Object, was, giftID string) bool {
	return o != nil && o.ID != was && o.Properties[keyProperty] != giftID
}

// own gives a record that has no owner to the user who sent the gift.
func (b *batch) own(c *plan.Change, owner string) {
	if id := b.ownerOf(c.Gift); owner == "" && id != "" {
		c.Properties = map[string]string{ownerProperty: id}
		c.Reasons = []string{"owner"}
	}
}

// followContacts reads the contacts that the journal or HubSpot links to the
// records, and re-keys the journal's links: to what a contact was merged into,
// and to nothing where it is gone. A gift that is left without a contact
// thereby is an orphan again.
func (b *batch) followContacts(ctx context.Context, revs []revision) (map[string]plan.Candidate, error) {
	var ids []string
	for _, r := range revs {
		ids = append(append(ids, r.found...), linkIDs(b.changes[r.at].Have.Links, plan.Contact)...)
	}
	contacts, err := b.people.contacts(ctx, ids)
	if err != nil {
		return nil, err
	}
	now := func(id string) string { return contacts[id].ID }
	for k, r := range revs {
		c := &b.changes[r.at]
		had := hasKind(c.Have.Links, plan.Contact)
		rekey(c, plan.Contact, now)
		revs[k].found = slices.DeleteFunc(r.found, func(id string) bool { return now(id) == "" })
		revs[k].seen = slices.DeleteFunc(r.seen, func(l plan.Link) bool { return l.Kind == plan.Contact && now(l.ID) == "" })
		if had && !hasKind(c.Have.Links, plan.Contact) {
			c.Have.Orphan = plan.ContactGone
		}
	}
	return contacts, nil
}

// followCompanies re-keys the journal's links to companies that the records
// no longer show.
func (b *batch) followCompanies(ctx context.Context, revs []revision) error {
	var ids []string
	for _, r := range revs {
		for _, id := range linkIDs(b.changes[r.at].Have.Links, plan.Company) {
			if !hasLink(r.seen, plan.Company, id) {
				ids = append(ids, id)
			}
		}
	}
	companies, err := b.current(ctx, linkTypes[plan.Company], ids, nil)
	if err != nil {
		return err
	}
	for _, r := range revs {
		rekey(&b.changes[r.at], plan.Company, func(id string) string {
			if o, ok := companies[id]; ok {
				return o.ID
			}
			if hasLink(r.seen, plan.Company, id) {
				return id
			}
			return ""
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

func linkIDs(links []plan.Link, kind plan.Kind) []string {
	var ids []string
	for _, l := range links {
		if l.Kind == kind {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

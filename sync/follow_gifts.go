package sync

import (
	"context"
	"maps"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// giftsOf returns the gifts that the events concern: those linked to their
// contacts, and the orphans among those sent to the contacts' addresses, with the
// contact of each address.
func (r *eventRun) giftsOf(ctx context.Context, f *followed) (linked, orphans []plan.Gift, who plan.Directory, err error) {
	people := r.run.cfg().People
	var moved, tied, sent []string
	holders := make(map[string][]plan.Candidate) // by address
	for _, e := range f.events {
		for _, id := range f.contacts[e.Seq] {
			now, shown := f.now[id]
			if f.failed[id] != nil || !shown && r.young(&e) {
				continue
			}
			ids, err := people.ByContact(id)
			f.gifts[e.Seq] = append(f.gifts[e.Seq], ids...)
			switch {
			case err != nil:
				return nil, nil, nil, err
			case !shown, e.Kind == "contact.merge":
				moved = append(moved, ids...)
			case e.Kind == "contact.deletion", e.Kind == "contact.restore":
				moved = append(moved, ids...)
				f.revived[id] = true
			case tiesDeals(&e):
				tied = append(tied, ids...)
			}
			if !shown || e.RecordType == "deal" {
				continue
			}
			for _, spelling := range append([]string{now.Email}, now.Additional...) {
				a, ok := plan.CanonicalEmail(spelling)
				if !ok {
					continue
				}
				holders[a] = append(holders[a], now)
				ids, err := people.ByEmail(a)
				if err != nil {
					return nil, nil, nil, err
				}
				f.gifts[e.Seq] = append(f.gifts[e.Seq], ids...)
				sent = append(sent, ids...)
			}
		}
	}
	rules, isMoved := r.run.rules(), make(map[string]bool)
	for _, id := range moved {
		isMoved[id] = true
	}
	linked, err = r.stored(append(moved, tied...), func(s plan.Stored) bool {
		return s.Orphan == "" && (isMoved[s.Gift.ID] || plan.SentWithin(s.Gift, rules) || !plan.HasMade(s.Links, plan.Company))
	})
	if err != nil {
		return nil, nil, nil, err
	}
	orphans, err = r.stored(sent, func(s plan.Stored) bool { return s.Orphan.Lookable() })
	if err != nil || len(orphans) == 0 {
		return linked, nil, nil, err
	}
	who, err = r.matches(ctx, orphans, holders, f.failed)
	return linked, orphans, who, err
}

// tiesDeals reports whether an event may have tied a deal or a company to its
// contact, which gifts sent lately follow.
func tiesDeals(e *store.Event) bool {
	return e.RecordType == "deal" || e.Kind == "contact.associationChange"
}

// stored returns the gifts of the journal that are not erased, deleted or left out.
func (r *eventRun) stored(ids []string, wanted func(plan.Stored) bool) ([]plan.Gift, error) {
	ids = distinct(ids)
	have, err := r.run.journal.Gifts(ids)
	if err != nil {
		return nil, err
	}
	var gifts []plan.Gift
	for _, id := range ids {
		if s, ok := have[id]; ok && s.Deleted.IsZero() && s.Erased.IsZero() && wanted(s) {
			gifts = append(gifts, s.Gift)
		}
	}
	return gifts, nil
}

// matches returns the contacts of the orphans' recipients: the contact that was read,
// where its primary address is the recipient's, as HubSpot has no second one with it;
// else by the look-up that a run makes, and where that finds none yet the contact that
// was read and has the address beside others, as HubSpot's index lags behind its
// records. A contact of which HubSpot does not say which deals it has is no match, as it
// would be linked without them: it is added to failed.
func (r *eventRun) matches(ctx context.Context, orphans []plan.Gift, holders map[string][]plan.Candidate, failed map[string]error) (plan.Directory, error) {
	directory := r.run.portal.Directory
	read := make(plan.Directory) // who was read
	var ask []string
	var contacts []plan.Candidate
	take := func(a string, m plan.Match) {
		read[a] = m
		for _, c := range holders[a] {
			if c.ID == m.ID {
				contacts = append(contacts, c)
			}
		}
	}
	for _, a := range distinct(addresses(r.run, orphans)) {
		if m := plan.Choose(a, holders[a]); m.ID != "" && !m.Secondary && len(plan.Spellings(a)) == 1 {
			take(a, m)
		} else {
			ask = append(ask, a)
		}
	}
	who, err := directory.LookUp(ctx, ask, nil)
	if err != nil {
		return nil, err
	}
	for _, a := range ask {
		m := plan.Choose(a, holders[a])
		switch {
		case m.ID == "" || who[a].ID != "":
		case directory.Broken(a) != nil:
			failed[m.ID] = directory.Broken(a)
		default:
			take(a, m)
		}
	}
	deals, unread, err := directory.OpenDeals(ctx, contacts)
	if err != nil {
		return nil, err
	}
	maps.Copy(failed, unread)
	for a, m := range read {
		if failed[m.ID] == nil {
			m.Deals = deals[m.ID]
			who[a] = m
		}
	}
	return who, nil
}

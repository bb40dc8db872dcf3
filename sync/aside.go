package sync

import (
	"slices"

	"thnks-hubspot-sync/sync/plan"
)

// setAside records what is decided before planning: rows that are no gifts go
// into quarantine, and gifts that are there stay. It fails where too many rows
// are no gifts.
func (b *batch) setAside() error {
	if b.in.policy.countFailures {
		for _, class := range b.in.classes {
			if err := b.run.counts.failures.unreadable.add(class); err != nil {
				return err
			}
		}
	}
	for _, row := range b.in.bad {
		if namesErased(b.run.cfg().Suppressed, row.raw) || b.run.cfg().Suppressed.Received(row.id) {
			b.run.counts.tally.add(row.countedAs(), countedErased)
			continue
		}
		b.res.quarantineRow(row)
	}
	for _, id := range b.loaded.left {
		b.run.counts.tally.add(id, countedQuarantined)
	}
	return nil
}

// setUnreadableAside puts gifts into quarantine at whose recipient's address HubSpot
// fails: who does not answer for an address does not say that no contact has it. Gifts
// of the journal stay as they are. What events claim of such a gift, which names no
// recipient, is set aside with its row: a record of the claim alone would say nothing else.
func (b *batch) setUnreadableAside() {
	if b.in.policy.fromJournal {
		return
	}
	aside := make(map[string]bool)
	for _, g := range b.loaded.gifts {
		a, _ := plan.CanonicalEmail(g.Recipient.Email)
		err := b.run.portal.Directory.Broken(a)
		have, known := b.loaded.have[g.ID]
		if err == nil || known && have.Orphan == "" || aside[g.ID] {
			continue
		}
		aside[g.ID] = true
		b.res.quarantine(plan.Change{Gift: g}, err)
	}
	b.loaded.gifts = slices.DeleteFunc(slices.Clone(b.loaded.gifts), func(g plan.Gift) bool { return aside[g.ID] })
}

// setChangeAside puts the gift of a change into quarantine because HubSpot fails at
// a record that has to be read for it: one that is not shown is not gone.
func (b *batch) setChangeAside(c plan.Change, err error) {
	if b.aside[c.Gift.ID] {
		return
	}
	if b.aside == nil {
		b.aside = make(map[string]bool)
	}
	b.aside[c.Gift.ID] = true
	b.res.quarantine(c, err)
}

// setAsideWith is setChangeAside where one of the records is among those at which
// HubSpot fails.
func setAsideWith(b *batch, c plan.Change, ids []string, failed map[string]error) {
	for _, id := range ids {
		if err := failed[id]; err != nil {
			b.setChangeAside(c, err)
		}
	}
}

// attainable returns the changes of gifts that were not set aside.
func attainable(changes []plan.Change, aside map[string]bool) []plan.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c plan.Change) bool { return aside[c.Gift.ID] })
}

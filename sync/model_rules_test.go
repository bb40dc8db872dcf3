package sync_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// linksDue says which links the rules demand of a gift beside those that its
// record had, and which they leave to the program. The rules leave open
//
//   - what becomes of a record that people parted from its contact, linked to
//     several, or merged with another's: only what the contacts concerned have
//     may be added, and nothing that was taken away, but from the other's
//     record before the program saw them merged;
//   - whether a contact that people linked counts as linked now, that is
//     whether it brings deals to an old gift, and its company to a gift that
//     has one.
func (m *model) linksDue(tx thnksapitest.Transaction, g *modelGift, before map[string][]string, at time.Time) (due, allowed map[string][]string) {
	due, allowed = make(map[string][]string), make(map[string][]string)
	there := before["contacts"]
	known := make(map[string][]string)
	for kind, ids := range g.known {
		known[kind] = m.now(kind, ids)
	}
	own := ""
	if now := m.now("contacts", []string{g.contact}); g.contact != "" && m.lives("contacts", now[0]) {
		own = now[0]
	}
	match := m.match(tx)
	parted := own != "" && !slices.Contains(there, own)
	if parted || len(there) > 1 || g.mixed {
		g.open = true
	}
	if g.open {
		concerned := union(there, []string{own})
		if own == "" && (len(there) == 0 || g.mixed) {
			concerned = union(there, []string{match})
			allowed["contacts"] = []string{match}
		}
		for _, c := range concerned {
			company, deals := m.belongings(c)
			if company != "" {
				allowed["companies"] = append(allowed["companies"], company)
			}
			allowed["deals"] = append(allowed["deals"], deals...)
		}
		for kind := range allowed {
			allowed[kind] = without(allowed[kind], without(known[kind], m.now(kind, g.others[kind])))
		}
		return due, allowed
	}

	contact, made, byHand := own, false, false
	switch {
	case own != "":
		made = g.unfinished // the rest of it is still to be done
	case len(there) == 1:
		contact, byHand = there[0], true
	case match == "":
		return due, allowed
	default:
		contact, made = match, true
		due["contacts"] = []string{contact}
	}
	company, deals := m.belongings(contact)
	has := union(known["companies"], before["companies"])
	switch {
	case company == "" || slices.Contains(has, company):
	case made || len(before["companies"]) == 0: // what people removed stands for nothing
		due["companies"] = []string{company}
	case byHand:
		allowed["companies"] = []string{company}
	}
	age := at.Sub(sentAt(tx))
	young, border := age <= m.Rules.Lookback, (age-m.Rules.Lookback).Abs() < time.Hour
	seen := union(known["deals"], before["deals"])
	first := func(known []string) []string {
		fresh := without(deals, known)
		return fresh[:max(0, min(len(fresh), m.Rules.MaxDeals-len(both(known, before["deals"]))))]
	}
	if made || young && !border {
		due["deals"] = first(seen)
	}
	if made || young || border || byHand || m.narrowed {
		allowed["deals"] = first(known["deals"])
	}
	return due, allowed
}

// match is the contact that the recipient's address belongs to.
func (m *model) match(tx thnksapitest.Transaction) string {
	address := strings.ToLower(strings.TrimSpace(tx.Recipient.Email))
	if !strings.Contains(address, "@") {
		return ""
	}
	secondary := ""
	for c := range m.Portal.Records("contacts") {
		if c.Properties["email"] == address {
			return c.ID
		}
		if slices.Contains(strings.Split(c.Properties["hs_additional_emails"], ";"), address) {
			secondary = c.ID
		}
	}
	return secondary
}

// belongings are a contact's primary company and the deals that count, in the
// order in which they are linked.
func (m *model) belongings(contact string) (company string, deals []string) {
	if !m.lives("contacts", contact) {
		return "", nil
	}
	const primary = 1
	links := m.Portal.Links("contacts", contact)
	for _, l := range links["companies"] {
		if slices.Contains(l.Types, primary) && m.World.Rules.Companies {
			company = l.ToID
		}
	}
	var open []hubspottest.Record
	for _, l := range links["deals"] {
		d, ok := m.Portal.Record("deals", l.ToID)
		stage := d.Properties["dealstage"]
		tied := m.Rules.DealLabel == "" || len(l.Types) > 1 // the label's type beside the plain one
		if ok && !d.Archived && tied && stage != "closedwon" && stage != "closedlost" {
			open = append(open, d)
		}
	}
	slices.SortFunc(open, func(a, b hubspottest.Record) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	for _, d := range open {
		deals = append(deals, d.ID)
	}
	return company, deals
}

func (m *model) lives(kind, id string) bool {
	r, ok := m.Portal.Record(kind, id)
	return ok && !r.Archived
}

// both are those of a that are in b, too.
func both(a, b []string) []string { return without(a, without(a, b)) }

func sentAt(tx thnksapitest.Transaction) time.Time {
	if tx.Times.Sent.IsZero() {
		return tx.CreatedAt
	}
	return tx.Times.Sent
}

package plan

import (
	"cmp"
	"slices"
	"time"
)

// Unchanged is the change of a record that nothing was seen of: none. It is
// what [Change.Relink] starts from where links alone are looked at.
func Unchanged(have Stored) Change {
	c := Change{Action: Keep, Gift: have.Gift, Have: have, ObjectID: have.ObjectID, Orphan: have.Orphan, Ambiguous: have.Ambiguous}
	if !have.Deleted.IsZero() {
		c.Action, c.Skipped = Skip, SkippedDeleted
	}
	return c
}

// Relink plans the links of an existing record anew, from the associations
// that it was seen to have and the one contact among them that it follows (see
// [Linked]), zero when there is none.
//
//   - Associations that the journal does not know were made by people. They are
//     noted, and count as known from then on.
//   - The contact's company and deals follow it as in [Links]; a contact that is
//     only now noted counts as linked now. Deals that HubSpot refused once are
//     due however long ago the gift was sent.
//   - A record without its contact, where the journal has one, was parted from
//     it by people: nothing is made.
//   - A record without a contact in either gets the links of its recipient's
//     match in who.
func (c Change) Relink(seen []Link, contact Match, who Directory, r Rules) Change {
	if c.Action == Skip {
		return c
	}
	before := c.Have
	c.Have.Links = note(before.Links, seen, r.Now)
	switch {
	case contact.ID != "":
		fresh := !hasMadeID(before.Links, Contact, contact.ID)
		c.Links, c.DealsCut = follow(c.Gift, c.Have, contact, fresh, r)
		if !fresh && !SentWithin(c.Gift, r) {
			refused := slices.DeleteFunc(slices.Clone(contact.Deals), func(d OpenDeal) bool { return !hasID(c.Retry, Deal, d.ID) })
			again, _ := dealLinks(refused, c.Have.Links, r)
			c.Links = append(c.Links, again...)
		}
		SortLinks(c.Links)
		c.Orphan = ""
		if fresh {
			c.Ambiguous = false
		}
	case hasMade(before.Links, Contact) && before.Orphan == "":
		c.Links, c.Orphan, c.DealsCut = nil, "", 0
	default:
		c.Links, c.Orphan, c.Ambiguous, c.DealsCut = Links(c.Gift, c.Have, who, r)
	}
	c.Noted = c.Noted || !slices.Equal(before.Links, c.Have.Links) || before.Orphan != c.Orphan
	return c.decided()
}

// note returns the links with those that were seen and are not known.
func note(links, seen []Link, now time.Time) []Link {
	noted := slices.Clone(links)
	for _, l := range seen {
		switch i := slices.IndexFunc(noted, func(m Link) bool { return m.Kind == l.Kind && m.ID == l.ID }); {
		case i < 0:
			noted = append(noted, Link{Kind: l.Kind, ID: l.ID, At: now})
		case noted[i].Refused: // people made room and made it
			noted[i].Refused = false
		}
	}
	return SortLinks(noted)
}

// Linked picks, among the contacts that a gift's record is associated with, the
// one whose company and deals it follows: the one that the journal has known
// for longest, and among those that it does not know as [Choose] does; one that
// does not have the recipient's address comes last, but counts as well, because
// people know better. It returns "" when there are none.
func Linked(have Stored, found []Candidate) string {
	if len(found) == 0 {
		return ""
	}
	address, _ := CanonicalEmail(have.Gift.Recipient.Email)
	since := func(c Candidate) time.Time {
		i := slices.IndexFunc(have.Links, func(l Link) bool { return l.Kind == Contact && l.ID == c.ID && !l.Refused })
		if i < 0 {
			return time.Time{}
		}
		return have.Links[i].At
	}
	distance := func(c Candidate) int {
		switch {
		case address == "":
			return 2
		case sameAddress(c.Email, address):
			return 0
		case slices.ContainsFunc(c.Additional, func(a string) bool { return sameAddress(a, address) }):
			return 1
		default:
			return 2
		}
	}
	return slices.MinFunc(found, func(a, b Candidate) int {
		return cmp.Or(
			compareAges(since(a), since(b)),
			cmp.Compare(distance(a), distance(b)),
			compareAges(a.Created, b.Created),
			CompareIDs(a.ID, b.ID),
		)
	}).ID
}

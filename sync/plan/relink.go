package plan

import (
	"cmp"
	"slices"
	"time"
)

// Unchanged returns the empty change of a record. [Change.Relink] starts from it
// when a pass examines links only.
func Unchanged(have Stored) Change {
	c := Change{Action: Keep, Gift: have.Gift, Have: have, ObjectID: have.ObjectID, Orphan: have.Orphan, Ambiguous: have.Ambiguous}
	if c.Skipped = skipped(have); c.Skipped != "" {
		c.Action = Skip
	}
	return c
}

// Relink plans the links of an existing record again. seen are the associations
// that the record has in HubSpot, contact is the one that its company and deals
// follow (see [Linked]), zero if it has none.
//
//   - Associations that the journal does not know were made by users. They are
//     noted and count as known from then on.
//   - The contact's company and deals follow it as in [Links]. A contact that is
//     noted in this call counts as linked now. Deals that HubSpot refused once
//     are tried again regardless of when the gift was sent.
//   - If the journal has a contact and the record has none, users removed it:
//     no link is made.
//   - What users removed ([Change.Removed]) stays removed. The contact's primary
//     company of today may stand in for it, and other deals take the room.
//   - If neither has a contact, the record gets the links of its recipient's
//     match in who.
//   - The company and the deals that were named when the gift was sent are linked
//     as they were planned, where the record is not seen to have them.
func (c Change) Relink(seen []Link, contact Match, who Directory, r Rules) Change {
	if c.Action == Skip {
		return c
	}
	before, named := c.Have, c.named(seen)
	c.Have.Links = noteSeen(before.Links, seen, r.Now)
	switch {
	case contact.ID != "":
		newlyLinked := !HasMadeLink(before.Links, Contact, contact.ID)
		c.Links, c.DealsCut = contactLinks(c.Removed, c.Gift, c.Have, contact, newlyLinked, r)
		if !newlyLinked && !SentWithin(c.Gift, r) {
			refused := slices.DeleteFunc(slices.Clone(contact.Deals), func(d OpenDeal) bool { return !hasID(c.Retry, Deal, d.ID) })
			again, _ := dealLinks(refused, c.Have.Links, c.Removed, r)
			c.Links = append(c.Links, again...)
		}
		c.Orphan = ""
		if newlyLinked {
			c.Ambiguous = false
		}
	case HasMade(before.Links, Contact) && before.Orphan == "":
		c.Links, c.Orphan, c.DealsCut = nil, "", 0
	default:
		c.Links, c.Orphan, c.Ambiguous, c.DealsCut = linksBeside(c.Removed, c.Gift, c.Have, who, r)
	}
	c.Links = SortLinks(append(c.Links, named...))
	c.Noted = c.Noted || !slices.Equal(before.Links, c.Have.Links) || before.Orphan != c.Orphan
	return c.decided()
}

// named returns the planned links to a company and deals that were named when the gift was
// sent, and that the record was not seen to have.
func (c Change) named(seen []Link) []Link {
	return slices.DeleteFunc(slices.Clone(c.Links), func(l Link) bool {
		return l.Kind == Contact || !slices.Contains(c.Have.Given, l.Kind) || hasID(seen, l.Kind, l.ID)
	})
}

// noteSeen returns links with those of seen that it lacks.
func noteSeen(links, seen []Link, now time.Time) []Link {
	noted := slices.Clone(links)
	for _, l := range seen {
		switch i := slices.IndexFunc(noted, func(m Link) bool { return m.Kind == l.Kind && m.ID == l.ID }); {
		case i < 0:
			noted = append(noted, Link{Kind: l.Kind, ID: l.ID, At: now, Found: true})
		case noted[i].Refused: // users made room for it and linked it
			noted[i].Refused = false
		}
	}
	return SortLinks(noted)
}

// Linked picks, among the contacts that a gift's record is associated with, the
// one whose company and deals the record follows: the one that has been in the
// journal for longest, otherwise the one that [Choose] would pick. A contact
// without the recipient's address comes last but is accepted, because a user
// linked it on purpose. Linked returns "" if there are none.
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

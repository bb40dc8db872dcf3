package plan

import (
	"cmp"
	"slices"
	"strings"
)

// Links returns the missing links of the gift's record, sorted, and the orphan
// state, the ambiguity and the number of open deals beyond [Rules.MaxDeals]
// after these links are made. Links are only added, never removed. A link that
// the journal knows is never made again, even if users removed it or HubSpot
// refused it.
//
//   - Contact: the match of the recipient's address, where the record has no
//     contact yet or its contact is gone.
//   - Company: that contact's primary company, with the contact or where the
//     record has none yet, or no more.
//   - Deals: that contact's open deals, newest first, at most MaxDeals a gift.
//     A record that already had its contact gets further ones only if the gift
//     was sent within [Rules.Lookback].
//
// A kind of links that was given when the gift was sent ([Stored.Given]) gets no
// further ones.
//
// A record whose contact differs from the match (users linked it, or another
// contact has the address now) gets nothing, because deals and company follow
// the linked contact. An address that is not in who has not been looked up; the
// orphan state then stays as it was.
func Links(g Gift, have Stored, who Directory, r Rules) (missing []Link, orphan Orphan, ambiguous bool, cut int) {
	return linksBeside(nil, g, have, who, r)
}

// linksBeside is [Links] where the record was seen not to have some links that
// the journal knows. They are not made again, but they take no other's place.
func linksBeside(removed []Link, g Gift, have Stored, who Directory, r Rules) (missing []Link, orphan Orphan, ambiguous bool, cut int) {
	linked := HasMade(have.Links, Contact) && have.Orphan != ContactGone
	orphan, ambiguous = have.Orphan, have.Ambiguous
	match, lookedUp, reason := recipient(g, who)
	switch {
	case linked:
		orphan = ""
	case reason != "" && orphan != ContactGone:
		orphan = reason
	}
	if !lookedUp || match.ID == "" {
		return nil, orphan, ambiguous, 0
	}

	known := hasID(have.Links, Contact, match.ID)
	if !known {
		if linked {
			return nil, orphan, ambiguous, 0
		}
		missing = append(missing, Link{Kind: Contact, ID: match.ID, At: r.Now})
		ambiguous = match.Ambiguous
	}
	if !known || HasMadeLink(have.Links, Contact, match.ID) {
		orphan = ""
	}
	following, cut := contactLinks(removed, g, have, match, !known, r)
	return SortLinks(append(missing, following...)), orphan, ambiguous, cut
}

// contactLinks returns the missing links to the company and the deals of the
// gift's contact, and the number of deals beyond the maximum. newlyLinked says
// that the contact link itself is new, removed that the record was seen not to
// have some links that the journal knows.
func contactLinks(removed []Link, g Gift, have Stored, contact Match, newlyLinked bool, r Rules) (missing []Link, cut int) {
	due := (newlyLinked || made(have.Links, removed, Company) == 0) && !hasID(have.Links, Company, contact.Company)
	if r.Companies && contact.Company != "" && due && !slices.Contains(have.Given, Company) {
		missing = append(missing, Link{Kind: Company, ID: contact.Company, At: r.Now})
	}
	if (newlyLinked || SentWithin(g, r)) && !slices.Contains(have.Given, Deal) {
		var deals []Link
		deals, cut = dealLinks(contact.Deals, have.Links, removed, r)
		missing = append(missing, deals...)
	}
	return missing, cut
}

// recipient looks up the gift's recipient. The reason says why there is no
// match; it is "" if there is one, or if the address was not looked up.
func recipient(g Gift, who Directory) (match Match, lookedUp bool, reason Orphan) {
	if strings.TrimFunc(g.Recipient.Email, invisible) == "" {
		return Match{}, false, NoEmail
	}
	address, ok := CanonicalEmail(g.Recipient.Email)
	if !ok {
		return Match{}, false, BadEmail
	}
	match, lookedUp = who[address]
	if lookedUp && match.ID == "" {
		reason = NoContact
	}
	return match, lookedUp, reason
}

// dealLinks returns links to the open deals that are not linked yet, up to the
// maximum, and the number of deals beyond it. Those in removed are linked no
// more.
func dealLinks(open []OpenDeal, have, removed []Link, r Rules) (links []Link, cut int) {
	room := r.MaxDeals - made(have, removed, Deal)
	open = slices.Clone(open)
	slices.SortFunc(open, func(a, b OpenDeal) int {
		return cmp.Or(b.Created.Compare(a.Created), CompareIDs(a.ID, b.ID), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Amount, b.Amount))
	})
	for _, d := range open {
		switch {
		case hasID(have, Deal, d.ID) || hasID(links, Deal, d.ID):
		case room <= 0:
			cut++
		default:
			links = append(links, Link{Kind: Deal, ID: d.ID, Stage: d.Stage, Amount: d.Amount, At: r.Now})
			room--
		}
	}
	return links, cut
}

// made returns how many links of kind k HubSpot has accepted, without those
// removed since.
func made(links, removed []Link, k Kind) int {
	n := 0
	for _, l := range links {
		if l.Kind == k && !l.Refused && !hasID(removed, k, l.ID) {
			n++
		}
	}
	return n
}

// SentWithin reports whether the gift was sent within [Rules.Lookback]. If the
// time of sending is not known, the time of creation is used.
func SentWithin(g Gift, r Rules) bool {
	sent := g.ShownTimes()[Sent]
	if sent.IsZero() {
		sent = g.CreatedAt
	}
	return !sent.IsZero() && r.Now.Sub(sent) <= r.Lookback
}

func has(links []Link, k Kind) bool {
	return slices.ContainsFunc(links, func(l Link) bool { return l.Kind == k })
}

// HasMade reports whether links has one of kind k that HubSpot has accepted.
func HasMade(links []Link, k Kind) bool {
	return slices.ContainsFunc(links, func(l Link) bool { return l.Kind == k && !l.Refused })
}

// HasMadeLink reports whether links has the one of kind k to record id, and
// HubSpot has accepted it.
func HasMadeLink(links []Link, k Kind, id string) bool {
	return slices.ContainsFunc(links, func(l Link) bool { return l.Kind == k && l.ID == id && !l.Refused })
}

// LinkIDs returns the record ids of the links of kind k, in the order of links,
// including links that HubSpot refused.
func LinkIDs(links []Link, k Kind) []string {
	var ids []string
	for _, l := range links {
		if l.Kind == k {
			ids = append(ids, l.ID)
		}
	}
	return ids
}

func hasID(links []Link, k Kind, id string) bool {
	return slices.ContainsFunc(links, func(l Link) bool { return l.Kind == k && l.ID == id })
}

// kinds in the order of listing.
var kinds = []Kind{Contact, Company, Deal}

// Kinds returns the kinds of links, in the order in which they are listed and
// made.
func Kinds() []Kind { return slices.Clone(kinds) }

// SortLinks sorts links in place in the order of plans and the journal: contact,
// company, deals, each by id. It returns them.
func SortLinks(links []Link) []Link {
	slices.SortFunc(links, compareLinks)
	return links
}

func compareLinks(a, b Link) int {
	return cmp.Or(
		cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
		CompareIDs(a.ID, b.ID),
		a.At.Compare(b.At),
	)
}

// CompareIDs orders HubSpot record ids by number, without a limit to their
// size: they are digits without leading zeros, so the shorter is the lower.
func CompareIDs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

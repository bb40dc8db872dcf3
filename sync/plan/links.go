package plan

import (
	"cmp"
	"slices"
	"strings"
)

// Links returns the links that the gift's record lacks, sorted, and what its
// orphan state, its ambiguity and the number of open deals beyond
// [Rules.MaxDeals] are once they are made. Links are only ever added; one that
// the journal knows is never made again, even if people have removed it or
// HubSpot has refused it.
//
//   - Contact: the match of the recipient's address, where the record has no
//     contact yet or its contact is gone.
//   - Company: that contact's primary company, with the contact or where the
//     record has none yet.
//   - Deals: that contact's open deals, newest first, at most MaxDeals a gift.
//     A record that already had its contact gets further ones only if the gift
//     was sent within [Rules.Lookback].
//
// A record whose contact is another one than the match (people linked it, or
// the address has moved on) gets nothing, because deals and company follow the
// linked contact. An address that is not in who has not been looked up: then
// nothing is known, and the orphan state stays what it was.
func Links(g Gift, have Stored, who Directory, r Rules) (missing []Link, orphan Orphan, ambiguous bool, cut int) {
	linked := hasMade(have.Links, Contact) && have.Orphan != ContactGone
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
	if !known || hasMadeID(have.Links, Contact, match.ID) {
		orphan = ""
	}
	following, cut := follow(g, have, match, !known, r)
	return SortLinks(append(missing, following...)), orphan, ambiguous, cut
}

// follow returns the links that a gift lacks to the company and the deals of
// its contact, and how many deals are too many. Fresh says that the contact is
// only now the gift's.
func follow(g Gift, have Stored, contact Match, fresh bool, r Rules) (missing []Link, cut int) {
	due := (fresh || !hasMade(have.Links, Company)) && !hasID(have.Links, Company, contact.Company)
	if r.Companies && contact.Company != "" && due {
		missing = append(missing, Link{Kind: Company, ID: contact.Company, At: r.Now})
	}
	if fresh || SentWithin(g, r) {
		var deals []Link
		deals, cut = dealLinks(contact.Deals, have.Links, r)
		missing = append(missing, deals...)
	}
	return missing, cut
}

// recipient looks the gift's recipient up. The reason says why there is no
// match, "" when there is one or nobody has looked.
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

// dealLinks returns links to the open deals that are not linked yet, as far as
// the maximum allows, and how many it does not allow.
func dealLinks(open []OpenDeal, have []Link, r Rules) (links []Link, cut int) {
	room := r.MaxDeals
	for _, l := range have {
		if l.Kind == Deal && !l.Refused {
			room--
		}
	}
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

// SentWithin reports whether the gift was sent within [Rules.Lookback]. Of one
// that is not sent yet, or whose source tells no times, the creation counts.
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

// hasMade is has for links that HubSpot did not refuse.
func hasMade(links []Link, k Kind) bool {
	return slices.ContainsFunc(links, func(l Link) bool { return l.Kind == k && !l.Refused })
}

func hasMadeID(links []Link, k Kind, id string) bool {
	return slices.ContainsFunc(links, func(l Link) bool { return l.Kind == k && l.ID == id && !l.Refused })
}

func hasID(links []Link, k Kind, id string) bool {
	return slices.ContainsFunc(links, func(l Link) bool { return l.Kind == k && l.ID == id })
}

// kinds in the order of listing.
var kinds = []Kind{Contact, Company, Deal}

// SortLinks sorts links in place as plans and the journal list them: contact,
// company, deals, and by id within each. It returns them.
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

package plan

import (
	"maps"
	"slices"
	"time"
)

// A Party says whose personal value a property holds: the sender's, the
// recipient's, or that of both, as bits.
type Party uint8

// The parties of a gift.
const (
	Sender Party = 1 << iota
	Recipient
)

// Blank returns the properties that hold personal values of the parties, each
// with the empty value that clears it in HubSpot.
func Blank(of Party) map[string]string {
	props := make(map[string]string)
	for _, f := range fields {
		if f.Personal&of != 0 {
			props[f.Name] = ""
		}
	}
	return props
}

// Without returns the gift without the personal values of the parties: what
// [Blank] names, the digests of their texts, the phone number of a sender, which
// HubSpot does not get, and with the recipient's what events say in the words of the
// customer, which may be about anyone.
func (g Gift) Without(of Party) Gift {
	if of == 0 {
		return g
	}
	g.Message, g.MessageDigest = "", ""
	if of&Sender != 0 {
		g.Sender = Person{}
	}
	if of&Recipient != 0 {
		g.Recipient, g.ThankYou, g.TrackingURL = Person{}, Note{}, ""
		g.Metadata = maps.Clone(g.Metadata)
		for name, d := range g.Metadata {
			d.Value = ""
			g.Metadata[name] = d // its name says which property is to be blanked
		}
	}
	if g.Behind != nil {
		behind := g.Behind.Without(of)
		g.Behind = &behind
	}
	return g
}

// Erase returns the journal's entry after the parties' personal values were
// removed from it. The entry of an erased recipient is not written to HubSpot
// again, but for the removal itself. It keeps what the statistics count, loses the
// link to the contact, who is the person, and is no orphan. That of an erased
// sender goes on being kept up to date.
//
// The result is marked stale, by a Mapping of 0, until the removal has reached
// HubSpot, too.
func Erase(s Stored, of Party, at time.Time) Stored {
	s.Gift, s.Mapping = s.Gift.Without(of), 0
	if of&Recipient == 0 {
		return s
	}
	s.Links = slices.DeleteFunc(slices.Clone(s.Links), func(l Link) bool { return l.Kind == Contact })
	s.Former, s.Orphan, s.Ambiguous = Link{}, "", false
	if s.Erased.IsZero() {
		s.Erased = at
	}
	return s
}

// HoldsPersonal reports whether the entry holds a personal value of the parties.
func HoldsPersonal(s Stored, of Party) bool {
	g := s.Gift
	switch {
	case of&Sender != 0 && g.Sender != (Person{}),
		of&Recipient != 0 && (g.Recipient != (Person{}) || g.ThankYou != (Note{}) || g.TrackingURL != ""),
		of != 0 && (g.Message != "" || g.MessageDigest != ""):
		return true
	}
	if of&Recipient != 0 {
		for _, d := range g.Metadata {
			if d.Value != "" {
				return true
			}
		}
	}
	return g.Behind != nil && HoldsPersonal(Stored{Gift: *g.Behind}, of)
}

package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// sendPrefix begins the transaction id of a gift that we sent, until Thnks shows
// its own.
const sendPrefix = "send-"

// SendGiftID is the transaction id that a send's record has until the gift's own
// is known.
func SendGiftID(send string) string { return sendPrefix + send }

// SendOf returns the id of the send that a transaction id stands for, and false
// for an id of Thnks.
func SendOf(transaction string) (send string, ok bool) {
	return strings.CutPrefix(transaction, sendPrefix)
}

// NeverSent reports whether a gift is one that was to be sent by us, and certainly was
// not. Its record says so by a status that is unknown, and no date.
func NeverSent(g Gift) bool {
	_, ours := SendOf(g.ID)
	return ours && g.Shown() == Unknown && len(g.Times) == 0
}

// Given are the HubSpot records that were named when a gift was sent. Their links are
// made as they are given, whatever the portal's rules choose.
type Given struct {
	Contact Match // with the company and the open deals that follow it; zero if no contact was named
	Company string
	Deals   []OpenDeal
}

// kinds are the kinds of links to which nothing is ever added.
func (v Given) kinds() (given []Kind) {
	if v.Contact.ID != "" {
		given = append(given, Contact)
	}
	if v.Company != "" {
		given = append(given, Company)
	}
	if len(v.Deals) > 0 {
		given = append(given, Deal)
	}
	return given
}

// MakeSend plans the record of a gift that we sent: as [Make] does, and with the links
// that were given. exists says that have is its record, which has its given links
// already.
func MakeSend(g Gift, have Stored, exists bool, given Given, who Directory, r Rules) Change {
	if !exists {
		have.Given = given.kinds()
	}
	if address, ok := CanonicalEmail(g.Recipient.Email); ok && given.Contact.ID != "" {
		who = Directory{address: given.Contact}
	}
	c := change(g, have, exists, who, r)
	if c.Action == Skip {
		return c
	}
	add := func(l Link) {
		if !hasID(have.Links, l.Kind, l.ID) {
			l.At = r.Now
			c.Links = append(c.Links, l)
		}
	}
	if given.Company != "" {
		add(Link{Kind: Company, ID: given.Company})
	}
	for _, d := range given.Deals {
		add(Link{Kind: Deal, ID: d.ID, Stage: d.Stage, Amount: d.Amount})
	}
	SortLinks(c.Links)
	if exists {
		return c.decided()
	}
	return c
}

// lasting returns the gift of a send with what the ledger has forgotten of it, and
// its record still shows. It takes the place of a join: what the ledger says is all
// that there is to know, and its later word is not always the further one.
func (g Gift) lasting(have Gift) Gift {
	if g.Message == "" && g.MessageDigest == "" {
		g.MessageDigest = have.messageDigest()
	}
	g.Recipient.Name = cmp.Or(g.Recipient.Name, have.Recipient.Name)
	g.RequestID = cmp.Or(g.RequestID, have.RequestID)
	return g
}

// The span in which the transaction of a send is created, around the time when its
// request was begun: clocks differ, and a slow request may have an effect late.
const (
	clockSlack = 15 * time.Minute
	lateEffect = 24 * time.Hour
)

// An OpenSend is a gift that we have, or may have, sent, and whose transaction is not
// known.
type OpenSend struct {
	ID      string    // of the send
	Gift    Gift      // as its record shows it; the message may be a digest
	At      time.Time // when its request was begun
	Certain bool      // Thnks has accepted it
}

// Appeared pairs open sends with transactions that could be theirs, each with one at
// most, and returns the transactions' ids by the sends'. Thnks's number of the request
// decides where both have it; otherwise recipient, sender and time must fit, and the
// message, or else the gift's name or price.
//
// Where more fits, a send that Thnks has accepted goes before one whose outcome is
// unknown, so that a transaction shows of no other that it was sent; then the nearest
// in time. Sends that nothing tells apart get the transactions in the order of their
// ids.
func Appeared(open []OpenSend, seen []Gift) map[string]string {
	type pair struct {
		send   OpenSend
		gift   Gift
		byName bool // by the number of the request
		apart  time.Duration
	}
	var could []pair
	for _, s := range open {
		for _, g := range seen {
			if named, ok := s.couldBe(g); ok {
				could = append(could, pair{s, g, named, sentOrMade(g).Sub(s.At).Abs()})
			}
		}
	}
	slices.SortFunc(could, func(a, b pair) int {
		return cmp.Or(
			compareBools(b.byName, a.byName),
			compareBools(b.send.Certain, a.send.Certain),
			cmp.Compare(a.apart, b.apart),
			cmp.Compare(a.send.ID, b.send.ID),
			cmp.Compare(a.gift.ID, b.gift.ID),
		)
	})
	pairs := make(map[string]string)
	taken := make(map[string]bool, len(could))
	for _, p := range could {
		if _, has := pairs[p.send.ID]; !has && !taken[p.gift.ID] {
			pairs[p.send.ID], taken[p.gift.ID] = p.gift.ID, true
		}
	}
	return pairs
}

// couldBe reports whether a transaction may be the send's, and whether the number of
// the request says so.
func (s OpenSend) couldBe(g Gift) (named, ok bool) {
	if s.Gift.RequestID != "" && g.RequestID != "" {
		same := s.Gift.RequestID == g.RequestID
		return same, same
	}
	at := sentOrMade(g)
	to, _ := CanonicalEmail(s.Gift.Recipient.Email)
	if to == "" || !sameAddress(g.Recipient.Email, to) || at.Before(s.At.Add(-clockSlack)) || at.After(s.At.Add(lateEffect)) {
		return false, false
	}
	if from, ok := CanonicalEmail(s.Gift.Sender.Email); ok && g.Sender.Email != "" && !sameAddress(g.Sender.Email, from) {
		return false, false
	}
	if ours, theirs := s.Gift.messageDigest(), g.messageDigest(); ours != "" && theirs != "" {
		return false, ours == theirs
	}
	a, b := s.Gift.Amount, g.Amount
	return false, strings.EqualFold(strings.TrimSpace(s.Gift.Name), strings.TrimSpace(g.Name)) || a.Currency == b.Currency && a.Value.Equal(b.Value)
}

// sentOrMade is when a gift was sent or, where that is not known, is to be, or was made.
func sentOrMade(g Gift) time.Time {
	times := g.ShownTimes()
	return cmp.Or(times[Sent], times[Scheduled], g.CreatedAt, g.UpdatedAt)
}

// Rekeyed is the journal's entry of a send after its transaction has appeared: the
// same record, under the gift's own id, and to be written in full. When it was to be
// sent is for Thnks to say from now on.
func (s Stored) Rekeyed(transaction string) Stored {
	s.Gift.ID, s.Mapping, s.Gone = transaction, 0, time.Time{}
	s.Gift.Times = maps.Clone(s.Gift.Times)
	delete(s.Gift.Times, Scheduled)
	return s
}

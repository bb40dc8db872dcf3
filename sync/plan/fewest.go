package plan

import (
	"fmt"
	"strconv"
)

// How many HubSpot takes or shows at once. They are those of package hubspot; what
// this package counts it counts without a client.
const (
	objectsACall      = 100  // records of a batch read
	associationsACall = 1000 // records whose associations one call reads
	resultsASearch    = 200  // records on a page of a search
)

// A Choice is how a run finds something, of two ways with the same result. It is
// made by counting calls.
type Choice struct {
	Of     Wanted `json:"of"`
	By     Way    `json:"by"`
	Reason string `json:"reason"` // in words, with the counts
}

// Wanted is what a choice is about.
type Wanted string

// What a run chooses a way for.
const (
	OfAddresses Wanted = "secondary_addresses" // contacts by an address that is not their primary one
	OfDeals     Wanted = "deals"               // the open deals of contacts
)

// A Way is how something is found.
type Way string

// The ways. Secondary addresses are found by any of the first three, deals by a
// listing or by contact.
const (
	BySearch  Way = "searches" // for each address
	ByListing Way = "listing"  // of all contacts with secondary addresses, or of all open deals
	ByLookUp  Way = "look_ups" // which find contacts by secondary addresses too: there is nothing more to find
	ByContact Way = "contacts" // each contact's deals, and then those that are open
)

// AddressCounts are what [ChooseAddresses] decides by.
type AddressCounts struct {
	Contacts  int // that have secondary addresses, and are not listed yet
	Addresses int // to be found
	Searches  int // that the run has made for addresses, and that these would take
	Room      int // the most addresses that a listing may hold
}

// ChooseAddresses chooses how secondary addresses are found. A listing pays where its
// pages, and the contacts to be read after it, take fewer calls than the searches
// that it spares. Those already made count as well: as many may come.
func ChooseAddresses(c AddressCounts) Choice {
	listing := calls(c.Contacts, resultsASearch) + calls(c.Addresses, objectsACall)
	counts := fmt.Sprintf("listing %d contacts that have secondary addresses takes %s, searching for each address %s",
		c.Contacts, callsText(listing), callsText(c.Searches))
	switch {
	case c.Contacts > c.Room:
		return Choice{OfAddresses, BySearch, strconv.Itoa(c.Contacts) + " contacts have secondary addresses, more than a listing may hold"}
	case listing < c.Searches:
		return Choice{OfAddresses, ByListing, counts}
	default:
		return Choice{OfAddresses, BySearch, counts}
	}
}

// DealCounts are what [ChooseDeals] decides by.
type DealCounts struct {
	Contacts int  // whose deals are wanted now, as far as a listing can tell them
	More     bool // other contacts will follow
	Likely   int  // how many will follow by what is seen of them; 0 where nothing is
	Before   int  // contacts whose deals the run has read one by one
	Sample   int  // contacts whose deals were counted
	Deals    int  // that these have, open or not
	Open     int  // open deals of the portal
	Room     int  // the most deals that a listing may hold
}

// expected is how many contacts the choice is for. Where others will follow, they are
// taken to be as many as there have been so far, or as are likely if that is more.
func (c DealCounts) expected() int {
	if !c.More {
		return c.Contacts
	}
	return c.Contacts + max(c.Contacts+c.Before, c.Likely)
}

// ByContact is how many calls it takes to read the deals of the contacts: which
// they have by the thousand, and which of those are open by the hundred. A contact
// is taken to have as many deals as those of the sample, and one without a sample.
func (c DealCounts) ByContact() int {
	contacts := c.expected()
	deals := contacts
	if c.Sample > 0 {
		deals = (contacts*c.Deals + c.Sample - 1) / c.Sample
	}
	return calls(contacts, associationsACall) + calls(deals, objectsACall)
}

// byListing is how many calls it takes to list the open deals, with whose they are.
func (c DealCounts) byListing() int {
	return calls(c.Open, resultsASearch) + calls(c.Open, associationsACall)
}

// fewestForListing is what the smallest listing takes: what takes no more is done
// without one, and nothing is counted for it.
const fewestForListing = 2

// Few reports whether reading the deals of the contacts takes so few calls that no
// count is worth its own.
func (c DealCounts) Few() bool { return c.ByContact() <= fewestForListing }

// ChooseDeals chooses how the open deals of contacts are found: by the fewest calls.
func ChooseDeals(c DealCounts) Choice {
	by, listing := c.ByContact(), c.byListing()
	counts := fmt.Sprintf("listing %d open deals takes %s, reading the deals of about %d contacts %s",
		c.Open, callsText(listing), c.expected(), callsText(by))
	switch {
	case c.Open > c.Room:
		return Choice{OfDeals, ByContact, strconv.Itoa(c.Open) + " deals are open, more than a listing may hold"}
	case listing < by:
		return Choice{OfDeals, ByListing, counts}
	default:
		return Choice{OfDeals, ByContact, counts}
	}
}

// calls is how many calls n take, so many at once.
func calls(n, at int) int { return (n + at - 1) / at }

func callsText(n int) string {
	if n == 1 {
		return "1 call"
	}
	return strconv.Itoa(n) + " calls"
}

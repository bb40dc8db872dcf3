package portal

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// additionalEntry is the memory's entry for [additionalFacts].
const additionalEntry = "additional_emails"

// factsFor is for how long such a fact counts: an account may change its ways.
const factsFor = 24 * time.Hour

// indexLag is how much later than a change HubSpot's search surely shows it, with
// what the clocks may differ.
const indexLag = 10 * time.Minute

// additionalFacts are what was found out about how an account tells the additional
// addresses of its contacts.
type additionalFacts struct {
	// Proved is when it was last tried whether a batch read by e-mail resolves an
	// additional address, and Resolves what came of it.
	Proved   time.Time `json:"proved,omitzero"`
	Resolves bool      `json:"resolves,omitempty"`
	// Wrong is when a listing of the contacts with additional addresses was last
	// seen to lack one.
	Wrong time.Time `json:"wrong,omitzero"`
}

// counts reports whether a fact of that time counts now.
func counts(at, now time.Time) bool { return !at.After(now) && now.Sub(at) < factsFor }

// proofCalls is how many calls it takes to find out what an account does: one
// search, which is the first page of the listing, and one batch read. As few
// searches are made without.
const proofCalls = 2

// additional answers for a run who has an address as an additional one, in the
// fewest calls: none where the look-ups before have found those too, else by a
// listing of all contacts that have any, else by searches.
type additional struct {
	log  *slog.Logger
	most int // addresses that a listing may have

	busy     sync.Mutex // held by the search that uses what follows
	facts    additionalFacts
	searches int         // that were made for addresses, in this run
	listing  *listing    // nil before the first page
	refused  bool        // HubSpot gives no listing, or one too large
	choice   plan.Choice // how the last question was answered
	seen     *witnesses
}

func batches(n, size int) int { return (n + size - 1) / size }

// answer fills in the outcomes of a search that need no search, and returns the
// indexes of the other addresses.
func (a *additional) answer(ctx context.Context, client Contacts, s *Search) (rest []int, err error) {
	all := make([]int, len(s.ask))
	for i := range all {
		all[i] = i
	}
	if !a.busy.TryLock() { // another search of the run is at it
		return all, nil
	}
	defer a.busy.Unlock()
	before := a.facts
	rest = all
	need := batches(s.Len(), hubspot.SearchSize)
	choice, err := a.choose(ctx, client, len(s.ask), need)
	if err != nil {
		return nil, err
	}
	switch choice.By {
	case plan.ByLookUp:
		rest = s.refused
	case plan.ByListing:
		if rest, err = a.listing.answer(ctx, client, s); err != nil {
			return nil, err
		}
	}
	if choice.By != a.choice.By {
		a.log.Info("looking for secondary addresses", "by", string(choice.By), "reason", choice.Reason, "addresses", len(s.ask), "searches", need, "contacts", a.listing.size())
	}
	a.choice = choice
	a.searches += batches(len(rest), hubspot.SearchSize)
	if a.facts != before {
		facts := a.facts
		s.facts = &facts
	}
	return rest, nil
}

// bySearch is the choice of searching for each address.
func bySearch(reason string) plan.Choice {
	return plan.Choice{Of: plan.OfAddresses, By: plan.BySearch, Reason: reason}
}

// byLookUp is the choice where the look-ups before have found everyone.
var byLookUp = plan.Choice{Of: plan.OfAddresses, By: plan.ByLookUp, Reason: "a batch read by e-mail finds contacts by secondary addresses too"}

// Reasons for searching.
const (
	fewToSearch    = "so few addresses take no more searches than to find out another way"
	noListing      = "HubSpot does not list the contacts that have secondary addresses, or there are too many"
	listingLacks   = "HubSpot's search overlooks contacts that have secondary addresses"
	muchHasChanged = "more contacts have changed than there are searches to spare"
)

// choose decides how addresses are looked for that take so many searches, and does
// what is to be done before.
func (a *additional) choose(ctx context.Context, client Contacts, addresses, need int) (plan.Choice, error) {
	now := time.Now()
	switch {
	case a.facts.Resolves && counts(a.facts.Proved, now):
		return byLookUp, nil
	case a.refused:
		return bySearch(noListing), nil
	case counts(a.facts.Wrong, now):
		return bySearch(listingLacks), nil
	case a.listing == nil && a.searches+need <= proofCalls, need == 1:
		return bySearch(fewToSearch), nil
	}
	choice, err := a.list(ctx, client, addresses, need)
	if failedAlone(err) || KindIs(err, hubspot.Forbidden) {
		a.log.Warn("contacts with additional addresses cannot be listed", "error", err)
		a.refused, a.listing = true, nil
		return bySearch(noListing), nil
	}
	return choice, err
}

// list lists the contacts with additional addresses where that pays. What has changed
// since a page was read is read before the listing is used.
func (a *additional) list(ctx context.Context, client Contacts, addresses, need int) (plan.Choice, error) {
	earlier := a.listing != nil
	if !earlier {
		l := newListing(a.most)
		first, err := l.next(ctx, client)
		if err != nil {
			return plan.Choice{}, err
		}
		a.listing = l
		if !counts(a.facts.Proved, l.began) {
			if err := a.prove(ctx, client, first); err != nil {
				return plan.Choice{}, err
			}
		}
		if a.facts.Resolves && counts(a.facts.Proved, l.began) {
			a.listing = nil
			return byLookUp, nil
		}
	}
	l := a.listing
	choice, renew := a.choice, true
	if !l.complete {
		choice = plan.ChooseAddresses(plan.AddressCounts{Contacts: l.left, Addresses: addresses, Searches: a.searches + need, Room: a.most})
		if choice.By != plan.ByListing {
			return choice, nil
		}
		for !l.complete {
			if _, err := l.next(ctx, client); err != nil {
				return plan.Choice{}, err
			}
		}
		renew = earlier || time.Since(l.shown) > indexLag // else all of it was read just now
	}
	if renew {
		if done, err := l.refresh(ctx, client, need); err != nil || !done {
			return bySearch(muchHasChanged), err
		}
	}
	if l.table.full {
		a.refused, a.listing = true, nil
		return bySearch(noListing), nil
	}
	wrong, err := l.lacks(ctx, client, a.seen)
	if err != nil {
		return plan.Choice{}, err
	}
	if wrong {
		a.log.Warn("HubSpot's search overlooks contacts that have additional addresses: each address is searched for")
		a.facts.Wrong, a.listing = time.Now().UTC(), nil
		return bySearch(listingLacks), nil
	}
	if choice.By != plan.ByListing { // searched for meanwhile, or shown on one page
		choice = plan.Choice{Of: plan.OfAddresses, By: plan.ByListing, Reason: "the contacts that have secondary addresses are listed already"}
	}
	return choice, nil
}

// prove finds out whether a batch read by e-mail resolves additional addresses, by
// one of the contacts given. Without any nothing is found out.
func (a *additional) prove(ctx context.Context, client Contacts, contacts []hubspot.Object) error {
	var address string
	var of hubspot.Object
	for _, o := range contacts {
		if of.ID != "" && !o.UpdatedAt.Before(of.UpdatedAt) {
			continue // one that has not changed lately has its addresses still
		}
		own := additionalOf(o)
		if i := slices.IndexFunc(own, func(s string) bool { return !isPrimary(o, s) }); i >= 0 {
			address, of = own[i], o
		}
	}
	if address == "" {
		return nil
	}
	found, err := client.ContactsByEmail(ctx, []string{address}, contactProperties)
	if err != nil {
		return err
	}
	if found[0].Err != nil {
		return nil
	}
	one := found[0].Found
	a.facts.Proved = time.Now().UTC()
	a.facts.Resolves = len(one) == 1 && one[0].ID == of.ID && !isPrimary(one[0], address)
	return nil
}

// additionalOf returns the canonical additional addresses of a contact.
func additionalOf(o hubspot.Object) []string {
	var all []string
	for s := range strings.SplitSeq(o.Properties["hs_additional_emails"], ";") {
		if c, ok := plan.CanonicalEmail(s); ok {
			all = append(all, c)
		}
	}
	return all
}

func isPrimary(o hubspot.Object, canonical string) bool {
	c, ok := plan.CanonicalEmail(o.Properties["email"])
	return ok && c == canonical
}

package portal

import (
	"context"
	"fmt"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

const (
	// freshFor is for how long what a listing of open deals says decides links.
	freshFor = 2 * time.Minute
	// renewAfter is the age from which a listing is renewed between two windows.
	renewAfter = time.Minute
	// mostLost is how many listings a run makes that lose touch with the deals.
	mostLost = 2
)

// openDeals finds the open deals of contacts for a run. It chooses how, and keeps the
// listing of all of them where there is one.
type openDeals struct {
	conn     *Connection
	session  Session
	contacts door[Contacts]
	labels   map[hubspot.AssociationType]bool // the deal label's types from contacts; nil for any

	table   *dealTable                       // nil without a listing
	pending bool                             // a DealListing is reading
	again   time.Time                        // no listing begins before
	began   time.Time                        // contacts that have changed since, or shortly before, are asked themselves
	shown   time.Time                        // the table has what the search showed then
	types   map[hubspot.AssociationType]bool // the deal label's types from deals; nil for any

	counts  dealCounts
	lost    int  // listings that lost touch
	refused bool // HubSpot gives no listing, or one that is too large
	choice  plan.Choice
}

// dealCounts are what was counted in a run.
type dealCounts struct {
	addresses int // looked up
	contacts  int // found by these that have not changed lately
	sample    int // contacts whose deals were counted
	deals     int // that these have, open or not
	before    int // contacts whose deals were read
	open      int // deals of the portal; -1 before they are counted
}

// A Need is what a window will ask a [Directory] for.
type Need struct {
	Addresses []string // of recipients, canonical
	Ahead     []string // that the next window will need
	Contacts  []string // by id, whose open deals will be asked for
	More      bool     // further windows follow behind the next
	Windows   float64  // how many these are likely to be; 0 where that is not known
}

// tells reports whether the listing says which deals a contact has: it does where the
// contact was not changed so lately that its deals may have become other ones.
func (o *openDeals) tells(c plan.Candidate) bool {
	return (o.pending || o.fresh()) && c.Changed.Before(o.began.Add(-indexLag)) && !c.Changed.IsZero()
}

// fresh reports whether the listing decides links now.
func (o *openDeals) fresh() bool {
	return o.table != nil && !o.pending && time.Since(o.shown) <= freshFor
}

// Choose decides how the open deals of those are found whom a window needs: from a
// listing of all open deals or contact by contact, whichever takes fewer calls. It
// returns the listing, or what brings it up to date, for the caller to do and to
// hand to [Directory.Take], and nil where there is nothing to be read. No gift may be
// locked meanwhile: a listing takes a call for every 200 open deals.
func (d *Directory) Choose(ctx context.Context, n Need) (*DealListing, error) {
	o := &d.deals
	if d.session.links.MaxDeals == 0 || o.refused || len(n.Addresses)+len(n.Contacts) == 0 {
		return nil, nil
	}
	if o.table != nil {
		return o.renewal(), nil
	}
	seen := make(map[string]bool)
	n.Addresses, n.Ahead = unknown(d.cache, n.Addresses, seen), unknown(d.cache, n.Ahead, seen)
	if o.counts.sample > 0 {
		return d.deals.choose(ctx, n)
	}
	// Nothing is known yet of how many deals a contact has. Those of a first round
	// tell; which these are has to be read anyway.
	switch round := n.Addresses[:min(lookupRound, len(n.Addresses))]; {
	case len(round) > hubspot.BatchSize:
		return d.chooseByRound(ctx, round, n)
	case len(n.Contacts) > lookupRound:
		if _, err := d.deals.related(ctx, n.Contacts[:lookupRound]); err != nil {
			return nil, err
		}
		return d.deals.choose(ctx, n)
	default:
		return nil, nil
	}
}

// chooseByRound looks a first round of addresses up, counts the deals of the contacts
// found, and decides by that.
func (d *Directory) chooseByRound(ctx context.Context, round []string, n Need) (*DealListing, error) {
	p, err := d.find(ctx, round)
	if err != nil {
		return nil, err
	}
	related, err := d.deals.related(ctx, p.ids())
	if err != nil {
		return nil, err
	}
	l, err := d.deals.choose(ctx, n)
	if err != nil {
		return nil, err
	}
	return l, d.settle(ctx, p, related, make(plan.Directory))
}

// Renew returns what brings a listing up to date that is not quite new, and nil
// otherwise. It is for the caller as what [Directory.Choose] returns.
func (d *Directory) Renew() *DealListing {
	if o := &d.deals; o.table != nil && time.Since(o.shown) > renewAfter {
		return o.renewal()
	}
	return nil
}

// count counts the contacts that were picked in a look-up.
func (o *openDeals) count(p *picked) {
	lately := time.Now().Add(-indexLag)
	o.counts.addresses += len(p.addresses)
	for _, c := range p.contacts {
		if c.Changed.Before(lately) && !c.Changed.IsZero() {
			o.counts.contacts++
		}
	}
}

// renewal returns what brings the listing up to date.
func (o *openDeals) renewal() *DealListing {
	o.pending = true
	return &DealListing{contacts: o.contacts, types: o.types, table: o.table, since: o.shown.Add(-indexLag)}
}

// unknown returns those of the addresses that no look-up of the run has answered for
// and that were not seen before, each once.
func unknown(looked *cache, addresses []string, seen map[string]bool) []string {
	var ask []string
	for _, a := range addresses {
		if _, ok := looked.get(a); !ok && !seen[a] {
			ask = append(ask, a)
		}
		seen[a] = true
	}
	return ask
}

// choose decides by what was counted. Where a listing is chosen, it returns it,
// begun.
func (o *openDeals) choose(ctx context.Context, n Need) (*DealListing, error) {
	c := plan.DealCounts{
		Contacts: len(n.Contacts), More: n.More, Before: o.counts.before,
		Sample: o.counts.sample, Deals: o.counts.deals, Room: o.room(),
	}
	if o.counts.addresses > 0 {
		// Of the windows that follow each has as many new people as the last one seen.
		each := len(n.Addresses)
		if len(n.Ahead) > 0 {
			each = len(n.Ahead)
		}
		c.Contacts += (len(n.Addresses) + len(n.Ahead)) * o.counts.contacts / o.counts.addresses
		c.Likely = int(n.Windows * float64(each*o.counts.contacts/o.counts.addresses))
	}
	if c.Few() || o.lost >= mostLost || time.Now().Before(o.again) {
		return nil, nil
	}
	l := &DealListing{contacts: o.contacts, table: newDealTable(c.Room)}
	if o.counts.open < 0 {
		if err := o.begin(ctx, l); err != nil {
			return nil, o.refuse(err)
		}
	}
	c.Open = o.counts.open
	choice := plan.ChooseDeals(c)
	if choice.By != plan.ByListing {
		o.note(choice)
		return nil, nil
	}
	types, known, err := o.typesFromDeals(ctx)
	if err != nil {
		return nil, err
	}
	if !known {
		o.refused = true
		o.note(plan.Choice{Of: plan.OfDeals, By: plan.ByContact, Reason: "the deal label has another name as seen from deals"})
		return nil, nil
	}
	if l.began.IsZero() { // the deals were counted for an earlier choice
		if err := o.begin(ctx, l); err != nil {
			return nil, o.refuse(err)
		}
	}
	o.note(choice)
	l.types = types
	o.pending, o.began, o.types = true, l.began, types
	return l, nil
}

// begin reads the first page of a listing, which counts the open deals.
func (o *openDeals) begin(ctx context.Context, l *DealListing) (err error) {
	o.counts.open, err = l.first(ctx)
	return err
}

// room is the most deals that a listing may hold.
func (o *openDeals) room() int { return int(o.conn.cfg.People / 8) }

// refuse gives listing up where HubSpot fails at it, whatever the reason: it only
// spares calls. It returns any other error.
func (o *openDeals) refuse(err error) error {
	o.counts.open = -1
	if _, ok := hubspot.AsError(err); !ok {
		return fmt.Errorf("listing open deals: %w", err)
	}
	o.refused = true
	o.session.Log.Warn("open deals cannot be listed", "error", err)
	o.note(plan.Choice{Of: plan.OfDeals, By: plan.ByContact, Reason: "HubSpot does not list the open deals"})
	return nil
}

// Choices are how the run has found secondary addresses and deals last, as far as
// there was something to choose. No search may be under way.
func (d *Directory) Choices() []plan.Choice {
	var all []plan.Choice
	if a := d.additional; a != nil && a.choice != (plan.Choice{}) {
		all = append(all, a.choice)
	}
	if c := d.deals.choice; c != (plan.Choice{}) {
		all = append(all, c)
	}
	return all
}

// note notes a choice, and logs it where it is another one than before.
func (o *openDeals) note(c plan.Choice) {
	if c.By != o.choice.By {
		o.session.Log.Info("looking for open deals", "by", string(c.By), "reason", c.Reason)
	}
	o.choice = c
}

// Take takes over what a listing has read.
func (d *Directory) Take(l *DealListing) error {
	o := &d.deals
	o.pending = false
	if l.err != nil {
		o.table = nil
		return o.refuse(l.err)
	}
	switch l.end {
	case listed:
		o.table, o.shown = l.table, l.began
	case overtaken: // until a search shows no longer what has changed
		o.lose("more deals changed during the run than one search shows")
		o.again = time.Now().Add(indexLag)
	case outOfTouch:
		o.lose("deals were deleted or merged during the run")
	case outgrown:
		o.table, o.refused = nil, true
		o.note(plan.Choice{Of: plan.OfDeals, By: plan.ByContact, Reason: "more deals are open than a listing may hold"})
	}
	return nil
}

// lose gives up a listing that no longer says what deals there are. Another one may
// follow.
func (o *openDeals) lose(reason string) {
	o.table, o.counts.open = nil, -1
	o.lost++
	o.note(plan.Choice{Of: plan.OfDeals, By: plan.ByContact, Reason: reason})
}

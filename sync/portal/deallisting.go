package portal

import (
	"context"
	"slices"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// relatedAtOnce is how many deals' contacts are read together: it bounds the answers
// in memory.
const relatedAtOnce = 10 * hubspot.AssociationReadSize

// A DealListing reads the portal's open deals, with whose they are, or what has
// changed of them since they were read.
type DealListing struct {
	contacts door[Contacts]
	types    map[hubspot.AssociationType]bool // of deals to contacts, that count; nil for any
	table    *dealTable
	since    time.Time // changes since then; zero for a listing of all
	last     string    // the deal that the next page begins behind
	left     int       // open deals behind it
	began    time.Time // what the search showed then is in the table
	end      listingEnd
	err      error
}

// listingEnd is how a listing has ended.
type listingEnd int

const (
	notListed  listingEnd = iota // it failed, or has not ended
	listed                       // the table is complete
	outgrown                     // the deals do not fit into the table
	overtaken                    // more has changed than one search shows
	outOfTouch                   // deals are gone, which no search shows
)

// Do asks HubSpot. It touches nothing but the listing and its table, so that it may
// run concurrently with other use of the portal.
func (l *DealListing) Do(ctx context.Context) {
	client, err := l.contacts.enter(ctx)
	switch {
	case err != nil:
		l.err = err
	case l.since.IsZero():
		l.end, l.err = l.list(ctx, client)
	default:
		l.end, l.err = l.refresh(ctx, client)
	}
	if l.err == nil && l.end == listed {
		l.table.sort()
	}
}

// first reads the first page, which says how many deals are open.
func (l *DealListing) first(ctx context.Context) (open int, err error) {
	client, err := l.contacts.enter(ctx)
	if err != nil {
		return 0, err
	}
	l.began = time.Now()
	n, err := l.page(ctx, client)
	return n + l.left, err
}

// page reads the next page into the table, and returns how many deals it has.
func (l *DealListing) page(ctx context.Context, client Contacts) (int, error) {
	page, err := client.OpenDeals(ctx, l.last, dealProperties)
	if err != nil {
		return 0, err
	}
	for _, o := range page.Objects {
		l.table.put(openDeal(o))
		l.last = o.ID
	}
	l.left = page.Total - len(page.Objects)
	return len(page.Objects), nil
}

// list reads all pages behind the first, and then the contacts of the deals.
func (l *DealListing) list(ctx context.Context, client Contacts) (listingEnd, error) {
	for l.left > 0 && !l.table.full {
		if _, err := l.page(ctx, client); err != nil {
			return notListed, err
		}
	}
	return l.link(ctx, client, l.table.ids())
}

// refresh reads the deals that have changed since.
func (l *DealListing) refresh(ctx context.Context, client Contacts) (listingEnd, error) {
	l.began = time.Now()
	changes, err := client.ChangedDeals(ctx, l.since, dealProperties)
	switch {
	case err != nil:
		return notListed, err
	case !changes.All:
		return overtaken, nil
	}
	var open []string
	for _, o := range changes.Deals {
		if isClosed(o) {
			l.table.remove(o.ID)
			continue
		}
		l.table.put(openDeal(o))
		open = append(open, o.ID)
	}
	if end, err := l.link(ctx, client, open); end != listed {
		return end, err
	}
	if changes.Open != len(l.table.deals) {
		return outOfTouch, nil
	}
	return listed, nil
}

// link reads the contacts of deals of the table.
func (l *DealListing) link(ctx context.Context, client Contacts, deals []string) (listingEnd, error) {
	if l.table.full {
		return outgrown, nil
	}
	for part := range slices.Chunk(deals, relatedAtOnce) {
		related, err := client.Associated(ctx, "deals", "contacts", part)
		if err != nil {
			return notListed, err
		}
		for i, outcome := range related {
			if outcome.Err != nil {
				return notListed, outcome.Err
			}
			for _, contact := range outcome.Found {
				if tied(contact, l.types) {
					l.table.link(part[i], contact.ToID)
				}
			}
		}
	}
	if l.table.full {
		return outgrown, nil
	}
	return listed, nil
}

func isClosed(o hubspot.Object) bool { return o.Properties["hs_is_closed"] == "true" }

func openDeal(o hubspot.Object) plan.OpenDeal {
	return plan.OpenDeal{ID: o.ID, Stage: o.Properties["dealstage"], Amount: o.Properties["amount"], Created: created(o)}
}

// tied reports whether an association is of one of the types; nil means any.
func tied(related hubspot.Related, types map[hubspot.AssociationType]bool) bool {
	return types == nil || slices.ContainsFunc(related.Types, func(t hubspot.AssociationType) bool { return types[t] })
}

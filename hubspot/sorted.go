package hubspot

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A SearchPage is one page of a search that is sorted by record id.
type SearchPage struct {
	Objects []Object // by id, lowest first
	// Total is how many records the search finds behind the id it began at, those
	// of this page included.
	Total int
}

// ContactsWithAdditionalEmail returns the first 200 contacts that have additional
// addresses, by id, of those whose id is greater than after and that changed since.
// An empty after and a zero since leave none out. Each page begins behind the last
// id of the one before, so there may be more than the 10,000 results that HubSpot
// pages through. An answer that is not sorted so is an error of the kind
// [Unexpected]. It costs one search, which usually shows changes some seconds late.
//
// D/api-reference/latest/crm/search-the-crm
func (c *Client) ContactsWithAdditionalEmail(ctx context.Context, after string, since time.Time, properties []string) (SearchPage, error) {
	filters := []filter{{PropertyName: additionalProperty, Operator: "HAS_PROPERTY"}}
	if !since.IsZero() {
		filters = append(filters, changedSince("lastmodifieddate", since))
	}
	return c.pageByID(ctx, "contacts", []filterGroup{{filters}}, after, withAddresses(properties))
}

// OpenDeals returns the first 200 deals that are not closed, by id, of those whose
// id is greater than after; an empty after leaves none out. A deal is closed where
// its hs_is_closed is true. Paging, cost and errors are those of
// [Client.ContactsWithAdditionalEmail].
//
// D/api-reference/latest/crm/search-the-crm
func (c *Client) OpenDeals(ctx context.Context, after string, properties []string) (SearchPage, error) {
	return c.pageByID(ctx, "deals", openDeals(), after, properties)
}

// DealChanges are the deals that changed since a time, and how many are open.
type DealChanges struct {
	Deals []Object // the 200 that changed last, in no order that counts
	All   bool     // no other has changed since
	Open  int      // deals that are not closed; where All is false it is not known
}

// closedProperty says whether a deal is closed, and changedProperty when a record
// that is no contact changed last.
const (
	closedProperty  = "hs_is_closed"
	changedProperty = "hs_lastmodifieddate"
)

// ChangedDeals returns the deals that changed since a time, closed ones too, and
// says how many are open: who holds a list of the open ones finds out by it what has
// changed, and whether any is gone. Deals that were archived or merged into others
// are in no search. It costs one search, which usually shows changes some seconds
// late.
//
// D/api-reference/latest/crm/search-the-crm
func (c *Client) ChangedDeals(ctx context.Context, since time.Time, properties []string) (DealChanges, error) {
	since = since.Truncate(time.Millisecond)
	out, call, err := c.searchPage(ctx, "deals", search{
		FilterGroups: append(openDeals(), filterGroup{[]filter{changedSince(changedProperty, since)}}),
		Sorts:        []sort{{PropertyName: changedProperty, Direction: "DESCENDING"}},
		Properties:   append(slices.Clone(properties), closedProperty, changedProperty),
		Limit:        searchPage,
	})
	if err != nil {
		return DealChanges{}, err
	}
	found := DealChanges{All: true, Open: out.Total}
	last := time.Time{}
	for i := range out.Results {
		o := out.Results[i].object()
		at, err := time.Parse(time.RFC3339, o.Properties[changedProperty])
		if err != nil || i > 0 && at.After(last) {
			return DealChanges{}, unexpected(call)
		}
		if last = at; at.Before(since) {
			return found, nil
		}
		found.Deals = append(found.Deals, *o)
		if o.Properties[closedProperty] == "true" {
			found.Open--
		}
	}
	found.All = len(out.Results) == out.Total
	return found, nil
}

// openDeals are the filters of deals that are not closed.
func openDeals() []filterGroup {
	return []filterGroup{
		{[]filter{{PropertyName: closedProperty, Operator: "EQ", Value: "false"}}},
		{[]filter{{PropertyName: closedProperty, Operator: "NOT_HAS_PROPERTY"}}},
	}
}

// changedSince is the filter of records whose stamp is not before a time.
func changedSince(property string, since time.Time) filter {
	return filter{PropertyName: property, Operator: "GTE", Value: strconv.FormatInt(since.UnixMilli(), 10)}
}

// idProperty is the property that holds a record's id.
const idProperty = "hs_object_id"

// Shown are records of a type as a search shows them.
type Shown struct {
	IDs map[string]bool // those of the records asked for that it finds
	Any bool            // it finds some record, whichever
}

// Shown asks the search which records of a type there are, by their ids, for callers
// whose reads do not find them. The search usually shows changes some seconds late. It
// costs one search, and one for every [BatchSize] ids. A search that does not show all
// that it finds is an error.
//
// D/api-reference/latest/crm/search-the-crm
func (c *Client) Shown(ctx context.Context, objectType string, ids []string) (Shown, error) {
	shown := Shown{IDs: make(map[string]bool)}
	out, _, err := c.searchPage(ctx, objectType, search{
		FilterGroups: []filterGroup{{[]filter{{PropertyName: idProperty, Operator: "HAS_PROPERTY"}}}},
		Properties:   []string{idProperty}, Limit: 1,
	})
	if err != nil {
		return Shown{}, err
	}
	shown.Any = out.Total > 0
	for some := range slices.Chunk(ids, BatchSize) {
		out, call, err := c.searchPage(ctx, objectType, search{
			FilterGroups: []filterGroup{{[]filter{{PropertyName: idProperty, Operator: "IN", Values: some}}}},
			Properties:   []string{idProperty}, Limit: BatchSize,
		})
		if err == nil && len(out.Results) < out.Total { // as it asked for fewer, whose answer fits
			err = unexpected(call)
		}
		if err != nil {
			return Shown{}, err
		}
		for i := range out.Results {
			shown.IDs[string(out.Results[i].ID)] = true
		}
	}
	return shown, nil
}

// pageByID makes one search for records behind an id, which any of the groups of
// filters finds.
func (c *Client) pageByID(ctx context.Context, objectType string, groups []filterGroup, after string, properties []string) (SearchPage, error) {
	if after != "" {
		for i := range groups {
			groups[i].Filters = append(groups[i].Filters, filter{PropertyName: idProperty, Operator: "GT", Value: after})
		}
	}
	out, call, err := c.searchPage(ctx, objectType, search{
		FilterGroups: groups,
		Sorts:        []sort{{PropertyName: idProperty, Direction: "ASCENDING"}},
		Properties:   properties,
		Limit:        searchPage,
	})
	if err != nil {
		return SearchPage{}, err
	}
	page := SearchPage{Total: out.Total, Objects: make([]Object, len(out.Results))}
	for i := range out.Results {
		o := out.Results[i].object()
		if compareIDs(o.ID, after) <= 0 {
			return SearchPage{}, unexpected(call)
		}
		after = o.ID
		page.Objects[i] = *o
	}
	return page, nil
}

// A wirePage is the answer to a search.
type wirePage struct {
	Total   int          `json:"total"`
	Results []wireObject `json:"results"`
}

// searchPage makes one search. One whose answer is too large is made again for half as
// many records. An answer that shows fewer records than it says is an error.
func (c *Client) searchPage(ctx context.Context, objectType string, s search) (wirePage, *Call, error) {
	var out wirePage
	call, err := c.find(ctx, objectType, &s, &out)
	if err != nil {
		return wirePage{}, call, err
	}
	if out.Results == nil || len(out.Results) < min(out.Total, s.Limit) {
		return wirePage{}, call, unexpected(call)
	}
	out.Total = max(out.Total, len(out.Results))
	return out, call, nil
}

// find makes one search, whose answer it decodes into out. While that is too large it
// halves the limit of the search.
func (c *Client) find(ctx context.Context, objectType string, s *search, out any) (*Call, error) {
	for ; ; s.Limit = (s.Limit + 1) / 2 {
		call, err := c.do(ctx, request{
			class:  Search,
			method: http.MethodPost,
			path:   objectPath(objectType, "search"),
			in:     *s,
			out:    out,
			asked:  s.Limit,
		})
		if s.Limit <= 1 || !errors.Is(err, errTooLarge) {
			return call, err
		}
	}
}

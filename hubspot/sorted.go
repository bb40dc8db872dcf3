package hubspot

import (
	"context"
	"net/http"
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
		filters = append(filters, changed("lastmodifieddate", since))
	}
	return c.pageByID(ctx, "contacts", after, withAddresses(properties), filters)
}

// DealsByID returns the first 200 deals that are not closed, by id, of those whose
// id is greater than after; with a since those that changed since, closed ones among
// them. Otherwise it is like [Client.ContactsWithAdditionalEmail].
//
// D/api-reference/latest/crm/search-the-crm
func (c *Client) DealsByID(ctx context.Context, after string, since time.Time, properties []string) (SearchPage, error) {
	if !since.IsZero() {
		return c.pageByID(ctx, "deals", after, properties, []filter{changed("hs_lastmodifieddate", since)})
	}
	return c.pageByID(
		ctx, "deals", after, properties,
		[]filter{{PropertyName: "hs_is_closed", Operator: "EQ", Value: "false"}},
		[]filter{{PropertyName: "hs_is_closed", Operator: "NOT_HAS_PROPERTY"}},
	)
}

// changed filters the records whose last change is not before a time.
func changed(property string, since time.Time) filter {
	return filter{PropertyName: property, Operator: "GTE", Value: strconv.FormatInt(since.UnixMilli(), 10)}
}

// idProperty is the property that holds a record's id.
const idProperty = "hs_object_id"

// pageByID makes one search for records behind an id that any of the groups of
// filters lets through.
func (c *Client) pageByID(ctx context.Context, objectType, after string, properties []string, groups ...[]filter) (SearchPage, error) {
	s := search{
		Sorts:      []sort{{PropertyName: idProperty, Direction: "ASCENDING"}},
		Properties: properties,
		Limit:      searchPage,
	}
	for _, filters := range groups {
		if after != "" {
			filters = append(filters, filter{PropertyName: idProperty, Operator: "GT", Value: after})
		}
		s.FilterGroups = append(s.FilterGroups, filterGroup{Filters: filters})
	}
	var out struct {
		Total   int          `json:"total"`
		Results []wireObject `json:"results"`
	}
	call, err := c.do(ctx, request{
		class:  Search,
		method: http.MethodPost,
		path:   objectPath(objectType, "search"),
		in:     s,
		out:    &out,
		asked:  s.Limit,
	})
	if err != nil {
		return SearchPage{}, err
	}
	if out.Results == nil || len(out.Results) < min(out.Total, searchPage) {
		return SearchPage{}, unexpected(call)
	}
	page := SearchPage{Total: max(out.Total, len(out.Results)), Objects: make([]Object, len(out.Results))}
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

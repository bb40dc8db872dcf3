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
		filters = append(filters, filter{PropertyName: "lastmodifieddate", Operator: "GTE", Value: strconv.FormatInt(since.UnixMilli(), 10)})
	}
	return c.pageByID(ctx, "contacts", filters, after, withAddresses(properties))
}

// idProperty is the property that holds a record's id.
const idProperty = "hs_object_id"

// pageByID makes one search for records behind an id.
func (c *Client) pageByID(ctx context.Context, objectType string, filters []filter, after string, properties []string) (SearchPage, error) {
	if after != "" {
		filters = append(filters, filter{PropertyName: idProperty, Operator: "GT", Value: after})
	}
	s := search{
		FilterGroups: []filterGroup{{Filters: filters}},
		Sorts:        []sort{{PropertyName: idProperty, Direction: "ASCENDING"}},
		Properties:   properties,
		Limit:        searchPage,
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

package hubspot

import (
	"context"
	"encoding/json"
)

// The bounds of a search.
//
// Limits: D/api-reference/latest/crm/search-the-crm
const (
	SearchSize  = 5    // addresses a search of [Client.ContactsByAdditionalEmail]: one filter group each
	searchPage  = 200  // results a page
	searchBytes = 3000 // of a body; HubSpot says characters
)

// ContactsByAdditionalEmail returns, for each address, the contacts that have it
// among their hs_additional_emails. The addresses must be lower case, as HubSpot
// stores them. A contact whose primary address it is, is not found: ask
// [Client.ContactsByEmail] first. A search usually shows changes some seconds
// late.
//
// It costs one search for every [SearchSize] addresses and one for every further
// 200 results. The error is not nil when the call ended early; then every
// address that was not looked up holds it.
//
// D/api-reference/latest/crm/search-the-crm
func (c *Client) ContactsByAdditionalEmail(ctx context.Context, addresses, properties []string) ([]ContactsOutcome, error) {
	properties = withAddresses(properties)
	unique, of := distinct(addresses)
	out := make(outcomes, len(unique))
	found := contactIndex{byID: make(map[string]*Object)}
	var send func(ctx context.Context, in []int) (*refusal, error)
	send = func(ctx context.Context, in []int) (*refusal, error) {
		if in = out.refuseUnnamed(unique, in); len(in) == 0 {
			return nil, nil
		}
		s := additionalSearch(pick(unique, in), properties)
		if s.tooLong() {
			return out.inHalves(ctx, in, send)
		}
		call, err := c.searchAll(ctx, "contacts", s, found.add)
		if err != nil {
			return refused(in, call, err)
		}
		for _, i := range in {
			out[i].Call = call
		}
		return nil, nil
	}
	err := batch{size: SearchSize, out: out, kind: "search", name: namesOf("contacts", unique), send: send}.run(ctx, indexes(unique))
	return join(addresses, found.by(additionalOf), out.perInput(of, err)), err
}

// inHalves sends inputs in two requests that are too long for one. A single input
// that is too long is refused.
func (o outcomes) inHalves(ctx context.Context, in []int, send func(context.Context, []int) (*refusal, error)) (*refusal, error) {
	if len(in) == 1 {
		o[in[0]] = Outcome{Err: &Error{Kind: Refused, Message: "the address is too long to be searched for"}}
		return nil, nil
	}
	half := len(in) / 2
	if no, err := send(ctx, in[:half]); no != nil || err != nil {
		if no != nil {
			// The other half was not sent, so it counts as refused, too.
			no.in = in
		}
		return no, err
	}
	return send(ctx, in[half:])
}

// A search is the body of a search.
type search struct {
	FilterGroups []filterGroup `json:"filterGroups"` // alternatives
	Sorts        []sort        `json:"sorts,omitempty"`
	Properties   []string      `json:"properties"`
	Limit        int           `json:"limit"`
	After        string        `json:"after,omitempty"`
}

type filterGroup struct {
	Filters []filter `json:"filters"`
}

type filter struct {
	PropertyName string `json:"propertyName"`
	Operator     string `json:"operator"`
	Value        string `json:"value,omitempty"`
	// Values are the alternatives of the operator IN.
	Values []string `json:"values,omitempty"`
}

type sort struct {
	PropertyName string `json:"propertyName"`
	Direction    string `json:"direction"`
}

// additionalSearch searches contacts by any of the addresses. The operator
// compares words, so it may find other contacts as well.
func additionalSearch(addresses, properties []string) search {
	s := search{Properties: properties, Limit: searchPage}
	for _, a := range addresses {
		s.FilterGroups = append(s.FilterGroups, filterGroup{
			Filters: []filter{{PropertyName: additionalProperty, Operator: "CONTAINS_TOKEN", Value: a}},
		})
	}
	return s
}

// tooLong reports whether HubSpot would refuse the search for its length, once it
// carries a cursor.
func (s search) tooLong() bool {
	s.After = "10000"
	body, err := json.Marshal(s)
	return err != nil || len(body) > searchBytes
}

// searchAll passes all pages of a search's results to add. A search that ends before it
// has shown as many as it says that it finds is an error.
func (c *Client) searchAll(ctx context.Context, objectType string, s search, add func([]wireObject)) (*Call, error) {
	var trail Trail
	shown := 0
	for {
		var out struct {
			Total   int          `json:"total"`
			Results []wireObject `json:"results"`
			Paging  paging       `json:"paging"`
		}
		call, err := c.find(ctx, objectType, &s, &out)
		if err != nil {
			return call, err
		}
		next := string(out.Paging.Next.After)
		if out.Results == nil {
			return call, unexpected(call)
		}
		add(out.Results)
		shown += len(out.Results)
		ids := make([]string, len(out.Results))
		for i := range out.Results {
			ids[i] = string(out.Results[i].ID)
		}
		if trail.endless(ids, next) {
			return call, endlessError(call)
		}
		switch {
		case next != "":
			s.After = next
		case shown < out.Total:
			return call, unexpected(call)
		default:
			return call, nil
		}
	}
}

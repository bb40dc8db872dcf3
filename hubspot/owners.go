package hubspot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// ownersPage is how many owners a page of their listing may hold.
const ownersPage = 500

// An Owner is a user of the portal who can own records.
type Owner struct {
	ID       string // value of a record's hubspot_owner_id
	Email    string // may be empty, or in another case than it was entered
	Archived bool   // the user was removed and owns no new records
}

// Owners lists the portal's active owners. A page whose answer is too large is asked for
// again with half as many. Without the scope
// crm.objects.owners.read the error is an [*Error] of kind [Forbidden].
//
// D/api-reference/latest/crm/owners/guide
func (c *Client) Owners(ctx context.Context) ([]Owner, error) {
	var owners []Owner
	query := url.Values{"archived": {"false"}}
	limit := ownersPage
	var trail Trail
	for {
		query.Set("limit", strconv.Itoa(limit))
		var out struct {
			Results []struct {
				ID       text `json:"id"`
				Email    text `json:"email"`
				Archived bool `json:"archived"`
			} `json:"results"`
			Paging paging `json:"paging"`
		}
		call, err := c.do(ctx, request{class: Other, method: http.MethodGet, path: "/crm/owners/{version}", query: query, out: &out, asked: limit})
		if errors.Is(err, errTooLarge) && limit > 1 {
			limit = (limit + 1) / 2
			continue
		}
		if err != nil {
			return nil, err
		}
		next := string(out.Paging.Next.After)
		if out.Results == nil {
			return nil, unexpected(call)
		}
		ids := make([]string, len(out.Results))
		for i, o := range out.Results {
			ids[i] = string(o.ID)
			owners = append(owners, Owner{ID: string(o.ID), Email: string(o.Email), Archived: o.Archived})
		}
		if trail.endless(ids, next) {
			return nil, endlessError(call)
		}
		if next == "" {
			return owners, nil
		}
		query.Set("after", next)
	}
}

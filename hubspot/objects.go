package hubspot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// objectPath is the path of an object type's records. The type is a name
// ("contacts"), a type id ("0-1", "2-123") or a fully qualified name.
func objectPath(objectType string, rest ...string) string {
	return path("/crm/objects/{version}", append([]string{objectType}, rest...)...)
}

// path appends escaped segments to a root.
func path(root string, segments ...string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// Get reads one record. The id of a record that was merged into another
// resolves to it: the returned ID may differ. A record that does not exist, or
// is archived while archived is false (and the reverse), is an [*Error] of kind
// [NotFound].
//
// D/api-reference/latest/crm/using-object-apis
func (c *Client) Get(ctx context.Context, objectType, id string, properties []string, archived bool) (*Object, error) {
	o, _, err := c.get(ctx, objectType, id, properties, archived)
	return o, culpritsOf(ctx).single(objectRead{objectType: objectType}.kind(), namesOf(objectType, []string{id})(0), err)
}

func (c *Client) get(ctx context.Context, objectType, id string, properties []string, archived bool) (*Object, *Call, error) {
	query := url.Values{}
	if len(properties) > 0 {
		query.Set("properties", strings.Join(properties, ","))
	}
	if archived {
		query.Set("archived", "true")
	}
	return c.single(ctx, request{
		class:  Objects,
		method: http.MethodGet,
		path:   objectPath(objectType, id),
		query:  query,
	})
}

// patch changes one record. Like get it follows merges.
func (c *Client) patch(ctx context.Context, objectType, id string, properties map[string]string) (*Object, *Call, error) {
	return c.single(ctx, request{
		class:  Objects,
		method: http.MethodPatch,
		path:   objectPath(objectType, id),
		in:     writeInput{Properties: properties},
	})
}

// single makes a request that answers with one record.
func (c *Client) single(ctx context.Context, r request) (*Object, *Call, error) {
	var w wireObject
	r.out, r.asked = &w, 1
	call, err := c.do(ctx, r)
	if err != nil {
		return nil, call, err
	}
	if w.ID == "" {
		return nil, call, unexpected(call)
	}
	return w.object(), call, nil
}

// List returns one page of an object type's live records, or of its archived
// ones, at most limit (1 to 100), beginning at the cursor after, "" for the first
// page. A page whose answer is too large is asked for again with half as many
// records, so that a page may be short without being the last. A [Trail] notices
// a listing without an end.
//
// D/api-reference/latest/crm/using-object-apis
func (c *Client) List(ctx context.Context, objectType, after string, limit int, archived bool, properties []string) (*Page, error) {
	for ; ; limit = (limit + 1) / 2 {
		page, err := c.list(ctx, objectType, after, limit, archived, properties)
		if limit <= 1 || !errors.Is(err, errTooLarge) {
			return page, err
		}
	}
}

func (c *Client) list(ctx context.Context, objectType, after string, limit int, archived bool, properties []string) (*Page, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	if archived {
		query.Set("archived", "true")
	}
	if len(properties) > 0 {
		query.Set("properties", strings.Join(properties, ","))
	}
	var out struct {
		Results []wireObject `json:"results"`
		Paging  paging       `json:"paging"`
	}
	call, err := c.do(ctx, request{
		class:  Objects,
		method: http.MethodGet,
		path:   objectPath(objectType),
		query:  query,
		out:    &out,
		asked:  limit,
	})
	if err != nil {
		return nil, err
	}
	// Following a page that leads to itself would never end.
	page := &Page{After: string(out.Paging.Next.After)}
	if out.Results == nil || page.After != "" && page.After == after {
		return nil, unexpected(call)
	}
	for i := range out.Results {
		page.Objects = append(page.Objects, *out.Results[i].object())
	}
	return page, nil
}

// unpaged reads a listing that HubSpot returns in one answer.
func unpaged[R any](ctx context.Context, c *Client, class Class, path string, query url.Values) ([]R, error) {
	var out struct {
		Results []R `json:"results"`
	}
	call, err := c.do(ctx, request{class: class, method: http.MethodGet, path: path, query: query, out: &out})
	if err == nil && out.Results == nil {
		err = unexpected(call)
	}
	return out.Results, err
}

package hubspot

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
)

// propertiesPath is the path of an object type's properties.
func propertiesPath(objectType string, rest ...string) string {
	return path("/crm/properties/{version}", append([]string{objectType}, rest...)...)
}

// A Property is a field of an object type.
//
// D/api-reference/latest/crm/properties/guide lists the types, the field types
// that go with each, and the hints.
type Property struct {
	Name                 string   `json:"name"`
	Label                string   `json:"label"`
	Description          string   `json:"description,omitempty"`
	GroupName            string   `json:"groupName,omitempty"`
	Type                 string   `json:"type"`
	FieldType            string   `json:"fieldType"`
	TextDisplayHint      string   `json:"textDisplayHint,omitempty"`
	NumberDisplayHint    string   `json:"numberDisplayHint,omitempty"`
	CurrencyPropertyName string   `json:"currencyPropertyName,omitempty"` // holds this one's currency code
	HasUniqueValue       bool     `json:"hasUniqueValue,omitempty"`       // settable on creation only
	Options              []Option `json:"options,omitempty"`
	Archived             bool     `json:"archived,omitempty"` // in answers only
}

// An Option is a choice of an enumeration property.
type Option struct {
	Label        string `json:"label"`
	Value        string `json:"value"`
	DisplayOrder int    `json:"displayOrder"`
	Hidden       bool   `json:"hidden"`
}

// Properties lists an object type's properties, HubSpot's own included and the
// archived ones not. A new one may be missing for a second.
//
// D/api-reference/latest/crm/properties/guide
func (c *Client) Properties(ctx context.Context, objectType string) ([]Property, error) {
	return unpaged[Property](ctx, c, Other, propertiesPath(objectType), nil)
}

// ArchivedProperties lists the deleted properties that HubSpot still keeps. To
// create one of these names restores the old property, whatever the request says.
//
// D/api-reference/latest/crm/properties/guide
func (c *Client) ArchivedProperties(ctx context.Context, objectType string) ([]Property, error) {
	return unpaged[Property](ctx, c, Other, propertiesPath(objectType), url.Values{"archived": {"true"}})
}

// CreateProperties defines properties and returns an error for each input, nil
// when the property exists afterwards. One that existed before is no error,
// whatever its definition: list the properties afterwards to see it. An archived
// property of the name is restored with its old definition.
//
// The error is not nil when the call ended early; then every input that was
// not decided holds it.
//
// D/api-reference/latest/crm/properties/guide
func (c *Client) CreateProperties(ctx context.Context, objectType string, in []Property) ([]error, error) {
	errs := make([]error, len(in))
	done := make([]bool, len(in))
	var err error
	for chunk := range slices.Chunk(indexes(in), BatchSize) {
		if err = c.createProperties(ctx, objectType, in, chunk, errs, done); err != nil {
			break
		}
	}
	for i := range in {
		if !done[i] {
			errs[i] = err
		}
	}
	return errs, err
}

// createProperties defines a batch of properties. Those that the answer does not
// mention are defined one by one, to learn why each was refused: properties have
// no trace ids.
func (c *Client) createProperties(ctx context.Context, objectType string, in []Property, chunk []int, errs []error, done []bool) error {
	var a answer[Property]
	call, err := c.do(ctx, request{
		class:  Other,
		method: http.MethodPost,
		path:   propertiesPath(objectType, "batch", "create"),
		in:     batchRequest[Property]{Inputs: pick(in, chunk)},
		out:    &a,
	})
	if _, err = refused(chunk, call, err); err != nil {
		return err
	}
	made := make(map[string]bool, len(a.Results))
	for _, p := range a.Results {
		made[p.Name] = true
	}
	for _, i := range chunk {
		if !made[in[i].Name] {
			_, err := c.do(ctx, request{class: Other, method: http.MethodPost, path: propertiesPath(objectType), in: in[i], out: new(someJSON)})
			no, err := refused(nil, nil, err)
			if err != nil {
				return err
			}
			if no != nil && !exists(no.err) {
				errs[i] = no.err
			}
		}
		done[i] = true
	}
	return nil
}

// exists reports whether a create was refused because the thing exists.
func exists(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == http.StatusConflict && e.Category == "OBJECT_ALREADY_EXISTS"
}

// A PropertyPatch is a change to a property's definition. Zero fields stay as
// they are.
type PropertyPatch struct {
	Label     string   `json:"label,omitempty"`
	GroupName string   `json:"groupName,omitempty"`
	Options   []Option `json:"options,omitempty"` // replaces the whole list
}

// UpdateProperty changes a property's definition.
//
// D/api-reference/latest/crm/properties/guide
func (c *Client) UpdateProperty(ctx context.Context, objectType, name string, p PropertyPatch) error {
	_, err := c.do(ctx, request{class: Other, method: http.MethodPatch, path: propertiesPath(objectType, name), in: p, out: new(someJSON)})
	return err
}

// A PropertyGroup is a heading under which HubSpot shows properties.
type PropertyGroup struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

// PropertyGroups lists an object type's property groups.
//
// D/api-reference/latest/crm/properties/guide
func (c *Client) PropertyGroups(ctx context.Context, objectType string) ([]PropertyGroup, error) {
	return unpaged[PropertyGroup](ctx, c, Other, propertiesPath(objectType, "groups"), nil)
}

// CreatePropertyGroup defines a property group. One that exists already is
// left as it is.
//
// D/api-reference/latest/crm/properties/guide
func (c *Client) CreatePropertyGroup(ctx context.Context, objectType string, g PropertyGroup) error {
	_, err := c.do(ctx, request{class: Other, method: http.MethodPost, path: propertiesPath(objectType, "groups"), in: g, out: new(someJSON)})
	if exists(err) {
		return nil
	}
	return err
}

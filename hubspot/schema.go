package hubspot

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

const schemasPath = "/crm-object-schemas/{version}/schemas"

// Labels are the names that HubSpot shows for the records of an object type.
type Labels struct {
	Singular string `json:"singular"`
	Plural   string `json:"plural"`
}

// A Schema is the definition of a custom object.
type Schema struct {
	ObjectTypeID               string              `json:"objectTypeId"` // "2-123456"
	Name                       string              `json:"name"`
	FullyQualifiedName         string              `json:"fullyQualifiedName"` // "p{portal id}_{name}"
	Labels                     Labels              `json:"labels"`
	Description                string              `json:"description"`
	PrimaryDisplayProperty     string              `json:"primaryDisplayProperty"`
	SecondaryDisplayProperties []string            `json:"secondaryDisplayProperties"`
	SearchableProperties       []string            `json:"searchableProperties"`
	RequiredProperties         []string            `json:"requiredProperties"`
	Properties                 []Property          `json:"properties"`
	Associations               []SchemaAssociation `json:"associations"`
	Archived                   bool                `json:"archived"`
}

// A SchemaAssociation is an association that an object type's records may
// have, in one direction.
type SchemaAssociation struct {
	ID         int // association type id
	FromTypeID string
	ToTypeID   string
	Name       string
}

// UnmarshalJSON reads the association as HubSpot prints it, the id in quotes
// or not.
func (a *SchemaAssociation) UnmarshalJSON(b []byte) error {
	var w struct {
		ID   number `json:"id"`
		From string `json:"fromObjectTypeId"`
		To   string `json:"toObjectTypeId"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*a = SchemaAssociation{ID: int(w.ID), FromTypeID: w.From, ToTypeID: w.To, Name: w.Name}
	return nil
}

// Schemas lists the portal's custom objects with their properties and
// associations, without the archived ones. It needs a portal with the
// Enterprise tier; elsewhere it may fail with kind [Forbidden].
//
// D/api-reference/latest/crm/objects/schemas/guide
func (c *Client) Schemas(ctx context.Context) ([]Schema, error) {
	return unpaged[Schema](ctx, c, Other, schemasPath, url.Values{
		"includePropertyDefinitions":    {"true"},
		"includeAssociationDefinitions": {"true"},
	})
}

// A NewSchema is a custom object to define.
type NewSchema struct {
	Name                       string     `json:"name"` // letters, digits and underscores; cannot be changed later
	Labels                     Labels     `json:"labels"`
	Description                string     `json:"description,omitempty"`
	PrimaryDisplayProperty     string     `json:"primaryDisplayProperty"`
	SecondaryDisplayProperties []string   `json:"secondaryDisplayProperties"`
	SearchableProperties       []string   `json:"searchableProperties"`
	RequiredProperties         []string   `json:"requiredProperties"`
	AssociatedObjects          []string   `json:"associatedObjects"` // type ids, such as "0-1"
	Properties                 []Property `json:"properties"`
	AllowsSensitiveProperties  bool       `json:"allowsSensitiveProperties"` // whether properties may be marked as sensitive data
}

// CreateSchema defines a custom object. If one of that name exists, HubSpot
// returns it unchanged, even if another app made it: compare the answer with the
// request.
//
// D/api-reference/latest/crm/objects/schemas/guide
func (c *Client) CreateSchema(ctx context.Context, s NewSchema) (*Schema, error) {
	// HubSpot wants lists here, even empty ones; nil would be sent as null.
	for _, list := range []*[]string{&s.SecondaryDisplayProperties, &s.SearchableProperties, &s.RequiredProperties, &s.AssociatedObjects} {
		if *list == nil {
			*list = []string{}
		}
	}
	var out Schema
	call, err := c.do(ctx, request{class: Other, method: http.MethodPost, path: schemasPath, in: s, out: &out})
	if err != nil {
		return nil, err
	}
	if out.ObjectTypeID == "" {
		return nil, unexpected(call)
	}
	return &out, nil
}

// CreateAssociationDefinition lets the records of a custom object be
// associated with those of another type. Both are named by their type ids.
//
// D/api-reference/latest/crm/objects/schemas/guide
func (c *Client) CreateAssociationDefinition(ctx context.Context, objectType, toTypeID, name string) error {
	_, err := c.do(ctx, request{
		class:  Other,
		method: http.MethodPost,
		path:   path(schemasPath, objectType, "associations"),
		in: struct {
			From string `json:"fromObjectTypeId"`
			To   string `json:"toObjectTypeId"`
			Name string `json:"name"`
		}{objectType, toTypeID, name},
		out:  new(someJSON),
		once: true, // HubSpot does not document what a second one of the same name does
	})
	return err
}

package hubspottest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSearchable is the number of searchable properties a custom object may have.
const maxSearchable = 20

var schemaName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

type labels struct {
	Singular string `json:"singular"`
	Plural   string `json:"plural"`
}

// A schemaBody is the request that creates a custom object type.
// https://developers.hubspot.com/docs/api-reference/latest/crm/objects/schemas/guide
type schemaBody struct {
	Name                       string       `json:"name"`
	Labels                     labels       `json:"labels"`
	Description                string       `json:"description"`
	PrimaryDisplayProperty     string       `json:"primaryDisplayProperty"`
	SecondaryDisplayProperties []string     `json:"secondaryDisplayProperties"`
	SearchableProperties       []string     `json:"searchableProperties"`
	RequiredProperties         []string     `json:"requiredProperties"`
	AssociatedObjects          []string     `json:"associatedObjects"`
	Properties                 []definition `json:"properties"`
}

// A wireSchema is a schema in an answer. A PATCH answers it without
// properties and associations.
type wireSchema struct {
	ID                         string             `json:"id"`
	ObjectTypeID               string             `json:"objectTypeId"`
	Name                       string             `json:"name"`
	FullyQualifiedName         string             `json:"fullyQualifiedName"`
	Labels                     labels             `json:"labels"`
	Description                string             `json:"description,omitempty"`
	PrimaryDisplayProperty     string             `json:"primaryDisplayProperty"`
	SecondaryDisplayProperties []string           `json:"secondaryDisplayProperties"`
	SearchableProperties       []string           `json:"searchableProperties"`
	RequiredProperties         []string           `json:"requiredProperties"`
	Archived                   bool               `json:"archived"`
	CreatedAt                  string             `json:"createdAt"`
	UpdatedAt                  string             `json:"updatedAt"`
	Properties                 *[]wireProperty    `json:"properties,omitempty"`
	Associations               *[]wireAssociation `json:"associations,omitempty"`
}

// A wireAssociation is one direction of an association definition.
type wireAssociation struct {
	ID               string `json:"id"`
	FromObjectTypeID string `json:"fromObjectTypeId"`
	ToObjectTypeID   string `json:"toObjectTypeId"`
	Name             string `json:"name,omitempty"`
	CreatedAt        string `json:"createdAt"`
	UpdatedAt        string `json:"updatedAt"`
}

// createSchema makes a custom object type. An existing name, spelt the same,
// answers with what is there: nothing is changed.
func (p *Portal) createSchema(in schemaBody, now time.Time) (*objectType, *refusal) {
	for _, t := range p.types {
		if !t.custom || t.archived || !strings.EqualFold(t.name, in.Name) {
			continue
		}
		if t.name == in.Name {
			return t, nil
		}
		return nil, conflict("InboundDbObjectTypeError.OBJECT_TYPE_ALREADY_EXIST", "Object type %s already exists.", in.Name)
	}
	if r := p.checkSchema(in); r != nil {
		return nil, r
	}
	var partners []*objectType
	for _, name := range in.AssociatedObjects {
		other := p.named(name)
		if other == nil {
			other = p.named(strings.ToLower(name))
		}
		if other == nil {
			return nil, invalid("Object type '%s' of associatedObjects does not exist.", name)
		}
		partners = append(partners, other)
	}
	t := p.newCustomType(in.Name, now)
	for _, d := range in.Properties {
		if r := t.checkDefinition(d, false); r != nil {
			return nil, r
		}
	}
	for _, d := range in.Properties {
		t.addProperty(d, false)
	}
	t.face = face{
		singular: in.Labels.Singular, plural: in.Labels.Plural, description: in.Description,
		primary: in.PrimaryDisplayProperty, secondary: in.SecondaryDisplayProperties,
		searchable: in.SearchableProperties, required: in.RequiredProperties,
	}
	p.types = append(p.types, t)
	p.byName[t.id], p.byName[t.fullName] = t, t
	if p.byName[t.name] == nil || p.byName[t.name].custom {
		p.byName[t.name] = t
	}
	for _, other := range partners {
		p.addLinkTypes(t, other)
	}
	return t, nil
}

// checkSchema refuses a body that HubSpot would refuse.
func (p *Portal) checkSchema(in schemaBody) *refusal {
	names := make(map[string]bool)
	for _, d := range in.Properties {
		if names[d.Name] {
			return invalid("Property '%s' stands twice.", d.Name)
		}
		names[d.Name] = true
	}
	custom := 0
	for _, t := range p.types {
		if t.custom && !t.archived {
			custom++
		}
	}
	var r *refusal
	switch {
	case !schemaName.MatchString(in.Name):
		r = invalid("Object type name '%s' must start with a letter and hold letters, digits and underscores only.", in.Name)
		r.SubCategory = "InboundDbObjectTypeError.OBJECT_TYPE_NAME_FORMAT"
	case in.Labels.Singular == "" || in.Labels.Plural == "":
		r = invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [labels]")
	case in.PrimaryDisplayProperty == "":
		r = invalid("A primary display property is required.")
		r.SubCategory = "ObjectSchemaError.PRIMARY_DISPLAY_PROPERTY_REQUIRED"
	case !names[in.PrimaryDisplayProperty]:
		r = invalid("'%s' is not a property of the object type.", in.PrimaryDisplayProperty)
		r.SubCategory = "ObjectSchemaError.INVALID_PRIMARY_DISPLAY_PROPERTY"
	case custom >= p.opt.MaxCustomTypes:
		r = invalid("The limit of %d custom object types is reached.", p.opt.MaxCustomTypes)
		r.SubCategory = "ObjectSchemaError.OBJECT_TYPE_LIMIT_EXCEEDED"
	case len(in.SearchableProperties) > maxSearchable:
		r = invalid("At most %d properties can be searchable.", maxSearchable)
	default:
		for _, n := range slices.Concat(in.SearchableProperties, in.RequiredProperties, in.SecondaryDisplayProperties) {
			if !names[n] {
				return invalid("'%s' is not a property of the object type.", n)
			}
		}
		return p.propertyLimits(&objectType{}, in.Properties)
	}
	return r
}

// newCustomType makes a type that the portal does not list yet.
func (p *Portal) newCustomType(name string, now time.Time) *objectType {
	p.nextType += 1 + p.rng.IntN(500)
	t := newType("2-"+strconv.Itoa(p.nextType), name, strings.ToUpper(name), "hs_createdate", "hs_lastmodifieddate")
	t.fullName = fmt.Sprintf("p%d_%s", p.opt.ID, name)
	t.custom = true
	t.listed = now.Add(p.opt.SchemaLag)
	t.addProperty(definition{Name: "hubspot_owner_id", Label: "Owner", Type: "string", FieldType: "text"}, true)
	return t
}

// shown is the definition that a read at this time sees.
func (t *objectType) shown(now time.Time) face {
	if now.Before(t.faceFrom) {
		return t.oldFace
	}
	return t.face
}

func (p *Portal) wireSchema(t *objectType, f face, withProperties, withAssociations bool, now time.Time) wireSchema {
	w := wireSchema{
		ID: t.id, ObjectTypeID: t.id, Name: t.name, FullyQualifiedName: t.fullName,
		Labels: labels{f.singular, f.plural}, Description: f.description, PrimaryDisplayProperty: f.primary,
		SecondaryDisplayProperties: nonNil(f.secondary), SearchableProperties: nonNil(f.searchable), RequiredProperties: nonNil(f.required),
		Archived: t.archived, CreatedAt: isoMilli(t.created.UnixMilli()), UpdatedAt: isoMilli(t.created.UnixMilli()),
	}
	if withProperties {
		props := t.wireProperties(false, now)
		w.Properties = &props
	}
	if withAssociations {
		assocs := []wireAssociation{}
		for _, other := range p.types {
			for _, pair := range []pairKey{{t, other}, {other, t}} {
				for _, k := range p.pairs[pair] {
					assocs = append(assocs, k.wire(t))
				}
			}
		}
		w.Associations = &assocs
	}
	return w
}

func (k *linkType) wire(t *objectType) wireAssociation {
	at := isoMilli(t.created.UnixMilli())
	return wireAssociation{ID: strconv.Itoa(k.id), FromObjectTypeID: k.from.id, ToObjectTypeID: k.to.id, Name: k.name, CreatedAt: at, UpdatedAt: at}
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// deleteSchema archives a type, or purges it; one with records stays.
func (p *Portal) deleteSchema(t *objectType, purge bool) *refusal {
	if t.live > 0 {
		return &refusal{
			status: http.StatusBadRequest, Category: "VALIDATION_ERROR", SubCategory: "ObjectSchemaError.EXISTING_OBJECT_RECORDS",
			Message: "The object type has records and cannot be deleted.",
		}
	}
	t.archived = true
	for _, n := range []string{t.id, t.name, t.fullName} {
		if p.byName[n] == t {
			delete(p.byName, n)
		}
	}
	if purge {
		p.types = slices.DeleteFunc(p.types, func(o *objectType) bool { return o == t })
	}
	return nil
}

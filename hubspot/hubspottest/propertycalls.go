package hubspottest

import (
	"net/http"
	"slices"
)

// properties answers /crm/properties.
func (c *call) properties() answer {
	if len(c.seg) == 0 {
		return c.noRoute()
	}
	t, r := c.objectType(c.seg[0])
	if r != nil {
		return c.refuse(r)
	}
	switch {
	case c.is("GET", "*"):
		return c.json(http.StatusOK, map[string]any{"results": t.wireProperties(c.query.Get("archived") == "true", c.now)})
	case c.is("POST", "*"):
		return c.createProperty(t)
	case c.is("GET", "*", "groups"), c.is("POST", "*", "groups"):
		return c.propertyGroups(t)
	case c.is("GET", "*", "groups", "*"), c.is("PATCH", "*", "groups", "*"), c.is("DELETE", "*", "groups", "*"):
		return c.propertyGroup(t, c.seg[2])
	case c.is("POST", "*", "batch", "create"):
		return c.createProperties(t)
	case c.is("POST", "*", "batch", "read"), c.is("POST", "*", "batch", "archive"):
		return c.namedProperties(t)
	case c.is("GET", "*", "*"), c.is("PATCH", "*", "*"), c.is("DELETE", "*", "*"):
		return c.property(t, c.seg[1])
	}
	return c.noRoute()
}

func (c *call) createProperty(t *objectType) answer {
	var d definition
	if r := c.decode(&d); r != nil {
		return c.refuse(r)
	}
	pr, r := c.p.createProperty(t, d, c.now)
	if r != nil {
		return c.refuse(r)
	}
	return c.json(http.StatusCreated, pr.wire())
}

// createProperties is the batch create; what exists already is an item of a
// 207.
func (c *call) createProperties(t *objectType) answer {
	var in struct{ Inputs []definition }
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if r := batchSize(len(in.Inputs), batchLimit); r != nil {
		return c.refuse(r)
	}
	results, errs := []any{}, []*refusal{}
	for _, d := range in.Inputs {
		if pr, r := c.p.createProperty(t, d, c.now); r != nil {
			errs = append(errs, r.item("name", d.Name))
		} else {
			results = append(results, pr.wire())
		}
	}
	return c.batchJSON(http.StatusCreated, results, errs)
}

// namedProperties is batch read and batch archive.
func (c *call) namedProperties(t *objectType) answer {
	var in struct {
		Archived bool
		Inputs   []struct{ Name string }
	}
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if r := batchSize(len(in.Inputs), batchLimit); r != nil {
		return c.refuse(r)
	}
	results, errs := []any{}, []*refusal{}
	for _, i := range in.Inputs {
		pr := t.properties[i.Name]
		switch {
		case pr == nil || pr.archived != in.Archived || c.now.Before(pr.visibleFrom):
			errs = append(errs, unknownProperty(t, i.Name).item("name", i.Name))
		case c.seg[2] == "read":
			results = append(results, pr.wire())
		default:
			if r := t.archiveProperty(pr); r != nil {
				return c.refuse(r)
			}
		}
	}
	if c.seg[2] == "archive" {
		return answer{status: http.StatusNoContent}
	}
	return c.batchJSON(http.StatusOK, results, errs)
}

func unknownProperty(t *objectType, name string) *refusal {
	return notFound("Property \"%s\" does not exist on object type \"%s\"", name, t.id)
}

// property reads, changes or archives one property.
func (c *call) property(t *objectType, name string) answer {
	pr := t.visible(name, c.now)
	if pr == nil {
		return c.refuse(unknownProperty(t, name))
	}
	switch c.r.Method {
	case http.MethodGet:
		return c.json(http.StatusOK, pr.wire())
	case http.MethodDelete:
		if r := t.archiveProperty(pr); r != nil {
			return c.refuse(r)
		}
		return answer{status: http.StatusNoContent}
	case http.MethodPatch:
		return c.patchProperty(t, pr)
	}
	return c.noRoute()
}

// patchProperty changes what is given; options replaces the whole list.
func (c *call) patchProperty(t *objectType, pr *property) answer {
	var in struct {
		Label, Description, GroupName, FieldType *string
		NumberDisplayHint, TextDisplayHint       *string
		CurrencyPropertyName                     *string
		Type                                     *string
		HasUniqueValue                           *bool
		Hidden, FormField                        *bool
		DisplayOrder                             *int
		Options                                  *[]option
	}
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	d := pr.definition
	assign(&d.Label, in.Label)
	assign(&d.Description, in.Description)
	assign(&d.GroupName, in.GroupName)
	assign(&d.FieldType, in.FieldType)
	assign(&d.Type, in.Type)
	assign(&d.NumberDisplayHint, in.NumberDisplayHint)
	assign(&d.TextDisplayHint, in.TextDisplayHint)
	assign(&d.CurrencyPropertyName, in.CurrencyPropertyName)
	assign(&d.Hidden, in.Hidden)
	assign(&d.FormField, in.FormField)
	assign(&d.DisplayOrder, in.DisplayOrder)
	if in.Options != nil {
		d.Options = slices.Clone(*in.Options)
	}
	switch {
	case pr.hubspot:
		return c.refuse(invalid("Property '%s' is defined by HubSpot and cannot be changed.", pr.Name))
	case in.HasUniqueValue != nil && *in.HasUniqueValue != pr.HasUniqueValue:
		return c.refuse(invalid("hasUniqueValue can only be set when a property is created."))
	}
	if r := t.checkDefinition(d, true); r != nil {
		return c.refuse(r)
	}
	pr.definition, pr.updated = d, c.now
	return c.json(http.StatusOK, pr.wire())
}

func assign[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (c *call) propertyGroups(t *objectType) answer {
	if c.r.Method == http.MethodGet {
		live := slices.DeleteFunc(slices.Clone(t.groups), func(g propertyGroup) bool { return g.Archived })
		return c.json(http.StatusOK, map[string]any{"results": live})
	}
	var g propertyGroup
	if r := c.decode(&g); r != nil {
		return c.refuse(r)
	}
	i := slices.IndexFunc(t.groups, func(h propertyGroup) bool { return h.Name == g.Name })
	switch {
	case g.Name == "" || g.Label == "":
		return c.refuse(invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [name, label]"))
	case i >= 0 && !t.groups[i].Archived:
		return c.refuse(conflict("Properties.PROPERTY_GROUP_WITH_NAME_EXISTS", "A property group named '%s' already exists.", g.Name))
	case i >= 0:
		t.groups[i] = g
	default:
		t.groups = append(t.groups, g)
	}
	return c.json(http.StatusCreated, g)
}

func (c *call) propertyGroup(t *objectType, name string) answer {
	i := slices.IndexFunc(t.groups, func(g propertyGroup) bool { return g.Name == name && !g.Archived })
	if i < 0 {
		return c.refuse(notFound("Property group '%s' does not exist.", name))
	}
	g := &t.groups[i]
	switch c.r.Method {
	case http.MethodPatch:
		var in struct {
			Label        *string
			DisplayOrder *int
		}
		if r := c.decode(&in); r != nil {
			return c.refuse(r)
		}
		assign(&g.Label, in.Label)
		assign(&g.DisplayOrder, in.DisplayOrder)
	case http.MethodDelete:
		g.Archived = true
		return answer{status: http.StatusNoContent}
	}
	return c.json(http.StatusOK, *g)
}

package hubspottest

import (
	"net/http"
	"slices"
	"strconv"
)

// schemas answers /crm-object-schemas.
func (c *call) schemas() answer {
	switch {
	case c.is("GET"):
		return c.listSchemas()
	case c.is("POST"):
		return c.createSchema()
	case c.is("POST", "batch", "read"):
		return c.readSchemas()
	case len(c.seg) == 0:
		return c.noRoute()
	}
	t := c.p.named(c.seg[0])
	if t == nil && c.is("DELETE", "*") && c.query.Get("archived") == "true" {
		i := slices.IndexFunc(c.p.types, func(o *objectType) bool { return o.archived && (o.id == c.seg[0] || o.fullName == c.seg[0]) })
		if i >= 0 {
			t = c.p.types[i]
		}
	}
	if t == nil || !t.custom {
		return c.refuse(notFound("Object type %s was not found.", c.seg[0]))
	}
	switch {
	case c.is("GET", "*"):
		return c.json(http.StatusOK, c.p.wireSchema(t, t.shown(c.now), c.wants("includePropertyDefinitions", true), c.wants("includeAssociationDefinitions", true), c.now))
	case c.is("PATCH", "*"):
		return c.patchSchema(t)
	case c.is("DELETE", "*"):
		if r := c.p.deleteSchema(t, c.query.Get("archived") == "true"); r != nil {
			return c.refuse(r)
		}
		return answer{status: http.StatusNoContent}
	case c.is("POST", "*", "associations"):
		return c.defineAssociation(t)
	case c.is("DELETE", "*", "associations", "*"):
		return c.undefineAssociation(t)
	}
	return c.noRoute()
}

// wants reads a boolean query parameter.
func (c *call) wants(name string, otherwise bool) bool {
	if v, err := strconv.ParseBool(c.query.Get(name)); err == nil {
		return v
	}
	return otherwise
}

// listSchemas omits schemas younger than the schema lag and, on dated versions,
// the parts that the request has no flag for.
func (c *call) listSchemas() answer {
	full := legacyVersion.MatchString(c.version)
	withProperties := c.wants("includePropertyDefinitions", full)
	withAssociations := c.wants("includeAssociationDefinitions", full)
	results := []wireSchema{}
	for _, t := range c.p.types {
		if t.custom && t.archived == c.wants("archived", false) && !c.now.Before(t.listed) {
			results = append(results, c.p.wireSchema(t, t.shown(c.now), withProperties, withAssociations, c.now))
		}
	}
	return c.json(http.StatusOK, map[string]any{"results": results})
}

func (c *call) createSchema() answer {
	var in schemaBody
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	t, r := c.p.createSchema(in, c.now)
	if r != nil {
		return c.refuse(r)
	}
	return c.json(http.StatusCreated, c.p.wireSchema(t, t.face, true, true, c.now))
}

// readSchemas answers with a plain list, as HubSpot's models define it. Unknown
// names are undocumented; they are omitted.
func (c *call) readSchemas() answer {
	var in struct {
		Inputs                        []string
		IncludePropertyDefinitions    bool
		IncludeAssociationDefinitions bool
	}
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	results := []any{}
	for _, name := range in.Inputs {
		if t := c.p.named(name); t != nil && t.custom {
			results = append(results, c.p.wireSchema(t, t.shown(c.now), in.IncludePropertyDefinitions, in.IncludeAssociationDefinitions, c.now))
		}
	}
	return c.json(http.StatusOK, map[string]any{"results": results})
}

func (c *call) patchSchema(t *objectType) answer {
	var in struct {
		Labels                     *labels
		Description                *string
		PrimaryDisplayProperty     *string
		SecondaryDisplayProperties *[]string
		SearchableProperties       *[]string
		RequiredProperties         *[]string
	}
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	f := t.face
	if in.Labels != nil {
		f.singular, f.plural = in.Labels.Singular, in.Labels.Plural
	}
	assign(&f.description, in.Description)
	assign(&f.primary, in.PrimaryDisplayProperty)
	assign(&f.secondary, in.SecondaryDisplayProperties)
	assign(&f.searchable, in.SearchableProperties)
	assign(&f.required, in.RequiredProperties)
	if len(f.searchable) > maxSearchable {
		return c.refuse(invalid("At most %d properties can be searchable.", maxSearchable))
	}
	for _, n := range slices.Concat([]string{f.primary}, f.secondary, f.searchable, f.required) {
		if t.visible(n, c.now) == nil {
			return c.refuse(invalid("'%s' is not a property of the object type.", n))
		}
	}
	t.oldFace, t.faceFrom = t.shown(c.now), c.now.Add(c.p.opt.SchemaLag)
	t.face = f
	return c.json(http.StatusOK, c.p.wireSchema(t, f, false, false, c.now))
}

// defineAssociation lets records of the type be linked to another type.
func (c *call) defineAssociation(t *objectType) answer {
	var in struct{ FromObjectTypeID, ToObjectTypeID, Name string }
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	from, to := c.p.named(in.FromObjectTypeID), c.p.named(in.ToObjectTypeID)
	if from == nil || to == nil || from == to || from != t && to != t {
		return c.refuse(invalid("fromObjectTypeId and toObjectTypeId must name %s and one other object type.", t.id))
	}
	k := c.p.addLinkTypes(from, to)
	if in.Name != "" {
		k.name = in.Name
	}
	return c.json(http.StatusCreated, k.wire(t))
}

func (c *call) undefineAssociation(t *objectType) answer {
	for pair, kinds := range c.p.pairs {
		if pair.from != t || strconv.Itoa(kinds[0].id) != c.seg[2] {
			continue
		}
		c.p.undefine(pair)
		return answer{status: http.StatusNoContent}
	}
	return c.refuse(notFound("Association definition %s was not found.", c.seg[2]))
}

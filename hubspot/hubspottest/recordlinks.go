package hubspottest

import "net/http"

// recordAssociations answers /crm/objects/{from}/{id}/associations. These
// calls name one record, so they follow merges and count as object calls.
func (c *call) recordAssociations(from *objectType) answer {
	rec := from.resolve(c.seg[1])
	if rec == nil || rec.archived != 0 {
		return c.refuse(missingObject())
	}
	switch {
	case c.is("GET", "*", "*", "*", "*"):
		to, r := c.objectType(c.seg[3])
		if r != nil {
			return c.refuse(r)
		}
		return c.listAssociations(rec, to)
	case c.is("PUT", "*", "*", "*", "default", "*", "*"):
		return c.linkDefault(from, rec, c.seg[4], c.seg[5])
	case c.is("PUT", "*", "*", "*", "*", "*"):
		return c.linkLabelled(from, rec, c.seg[3], c.seg[4])
	case c.is("DELETE", "*", "*", "*", "*", "*"):
		to, r := c.objectType(c.seg[3])
		if r != nil {
			return c.refuse(r)
		}
		c.p.dropLinks(rec, to.resolve(c.seg[4]), to)
		return answer{status: http.StatusNoContent}
	}
	return c.noRoute()
}

func (c *call) listAssociations(rec *record, to *objectType) answer {
	limit, r := c.number("limit", 500, 500)
	if r != nil {
		return c.refuse(r)
	}
	results, next, r := c.page(rec, to, c.query.Get("after"), limit)
	if r != nil {
		return c.refuse(r)
	}
	body := map[string]any{"results": results}
	if next != "" {
		body["paging"] = c.nextPage(next)
	}
	return c.json(http.StatusOK, body)
}

func (c *call) linkDefault(from *objectType, a *record, toName, toID string) answer {
	to, r := c.objectType(toName)
	if r != nil {
		return c.refuse(r)
	}
	plain := c.p.pairs[pairKey{from, to}]
	if len(plain) == 0 {
		return c.refuse(invalid("No association definition exists between %s and %s.", from.id, to.id))
	}
	_, b, r := c.ends(from, to, a.idText(), toID, plain[:1])
	if r != nil {
		return c.refuse(r)
	}
	c.p.associate(a, b, plain[0])
	return c.batchJSON(http.StatusOK, defaultLinkResults(a, b, plain[0]), nil)
}

// linkLabelled replaces the labels between two records by the ones given.
func (c *call) linkLabelled(from *objectType, a *record, toName, toID string) answer {
	to, r := c.objectType(toName)
	if r != nil {
		return c.refuse(r)
	}
	var types []wireType
	if r := c.decode(&types); r != nil {
		return c.refuse(r)
	}
	kinds, r := c.kinds(from, to, types)
	if r != nil {
		return c.refuse(r)
	}
	_, b, r := c.ends(from, to, a.idText(), toID, kinds)
	if r != nil {
		return c.refuse(r)
	}
	c.p.dropLinks(a, b, to)
	for _, k := range kinds {
		c.p.associate(a, b, k)
	}
	return c.json(http.StatusCreated, c.linkResult(a, b, kinds))
}

func (c *call) listLabels(from, to *objectType) answer {
	results := []wireKind{}
	for _, k := range c.p.pairs[pairKey{from, to}] {
		results = append(results, k.wireKind())
	}
	return c.json(http.StatusOK, map[string]any{"results": results})
}

// createLabel defines a label in both directions.
func (c *call) createLabel(from, to *objectType) answer {
	var in struct{ Name, Label, InverseLabel string }
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if in.Label == "" || in.Name == "" {
		return c.refuse(invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [label, name]"))
	}
	for _, k := range c.p.pairs[pairKey{from, to}] {
		if k.label == in.Label {
			return c.refuse(conflict("", "An association label '%s' already exists.", in.Label))
		}
	}
	k := c.p.label(from, to, in.Label, in.InverseLabel)
	return c.json(http.StatusOK, map[string]any{"results": []wireKind{k.wireKind(), k.inverse.wireKind()}})
}

func (p *Portal) label(from, to *objectType, label, inverse string) *linkType {
	if inverse == "" {
		inverse = label
	}
	return p.addLinkType(from, to, userDefined, [2]int{p.newLinkID(), p.newLinkID()}, [2]string{label, inverse}, [2]string{label, inverse})
}

package hubspottest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
)

// Sizes of association batches.
const (
	associationReads  = 1000
	associationWrites = 2000
)

// associations answers /crm/associations.
func (c *call) associations() answer {
	if len(c.seg) < 3 {
		return c.noRoute()
	}
	from, r := c.objectType(c.seg[0])
	if r != nil {
		return c.refuse(r)
	}
	to, r := c.objectType(c.seg[1])
	if r != nil {
		return c.refuse(r)
	}
	if len(c.p.pairs[pairKey{from, to}]) == 0 {
		return c.refuse(invalid("No association definition exists between %s and %s.", from.id, to.id))
	}
	switch {
	case c.is("GET", "*", "*", "labels"):
		return c.listLabels(from, to)
	case c.is("POST", "*", "*", "labels"):
		return c.createLabel(from, to)
	case c.is("POST", "*", "*", "batch", "read"):
		return c.readAssociations(from, to)
	case c.is("POST", "*", "*", "batch", "create"):
		return c.createAssociations(from, to, false)
	case c.is("POST", "*", "*", "batch", "associate", "default"):
		return c.createAssociations(from, to, true)
	case c.is("POST", "*", "*", "batch", "archive"):
		return c.archiveAssociations(from, to)
	}
	return c.noRoute()
}

// associationID is a record id as association answers spell it.
func (c *call) associationID(rec *record) any {
	if c.p.opt.TextIDs {
		return rec.idText()
	}
	return rec.id
}

type wireKind struct {
	Category string  `json:"category"`
	TypeID   int     `json:"typeId"`
	Label    *string `json:"label"`
}

func (k *linkType) wireKind() wireKind {
	w := wireKind{Category: k.category, TypeID: k.id}
	if k.label != "" {
		w.Label = &k.label
	}
	return w
}

// page is one page of the records of type to that rec is associated with.
func (c *call) page(rec *record, to *objectType, after string, limit int) (results []any, next string, r *refusal) {
	start := 0
	if after != "" {
		text, err := base64.StdEncoding.DecodeString(after)
		n, convErr := strconv.Atoi(string(text))
		if err != nil || convErr != nil || n < 0 {
			return nil, "", invalid("Invalid value for after: %s", after)
		}
		start = n
	}
	all := rec.relatedTo(to)
	results = []any{}
	for _, rel := range all[min(start, len(all)):min(start+limit, len(all))] {
		kinds := []wireKind{}
		for _, k := range rel.kinds {
			kinds = append(kinds, k.wireKind())
		}
		results = append(results, map[string]any{"toObjectId": c.associationID(rel.to), "associationTypes": kinds})
	}
	if start+limit < len(all) {
		next = base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(start + limit)))
	}
	return results, next, nil
}

// readAssociations answers up to a thousand records; one without any
// association is absent, or an error, never an empty entry.
func (c *call) readAssociations(from, to *objectType) answer {
	var in struct {
		Inputs []struct {
			ID    value
			After string
		}
	}
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if r := batchSize(len(in.Inputs), associationReads); r != nil {
		return c.refuse(r)
	}
	seen := make(map[string]bool)
	results, errs := []any{}, []*refusal{}
	for _, i := range in.Inputs {
		if seen[string(i.ID)] {
			return c.refuse(duplicates([]string{string(i.ID), string(i.ID)}))
		}
		seen[string(i.ID)] = true
		var found []any
		var next string
		if rec := from.find(string(i.ID)); rec != nil {
			var r *refusal
			if found, next, r = c.page(rec, to, i.After, c.p.opt.AssociationPage); r != nil {
				return c.refuse(r)
			}
		}
		if len(found) == 0 {
			if c.p.opt.NoAssociationsErrors {
				r := notFound("No %s is associated with %s %s.", to.singular(), from.singular(), i.ID)
				r.SubCategory = "crm.associations.NO_ASSOCIATIONS_FOUND"
				errs = append(errs, r.item("fromObjectId", string(i.ID)))
			}
			continue
		}
		entry := map[string]any{"from": map[string]string{"id": string(i.ID)}, "to": found}
		if next != "" {
			entry["paging"] = c.nextPage(next)
		}
		results = append(results, entry)
	}
	return c.batchJSON(http.StatusOK, results, errs)
}

// kinds resolves association types as a request names them. A type that does
// not exist, or belongs to another pair or direction, refuses everything.
// Without to, the first type decides which pair it is.
func (c *call) kinds(from, to *objectType, types []wireType) ([]*linkType, *refusal) {
	if len(types) == 0 {
		return nil, invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [types]")
	}
	var out []*linkType
	for _, wt := range types {
		k := c.p.links[linkKey{wt.Category, wt.ID}]
		if k != nil && to == nil {
			to = k.to
		}
		if k == nil || k.from != from || k.to != to {
			other := "the other object type"
			if to != nil {
				other = to.id
			}
			return nil, invalid("Association type %d of category %s is not valid from %s to %s.", wt.ID, wt.Category, from.id, other)
		}
		out = append(out, k)
	}
	return out, nil
}

type pairInput struct {
	From  struct{ ID value }
	To    struct{ ID value }
	Types []wireType
}

// createAssociations adds types between pairs; one that exists is no error.
func (c *call) createAssociations(from, to *objectType, plain bool) answer {
	var in struct{ Inputs []pairInput }
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if r := batchSize(len(in.Inputs), associationWrites); r != nil {
		return c.refuse(r)
	}
	kinds := make([][]*linkType, len(in.Inputs))
	for i, pair := range in.Inputs {
		if pair.From.ID == "" || pair.To.ID == "" {
			return c.refuse(invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [from, to]"))
		}
		if plain {
			kinds[i] = c.p.pairs[pairKey{from, to}][:1]
			continue
		}
		var r *refusal
		if kinds[i], r = c.kinds(from, to, pair.Types); r != nil {
			return c.refuse(r)
		}
	}
	results, errs := []any{}, []*refusal{}
	for i, pair := range in.Inputs {
		a, b, r := c.ends(from, to, string(pair.From.ID), string(pair.To.ID), kinds[i])
		if r != nil {
			errs = append(errs, r.item("fromObjectId", string(pair.From.ID)))
			continue
		}
		for _, k := range kinds[i] {
			c.p.associate(a, b, k)
		}
		if plain {
			results = append(results, defaultLinkResults(a, b, kinds[i][0])...)
		} else {
			results = append(results, c.linkResult(a, b, kinds[i]))
		}
	}
	if plain {
		return c.batchJSON(http.StatusOK, results, errs)
	}
	return c.batchJSON(http.StatusCreated, results, errs)
}

// ends finds both records of an association to be made.
func (c *call) ends(from, to *objectType, fromID, toID string, kinds []*linkType) (a, b *record, r *refusal) {
	a, b = from.find(fromID), to.find(toID)
	if a == nil || b == nil || a.archived != 0 || b.archived != 0 {
		r = notFound("One or more objects do not exist: %s=%s, %s=%s.", from.upper, fromID, to.upper, toID)
		r.Context = map[string][]string{"toObjectId": {toID}}
		return nil, nil, r
	}
	for _, k := range kinds {
		if c.p.full(a, b, k, 0, 0) {
			r = c.linkLimit(k)
			r.Context = map[string][]string{"toObjectId": {toID}}
			return nil, nil, r
		}
	}
	return a, b, nil
}

func (c *call) linkResult(a, b *record, kinds []*linkType) any {
	names := []string{}
	for _, k := range kinds {
		if k.label != "" {
			names = append(names, k.label)
		}
	}
	return map[string]any{
		"fromObjectTypeId": kinds[0].from.id, "fromObjectId": c.associationID(a),
		"toObjectTypeId": kinds[0].to.id, "toObjectId": c.associationID(b), "labels": names,
	}
}

// defaultLinkResults names both directions.
func defaultLinkResults(a, b *record, k *linkType) []any {
	one := func(a, b *record, k *linkType) any {
		return map[string]any{
			"from": map[string]string{"id": a.idText()}, "to": map[string]string{"id": b.idText()},
			"associationSpec": wireType{k.category, k.id},
		}
	}
	return []any{one(a, b, k), one(b, a, k.inverse)}
}

// archiveAssociations removes every type between the pairs named.
func (c *call) archiveAssociations(from, to *objectType) answer {
	var in struct {
		Inputs []struct {
			From struct{ ID value }
			To   []struct{ ID value }
		}
	}
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if r := batchSize(len(in.Inputs), batchLimit); r != nil {
		return c.refuse(r)
	}
	for _, i := range in.Inputs {
		for _, target := range i.To {
			c.p.dropLinks(from.find(string(i.From.ID)), to.find(string(target.ID)), to)
		}
	}
	return answer{status: http.StatusNoContent}
}

// dropLinks removes every association between two records, if both exist.
func (p *Portal) dropLinks(a, b *record, to *objectType) {
	if a == nil || b == nil {
		return
	}
	for _, l := range slices.Clone(a.links) {
		if l.to == b && l.kind.to == to {
			p.unlink(a, l)
		}
	}
}

package hubspottest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// objects answers /crm/objects.
func (c *call) objects() answer {
	if len(c.seg) == 0 {
		return c.noRoute()
	}
	t, r := c.objectType(c.seg[0])
	if r != nil {
		return c.refuse(r)
	}
	if len(c.seg) >= 3 && c.seg[2] == "associations" {
		return c.recordAssociations(t)
	}
	switch {
	case c.is("GET", "*"):
		return c.listRecords(t)
	case c.is("POST", "*"):
		return c.createRecord(t)
	case c.is("POST", "*", "search"):
		return c.search(t)
	case c.is("POST", "*", "merge"):
		return c.mergeRecords(t)
	case c.is("POST", "*", "batch", "read"):
		return c.batchRead(t)
	case c.is("POST", "*", "batch", "archive"):
		return c.batchArchive(t)
	case c.is("POST", "*", "batch", "create"), c.is("POST", "*", "batch", "update"), c.is("POST", "*", "batch", "upsert"):
		return c.batchWrite(t, c.seg[2])
	case c.is("GET", "*", "*"):
		return c.getRecord(t, c.seg[1])
	case c.is("PATCH", "*", "*"):
		return c.patchRecord(t, c.seg[1])
	case c.is("DELETE", "*", "*"):
		if rec := t.find(c.seg[1]); rec != nil {
			c.archive(t, rec)
		}
		return answer{status: http.StatusNoContent}
	}
	return c.noRoute()
}

// objectType finds the type that a request names.
func (c *call) objectType(name string) (*objectType, *refusal) {
	if t := c.p.named(name); t != nil {
		return t, nil
	}
	return nil, invalid("Unable to infer object type from: %s", name)
}

// number reads a query parameter between 1 and most.
func (c *call) number(name string, otherwise, most int) (int, *refusal) {
	s := c.query.Get(name)
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, invalid("Invalid value for %s: %s. It must be between 1 and %d.", name, s, most)
	}
	return n, nil
}

// listRecords pages through a type by id; after is the next id.
func (c *call) listRecords(t *objectType) answer {
	limit, r := c.number("limit", 10, 100)
	if r != nil {
		return c.refuse(r)
	}
	start := 0
	if after := c.query.Get("after"); after != "" {
		id, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return c.refuse(invalid("Invalid value for after: %s", after))
		}
		start, _ = slices.BinarySearchFunc(t.order, id, func(r *record, id int64) int { return cmp.Compare(r.id, id) })
	}
	archived := c.query.Get("archived") == "true"
	show := c.projection(t, c.list("properties"))
	b := []byte(`{"results":[`)
	n := 0
	next := ""
	for _, rec := range t.order[start:] {
		if (rec.archived != 0) != archived {
			continue
		}
		if n == limit {
			next = rec.idText()
			break
		}
		links, r := c.inlineLinks(rec)
		if r != nil {
			return c.refuse(r)
		}
		if n > 0 {
			b = append(b, ',')
		}
		b = c.appendView(b, t, view{rec: rec, values: rec.values, show: show, links: links})
		n++
	}
	b = append(b, ']')
	if next != "" {
		b = append(b, `,"paging":`...)
		b = appendJSON(b, c.nextPage(next))
	}
	return answer{status: http.StatusOK, body: append(b, '}')}
}

// nextPage is the paging of an answer: a cursor, and a link that names
// HubSpot's own host wherever the portal is served from.
func (c *call) nextPage(after string) map[string]any {
	q := c.r.URL.Query()
	q.Set("after", after)
	return map[string]any{"next": map[string]string{"after": after, "link": "https://api.hubapi.com" + c.r.URL.Path + "?" + q.Encode()}}
}

// inlineLinks are the associations shown with a record: each id once per type.
func (c *call) inlineLinks(rec *record) (json.RawMessage, *refusal) {
	names := c.list("associations")
	if len(names) == 0 {
		return nil, nil
	}
	type entry struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	type entries struct {
		Results []entry `json:"results"`
	}
	out := make(map[string]entries)
	for _, name := range names {
		other, r := c.objectType(name)
		if r != nil {
			return nil, r
		}
		var list []entry
		for _, rel := range rec.relatedTo(other) {
			for _, k := range rel.kinds {
				list = append(list, entry{rel.to.idText(), k.name})
			}
		}
		if len(list) > 0 {
			out[other.fullName] = entries{list}
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return appendJSON(nil, out), nil
}

// one finds the record of a single call, which follows merges.
func (c *call) one(t *objectType, id string) (*record, *refusal) {
	if t.hidden {
		return nil, missingObject()
	}
	var rec *record
	if key := c.query.Get("idProperty"); key != "" && key != "hs_object_id" {
		find, r := c.finder(t, key, c.query.Get("archived") == "true", "read")
		if r != nil {
			return nil, r
		}
		rec = find(id)
	} else {
		rec = t.resolve(id)
	}
	if rec == nil || (rec.archived != 0) != (c.query.Get("archived") == "true") {
		return nil, missingObject()
	}
	return rec, nil
}

func (c *call) getRecord(t *objectType, id string) answer {
	rec, r := c.one(t, id)
	if r != nil {
		return c.refuse(r)
	}
	links, r := c.inlineLinks(rec)
	if r != nil {
		return c.refuse(r)
	}
	show := c.projection(t, c.list("properties"))
	return answer{status: http.StatusOK, body: c.appendView(nil, t, view{rec: rec, values: rec.values, show: show, links: links})}
}

func (c *call) createRecord(t *objectType) answer {
	return c.writeOne(t, nil, http.StatusCreated)
}

func (c *call) patchRecord(t *objectType, id string) answer {
	rec, r := c.one(t, id)
	if r != nil {
		return c.refuse(r)
	}
	return c.writeOne(t, rec, http.StatusOK)
}

func (c *call) writeOne(t *objectType, rec *record, status int) answer {
	var in writeInput
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	s, r := c.stage(t, rec, in, newClaims(), false)
	if r != nil {
		return c.refuse(r)
	}
	c.apply(t, s)
	if s.refused != nil {
		return c.refuse(s.refused)
	}
	return answer{status: status, body: c.appendView(nil, t, view{
		rec: s.rec, values: s.rec.values, show: c.written(t, s), trace: in.TraceID, warnings: s.warnings,
	})}
}

func (c *call) mergeRecords(t *objectType) answer {
	var in struct{ PrimaryObjectID, ObjectIDToMerge value }
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	a, b := t.resolve(string(in.PrimaryObjectID)), t.resolve(string(in.ObjectIDToMerge))
	if a == nil || b == nil || a == b || a.archived != 0 || b.archived != 0 {
		return c.refuse(missingObject())
	}
	rec := c.p.merge(t, a, b, c.now)
	c.emit(t, "merge", a.id, merged(a, b, rec))
	show := c.projection(t, []string{"hs_merged_object_ids"})
	return answer{status: http.StatusOK, body: c.appendView(nil, t, view{rec: rec, values: rec.values, show: show})}
}

// linkLimit refuses one association too many. HubSpot does not document the
// body; imports name it so.
func (c *call) linkLimit(k *linkType) *refusal {
	r := invalid("%s", fmt.Sprintf("The limit of associations between %s and %s is reached.", k.from.upper, k.to.upper))
	r.SubCategory = "ASSOCIATION_LIMIT_EXCEEDED"
	return r
}

package hubspottest

import (
	"net/http"
	"strings"
)

// batchLimit is the number of inputs of an object or property batch.
const batchLimit = 100

func batchSize(n, limit int) *refusal {
	switch {
	case n == 0:
		return invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [inputs]")
	case n > limit:
		return invalid("Too many inputs: %d. The maximum is %d.", n, limit)
	}
	return nil
}

// duplicates refuses a batch that names a record twice, whatever the case of
// the letters.
func duplicates(ids []string) *refusal {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		k := strings.ToLower(id)
		if seen[k] {
			return invalid("Duplicate IDs found in batch input: [%s]. IDs must be unique", id)
		}
		seen[k] = true
	}
	return nil
}

// batchRead reads records by id or unique value. All missing ones are reported in
// one error; merged ones are silently absent.
func (c *call) batchRead(t *objectType) answer {
	var in struct {
		IDProperty string `json:"idProperty"`
		Properties []string
		Inputs     []struct{ ID value }
	}
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if r := batchSize(len(in.Inputs), batchLimit); r != nil {
		return c.refuse(r)
	}
	ids := make([]string, len(in.Inputs))
	for i, input := range in.Inputs {
		ids[i] = string(input.ID)
	}
	if r := duplicates(ids); r != nil {
		return c.refuse(r)
	}
	if r := c.badAddress(ids); r != nil && in.IDProperty == "email" {
		return c.refuse(r)
	}
	archived := c.query.Get("archived") == "true"
	find, r := c.finder(t, in.IDProperty, archived, "read")
	if r != nil {
		return c.refuse(r)
	}
	show := c.projection(t, in.Properties)
	var results [][]byte
	var missing []string
	seen := make(map[*record]bool, len(ids))
	for _, id := range ids {
		rec := find(id)
		switch {
		case rec == nil && in.IDProperty == "" && t.wasMerged(id):
		case rec == nil || (rec.archived != 0) != archived:
			missing = append(missing, id)
		case !seen[rec]:
			seen[rec] = true
			results = append(results, c.appendView(viewBuffer(rec), t, view{rec: rec, values: rec.values, show: show}))
		}
	}
	var errs []*refusal
	if len(missing) > 0 {
		r := notFound("Could not get some %s objects, they may be deleted or not exist. Check that ids are valid.", t.upper)
		errs = append(errs, r.item("ids", missing...))
	}
	return c.batchAnswer(http.StatusOK, results, errs)
}

// finder looks records up by id, or by the unique property named.
func (c *call) finder(t *objectType, property string, archived bool, verb string) (func(string) *record, *refusal) {
	if t.hidden {
		return func(string) *record { return nil }, nil
	}
	if property == "" || property == "hs_object_id" && verb == "read" {
		return t.find, nil
	}
	pr := t.visible(property, c.now)
	if pr == nil || pr.index == nil || pr.many {
		return nil, invalid("Unable to perform %s by non-unique %s property %s in portal ID %d", verb, t.id, property, c.p.opt.ID)
	}
	return func(id string) *record {
		rec := t.byValue(pr, id, archived)
		if rec == nil && pr.email && c.p.opt.SecondaryByEmail {
			rec = t.byValue(t.properties["hs_additional_emails"], id, archived)
		}
		return rec
	}, nil
}

// batchWrite is create, update and upsert. Partial success needs a trace id
// of its own on every input; otherwise the first refusal refuses all.
// https://developers.hubspot.com/docs/api-reference/error-handling
func (c *call) batchWrite(t *objectType, verb string) answer {
	var in struct{ Inputs []writeInput }
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if r := batchSize(len(in.Inputs), batchLimit); r != nil {
		return c.refuse(r)
	}
	if verb != "create" {
		ids := make([]string, len(in.Inputs))
		for i, input := range in.Inputs {
			ids[i] = string(input.ID)
		}
		if r := duplicates(ids); r != nil {
			return c.refuse(r)
		}
		if r := c.checkIDProperty(t, verb, in.Inputs); r != nil {
			return c.refuse(r)
		}
	}
	if r := c.permitLinks(t, in.Inputs); r != nil {
		return c.refuse(r)
	}
	partial := ownTraces(in.Inputs)
	taken := newClaims()
	var todo []*staged
	var errs []*refusal
	for _, input := range in.Inputs {
		s, r := c.stageInput(t, verb, input, taken)
		switch {
		case r == nil && s == nil: // merged: silently dropped
		case r == nil:
			todo = append(todo, s)
		case !partial || r.status == http.StatusConflict && verb == "upsert":
			return c.refuse(r)
		default:
			errs = append(errs, r.item("objectWriteTraceId", input.TraceID))
		}
	}
	var results [][]byte
	created, whole := false, false
	for _, s := range todo {
		c.apply(t, s)
		if s.refused != nil {
			whole = whole || !partial
			errs = append(errs, s.refused.item("objectWriteTraceId", s.input.TraceID))
			continue
		}
		created = created || s.fresh
		results = append(results, c.appendView(viewBuffer(s.rec), t, view{
			rec: s.rec, values: s.rec.values, show: c.written(t, s), trace: s.input.TraceID,
			upserted: verb == "upsert", fresh: s.fresh, warnings: s.warnings,
		}))
	}
	if whole {
		return c.refuse(errs[0])
	}
	status := http.StatusOK
	if verb == "create" || verb == "upsert" && created && c.p.opt.UpsertAnswers201 {
		status = http.StatusCreated
	}
	return c.batchAnswer(status, results, errs)
}

// stageInput finds the record of one input and stages its change.
func (c *call) stageInput(t *objectType, verb string, input writeInput, taken claims) (*staged, *refusal) {
	if verb == "create" {
		return c.stage(t, nil, input, taken, true)
	}
	find, r := c.finder(t, input.IDProperty, false, "update/upsert")
	if r != nil {
		return nil, r
	}
	rec := find(string(input.ID))
	switch {
	case rec != nil && rec.archived == 0:
		return c.stage(t, rec, input, taken, true)
	case input.IDProperty == "" && t.wasMerged(string(input.ID)):
		return nil, nil
	case verb == "upsert" && input.IDProperty != "":
		if input.Properties == nil {
			input.Properties = make(map[string]value)
		}
		input.Properties[input.IDProperty] = input.ID
		input.Associations = nil // an upsert takes none
		return c.stage(t, nil, input, taken, true)
	case verb == "upsert" && t.name == "contacts":
		return nil, nil // without idProperty HubSpot ignores it without an error
	}
	r = notFound("Could not update some %s objects, they may be deleted or not exist. Check that ids are valid.", t.upper)
	r.Context = map[string][]string{"ids": {string(input.ID)}}
	return nil, r
}

// checkIDProperty refuses keys that batches cannot use.
func (c *call) checkIDProperty(t *objectType, verb string, in []writeInput) *refusal {
	for _, input := range in {
		switch {
		case input.IDProperty != in[0].IDProperty:
			return invalid("All inputs of a batch must use the same idProperty.")
		case verb == "upsert" && input.IDProperty == "" && t.name != "contacts":
			return invalid("Invalid input JSON on line 1, column 2. Some required fields were not set: [idProperty]")
		case verb == "update" && input.IDProperty == "email" && t.name == "contacts":
			return invalid("Unable to perform update/upsert by non-unique 0-1 property %s in portal ID %d", input.IDProperty, c.p.opt.ID)
		}
	}
	_, r := c.finder(t, in[0].IDProperty, false, "update/upsert")
	return r
}

// ownTraces reports whether every input has a trace id of its own.
func ownTraces(in []writeInput) bool {
	seen := make(map[string]bool, len(in))
	for _, i := range in {
		if i.TraceID == "" || seen[i.TraceID] {
			return false
		}
		seen[i.TraceID] = true
	}
	return true
}

// batchArchive archives the records that exist; a missing one is no error.
func (c *call) batchArchive(t *objectType) answer {
	var in struct{ Inputs []struct{ ID value } }
	if r := c.decode(&in); r != nil {
		return c.refuse(r)
	}
	if r := batchSize(len(in.Inputs), batchLimit); r != nil {
		return c.refuse(r)
	}
	for _, i := range in.Inputs {
		if rec := t.find(string(i.ID)); rec != nil {
			c.archive(t, rec)
		}
	}
	return answer{status: http.StatusNoContent}
}

package hubspottest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A view is what an answer shows of one record.
type view struct {
	rec      *record
	values   packed      // what the reader sees; search may lag
	show     []*property // by name
	trace    string
	upserted bool // say new or not
	fresh    bool
	warnings []warning
	links    json.RawMessage
}

// projection resolves the properties that a read asks for, unknown ones left
// out, and adds those that every answer carries. Without a wish it is the
// type's few defaults.
func (c *call) projection(t *objectType, asked []string) []*property {
	if len(asked) == 0 {
		asked = t.defaults
	}
	show := []*property{t.properties["hs_object_id"], t.createdDate, t.modifiedDate}
	for _, n := range asked {
		if pr := t.visible(n, c.now); pr != nil && !slices.Contains(show, pr) {
			show = append(show, pr)
		}
	}
	return sortProperties(show)
}

// written is the projection of a write's answer: the written properties and a few
// unrequested ones.
func (c *call) written(t *objectType, s *staged) []*property {
	show := []*property{t.properties["hs_object_id"], t.createdDate, t.modifiedDate, t.properties["hubspot_owner_id"]}
	for _, ch := range s.changes {
		if pr := t.slots[ch.slot]; !slices.Contains(show, pr) {
			show = append(show, pr)
		}
	}
	return sortProperties(show)
}

func sortProperties(show []*property) []*property {
	slices.SortFunc(show, func(a, b *property) int { return strings.Compare(a.Name, b.Name) })
	return show
}

// viewBuffer has room for most records.
func viewBuffer(r *record) []byte { return make([]byte, 0, 2*len(r.values)+1024) }

// appendView writes a record as JSON by hand: a batch answer is a hundred of
// them, and reflection would be most of its cost.
func (c *call) appendView(b []byte, t *objectType, v view) []byte {
	id := v.rec.idText()
	b = append(b, `{"id":"`...)
	b = append(b, id...)
	b = append(b, `","properties":{`...)
	for i, pr := range v.show {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, pr.Name)
		b = append(b, ':')
		if s := c.p.value(v.rec, pr, v.values); s != "" {
			b = appendString(b, s)
		} else {
			b = append(b, "null"...)
		}
	}
	b = append(b, `},"createdAt":"`...)
	b = append(b, isoMilli(v.rec.created)...)
	b = append(b, `","updatedAt":"`...)
	b = append(b, isoMilli(v.rec.updated)...)
	b = append(b, `","archived":`...)
	b = strconv.AppendBool(b, v.rec.archived != 0)
	if v.rec.archived != 0 {
		b = append(b, `,"archivedAt":"`...)
		b = append(b, isoMilli(v.rec.archived)...)
		b = append(b, '"')
	}
	if v.trace != "" && !c.p.opt.NoTraceEcho {
		b = append(b, `,"objectWriteTraceId":`...)
		b = appendString(b, v.trace)
	}
	if v.upserted {
		b = append(b, `,"new":`...)
		b = strconv.AppendBool(b, v.fresh)
	}
	if len(v.warnings) > 0 {
		b = append(b, `,"warnings":`...)
		b = appendJSON(b, v.warnings)
	}
	if v.links != nil {
		b = append(b, `,"associations":`...)
		b = append(b, v.links...)
	}
	return fmt.Appendf(b, `,"url":"https://app.hubspot.com/contacts/%d/record/%s/%s"}`, c.p.opt.ID, t.id, id)
}

// appendString quotes; text that needs no escape is the common case.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if ch := s[i]; ch < 0x20 || ch == '"' || ch == '\\' || ch >= utf8.RuneSelf {
			return appendJSON(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendJSON(b []byte, v any) []byte {
	j, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("hubspottest: an answer that cannot be encoded: %v", err)) // a bug here, never the caller's
	}
	return append(b, j...)
}

// batchJSON is the envelope of a batch answer: 207 if there are errors, results
// in random order.
func (c *call) batchJSON(status int, results []any, errs []*refusal) answer {
	encoded := make([][]byte, len(results))
	for i, r := range results {
		encoded[i] = appendJSON(nil, r)
	}
	return c.batchAnswer(status, encoded, errs)
}

func (c *call) batchAnswer(status int, results [][]byte, errs []*refusal) answer {
	c.p.rng.Shuffle(len(results), func(i, j int) { results[i], results[j] = results[j], results[i] })
	size := 256
	for _, r := range results {
		size += len(r) + 1
	}
	b := make([]byte, 0, size)
	b = append(b, `{"status":"COMPLETE","results":[`...)
	for i, r := range results {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r...)
	}
	at := isoMilli(c.now.UnixMilli())
	b = fmt.Appendf(b, `],"requestedAt":"%s","startedAt":"%s","completedAt":"%s"`, at, at, at)
	if len(errs) > 0 {
		status = 207
		b = fmt.Appendf(b, `,"numErrors":%d,"errors":`, len(errs))
		b = appendJSON(b, errs)
	}
	return answer{status: status, body: append(b, '}')}
}

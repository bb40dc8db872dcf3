package contract

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// A quick is a schema prepared to check JSON without decoding it. The suite
// exchanges gigabytes, nearly all of it valid, and decoding it for kin-openapi
// would be most of the work. A quick either accepts or is unsure; if it is unsure,
// kin-openapi decides and describes the problem. It must never accept what
// kin-openapi refuses.
type quick struct {
	unsure   bool // the schema has something that a quick does not read
	nullable bool
	kind     string // type of the schema
	anyOf    []*quick

	// Texts.
	shortest int
	enum     []string
	pattern  *regexp.Regexp
	format   string

	// Numbers.
	least, most *float64

	// Lists; fewest is of objects too.
	items            *quick
	fewest, greatest int // greatest is negative for no bound

	// Objects.
	fields   map[string]field
	other    *quick // of further fields; nil if there may be none
	required uint64 // the bits of the fields that must be there
}

// A field is what an object says of one name. It has a bit if it is required.
type field struct {
	quick *quick
	bit   uint64
}

// prepare makes a quick of a schema. None of ours refers to itself.
func prepare(s *openapi3.Schema) *quick {
	q := &quick{nullable: s.Nullable, format: s.Format, shortest: int(s.MinLength), least: s.Min, most: s.Max, fewest: int(s.MinItems + s.MinProps), greatest: -1}
	q.unsure = len(s.OneOf)+len(s.AllOf) > 0 || s.Not != nil || s.MaxLength != nil || s.MultipleOf != nil || s.UniqueItems ||
		s.MinProps > 1 || s.MaxProps != nil || s.Type == nil && len(s.AnyOf) == 0 || s.Type != nil && (len(*s.Type) != 1 || len(s.AnyOf) > 0) ||
		!slices.Contains([]string{"", "date-time", "uuid"}, s.Format)
	for _, e := range s.Enum {
		text, ok := e.(string)
		q.enum, q.unsure = append(q.enum, text), q.unsure || !ok
	}
	for _, ref := range s.AnyOf {
		q.anyOf = append(q.anyOf, prepare(ref.Value))
	}
	if s.Type != nil {
		q.kind = s.Type.Slice()[0]
	}
	if s.Pattern != "" {
		var err error
		q.pattern, err = regexp.Compile(s.Pattern)
		q.unsure = q.unsure || err != nil
	}
	if s.MaxItems != nil {
		q.greatest = int(*s.MaxItems)
	}
	if s.Items != nil {
		q.items = prepare(s.Items.Value)
	}
	if q.kind == openapi3.TypeObject {
		q.prepareObject(s)
	}
	return q
}

func (q *quick) prepareObject(s *openapi3.Schema) {
	q.fields = make(map[string]field, len(s.Properties))
	for name, ref := range s.Properties {
		q.fields[name] = field{quick: prepare(ref.Value)}
	}
	for i, name := range s.Required {
		f, ok := q.fields[name]
		f.bit = 1 << i
		q.fields[name] = f
		q.required |= f.bit
		q.unsure = q.unsure || !ok || i > 60
	}
	switch more := s.AdditionalProperties; {
	case more.Schema != nil:
		q.other = prepare(more.Schema.Value)
	case more.Has == nil || *more.Has:
		q.unsure = true
	}
}

// accepts reports whether the body is certainly one JSON value that the schema
// allows. False means unsure.
func (q *quick) accepts(body []byte) bool {
	r := &reading{b: body}
	if !r.value(q) {
		return false
	}
	r.space()
	return r.at == len(body)
}

// A reading is a place in a JSON text.
type reading struct {
	b     []byte
	at    int
	names [][]byte // in the objects that are open, the outermost first
}

func (r *reading) space() {
	for r.at < len(r.b) && (r.b[r.at] == ' ' || r.b[r.at] == '\n' || r.b[r.at] == '\t' || r.b[r.at] == '\r') {
		r.at++
	}
}

// next consumes c, if it comes next.
func (r *reading) next(c byte) bool {
	r.space()
	if r.at < len(r.b) && r.b[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reading) word(w string) bool {
	if bytes.HasPrefix(r.b[r.at:], []byte(w)) {
		r.at += len(w)
		return true
	}
	return false
}

// value consumes the next value, if the schema allows it.
func (r *reading) value(q *quick) bool {
	r.space()
	if q.unsure {
		return false
	}
	if q.nullable && r.word("null") {
		return true
	}
	start := r.at
	for _, one := range q.anyOf {
		if r.value(one) {
			return true
		}
		r.at = start
	}
	switch q.kind {
	case openapi3.TypeString:
		text, ok := r.text()
		return ok && q.allows(text)
	case openapi3.TypeBoolean:
		return r.word("true") || r.word("false")
	case openapi3.TypeInteger:
		return r.integer(q)
	case openapi3.TypeArray:
		return r.list(q)
	case openapi3.TypeObject:
		return r.object(q)
	}
	return false
}

// text consumes a string and returns the content of its quotes, with escapes
// decoded.
func (r *reading) text() ([]byte, bool) {
	if !r.next('"') {
		return nil, false
	}
	start, plain := r.at, true
	for ; r.at < len(r.b); r.at++ {
		switch c := r.b[r.at]; {
		case c == '"' && plain:
			r.at++
			return r.b[start : r.at-1], true
		case c == '"':
			r.at++
			var s string
			err := json.Unmarshal(r.b[start-1:r.at], &s)
			return []byte(s), err == nil
		case c == '\\':
			r.at++
			plain = false
		case c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// allows looks at a text's length, value and form.
func (q *quick) allows(text []byte) bool {
	switch {
	case len(text) < q.shortest, q.shortest > 1:
		return false
	case q.enum != nil && !slices.Contains(q.enum, string(text)), q.pattern != nil && !q.pattern.Match(text):
		return false
	case q.format == "date-time":
		// Parse alone accepts an hour of one digit, and a comma for the point.
		_, err := time.Parse(time.RFC3339, string(text))
		return err == nil && text[len("2006-01-02T15")] == ':' && bytes.IndexByte(text, ',') < 0
	case q.format == "uuid":
		return uuid.Match(text)
	}
	return true
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// integer consumes an integer without an exponent.
func (r *reading) integer(q *quick) bool {
	start := r.at
	for r.at < len(r.b) && bytes.IndexByte([]byte("-0123456789.eE+"), r.b[r.at]) >= 0 {
		r.at++
	}
	n, err := strconv.ParseInt(string(r.b[start:r.at]), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != string(r.b[start:r.at]) {
		return false
	}
	return (q.least == nil || float64(n) >= *q.least) && (q.most == nil || float64(n) <= *q.most)
}

func (r *reading) list(q *quick) bool {
	if !r.next('[') {
		return false
	}
	n := 0
	for more := !r.next(']'); more; n++ {
		if !r.value(q.items) {
			return false
		}
		if more = r.next(','); !more && !r.next(']') {
			return false
		}
	}
	return n >= q.fewest && (q.greatest < 0 || n <= q.greatest)
}

func (r *reading) object(q *quick) bool {
	if !r.next('{') {
		return false
	}
	var seen uint64
	n := 0
	outer := len(r.names)
	defer func() { r.names = r.names[:outer] }()
	for more := !r.next('}'); more; n++ {
		name, ok := r.text()
		if !ok || !r.next(':') || slices.ContainsFunc(r.names[outer:], func(n []byte) bool { return bytes.Equal(n, name) }) {
			return false // also if it occurs twice
		}
		r.names = append(r.names, name)
		f := q.fields[string(name)]
		seen |= f.bit
		if f.quick == nil {
			f.quick = q.other
		}
		if f.quick == nil || !r.value(f.quick) {
			return false
		}
		if more = r.next(','); !more && !r.next('}') {
			return false
		}
	}
	return seen == q.required && n >= q.fewest
}

package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

const (
	mediaType = "application/json"
	formType  = "application/x-www-form-urlencoded"
)

// A verdict lists the problems of both sides of an exchange.
type verdict struct {
	operation       string // "" for one that the document does not have
	request, answer []string
}

// judge checks an exchange against the document.
func judge(all []*operation, x hubspottest.Exchange) verdict {
	op, values := find(all, x.Request)
	if op == nil {
		return verdict{request: []string{"the document has no such operation"}}
	}
	v := verdict{operation: op.name, request: op.judgeRequest(x.Request, values, x.Body)}
	if !x.Lie {
		v.answer = op.judgeAnswer(x)
	}
	return v
}

func (op *operation) judgeRequest(r *http.Request, values map[string]string, body []byte) (bad []string) {
	for name, schema := range op.path {
		bad = append(bad, judgeText("path "+name, schema, values[name])...)
	}
	for name, given := range r.URL.Query() {
		schema := op.query[name]
		switch {
		case schema == nil:
			bad = append(bad, "query "+name+": the document has no such parameter")
		case len(given) != 1:
			bad = append(bad, "query "+name+": given more than once")
		default:
			bad = append(bad, judgeText("query "+name, schema, given[0])...)
		}
	}
	switch scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); {
	case op.open && scheme != "":
		bad = append(bad, "header Authorization: the operation takes none")
	case !op.open && (scheme != "Bearer" || token == ""):
		bad = append(bad, "header Authorization: no bearer token")
	}
	switch {
	case op.body == nil && len(body) > 0:
		bad = append(bad, "body: the operation takes none")
	case op.body != nil && !isOf(op.body.media, r.Header.Get("Content-Type")):
		bad = append(bad, "header Content-Type: not "+op.body.media)
	case op.body != nil:
		bad = append(bad, op.body.judge(body)...)
	}
	return bad
}

func (op *operation) judgeAnswer(x hubspottest.Exchange) (bad []string) {
	a := op.answer(x.Status)
	if a == nil {
		return []string{fmt.Sprintf("status %d: the document has no such answer", x.Status)}
	}
	for name, values := range x.Header {
		schema := a.headers[name]
		switch {
		case name == "Content-Type":
		case schema == nil:
			bad = append(bad, "header "+name+": the document has no such header")
		case len(values) != 1:
			bad = append(bad, "header "+name+": given more than once")
		default:
			bad = append(bad, judgeText("header "+name, schema, values[0])...)
		}
	}
	for _, name := range a.required {
		if x.Header[name] == nil {
			bad = append(bad, "header "+name+": missing")
		}
	}
	switch {
	case a.body == nil && len(x.Answer) > 0:
		bad = append(bad, "body: the answer has none")
	case a.body == nil:
	case !isOf(mediaType, x.Header.Get("Content-Type")):
		bad = append(bad, "header Content-Type: not "+mediaType)
	default:
		bad = append(bad, a.body.judge(x.Answer)...)
	}
	return bad
}

func isOf(want, contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == want
}

// judgeText checks a parameter or header, which is text on the wire, against its
// schema.
func judgeText(what string, schema *openapi3.Schema, s string) []string {
	var v any = s
	switch {
	case schema.Type.Is(openapi3.TypeInteger):
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return []string{what + ": not an integer"}
		}
		v = float64(n)
	case schema.Type.Is(openapi3.TypeBoolean):
		if s != "true" && s != "false" {
			return []string{what + ": not true or false"}
		}
		v = s == "true"
	case schema.Type.Is(openapi3.TypeArray):
		var list []any
		for e := range strings.SplitSeq(s, ",") {
			list = append(list, e)
		}
		v = list
	}
	return visit(what, schema, v)
}

// judge checks a body against its schema.
func (b *body) judge(text []byte) []string {
	if b.media == formType {
		return judgeForm(b.schema, string(text))
	}
	if b.quick.accepts(text) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	var v any
	if err := d.Decode(&v); err != nil {
		return []string{"body: not JSON: " + err.Error()}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return []string{"body: more than one JSON value"}
	}
	bad := visit("body", b.schema, v)
	if name, twice := repeated(text); twice {
		bad = append(bad, fmt.Sprintf("body: the name %q twice in one object", name))
	}
	return bad
}

// judgeForm checks a form, each of whose names may stand once.
func judgeForm(schema *openapi3.Schema, text string) []string {
	form, err := url.ParseQuery(text)
	if err != nil {
		return []string{"body: not a form: " + err.Error()}
	}
	values := make(map[string]any, len(form))
	for name, given := range form {
		if len(given) != 1 {
			return []string{"body: " + name + " given more than once"}
		}
		values[name] = given[0]
	}
	return visit("body", schema, values)
}

// repeated finds a name that occurs twice in one object of a JSON text. Decoders
// differ in which value they use, and decoding hides the repetition.
func repeated(text []byte) (name string, twice bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	var names []map[string]bool // of the objects that are open; nil for a list
	due := false                // whether a name comes next
	for {
		token, err := d.Token()
		if err != nil {
			return "", false
		}
		switch token {
		case json.Delim('{'):
			names = append(names, make(map[string]bool))
		case json.Delim('['):
			names = append(names, nil)
		case json.Delim('}'), json.Delim(']'):
			names = names[:len(names)-1]
		default:
			if s, ok := token.(string); ok && due {
				seen := names[len(names)-1]
				if seen[s] {
					return s, true
				}
				seen[s] = true
				due = false
				continue
			}
		}
		due = len(names) > 0 && names[len(names)-1] != nil
	}
}

// uuidFormat is for kin-openapi, which knows no such format and would let any
// text pass.
var uuidFormat = openapi3.NewRegexpFormatValidator(uuid.String())

// visit returns the problem of a value, by JSON pointer.
func visit(what string, schema *openapi3.Schema, v any) []string {
	err := schema.VisitJSON(v, openapi3.MultiErrors(), openapi3.EnableFormatValidation(), openapi3.WithStringFormatValidator("uuid", uuidFormat))
	if err == nil {
		return nil
	}
	var bad []string
	for _, e := range flatten(err) {
		var s *openapi3.SchemaError
		if errors.As(e, &s) {
			bad = append(bad, fmt.Sprintf("%s /%s: %s", what, strings.Join(s.JSONPointer(), "/"), s.Reason))
		} else {
			bad = append(bad, what+": "+e.Error())
		}
	}
	return bad
}

func flatten(err error) []error {
	var many openapi3.MultiError
	if !errors.As(err, &many) {
		return []error{err}
	}
	var all []error
	for _, e := range many {
		all = append(all, flatten(e)...)
	}
	return all
}

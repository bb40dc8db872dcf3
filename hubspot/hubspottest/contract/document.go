package contract

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed openapi.yaml
var text []byte

// An operation is one method on one path of the document.
type operation struct {
	name     string // "POST /crm/objects/{version}/{objectType}/search"
	method   string
	segments []string // of the path; "{name}" is a parameter
	path     map[string]*openapi3.Schema
	query    map[string]*openapi3.Schema
	body     *body              // nil for none
	open     bool               // takes no bearer token
	answers  map[string]*answer // by status, "5XX" among them
}

// An answer describes the answers of one status.
type answer struct {
	headers  map[string]*openapi3.Schema // by canonical name
	required []string                    // headers
	body     *body
}

// A body is the schema of a body, in two forms.
type body struct {
	media  string
	quick  *quick // nil for a form
	schema *openapi3.Schema
}

func newBody(c openapi3.Content) *body {
	if c == nil {
		return nil
	}
	if form := c[formType]; form != nil {
		return &body{media: formType, schema: form.Schema.Value}
	}
	s := c[mediaType].Schema.Value
	return &body{mediaType, prepare(s), s}
}

func newAnswer(r *openapi3.Response) *answer {
	a := &answer{headers: make(map[string]*openapi3.Schema), body: newBody(r.Content)}
	for name, h := range r.Headers {
		name = http.CanonicalHeaderKey(name)
		a.headers[name] = h.Value.Schema.Value
		if h.Value.Required {
			a.required = append(a.required, name)
		}
	}
	return a
}

// answer returns the answer of a status, nil if the document has none.
func (op *operation) answer(status int) *answer {
	if a := op.answers[strconv.Itoa(status)]; a != nil {
		return a
	}
	return op.answers[strconv.Itoa(status/100)+"XX"]
}

// load reads the document once for all tests of a process.
var load = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return doc, nil
})

// operations are those of the document, on each method the paths with fewer
// parameters first: .../groups is no property's name.
var operations = sync.OnceValues(func() ([]*operation, error) {
	doc, err := load()
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	var all []*operation
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			op := &operation{
				name: method + " " + path, method: method, segments: strings.Split(path, "/"),
				path: make(map[string]*openapi3.Schema), query: make(map[string]*openapi3.Schema), answers: make(map[string]*answer),
			}
			for _, p := range slices.Concat(item.Parameters, o.Parameters) {
				switch p.Value.In {
				case openapi3.ParameterInPath:
					op.path["{"+p.Value.Name+"}"] = p.Value.Schema.Value
				case openapi3.ParameterInQuery:
					op.query[p.Value.Name] = p.Value.Schema.Value
				}
			}
			op.open = o.Security != nil && len(*o.Security) == 0
			if o.RequestBody != nil {
				op.body = newBody(o.RequestBody.Value.Content)
			}
			for status, ref := range o.Responses.Map() {
				op.answers[status] = newAnswer(ref.Value)
			}
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b *operation) int {
		if len(a.path) != len(b.path) {
			return len(a.path) - len(b.path)
		}
		return strings.Compare(a.name, b.name)
	})
	return all, nil
})

// version is the parameter for the date version: this document describes only
// one.
const version = "{version}"

// find returns the operation that a request is for, and the values of the
// parameters in its path; nil if the document has none.
func find(all []*operation, r *http.Request) (*operation, map[string]string) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for _, op := range all {
		if op.method != r.Method || len(op.segments) != len(segments) {
			continue
		}
		values := make(map[string]string, len(op.path))
		if slices.EqualFunc(op.segments, segments, func(want, got string) bool {
			if op.path[want] == nil {
				return want == got
			}
			value, err := url.PathUnescape(got)
			values[want] = value
			return err == nil && (want != version || op.path[want].VisitJSON(value) == nil)
		}) {
			return op, values
		}
	}
	return nil, nil
}

// undated are the paths that operations had before the dated versions. Those
// of the document have the same answers there.
var undated = []struct {
	path  *regexp.Regexp
	dated string
}{
	{regexp.MustCompile(`^/crm/v[34]/(objects|associations|properties|pipelines|owners)\b`), "/crm/$1/2026-09"},
	{regexp.MustCompile(`^/crm/objects/v[34]\b`), "/crm/objects/2026-09"},
	{regexp.MustCompile(`^/crm/v3/schemas\b`), "/crm-object-schemas/2026-09/schemas"},
	{regexp.MustCompile(`^/(crm-object-schemas|account-info)/v3\b`), "/$1/2026-09"},
}

// dated returns the request as it would stand on a dated path, nil if it does
// already or is for something else.
func dated(r *http.Request) *http.Request {
	path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	for _, old := range undated {
		if old.path.MatchString(path) {
			d := *r
			d.URL = &url.URL{RawPath: old.path.ReplaceAllString(path, old.dated), RawQuery: r.URL.RawQuery}
			d.URL.Path, _ = url.PathUnescape(d.URL.RawPath)
			return &d
		}
	}
	return nil
}

package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"thnks-hubspot-sync/sync/plan"
)

// The limits of a JSON body, in addition to its size.
const (
	maxDepth  = 32
	maxTokens = 10_000
	maxString = 64 << 10 // bytes, after unescaping
)

// The reasons why a body is not understood; operators see them.
var (
	errNotUTF8   = errors.New("the body is not valid UTF-8")
	errNotJSON   = errors.New("the body is not one JSON value")
	errNotObject = errors.New("the body is not a JSON object")
	errTooDeep   = errors.New("the body is nested more than 32 deep")
	errTooMany   = errors.New("the body has more than 10,000 JSON tokens")
	errTooLong   = errors.New("the body has a string of more than 64 KiB")
	errDoubled   = errors.New("the body gives a key twice")
)

// An object is a JSON object. Names are case-sensitive, unlike those that
// [json.Unmarshal] matches with a struct: "giftid" must not count as "giftId".
type object map[string]any

// byteOrderMark may stand before UTF-8 text; RFC 8259 lets a reader ignore it.
var byteOrderMark = []byte("\ufeff")

// parseObject reads the one object that body is.
func parseObject(body []byte) (object, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	switch {
	case !utf8.Valid(body):
		return nil, errNotUTF8
	case !json.Valid(body):
		return nil, errNotJSON
	}
	r := reader{d: json.NewDecoder(bytes.NewReader(body))}
	r.d.UseNumber() // ids may be larger than a float64 can represent
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, errNotObject
	}
	return o, nil
}

// object returns the object of that name, nil when there is none.
func (o object) object(name string) object {
	v, _ := o[name].(object)
	return v
}

// text returns the string of that name, "" when there is none.
func (o object) text(name string) string {
	v, _ := o[name].(string)
	return v
}

// word returns the string of that name without the blanks around it.
func (o object) word(name string) string { return trimmed(o.text(name)) }

// plain returns the text, number or truth value of that name as text, "" for
// anything else. A number keeps the form in which it was sent.
func (o object) plain(name string) string {
	switch v := o[name].(type) {
	case string:
		return trimmed(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// id returns the id of that name in its canonical form, "" when there is none.
// Senders also write ids as numbers.
func (o object) id(name string) string {
	if n, ok := o[name].(json.Number); ok && !strings.ContainsAny(n.String(), ".eE-") {
		return n.String()
	}
	return canonicalID(o.text(name))
}

// ids returns the ids in the array of that name.
func (o object) ids(name string) []string {
	list, _ := o[name].([]any)
	var ids []string
	for _, v := range list {
		if id := (object{name: v}).id(name); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// flag reports whether the value of that name is true, as XML writes it too.
func (o object) flag(name string) bool {
	return o[name] == true || strings.EqualFold(o.word(name), "true")
}

// canonicalID returns an id in the form in which ids are compared. One that no
// transaction can have stays as it is, for its own refusal.
func canonicalID(id string) string {
	if canonical, err := plan.CanonicalID(id); err == nil {
		return canonical
	}
	return trimmed(id)
}

// trimmed returns text without the white space and the invisible characters
// around it.
func trimmed(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) })
}

// A reader reads values that are known to be valid JSON.
type reader struct {
	d      *json.Decoder
	tokens int
}

func (r *reader) token() (json.Token, error) {
	if r.tokens++; r.tokens > maxTokens {
		return nil, errTooMany
	}
	t, err := r.d.Token()
	if err != nil {
		return nil, errNotJSON
	}
	if s, ok := t.(string); ok && len(s) > maxString {
		return nil, errTooLong
	}
	return t, nil
}

// value reads a value that is nested in depth others.
func (r *reader) value(depth int) (any, error) {
	t, err := r.token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'), json.Delim('['):
		if depth == maxDepth {
			return nil, errTooDeep
		}
		if t == json.Delim('{') {
			return r.object(depth)
		}
		return r.array(depth)
	default:
		return t, nil
	}
}

// object reads the rest of an object. A key that comes twice is an error: the
// sender and we might use different ones.
func (r *reader) object(depth int) (any, error) {
	o := make(object)
	for r.d.More() {
		t, err := r.token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // valid JSON has nothing else here
		if _, twice := o[name]; twice {
			return nil, errDoubled
		}
		if o[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := r.token() // the closing brace
	return o, err
}

// array reads the rest of an array.
func (r *reader) array(depth int) (any, error) {
	var list []any
	for r.d.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.token() // the closing bracket
	return list, err
}

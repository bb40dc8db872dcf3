package thnksapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A pointer is a parsed JSON pointer (RFC 6901): the reference tokens.
type pointer []string

// current is the reference token for the recipient being read. In RFC 6901 it
// means the element after an array's last, which can never be read, so it is
// free here.
const current = "-"

func parsePointer(s string) (pointer, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, fmt.Errorf("%q is no JSON pointer: it must begin with a slash", s)
	}
	tokens := strings.Split(s[1:], "/")
	for i, t := range tokens {
		bare := strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "/")
		if strings.Contains(bare, "~") {
			return nil, fmt.Errorf("%q is no JSON pointer: ~ must be written ~0", s)
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~") // in this order (RFC 6901, section 4)
	}
	return tokens, nil
}

// find follows the pointer through a decoded document, and reports whether it
// leads anywhere. recipient is the index that [current] means. What is null or
// the empty text has no value, and so has none of what would be in it: the
// pointer leads to null.
func (p pointer) find(doc any, recipient int) (any, bool) {
	for _, token := range p {
		if doc == nil || doc == "" {
			return nil, true
		}
		switch v := doc.(type) {
		case map[string]any:
			next, ok := v[token]
			if !ok {
				return nil, false
			}
			doc = next
		case []any:
			i := recipient
			if token != current {
				n, err := strconv.Atoi(token)
				if err != nil {
					return nil, false
				}
				i = n
			}
			if i < 0 || i >= len(v) {
				return nil, false
			}
			doc = v[i]
		default:
			return nil, false
		}
	}
	return doc, true
}

var errAbsent = errors.New("absent")

// A document is an answer decoded one level deep: several pointers into it
// cost one pass over it.
type document struct {
	whole   json.RawMessage
	members map[string]json.RawMessage // of the outermost object, nil if it is no object
}

// parseDocument checks that a body is JSON.
func parseDocument(body []byte) (document, error) {
	d := document{whole: body}
	err := json.Unmarshal(body, &d.members)
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) { // valid, but no object
		return document{whole: body}, nil
	}
	return d, err
}

// cut returns what a pointer points at, as received.
func (d document) cut(p pointer) (json.RawMessage, error) {
	if len(p) == 0 {
		return d.whole, nil
	}
	value, ok := d.members[p[0]]
	for _, token := range p[1:] {
		var members map[string]json.RawMessage
		if !ok || json.Unmarshal(value, &members) != nil {
			return nil, errAbsent
		}
		value, ok = members[token]
	}
	if !ok {
		return nil, errAbsent
	}
	return value, nil
}

// depthWithin reports whether no value of a document is nested in more than
// limit arrays and objects. The document need not be valid.
func depthWithin(doc []byte, limit int) bool {
	depth, inString := 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

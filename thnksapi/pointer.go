package thnksapi

import (
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

// bounded says how a document exceeds the bounds of an element, nil if it does
// not. What it holds decoded is many times its size. It need not be valid.
func bounded(doc []byte) error {
	depth, values, inString := 0, 1, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			values++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values++
		}
		if depth > maxDepth {
			return fmt.Errorf("nested deeper than %d levels", maxDepth)
		}
		if values > maxValues {
			return fmt.Errorf("more than %d values in one element", maxValues)
		}
	}
	return nil
}

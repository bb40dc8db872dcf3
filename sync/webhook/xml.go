package webhook

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// The reasons why an XML body is not understood.
var (
	errNotXML  = errors.New("the body is not one XML element")
	errHasDTD  = errors.New("the body has a document type, which may define entities")
	errFalsely = errors.New("the body says that it is not UTF-8")
)

// parseXML reads the one element that body is: child elements become fields, by
// their local names, and text a string. Attributes are left out, and so are
// elements that come twice, which are lists. It knows no entities but those that
// XML itself defines, and has the limits of a JSON body.
func parseXML(body []byte) (object, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	if !utf8.Valid(body) {
		return nil, errNotUTF8
	}
	r := xmlReader{d: xml.NewDecoder(bytes.NewReader(body))}
	r.d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") || strings.EqualFold(charset, "utf8") {
			return in, nil
		}
		return nil, errFalsely
	}
	root, err := r.next()
	if _, ok := root.(xml.StartElement); err != nil || !ok {
		return nil, r.reason(err)
	}
	v, err := r.content(0)
	if err != nil {
		return nil, r.reason(err)
	}
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		return nil, r.reason(err)
	}
	if o, ok := v.(object); ok {
		return o, nil
	}
	return object{}, nil
}

// An xmlReader reads the elements of one body.
type xmlReader struct {
	d      *xml.Decoder
	tokens int
}

// reason returns an error of ours for one of the decoder's, which may quote the
// body.
func (r *xmlReader) reason(err error) error {
	for _, ours := range []error{errHasDTD, errFalsely, errTooMany, errTooDeep, errTooLong} {
		if errors.Is(err, ours) {
			return ours
		}
	}
	return errNotXML
}

// next returns the next start, end or text. It passes over comments, blank text
// outside elements with text, and instructions.
func (r *xmlReader) next() (xml.Token, error) {
	for {
		if r.tokens++; r.tokens > maxTokens {
			return nil, errTooMany
		}
		t, err := r.d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, errHasDTD
		case xml.CharData:
			if len(t) > maxString {
				return nil, errTooLong
			}
			if len(bytes.TrimSpace(t)) > 0 {
				return t.Copy(), nil
			}
		case xml.StartElement, xml.EndElement:
			return t, nil
		}
	}
}

// content reads an element that is nested in depth others, behind its start: an
// object if it has elements, otherwise its text.
func (r *xmlReader) content(depth int) (any, error) {
	if depth == maxDepth {
		return nil, errTooDeep
	}
	var text strings.Builder
	var fields object
	seen := make(map[string]bool)
	for {
		t, err := r.next()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if fields != nil {
				return fields, nil
			}
			return text.String(), nil
		case xml.StartElement:
			v, err := r.content(depth + 1)
			if err != nil {
				return nil, err
			}
			if fields == nil {
				fields = make(object)
			}
			name := t.Name.Local
			if fields[name] = v; seen[name] {
				delete(fields, name)
			}
			seen[name] = true
		}
	}
}

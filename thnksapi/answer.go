package thnksapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"
)

// Bounds of an answer. One of 500 transactions has about 0.5 MB.
const (
	maxAnswer   = 64 << 20 // bytes, decompressed
	maxElement  = 8 << 20  // bytes of one element
	maxElements = 50_000   // elements, and rows made of them
	maxDepth    = 64       // levels of arrays and objects
	maxValues   = 200_000  // values in one element
)

// parts says what a call needs of its answer.
type parts struct {
	items  pointer // to the array of elements
	next   pointer // to the next cursor; nil if there is none
	single pointer // to the one transaction
	detail bool    // single is wanted, instead of items and next
}

// An answer is what a call needed of a success. A page without content has a
// status of 204 and nothing else.
type answer struct {
	status   int
	date     time.Time
	size     int64 // bytes, decompressed
	elements []json.RawMessage
	next     json.RawMessage // nil if there is none
	single   json.RawMessage // nil if there is none
	listed   listedAs
}

// listedAs is what is at the pointer to the elements.
type listedAs int

const (
	asNothing listedAs = iota
	asArray            // or null, which is an empty one
	asOther
)

// Errors of reading an answer. Beside these there is any that the connection
// ends with.
var (
	errGarbled  = errors.New("not JSON")
	errLarger   = errors.New("larger than expected")
	errElement  = errors.New("an element is too large")
	errElements = errors.New("too many elements")
	errDeep     = errors.New("nested too deep")
)

// read takes an answer apart while it comes, so that nothing but the wanted
// parts is ever held. The body may have room bytes.
func (a *answer) read(r io.Reader, want parts, room int64) error {
	src := bufio.NewReader(r)
	for {
		if mark, err := src.Peek(3); err != nil || !bytes.Equal(mark, []byte("\uFEFF")) {
			break
		}
		_, _ = src.Discard(3) // peeked at
	}
	b := &body{r: src, room: room, until: room}
	x := answerReader{dec: json.NewDecoder(b), body: b, want: want, answer: a}
	x.dec.UseNumber() // of what is passed over a number may be beyond a float64's
	err := x.value(nil)
	if err == nil {
		_, err = x.dec.Token()
		if err == io.EOF {
			err = b.failed
		} else if err == nil {
			err = errGarbled
		}
	}
	a.size = b.n
	switch {
	case err == nil:
		return nil
	case b.failed != nil:
		return b.failed
	case isAny(err, errElements, errDeep):
		return err
	default:
		return errGarbled
	}
}

// A body counts what is read of an answer, and stops at its bounds.
type body struct {
	r           io.Reader
	n           int64
	room, until int64 // bytes allowed in all, and up to the end of this element
	failed      error // why reading stopped, nil at the end
}

func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.failed != nil:
		return 0, b.failed
	case b.n > b.room:
		b.failed = errLarger
		return 0, b.failed
	case b.n > b.until:
		b.failed = errElement
		return 0, b.failed
	}
	left := min(b.room, b.until) + 1 - b.n // one more shows that it is too large
	n, err := b.r.Read(p[:min(int64(len(p)), left)])
	b.n += int64(n)
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}

// An answerReader walks through an answer.
type answerReader struct {
	dec    *json.Decoder
	body   *body
	want   parts
	answer *answer
}

// value reads the value at a place.
func (x *answerReader) value(at pointer) error {
	w := x.want
	switch {
	case w.detail && slices.Equal(at, w.single):
		return x.element(&x.answer.single)
	case !w.detail && slices.Equal(at, w.items):
		return x.items()
	case !w.detail && w.next != nil && slices.Equal(at, w.next):
		return x.element(&x.answer.next)
	}
	x.forget(at)
	token, err := x.dec.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') || !w.within(at) {
		return x.skip(token)
	}
	for x.dec.More() {
		name, err := x.dec.Token()
		if err != nil {
			return err
		}
		key, _ := name.(string) // the decoder allows nothing else
		if err := x.value(append(at[:len(at):len(at)], key)); err != nil {
			return err
		}
	}
	_, err = x.dec.Token()
	return err
}

// within reports whether something wanted is inside the value at a place.
func (w parts) within(at pointer) bool {
	if w.detail {
		return w.single.inside(at)
	}
	return w.items.inside(at) || w.next.inside(at)
}

// inside reports whether a pointer leads into the value at a place.
func (p pointer) inside(at pointer) bool { return len(p) > len(at) && slices.Equal(p[:len(at)], at) }

// forget drops what was found in an earlier value at a place: of a name that an
// object has twice the last counts.
func (x *answerReader) forget(at pointer) {
	if x.want.items.inside(at) {
		x.answer.elements, x.answer.listed = nil, asNothing
	}
	if x.want.next.inside(at) {
		x.answer.next = nil
	}
	if x.want.single.inside(at) {
		x.answer.single = nil
	}
}

// skip reads the rest of a value that begins with a token.
func (x *answerReader) skip(token json.Token) error {
	depth := 0
	for {
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return errDeep
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if token, err = x.dec.Token(); err != nil {
			return err
		}
	}
}

// element reads a value as it is.
func (x *answerReader) element(into *json.RawMessage) error {
	x.body.until = x.dec.InputOffset() + maxElement
	*into = nil
	err := x.dec.Decode(into)
	x.body.until = x.body.room
	return err
}

// items reads the array of elements.
func (x *answerReader) items() error {
	token, err := x.dec.Token()
	if err != nil {
		return err
	}
	x.answer.elements, x.answer.listed = nil, asArray
	if token != json.Delim('[') {
		if token != nil {
			x.answer.listed = asOther
		}
		return x.skip(token)
	}
	for x.dec.More() {
		if len(x.answer.elements) == maxElements {
			return errElements
		}
		var raw json.RawMessage
		if err := x.element(&raw); err != nil {
			return err
		}
		x.answer.elements = append(x.answer.elements, raw)
	}
	_, err = x.dec.Token()
	return err
}

// readError returns the error for an answer that could not be read.
func readError(path string, err error) error {
	e := &Error{Kind: Unexpected, Status: http.StatusOK, Path: path}
	switch {
	case as[*Error](err):
		return err
	case errors.Is(err, errLarger):
		e.Problem = "the answer is larger than 64 MiB: lower dialect.paging.size"
	case errors.Is(err, errElement):
		e.Problem = "one element of the answer is larger than 8 MiB: check dialect.items"
	case errors.Is(err, errElements):
		e.Problem = "the answer has more than 50,000 elements: lower dialect.paging.size, or check that dialect.paging.size_param is what the source calls it"
	case errors.Is(err, errDeep):
		e.Problem = "the answer is nested deeper than 64 levels: check dialect.items"
	case errors.Is(err, errGarbled):
		// Without a status: no answer of Thnks, but of something in between.
		e.Kind, e.Status = Transient, 0
		e.Problem = "the answer is not JSON: check base_url and the dialect's paths if it stays so"
	default:
		return transportError(path, err)
	}
	return e
}

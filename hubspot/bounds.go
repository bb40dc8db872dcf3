package hubspot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// The bounds of an answer. What is beyond them is refused before it is built.
const (
	maxBody  = 8 << 20 // bytes, decompressed
	maxDepth = 64      // of nested lists and objects

	// A list may have twice the elements that were asked for, as a record may
	// have several names, and some more.
	spareElements = 100

	// maxElements is for lists of unknown length, such as a portal's properties.
	maxElements = 20_000

	// How many values, of lists and objects at any depth, there may be where the
	// number of elements is known and where it is not.
	maxValues       = 1 << 18
	maxListedValues = 1 << 19
)

var (
	// errTooLarge is the error of an answer beyond maxBody or maxValues. With fewer
	// inputs it may fit.
	errTooLarge = errors.New("the answer is larger than 8 MiB, or has too many values")

	// errTooMany is the error of an answer with more elements than were asked for.
	errTooMany = errors.New("the answer has more elements than were asked for")

	// errGarbled is the error of a success whose body is no JSON: it was cut or
	// replaced on the way.
	errGarbled = errors.New("the answer is garbled")

	// errBlocked is the error of a refusal that is not HubSpot's.
	errBlocked = errors.New("the answer is not HubSpot's")
)

// AnswerMemory is the size in bytes of a [Memory] that all clients of a program
// share.
const AnswerMemory = 128 << 20

// Memory bounds what answers may take, in bytes. A client acquires up to 8 MiB
// before it reads an answer and releases them when the answer is decoded. A
// semaphore.Weighted of golang.org/x/sync is one.
type Memory interface {
	Acquire(ctx context.Context, n int64) error
	Release(n int64)
}

// room acquires memory for an answer's body. The function returned releases it.
func (c *Client) room(ctx context.Context, res *http.Response) (release func(), err error) {
	n := int64(maxBody)
	if res.ContentLength >= 0 && !res.Uncompressed {
		n = min(n, res.ContentLength)
	}
	if c.memory == nil || n == 0 {
		return func() {}, nil
	}
	if err := c.memory.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return func() { c.memory.Release(n) }, nil
}

// readBody reads a body of at most most bytes.
func readBody(r io.Reader, most int64) ([]byte, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(r, most+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > most {
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}

// decode decodes the body of a success, for which asked elements were asked for,
// 0 if their number is unknown. The error's text may quote the body. It is
// errGarbled for a body that is no JSON.
func decode(body []byte, asked int, out any) error {
	if err := checkSize(body, asked); err != nil {
		return err
	}
	if !json.Valid(body) {
		return errGarbled
	}
	return json.Unmarshal(body, out)
}

// checkSize refuses JSON text that would take much more memory than its answer
// should. It looks at brackets and commas alone.
func checkSize(body []byte, asked int) error {
	most, values := maxElements, maxListedValues
	if asked > 0 {
		most, values = 2*asked+spareElements, maxValues
	}
	depth, quoted := 0, false
	elements := 0 // of the list in the outermost object, or less than 0 outside one
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			values--
			if depth == 2 {
				elements = 1
				if c == '{' {
					elements = -len(body)
				}
			}
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values--
			if depth == 2 {
				elements++
			}
		}
		switch {
		case depth > maxDepth:
			return fmt.Errorf("nested deeper than %d", maxDepth)
		case values < 0:
			return errTooLarge
		case elements > most:
			return errTooMany
		}
	}
	return nil
}

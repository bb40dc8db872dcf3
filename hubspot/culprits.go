package hubspot

import (
	"context"
	"errors"
	"io"
	"maps"
	"sync"
	"syscall"
)

// Unprocessable is the kind of a single input that HubSpot, or something before
// it, answers with a server error, a broken connection, a foreign refusal or what
// cannot be used each time, while it takes others. Without [WithCulprits] it does not occur.
const Unprocessable Kind = Archived + 1

// IsUnprocessable reports whether err says that HubSpot cannot process one input.
func IsUnprocessable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Unprocessable
}

// IsNotFound reports whether err says that HubSpot does not have what was asked for.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == NotFound
}

// Culprits finds the inputs that make HubSpot fail, in all calls made with it.
// It is safe for concurrent use.
type Culprits struct {
	suspects bool

	mu     sync.Mutex
	most   int
	found  map[string]bool // names of inputs; one that fails in several calls counts once
	worked map[string]bool // kinds of batch that HubSpot has taken
}

// NewCulprits lets at most most inputs be [Unprocessable]. When there are more,
// HubSpot is out of order, and the error of their call stands.
func NewCulprits(most int) *Culprits {
	return &Culprits{most: most, found: make(map[string]bool), worked: make(map[string]bool)}
}

// NewSuspects is NewCulprits for inputs that were found culprits before: they need
// not be seen beside others that go through.
func NewSuspects(most int) *Culprits {
	c := NewCulprits(most)
	c.suspects = true
	return c
}

type culpritsKey struct{}

// WithCulprits returns a context with which all calls that take many inputs look
// for those at which HubSpot fails: a batch that fails through all tries is halved
// until it is known which inputs it was, if HubSpot takes other batches of the same
// kind, or one of the halves. The others get their outcomes; these get an [*Error]
// of kind [Unprocessable], and so does [Client.Get] where HubSpot lets others be
// read.
func WithCulprits(ctx context.Context, c *Culprits) context.Context {
	return context.WithValue(ctx, culpritsKey{}, c)
}

// culpritsOf returns the context's, nil for none.
func culpritsOf(ctx context.Context) *Culprits {
	c, _ := ctx.Value(culpritsKey{}).(*Culprits)
	return c
}

// Renew returns culprits for a further run that count together with these. That
// HubSpot takes other batches has to show anew.
func (c *Culprits) Renew() *Culprits {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &Culprits{suspects: c.suspects, most: c.most, found: maps.Clone(c.found), worked: make(map[string]bool)}
}

// Found returns how many inputs were found to make HubSpot fail.
func (c *Culprits) Found() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.found)
}

// take reports whether an input may be a culprit: it is known as one, or there may
// be one more.
func (c *Culprits) take(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.found[name] && len(c.found) >= c.most {
		return false
	}
	c.found[name] = true
	return true
}

func (c *Culprits) setWorked(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.worked[kind] = true
}

func (c *Culprits) hasWorked(kind string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.suspects || c.worked[kind]
}

// failure returns the error of a request that an input may have caused, and nil
// for any other. Whether HubSpot can be reached, and in time, is no input's
// doing; an answer that is too large or of another form may be.
func failure(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.sifted {
		return nil
	}
	if e.Kind == Unexpected && e.Status/100 == 2 && e.Err != nil {
		return e
	}
	if e.Kind != Transient || timedOut(e.Err) {
		return nil
	}
	broken := []error{errBlocked, errGarbled, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}
	for _, cause := range broken {
		if errors.Is(e.Err, cause) {
			return e
		}
	}
	if e.Status >= 500 {
		return e
	}
	return nil
}

// try sends the inputs as one batch and, where it fails, looks for those that
// made it fail.
func (b batch) try(ctx context.Context, in []int) (*refusal, error) {
	no, err := b.fit(ctx, in)
	c := culpritsOf(ctx)
	if c == nil || b.kind == "" || err == nil {
		return no, err
	}
	if e := failure(err); e != nil {
		err = b.bisect(ctx, c, in, e, maxDoubts)
		if stands := failure(err); stands != nil {
			own := *stands
			own.sifted = true
			err = &own
		}
	}
	return nil, err
}

// single is [batch.try] for a call with one input, which ended with err. It may be
// called on nil.
func (c *Culprits) single(kind, name string, err error) error {
	if c == nil {
		return err
	}
	if err == nil {
		c.setWorked(kind)
		return nil
	}
	if e := failure(err); e != nil && c.hasWorked(kind) && c.take(name) {
		return e.unprocessable()
	}
	return err
}

// maxDoubts is how often a batch is halved before a part of it must have gone
// through.
const maxDoubts = 3

// bisect decides the inputs of a batch that failed with e. Of the halves the
// second is not sent as a whole if the first went through: then it is the one that
// failed.
func (b batch) bisect(ctx context.Context, c *Culprits, in []int, e *Error, doubts int) error {
	in = b.open(in)
	switch {
	case len(in) == 0:
		return nil
	case len(in) == 1:
		if !c.hasWorked(b.kind) || !c.take(b.name(in[0])) {
			return e
		}
		b.out[in[0]] = Outcome{Err: e.unprocessable()}
		return nil
	}
	half := len(in) / 2
	left, right := in[:half], in[half:]
	leftFailed, err := b.probe(ctx, left)
	if err != nil {
		return err
	}
	rightFailed := e
	if leftFailed != nil || len(right) == 1 {
		if rightFailed, err = b.probe(ctx, right); err != nil {
			return err
		}
	}
	if doubts--; doubts == 0 && !c.hasWorked(b.kind) {
		return e
	}
	if leftFailed != nil {
		if err := b.bisect(ctx, c, left, leftFailed, doubts); err != nil {
			return err
		}
	}
	if rightFailed != nil {
		return b.bisect(ctx, c, right, rightFailed, doubts)
	}
	return nil
}

// probe sends a part of a batch that failed, and returns the failure of this one,
// if any.
func (b batch) probe(ctx context.Context, in []int) (failed *Error, err error) {
	no, err := b.fit(ctx, in)
	if err != nil {
		if failed = failure(err); failed != nil {
			err = nil
		}
		return failed, err
	}
	if no != nil {
		return nil, b.isolate(ctx, no.in)
	}
	return nil, nil
}

// unprocessable returns the failure as that of one input.
func (e *Error) unprocessable() *Error {
	own := *e
	own.Kind, own.Lost = Unprocessable, false
	return &own
}

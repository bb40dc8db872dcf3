package hubspot

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
)

// Unprocessable is the kind of a single input that HubSpot, or something before
// it, answers with a server error, a broken connection or a foreign refusal each
// time, while it takes others. Without [WithCulprits] it does not occur.
const Unprocessable Kind = Archived + 1

// IsUnprocessable reports whether err says that HubSpot cannot process one input.
func IsUnprocessable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Unprocessable
}

// Culprits finds the inputs that make HubSpot fail, in all calls made with it.
// It is safe for concurrent use.
type Culprits struct {
	suspects bool

	mu     sync.Mutex
	left   int
	worked map[string]bool // kinds of batch that HubSpot has taken
}

// NewCulprits lets at most most inputs be [Unprocessable]. When there are more,
// HubSpot is out of order, and the error of their call stands.
func NewCulprits(most int) *Culprits {
	return &Culprits{left: most, worked: make(map[string]bool)}
}

// NewSuspects is NewCulprits for inputs that were found culprits before: they need
// not be seen beside others that go through.
func NewSuspects(most int) *Culprits {
	c := NewCulprits(most)
	c.suspects = true
	return c
}

type culpritsKey struct{}

// WithCulprits returns a context with which [Client.Create], [Client.Update],
// [Client.Associate], [Client.ContactsByEmail] and
// [Client.ContactsByAdditionalEmail] look for the inputs at which HubSpot fails: a
// batch that fails through all tries is halved until it is known which inputs it was, if HubSpot
// takes other batches of the same kind, or one of the halves. The others get
// their outcomes; these get an [*Error] of kind [Unprocessable].
func WithCulprits(ctx context.Context, c *Culprits) context.Context {
	return context.WithValue(ctx, culpritsKey{}, c)
}

// culpritsOf returns the context's, nil for none.
func culpritsOf(ctx context.Context) *Culprits {
	c, _ := ctx.Value(culpritsKey{}).(*Culprits)
	return c
}

// take reports whether one more input may be a culprit.
func (c *Culprits) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	return c.left >= 0
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
// doing.
func failure(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != Transient || timedOut(e.Err) {
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
	if c == nil || b.kind == "" {
		return no, err
	}
	if err == nil {
		c.setWorked(b.kind)
		return no, nil
	}
	if e := failure(err); e != nil {
		return nil, b.bisect(ctx, c, in, e, maxDoubts)
	}
	return nil, err
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
		if !c.hasWorked(b.kind) || !c.take() {
			return e
		}
		b.unprocessable(in[0], e)
		return nil
	}
	half := len(in) / 2
	left, right := in[:half], in[half:]
	leftFailed, err := b.probe(ctx, c, left)
	if err != nil {
		return err
	}
	rightFailed := e
	if leftFailed != nil || len(right) == 1 {
		if rightFailed, err = b.probe(ctx, c, right); err != nil {
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
func (b batch) probe(ctx context.Context, c *Culprits, in []int) (failed *Error, err error) {
	no, err := b.fit(ctx, in)
	if err != nil {
		if failed = failure(err); failed != nil {
			err = nil
		}
		return failed, err
	}
	c.setWorked(b.kind)
	if no != nil {
		return nil, b.isolate(ctx, no.in)
	}
	return nil, nil
}

// unprocessable decides an input that HubSpot fails at.
func (b batch) unprocessable(i int, e *Error) {
	own := *e
	own.Kind, own.Lost = Unprocessable, false
	b.out[i] = Outcome{Err: &own}
}

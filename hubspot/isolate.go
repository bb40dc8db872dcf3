package hubspot

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// maxCulprits is how many inputs of one batch may be refused one by one
// before we assume that the records are not the cause.
const maxCulprits = 5

// A Systematic error ends a call in which HubSpot refused so many inputs of one
// batch that the cause is not single records but something they share, such as a
// property's definition or an admin's validation rule.
type Systematic struct {
	Refusal *Error // the last one
	Refused int    // inputs of the batch found refused, each by itself, before giving up
}

// Error says how many inputs were refused and how.
func (e *Systematic) Error() string {
	return fmt.Sprintf("hubspot: %d records of one batch were refused one by one, which points at the custom object or the portal's rules "+
		"rather than at the records; compare them with the refusal and run again: %v", e.Refused, e.Refusal)
}

// Unwrap returns the refusal.
func (e *Systematic) Unwrap() error { return e.Refusal }

// isolate sends the inputs as one batch. If HubSpot refuses it as a whole, isolate
// narrows the refusal down to one input, refuses that one, and sends the inputs
// that were not sent meanwhile as one batch again. One culprit among 100 costs at
// most nine further requests: seven halvings, one for the culprit alone and one
// for the rest.
func (b batch) isolate(ctx context.Context, in []int) error {
	for culprits := 0; len(in) > 0; {
		no, err := b.try(ctx, in)
		if err != nil || no == nil {
			return err
		}
		culprit, unsent, err := b.narrow(ctx, no)
		if err != nil {
			return err
		}
		if culprit != nil {
			b.refuse(culprit.in[0], culprit)
			if culprits++; culprits > maxCulprits {
				for _, i := range unsent {
					b.refuse(i, culprit)
				}
				return &Systematic{Refusal: culprit.err, Refused: culprits}
			}
		}
		in = unsent
	}
	return nil
}

// narrow halves the inputs of a refusal until one is left, and sends that one
// alone to learn its own refusal. The culprit is nil if every part was accepted:
// then only the combination was refused. Unsent are the inputs that were not
// sent on the way.
func (b batch) narrow(ctx context.Context, no *refusal) (culprit *refusal, unsent []int, err error) {
	for len(no.in) > 1 {
		half := len(no.in) / 2
		left, right := no.in[:half], no.in[half:]
		next, err := b.try(ctx, left)
		switch {
		case err != nil:
			return nil, nil, err
		case next != nil:
			unsent = append(unsent, right...)
			no = next
		case len(right) > 1:
			no = &refusal{in: right, err: no.err, call: no.call}
		default:
			no, err = b.try(ctx, right)
			if err != nil || no == nil {
				return nil, unsent, err
			}
		}
	}
	return no, unsent, nil
}

// fit sends the inputs as one batch and, while its answer is too large, in halves.
func (b batch) fit(ctx context.Context, in []int) (*refusal, error) {
	no, err := b.send(ctx, in)
	if c := culpritsOf(ctx); c != nil && err == nil {
		c.setWorked(b.kind)
	}
	if len(in) < 2 || !errors.Is(err, errTooLarge) {
		return no, err
	}
	half := len(in) / 2
	no, err = b.fit(ctx, in[:half])
	if no != nil {
		no.in = slices.Concat(no.in, in[half:]) // not sent, so it counts as refused, too
	}
	if no != nil || err != nil {
		return no, err
	}
	return b.fit(ctx, in[half:])
}

// refused turns the error of a request into the refusal of its inputs if it
// is about them, and returns it otherwise. A 404 is about the inputs only if
// HubSpot says that an object is missing; any other means that the object type
// or the path does not exist.
func refused(in []int, call *Call, err error) (*refusal, error) {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Lost {
		return nil, err
	}
	if e.Kind == Refused || e.Kind == NotFound && e.Category == objectNotFound {
		return &refusal{in: in, err: e, call: call}, nil
	}
	return nil, err
}

// objectNotFound is the category of errors about records that do not exist.
const objectNotFound = "OBJECT_NOT_FOUND"

package hubspot

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// How many inputs one request may carry.
//
// Limits: D/api-reference/latest/crm/using-object-apis,
// D/api-reference/latest/crm/associations/associate-records/guide.
const (
	BatchSize            = 100  // records and properties
	AssociationReadSize  = 1000 // [Client.Associated]
	AssociationWriteSize = 2000 // [Client.Associate]
)

// inFlight is how many requests of one call are under way at a time. HubSpot
// answers within about 150 ms and allows some 10 requests a second, so that
// few suffice to use up the rate.
const inFlight = 6

// A batch knows how to decide some inputs, named by their index, with one
// request. The operations differ in send and refuse only; cutting, running
// side by side and isolating culprits is the same for all.
type batch struct {
	size int // inputs per request

	// send makes one request for the inputs and decides those that the answer
	// speaks of. It returns a refusal when HubSpot said no without saying to
	// which of them, and an error when the call as a whole must end.
	send func(ctx context.Context, in []int) (*refusal, error)

	// refuse decides the one input that a refusal turned out to be about.
	refuse func(i int, no *refusal)
}

// A refusal is HubSpot's no to the inputs of a request as a whole.
type refusal struct {
	in   []int
	err  *Error
	call *Call
}

// run decides the inputs. After the first error no further request is
// begun, but those under way are finished, so that no answer to a write is
// thrown away. Inputs that were not reached stay undecided. A panic becomes the
// caller's, who may be able to live on.
func (b batch) run(ctx context.Context, in []int) error {
	var (
		g    errgroup.Group
		stop atomic.Bool
		fell atomic.Pointer[string]
	)
	g.SetLimit(inFlight)
	for in := range slices.Chunk(in, b.size) {
		g.Go(func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					stop.Store(true)
					text := fmt.Sprintf("%v\n\n%s", v, debug.Stack())
					fell.Store(&text)
				}
			}()
			if stop.Load() {
				return nil // the error is another request's
			}
			err = ctx.Err()
			if err == nil {
				err = b.isolate(ctx, in)
			}
			if err != nil {
				stop.Store(true)
			}
			return err
		})
	}
	err := g.Wait()
	if text := fell.Load(); text != nil {
		panic(*text)
	}
	return err
}

// indexes returns the indexes of a slice.
func indexes[T any](s []T) []int {
	in := make([]int, len(s))
	for i := range in {
		in[i] = i
	}
	return in
}

// distinct returns the distinct keys in order of first appearance, and for
// each key its index there. HubSpot refuses a batch that names a record twice.
func distinct(keys []string) (unique []string, of []int) {
	of = make([]int, len(keys))
	seen := make(map[string]int, len(keys))
	for i, key := range keys {
		u, ok := seen[key]
		if !ok {
			u = len(unique)
			seen[key] = u
			unique = append(unique, key)
		}
		of[i] = u
	}
	return unique, of
}

// outcomes are the outcomes of the distinct inputs of one call. Every index
// belongs to one request at a time, so that no lock is needed.
type outcomes []Outcome

// undecided returns those of the inputs that no answer has spoken of.
func (o outcomes) undecided(in []int) []int {
	var open []int
	for _, i := range in {
		if !o[i].decided() {
			open = append(open, i)
		}
	}
	return open
}

func (o *Outcome) decided() bool {
	return o.Object != nil || o.Err != nil || o.Call != nil
}

// refuse is [batch.refuse] for outcomes.
func (o outcomes) refuse(i int, no *refusal) {
	o[i] = Outcome{Err: no.err, Call: no.call}
}

// nameless refuses the input that has no id or key, with which HubSpot would
// refuse all others, and returns the rest.
func (o outcomes) nameless(ids []string, in []int) (rest []int) {
	for _, i := range in {
		if ids[i] == "" {
			o[i] = Outcome{Err: &Error{Kind: Refused, Message: "the record has no id or key to name it by"}}
			continue
		}
		rest = append(rest, i)
	}
	return rest
}

// spread gives every input of the caller the outcome of its distinct input,
// and what was not decided the error that ended the call.
func (o outcomes) spread(of []int, err error) []Outcome {
	all := make([]Outcome, len(of))
	for i, u := range of {
		all[i] = o[u]
		if !all[i].decided() {
			all[i].Err = err
		}
	}
	return all
}

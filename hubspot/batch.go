package hubspot

import (
	"context"
	"fmt"
	"runtime"
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

// inFlight is how many requests of one call run at a time. HubSpot answers within
// about 150 ms and allows about 10 requests a second, so a few are enough to use
// the whole rate.
const inFlight = 6

// A batch decides inputs, named by their index, with one request for many. The
// operations differ only in send and refuse. Cutting into requests, running them
// concurrently and isolating culprits is the same for all.
type batch struct {
	size int // inputs per request
	out  outcomes

	// kind names the operation and the object type, and name an input, for
	// [WithCulprits]. Without them no culprits are looked for.
	kind string
	name func(i int) string

	// send makes one request for the inputs and decides those that the answer
	// mentions. It returns a refusal if HubSpot refused without naming an
	// input, and an error if the whole call must end.
	send func(ctx context.Context, in []int) (*refusal, error)

	// refuse decides the one input that caused a refusal, [outcomes.refuse] if nil.
	refuse func(i int, no *refusal)

	// open returns the inputs that are still to be decided, [outcomes.undecided]
	// if nil.
	open func(in []int) []int
}

// A refusal says that HubSpot refused the inputs of a request together.
type refusal struct {
	in   []int
	err  *Error
	call *Call
}

// run decides the inputs. After the first error it starts no further request but
// waits for those in flight, so that no answer to a write is lost. Inputs that
// were not reached stay undecided. A panic is re-raised in the caller.
func (b batch) run(ctx context.Context, in []int) error {
	if b.refuse == nil {
		b.refuse = b.out.refuse
	}
	if b.open == nil {
		b.open = b.out.undecided
	}
	var (
		g        errgroup.Group
		stop     atomic.Bool
		panicked atomic.Pointer[crash]
	)
	g.SetLimit(inFlight)
	for in := range slices.Chunk(in, b.size) {
		g.Go(func() (err error) {
			defer func() {
				if v := recover(); v != nil {
					stop.Store(true)
					panicked.Store(crashOf(v))
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
	if c := panicked.Load(); c != nil {
		panic(*c)
	}
	return err
}

// A crash is a panic that was recovered in a goroutine of a batch: what it was, which
// is the runtime's own words or else the value's type, as a value may quote a record,
// and its stack. It is a [runtime.Error], so that who recovers it trusts its words.
type crash string

func (c crash) Error() string { return string(c) }

// RuntimeError marks the words as fit for the log.
func (crash) RuntimeError() {}

// crashOf returns what was recovered as a crash.
func crashOf(v any) *crash {
	what := fmt.Sprintf("%T", v)
	if own, ok := v.(runtime.Error); ok {
		what = own.Error()
	}
	c := crash(what + "\n\n" + string(debug.Stack()))
	return &c
}

// indexes returns the indexes of a slice.
func indexes[T any](s []T) []int {
	in := make([]int, len(s))
	for i := range in {
		in[i] = i
	}
	return in
}

// namesOf names the inputs of a batch by the type and id of each.
func namesOf(objectType string, ids []string) func(i int) string {
	return func(i int) string { return objectType + " " + ids[i] }
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

// outcomes are the outcomes of the distinct inputs of one call. They need no
// lock, because each index belongs to one request at a time.
type outcomes []Outcome

// undecided returns the inputs that no answer has mentioned.
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

// refuseUnnamed refuses inputs without id or key, and returns the rest: HubSpot
// would reject the whole batch because of them.
func (o outcomes) refuseUnnamed(ids []string, in []int) (rest []int) {
	for _, i := range in {
		if ids[i] == "" {
			o[i] = Outcome{Err: &Error{Kind: Refused, Message: "the record has no id or key to name it by"}}
			continue
		}
		rest = append(rest, i)
	}
	return rest
}

// perInput returns one outcome for every input of the caller: that of its
// distinct input, or the error that ended the call if there is none.
func (o outcomes) perInput(of []int, err error) []Outcome {
	all := make([]Outcome, len(of))
	for i, u := range of {
		all[i] = o[u]
		if !all[i].decided() {
			all[i].Err = err
		}
	}
	return all
}

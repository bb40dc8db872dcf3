package hubspot

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
)

// Archived is the kind of a refused create if a deleted record holds the value of
// the unique property: Error.IDs has its id. HubSpot can restore such a record
// for about 90 days.
const Archived Kind = Unexpected + 1

// maxRounds is how often the same create is sent if its answers are lost.
const maxRounds = 3

// Create creates records. Key names a unique property that every input has. It
// identifies the records in the answers, and makes it safe to repeat a create
// whose answer was lost: HubSpot refuses a second record with the same value.
// Of inputs with the same key the last is sent, and all get its outcome.
//
// A refused input is looked up by its key:
//   - if a record has it, that is the outcome, with Existed set;
//   - if an archived record has it, the outcome is an error of kind [Archived];
//   - else the input is sent once more without its links, if it has any. If that
//     succeeds, the outcome has Unlinked set;
//   - else the outcome is the refusal, with kind [Refused].
//
// The error is not nil when the call ended early; then every outcome that was
// not decided holds it.
//
// D/api-reference/latest/crm/using-object-apis
func (c *Client) Create(ctx context.Context, objectType, key string, in []NewObject) ([]Outcome, error) {
	keys := make([]string, len(in))
	for i, o := range in {
		keys[i] = o.Properties[key]
	}
	unique, of := distinct(keys)
	cr := &creation{
		c:          c,
		objectType: objectType,
		key:        key,
		keys:       unique,
		objects:    make([]NewObject, len(unique)),
		out:        make(outcomes, len(unique)),
		refusals:   make([]*refusal, len(unique)),
		sought:     make([]bool, len(unique)),
	}
	properties := map[string]bool{key: true}
	for i, u := range of {
		cr.objects[u] = in[i]
		for name := range in[i].Properties {
			properties[name] = true
		}
	}
	cr.properties = slices.Sorted(maps.Keys(properties))

	err := cr.run(ctx)
	return cr.out.perInput(of, err), err
}

// A creation is one call of Create. Inputs are named by their index.
type creation struct {
	c          *Client
	objectType string
	key        string
	keys       []string // of each input
	objects    []NewObject
	properties []string // to read of records that exist already
	out        outcomes

	// refusals of inputs that may still turn out to exist, or to be accepted
	// without links.
	refusals []*refusal

	// sought marks inputs that were looked up because their batch was refused.
	sought []bool
}

// run creates the inputs and then resolves the refused ones.
func (cr *creation) run(ctx context.Context) error {
	err := cr.batch(cr.send).run(ctx, indexes(cr.keys))
	if err == nil {
		err = cr.resolveRefused(ctx)
	}
	if _, ok := errors.AsType[*Systematic](err); err != nil && !ok {
		return err
	}
	for i, no := range cr.refusals {
		if no != nil && !cr.out[i].decided() {
			cr.out[i] = Outcome{Err: no.as(Refused), Call: no.call}
		}
	}
	return err
}

func (cr *creation) batch(send func(context.Context, []int) (*refusal, error)) batch {
	return batch{
		size:   BatchSize,
		out:    cr.out,
		kind:   "create " + cr.objectType,
		name:   namesOf(cr.objectType, cr.keys),
		send:   send,
		refuse: func(i int, no *refusal) { cr.refusals[i] = no },
		open:   cr.open,
	}
}

// send creates a batch. If HubSpot refuses it as a whole, its records are looked
// up before the batch is bisected: after a crash most of them exist already,
// which may be the reason.
func (cr *creation) send(ctx context.Context, in []int) (*refusal, error) {
	in = cr.out.refuseUnnamed(cr.keys, in)
	no, err := cr.post(ctx, in, true)
	if err != nil || no == nil || len(no.in) == 1 || cr.sought[no.in[0]] {
		return no, err
	}
	missing, err := cr.explain(ctx, no.in, func(int) *refusal { return no })
	if err != nil {
		return nil, err
	}
	for _, i := range missing {
		cr.sought[i] = true
	}
	if len(missing) == len(no.in) {
		return no, nil
	}
	return cr.post(ctx, missing, true)
}

// post creates a batch. If the answer is lost or does not mention some inputs,
// they are looked up and the missing ones are sent again, at most maxRounds times
// in all. These repetitions wait and pay from the retry budget like any other.
func (cr *creation) post(ctx context.Context, in []int, linked bool) (*refusal, error) {
	var (
		last      *refusal // why the remaining inputs are undecided
		mentioned bool     // whether an answer mentioned any input
	)
	for round := range maxRounds {
		if len(in) == 0 {
			return nil, nil
		}
		if round > 0 && last.err.Lost && !cr.c.again(ctx, last.err, round-1) {
			break
		}
		a, call, err := cr.request(ctx, in, linked)
		var stray *Error
		if err == nil {
			stray = cr.decide(in, a, call, linked)
			last = &refusal{err: unexpected(call), call: call}
			mentioned = mentioned || !a.empty()
		} else if e, ok := errors.AsType[*Error](err); ok && e.Lost {
			last = &refusal{err: e, call: call}
		} else {
			return refused(in, call, err)
		}
		if in, err = cr.lookUp(ctx, cr.open(in)); err != nil {
			return nil, err
		}
		if stray != nil && len(in) > 0 {
			return &refusal{in: in, err: stray, call: call}, nil
		}
	}
	switch {
	case len(in) == 0:
		return nil, nil
	case last.err.Lost:
		return nil, last.as(Transient)
	case !mentioned:
		return nil, last.err
	}
	for _, i := range in {
		cr.out[i] = Outcome{Err: last.err, Call: last.call}
	}
	return nil, nil
}

// open returns the inputs that no answer has mentioned yet.
func (cr *creation) open(in []int) []int {
	return slices.DeleteFunc(cr.out.undecided(in), func(i int) bool { return cr.refusals[i] != nil })
}

// request makes one batch create.
func (cr *creation) request(ctx context.Context, in []int, linked bool) (*answer[wireObject], *Call, error) {
	var body batchRequest[writeInput]
	for _, i := range in {
		w := writeInput{TraceID: trace(i), Properties: cr.objects[i].Properties}
		if linked {
			w.Associations = wireLinks(cr.objects[i].Links)
		}
		body.Inputs = append(body.Inputs, w)
	}
	var a answer[wireObject]
	call, err := cr.c.do(ctx, request{
		class:  Objects,
		method: http.MethodPost,
		path:   objectPath(cr.objectType, "batch", "create"),
		in:     body,
		out:    &a,
		asked:  len(in),
		once:   true,
		keyed:  cr.key != "",
	})
	return &a, call, err
}

// decide stores what an answer says about the inputs. It returns an error of
// the answer that names none of them.
func (cr *creation) decide(in []int, a *answer[wireObject], call *Call, linked bool) (stray *Error) {
	by := named(in, func(i int) string { return cr.keys[i] })
	for k := range a.Results {
		o := a.Results[k].object()
		if i, ok := by.find(o.Properties[cr.key], a.Results[k].TraceID); ok && o.ID != "" {
			cr.out[i] = Outcome{Object: o, Unlinked: !linked, Call: call}
		}
	}
	return by.match(a.Errors, call, func(i int, e *Error) {
		if !cr.out[i].decided() {
			cr.refusals[i] = &refusal{in: []int{i}, err: e, call: call}
		}
	})
}

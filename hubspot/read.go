package hubspot

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// Read reads records by id. One that does not exist, is archived or was merged
// into another has the outcome [NotFound]; [Client.Get] follows merges.
//
// The error is not nil when the call ended early; then every outcome that was
// not decided holds it.
//
// D/api-reference/latest/crm/using-object-apis
func (c *Client) Read(ctx context.Context, objectType string, ids, properties []string) ([]Outcome, error) {
	return c.read(ctx, objectRead{objectType: objectType, properties: properties}, ids)
}

// ReadByKey reads records by the values of a unique property, among the
// archived ones if archived. A value that no record has gets the outcome
// [NotFound]. The error is as for [Client.Read].
//
// D/api-reference/latest/crm/using-object-apis
func (c *Client) ReadByKey(ctx context.Context, objectType, key string, values, properties []string, archived bool) ([]Outcome, error) {
	if !slices.Contains(properties, key) {
		properties = append(slices.Clip(properties), key)
	}
	return c.read(ctx, objectRead{objectType: objectType, key: key, properties: properties, archived: archived}, values)
}

// An objectRead says what to read of the records and how they are named.
type objectRead struct {
	objectType string
	key        string // unique property that names the records, "" for the record id
	properties []string
	archived   bool
}

func (c *Client) read(ctx context.Context, r objectRead, values []string) ([]Outcome, error) {
	values, of := distinct(values)
	out := make(outcomes, len(values))
	send := func(ctx context.Context, in []int) (*refusal, error) {
		if in = out.refuseUnnamed(values, in); len(in) == 0 {
			return nil, nil
		}
		a, call, err := c.postRead(ctx, r, pick(values, in))
		if err != nil {
			return refused(in, call, err)
		}
		by := named(in, func(i int) string { return values[i] })
		for k := range a.Results {
			o := a.Results[k].object()
			if o.ID == "" {
				return nil, unexpected(call) // it does not prove that a record is missing
			}
			if i, ok := by.find(r.name(o), ""); ok {
				out[i] = Outcome{Object: o, Call: call}
			}
		}
		stray := by.match(a.Errors, call, func(i int, e *Error) {
			if !out[i].decided() {
				out[i] = Outcome{Err: e, Call: call}
			}
		})
		rest := out.undecided(in)
		if stray != nil && stray.Kind != NotFound && len(rest) > 0 {
			return &refusal{in: rest, err: stray, call: call}, nil
		}
		for _, i := range rest {
			out[i] = Outcome{Err: r.missing(call), Call: call}
		}
		return nil, nil
	}
	err := batch{size: BatchSize, out: out, kind: r.kind(), name: namesOf(r.objectType, values), send: send}.run(ctx, indexes(values))
	return out.perInput(of, err), err
}

// kind is that of the batch, for [Culprits].
func (r objectRead) kind() string { return "read " + r.objectType + " by " + r.key }

// name returns what the record is called in a request.
func (r objectRead) name(o *Object) string {
	if r.key == "" {
		return o.ID
	}
	return o.Properties[r.key]
}

// missing is the error of an input that an answer does not mention.
func (r objectRead) missing(call *Call) *Error {
	e := unexpected(call)
	e.Kind, e.Category = NotFound, objectNotFound
	return e
}

// postRead makes one batch read. HubSpot reports missing records with an error,
// so an answer that mentions nothing at all is believed only if it comes twice.
func (c *Client) postRead(ctx context.Context, r objectRead, values []string) (*answer[wireObject], *Call, error) {
	body := batchRequest[ref]{IDProperty: r.key, Properties: r.properties}
	for _, v := range values {
		body.Inputs = append(body.Inputs, ref{ID: v})
	}
	query := url.Values{}
	if r.archived {
		query.Set("archived", "true")
	}
	var (
		a    answer[wireObject]
		call *Call
		err  error
	)
	for range 2 {
		a = answer[wireObject]{}
		call, err = c.do(ctx, request{
			class:  Objects,
			method: http.MethodPost,
			path:   objectPath(r.objectType, "batch", "read"),
			query:  query,
			in:     body,
			out:    &a,
			asked:  len(values),
		})
		if err != nil || !a.empty() {
			return &a, call, err
		}
	}
	if a.Results == nil {
		return nil, call, unexpected(call)
	}
	return &a, call, nil
}

// pick returns the values with the given indexes.
func pick[T any](values []T, in []int) []T {
	picked := make([]T, len(in))
	for k, i := range in {
		picked[k] = values[i]
	}
	return picked
}

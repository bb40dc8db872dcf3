package hubspot

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
)

// Update changes records by id. Patches of the same record are sent as one, in
// which the later value of a property wins.
//
// HubSpot's answer does not mention records that were merged into another. Such a
// record is read and changed by itself; its outcome is the merged record, with
// the new ID. A deleted record has the outcome [NotFound], and so has one that
// was merged into a record with another value of the patch's key.
//
// The error is not nil when the call ended early; then every outcome that was
// not decided holds it.
//
// D/api-reference/latest/crm/using-object-apis
func (c *Client) Update(ctx context.Context, objectType string, in []Patch) ([]Outcome, error) {
	ids := make([]string, len(in))
	for i, p := range in {
		ids[i] = p.ID
	}
	ids, of := distinct(ids)
	u := &update{
		c:          c,
		objectType: objectType,
		ids:        ids,
		properties: make([]map[string]string, len(ids)),
		keys:       make([]Patch, len(ids)),
		out:        make(outcomes, len(ids)),
	}
	for i, k := range of {
		if u.properties[k] == nil {
			u.properties[k] = make(map[string]string, len(in[i].Properties))
		}
		maps.Copy(u.properties[k], in[i].Properties)
		u.keys[k] = Patch{Key: in[i].Key, Value: in[i].Value}
	}
	err := batch{size: BatchSize, out: u.out, kind: "update " + objectType, name: namesOf(objectType, ids), send: u.send}.run(ctx, indexes(ids))
	return u.out.perInput(of, err), err
}

// An update is one call of Update. Inputs are named by their index.
type update struct {
	c          *Client
	objectType string
	ids        []string
	properties []map[string]string
	keys       []Patch // only Key and Value are used
	out        outcomes
}

// send changes a batch.
func (u *update) send(ctx context.Context, in []int) (*refusal, error) {
	if in = u.out.refuseUnnamed(u.ids, in); len(in) == 0 {
		return nil, nil
	}
	a, call, err := u.request(ctx, in)
	if errors.Is(err, errTooLarge) && len(in) == 1 && call.Status == http.StatusOK {
		return nil, u.reread(ctx, in[0])
	}
	if err != nil {
		no, err := refused(in, call, err)
		if no != nil && no.err.Kind == NotFound && len(in) == 1 {
			return nil, u.single(ctx, in[0], nil)
		}
		return no, err
	}
	by := named(in, func(i int) string { return u.ids[i] })
	for k := range a.Results {
		o := a.Results[k].object()
		if i, ok := by.byID[o.ID]; ok {
			u.out[i] = Outcome{Object: o, Call: call}
		}
	}
	// A record reported as missing is read by itself before we believe it: an
	// error here would look as if users had deleted the record.
	stray := by.match(a.Errors, call, func(i int, e *Error) {
		if !u.out[i].decided() && e.Kind != NotFound {
			u.out[i] = Outcome{Err: e, Call: call}
		}
	})
	rest := u.out.undecided(in)
	if stray != nil && stray.Kind != NotFound && len(rest) > 0 {
		return &refusal{in: rest, err: stray, call: call}, nil
	}
	var silent *Error
	if a.empty() && len(in) > 1 {
		silent = unexpected(call)
	}
	for _, i := range rest {
		if err := u.single(ctx, i, silent); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// request makes one batch update.
func (u *update) request(ctx context.Context, in []int) (*answer[wireObject], *Call, error) {
	var body batchRequest[writeInput]
	for _, i := range in {
		body.Inputs = append(body.Inputs, writeInput{ID: u.ids[i], TraceID: trace(i), Properties: u.properties[i]})
	}
	var a answer[wireObject]
	call, err := u.c.do(ctx, request{
		class:  Objects,
		method: http.MethodPost,
		path:   objectPath(u.objectType, "batch", "update"),
		in:     body,
		out:    &a,
		asked:  len(in),
	})
	return &a, call, err
}

// reread decides a change whose answer was too large: it was made if the record is
// there.
func (u *update) reread(ctx context.Context, i int) error {
	o, call, err := u.c.get(ctx, u.objectType, u.ids[i], []string{cmp.Or(u.keys[i].Key, "hs_object_id")}, false)
	switch {
	case err != nil:
		return err
	case o.ID != u.ids[i]:
		return u.single(ctx, i, nil) // it was merged, and batches pass such records over
	}
	u.out[i] = Outcome{Object: o, Call: call}
	return nil
}

// single reads one record and changes the record that it resolves to. Silent is
// the error of an answer that mentioned none of several records. It ends the call
// unless this record was merged or deleted, which explains the answer.
func (u *update) single(ctx context.Context, i int, silent *Error) error {
	var ask []string
	key := u.keys[i]
	if key.Key != "" {
		ask = []string{key.Key}
	}
	o, call, err := u.c.get(ctx, u.objectType, u.ids[i], ask, false)
	if err == nil && o.ID == u.ids[i] && silent != nil {
		return silent
	}
	if err == nil && o.ID != u.ids[i] && key.Key != "" && o.Properties[key.Key] != key.Value {
		u.out[i] = Outcome{Err: objectRead{}.missing(call), Call: call}
		return nil
	}
	if err == nil {
		o, call, err = u.c.patch(ctx, u.objectType, o.ID, u.properties[i])
	}
	if e, ok := errors.AsType[*Error](err); ok && (e.Kind == NotFound || e.Kind == Refused) {
		u.out[i] = Outcome{Err: e, Call: call}
		return nil
	}
	if err == nil {
		u.out[i] = Outcome{Object: o, Call: call}
	}
	return err
}

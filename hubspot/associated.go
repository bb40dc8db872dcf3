package hubspot

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// A RelatedOutcome is what [Client.Associated] found for one record. Both
// fields are nil when it has no associations.
type RelatedOutcome struct {
	Found []Related // by id, lowest first
	// Err is an [*Error] for a record that HubSpot refused, or the error that
	// ended the call before all its associations were read.
	Err error
}

// Associated returns, for each record of one object type, the records of
// another that it is associated with. A record that does not exist has none.
//
// The error is not nil when the call ended early; then every record that was
// not read to the end holds it.
//
// D/api-reference/latest/crm/associations/associate-records/guide
func (c *Client) Associated(ctx context.Context, fromType, toType string, ids []string) ([]RelatedOutcome, error) {
	unique, of := distinct(ids)
	r := &relations{
		c:     c,
		kind:  "read associations " + fromType + " " + toType,
		name:  namesOf(fromType, unique),
		path:  associationPath(fromType, toType, "batch", "read"),
		ids:   unique,
		after: make([]string, len(unique)),
		trail: make([]Trail, len(unique)),
		found: make([]map[string][]AssociationType, len(unique)),
		out:   make(outcomes, len(unique)),
	}
	err := r.run(ctx)
	all := make([]RelatedOutcome, len(ids))
	for i, o := range r.out.perInput(of, err) {
		if all[i].Err = o.Err; o.Err == nil {
			all[i].Found = r.related(of[i])
		}
	}
	return all, err
}

// relations is one call of Associated. Inputs are named by their index.
type relations struct {
	c     *Client
	kind  string
	name  func(i int) string
	path  string
	ids   []string
	after []string                       // where the next page of an input begins
	trail []Trail                        // of an input's pages
	found []map[string][]AssociationType // by the other record's id
	out   outcomes
}

// run reads page after page of all inputs until none has a further one.
func (r *relations) run(ctx context.Context) error {
	for in := indexes(r.ids); len(in) > 0; in = r.out.undecided(in) {
		if err := (batch{size: AssociationReadSize, out: r.out, kind: r.kind, name: r.name, send: r.send}).run(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// A wireRelations is a page of one record's associations.
type wireRelations struct {
	From struct {
		ID text `json:"id"`
	} `json:"from"`
	To []struct {
		ToObjectID text       `json:"toObjectId"`
		Types      []wireType `json:"associationTypes"`
	} `json:"to"`
	Paging paging `json:"paging"`
}

// send reads a page of each input.
func (r *relations) send(ctx context.Context, in []int) (*refusal, error) {
	if in = r.out.refuseUnnamed(r.ids, in); len(in) == 0 {
		return nil, nil
	}
	a, call, err := r.request(ctx, in)
	if err != nil {
		return refused(in, call, err)
	}
	if a.Results == nil && len(a.Errors) == 0 {
		return nil, unexpected(call)
	}
	by := named(in, func(i int) string { return r.ids[i] })
	open := make(map[int]bool) // inputs that have another page
	mentioned := make(map[int]bool)
	for k := range a.Results {
		if i, ok := by.byID[string(a.Results[k].From.ID)]; ok {
			mentioned[i] = true
			if open[i], err = r.add(i, &a.Results[k], call); err != nil {
				return nil, err
			}
		}
	}
	stray := by.match(a.Errors, call, func(i int, e *Error) {
		mentioned[i] = true
		if !none(e) {
			r.out[i] = Outcome{Err: e, Call: call}
		}
	})
	var rest []int // inputs that the stray error may be about
	for _, i := range in {
		switch {
		case !mentioned[i] && stray != nil && !none(stray):
			rest = append(rest, i)
		case !open[i] && r.out[i].Err == nil:
			r.out[i].Call = call
		}
	}
	if len(rest) > 0 {
		return &refusal{in: rest, err: stray, call: call}, nil
	}
	return nil, nil
}

// noAssociations is the subcategory of errors about records that have none.
const noAssociations = "crm.associations.NO_ASSOCIATIONS_FOUND"

// none reports whether the error means that a record has no associations.
func none(e *Error) bool { return e.SubCategory == noAssociations || e.Kind == NotFound }

// request makes one batch read.
func (r *relations) request(ctx context.Context, in []int) (*answer[wireRelations], *Call, error) {
	var body batchRequest[ref]
	for _, i := range in {
		body.Inputs = append(body.Inputs, ref{ID: r.ids[i], After: r.after[i]})
	}
	var a answer[wireRelations]
	call, err := r.c.do(ctx, request{
		class:  Associations,
		method: http.MethodPost,
		path:   r.path,
		in:     body,
		out:    &a,
		asked:  len(in),
	})
	return &a, call, err
}

// add stores a page and reports whether there is another one. Pages without an
// end are an error.
func (r *relations) add(i int, page *wireRelations, call *Call) (more bool, err error) {
	if r.found[i] == nil {
		r.found[i] = make(map[string][]AssociationType, len(page.To))
	}
	for _, to := range page.To {
		id := string(to.ToObjectID)
		if id == "" {
			return false, unexpected(call)
		}
		for _, t := range to.Types {
			if t := t.associationType(); !slices.Contains(r.found[i][id], t) {
				r.found[i][id] = append(r.found[i][id], t)
			}
		}
	}
	after := string(page.Paging.Next.After)
	if after == "" {
		return false, nil
	}
	rows := make([]string, len(page.To)) // a record may be on two pages, with a type on each
	for k, to := range page.To {
		rows[k] = fmt.Sprint(to.ToObjectID, to.Types)
	}
	if r.trail[i].endless(rows, after) {
		return false, endlessError(call)
	}
	r.after[i] = after
	return true, nil
}

// related returns what was found for an input.
func (r *relations) related(i int) []Related {
	var all []Related
	for id, types := range r.found[i] {
		all = append(all, Related{ToID: id, Types: types})
	}
	slices.SortFunc(all, func(a, b Related) int { return compareIDs(a.ToID, b.ToID) })
	return all
}

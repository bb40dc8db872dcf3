package hubspot

import (
	"cmp"
	"context"
	"net/http"
	"slices"
)

// associationPath is the path of the associations between two object types.
func associationPath(fromType, toType string, rest ...string) string {
	return path("/crm/associations/{version}", append([]string{fromType, toType}, rest...)...)
}

// A LabelledType is an association type with the label that HubSpot shows, ""
// for the unlabelled one. Labels are display text and change; match on the
// type.
type LabelledType struct {
	AssociationType

	Label string
}

// AssociationTypes lists the types that associations from one object type to
// another may have. Those of custom objects differ from portal to portal and
// by direction.
//
// D/api-reference/latest/crm/associations/associations-schema/guide
func (c *Client) AssociationTypes(ctx context.Context, fromType, toType string) ([]LabelledType, error) {
	wire, err := unpaged[wireType](ctx, c, Associations, associationPath(fromType, toType, "labels"), nil)
	if err != nil {
		return nil, err
	}
	types := make([]LabelledType, len(wire))
	for i, w := range wire {
		types[i] = LabelledType{AssociationType: w.associationType(), Label: string(w.Label)}
	}
	return types, nil
}

// A wireType is an association type as answers spell it.
type wireType struct {
	Category string `json:"category"`
	TypeID   number `json:"typeId"`
	Label    text   `json:"label"`
}

func (w wireType) associationType() AssociationType {
	return AssociationType{Category: w.Category, ID: int(w.TypeID)}
}

// Associate makes associations. Pairs that name the same records are sent as
// one, with all their types. Making an association that exists already is
// harmless. On success an outcome has neither Object nor Err.
//
// The error is not nil when the call ended early; then every outcome that was
// not decided holds it.
//
// D/api-reference/latest/crm/associations/associate-records/guide
func (c *Client) Associate(ctx context.Context, fromType, toType string, in []Pair) ([]Outcome, error) {
	keys := make([]string, len(in))
	for i, p := range in {
		if p.FromID != "" && p.ToID != "" {
			keys[i] = pairKey(p.FromID, p.ToID)
		}
	}
	keys, of := distinct(keys)
	a := &association{
		c:     c,
		path:  associationPath(fromType, toType, "batch", "create"),
		keys:  keys,
		pairs: make([]Pair, len(keys)),
		out:   make(outcomes, len(keys)),
	}
	for i, k := range of {
		p := &a.pairs[k]
		p.FromID, p.ToID = in[i].FromID, in[i].ToID
		for _, t := range in[i].Types {
			if !slices.Contains(p.Types, t) {
				p.Types = append(p.Types, t)
			}
		}
	}
	err := batch{size: AssociationWriteSize, out: a.out, kind: "associate " + fromType + " " + toType, name: namesOf(fromType, keys), send: a.send}.run(ctx, indexes(keys))
	return a.out.perInput(of, err), err
}

// pairKey names an association of two records in a request.
func pairKey(from, to string) string { return from + "→" + to }

// An association is one call of Associate. Inputs are named by their index.
type association struct {
	c     *Client
	path  string
	keys  []string
	pairs []Pair
	out   outcomes
}

// A pairInput is an association to make.
type pairInput struct {
	From  ref               `json:"from"`
	To    ref               `json:"to"`
	Types []AssociationType `json:"types"`
}

// A wirePair is an association that was made. HubSpot's pages show two forms.
type wirePair struct {
	FromObjectID text `json:"fromObjectId"`
	ToObjectID   text `json:"toObjectId"`
	From         struct {
		ID text `json:"id"`
	} `json:"from"`
	To struct {
		ID text `json:"id"`
	} `json:"to"`
}

// key is the pair's [pairKey].
func (w wirePair) key() string {
	return pairKey(string(cmp.Or(w.FromObjectID, w.From.ID)), string(cmp.Or(w.ToObjectID, w.To.ID)))
}

// send makes a batch of associations. Pairs that the answer does not mention are
// sent again.
func (a *association) send(ctx context.Context, in []int) (*refusal, error) {
	in = a.out.refuseUnnamed(a.keys, in)
	var call *Call
	for range maxRounds {
		if len(in) == 0 {
			return nil, nil
		}
		var (
			got answer[wirePair]
			err error
		)
		if call, err = a.request(ctx, in, &got); err != nil {
			return refused(in, call, err)
		}
		if got.Results == nil && len(got.Errors) == 0 {
			return nil, unexpected(call)
		}
		stray := a.decide(in, &got, call)
		if in = a.out.undecided(in); stray != nil && len(in) > 0 {
			return &refusal{in: in, err: stray, call: call}, nil
		}
	}
	for _, i := range in {
		a.out[i] = Outcome{Err: unexpected(call), Call: call}
	}
	return nil, nil
}

// request makes one batch create.
func (a *association) request(ctx context.Context, in []int, out *answer[wirePair]) (*Call, error) {
	var body batchRequest[pairInput]
	types := 0 // each may have a result of its own
	for _, p := range pick(a.pairs, in) {
		types += len(p.Types)
		body.Inputs = append(body.Inputs, pairInput{From: ref{ID: p.FromID}, To: ref{ID: p.ToID}, Types: p.Types})
	}
	return a.c.do(ctx, request{
		class:  Associations,
		method: http.MethodPost,
		path:   a.path,
		in:     body,
		out:    out,
		asked:  max(types, len(in)),
	})
}

// decide stores what an answer says about the pairs. It returns an error of the
// answer that names none of them.
func (a *association) decide(in []int, got *answer[wirePair], call *Call) (stray *Error) {
	by := named(in, func(i int) string { return a.keys[i] })
	for _, w := range got.Results {
		if i, ok := by.byID[w.key()]; ok {
			a.out[i] = Outcome{Call: call}
		}
	}
	return by.match(got.Errors, call, func(i int, e *Error) {
		if !a.out[i].decided() {
			a.out[i] = Outcome{Err: e, Call: call}
		}
	})
}

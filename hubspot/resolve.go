package hubspot

import (
	"context"
)

// resolveRefused looks up all refused inputs together and sends those that do not
// exist once more without their links: HubSpot does not say whether it refused a
// record because of its links.
func (cr *creation) resolveRefused(ctx context.Context) error {
	var in []int
	for i, no := range cr.refusals {
		if no != nil && !cr.out[i].decided() {
			in = append(in, i)
		}
	}
	missing, err := cr.explain(ctx, in, func(i int) *refusal { return cr.refusals[i] })
	if err != nil {
		return err
	}
	var again []int
	for _, i := range missing {
		if len(cr.objects[i].Links) > 0 {
			cr.refusals[i] = nil
			again = append(again, i)
		}
	}
	return cr.batch(func(ctx context.Context, in []int) (*refusal, error) {
		return cr.post(ctx, in, false)
	}).run(ctx, again)
}

// explain looks up refused inputs, first among the live records and then among
// the archived ones, and returns those that are in neither.
func (cr *creation) explain(ctx context.Context, in []int, why func(i int) *refusal) (missing []int, err error) {
	in, err = cr.lookUp(ctx, in)
	if err != nil {
		return nil, err
	}
	found, err := cr.byKey(ctx, in, true)
	if err != nil {
		return nil, err
	}
	for k, i := range in {
		o := found[k].Object
		switch {
		case IsUnprocessable(found[k].Err):
			cr.out[i] = found[k]
			continue
		case o == nil:
			missing = append(missing, i)
			continue
		}
		e := why(i).as(Archived)
		e.IDs = []string{o.ID}
		cr.out[i] = Outcome{Err: e, Call: found[k].Call}
	}
	return missing, nil
}

// lookUp decides the inputs whose records exist and returns the others.
func (cr *creation) lookUp(ctx context.Context, in []int) (missing []int, err error) {
	found, err := cr.byKey(ctx, in, false)
	if err != nil {
		return nil, err
	}
	for k, i := range in {
		switch {
		case IsUnprocessable(found[k].Err):
			cr.out[i] = found[k] // whether it exists is not known, so it cannot be created
			continue
		case found[k].Object == nil:
			missing = append(missing, i)
			continue
		}
		cr.out[i] = Outcome{Object: found[k].Object, Existed: true, Call: found[k].Call}
	}
	return missing, nil
}

// byKey reads the records that have the inputs' keys.
func (cr *creation) byKey(ctx context.Context, in []int, archived bool) ([]Outcome, error) {
	return cr.c.ReadByKey(ctx, cr.objectType, cr.key, pick(cr.keys, in), cr.properties, archived)
}

// as returns a copy of the refusal's error, of another kind.
func (no *refusal) as(kind Kind) *Error {
	e := *no.err
	e.Kind = kind
	return &e
}

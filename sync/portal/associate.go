package portal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// A Pending is a link of a record that is still to be made.
type Pending struct {
	ObjectID string
	Link     plan.Link
}

// A LinkEnd is how making a link ended.
type LinkEnd int

// The ends of links.
const (
	LinkUndone  LinkEnd = iota // the call ended before it was decided, or HubSpot does not say
	LinkMade                   // it is there
	LinkMissing                // one of its ends is not in HubSpot
	LinkRefused                // HubSpot would not make it
	LinkUnclear                // HubSpot does not say whether it made it
)

// A Linked says how one link ended.
type Linked struct {
	End  LinkEnd
	Err  error
	Call *hubspot.Call
}

// Associate makes links of one kind and returns one outcome for each, in order.
// A link that exists already is made. The error says why some were not decided.
func (r *Records) Associate(ctx context.Context, kind plan.Kind, in []Pending) ([]Linked, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if err := r.calls.account.Verify(ctx); err != nil {
		return nil, err
	}
	if err := r.object.Find(ctx); err != nil {
		return nil, err
	}
	pairs := make([]hubspot.Pair, len(in))
	for i, p := range in {
		pairs[i] = hubspot.Pair{
			FromID: p.ObjectID, ToID: p.Link.ID,
			Types: []hubspot.AssociationType{r.object.def.Links[kind]},
		}
	}
	answers, err := r.writer.Associate(ctx, r.object.TypeID(), ObjectTypes[kind], pairs)
	out := make([]Linked, len(in))
	for i, a := range answers {
		out[i].Err, out[i].Call = a.Err, a.Call
		switch {
		case a.Err == nil:
			out[i].End = LinkMade
		case err != nil:
		case IsGone(a.Err):
			out[i].End = LinkMissing
		case IsRefused(a.Err):
			out[i].End = LinkRefused
		default:
			out[i].End = LinkUnclear
		}
	}
	return out, err
}

// Related are the ids of the records of one kind that a record is associated with.
type Related struct {
	IDs []string
	Err error // HubSpot fails at the record, so that they are not known: see [hubspot.IsUnprocessable]
}

// IsLimit reports whether HubSpot refused a link because a record has as many as it
// may have, which says nothing of other links.
func IsLimit(err error) bool {
	he, ok := hubspot.AsError(err)
	return ok && (strings.Contains(he.SubCategory, "LIMIT") || strings.Contains(he.Category, "LIMIT") ||
		slices.ContainsFunc(he.Details, func(d hubspot.Detail) bool { return strings.Contains(d.Code+d.SubCategory, "LIMIT") }))
}

// Associations returns what each record is associated with, of a kind.
func (r *Records) Associations(ctx context.Context, kind plan.Kind, objectIDs []string) ([]Related, error) {
	found := make([]Related, len(objectIDs))
	if len(objectIDs) == 0 {
		return found, nil
	}
	client, err := r.calls.enter(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.object.Find(ctx); err != nil {
		return nil, err
	}
	related, err := client.Associated(ctx, r.object.TypeID(), ObjectTypes[kind], objectIDs)
	if err != nil {
		return nil, fmt.Errorf("reading the records' associations: %w", err)
	}
	for i, outcome := range related {
		switch {
		case hubspot.IsUnprocessable(outcome.Err):
			found[i].Err = outcome.Err
		case outcome.Err != nil:
			return nil, fmt.Errorf("reading the records' associations: %w", outcome.Err)
		}
		for _, to := range outcome.Found {
			found[i].IDs = append(found[i].IDs, to.ToID)
		}
	}
	return found, nil
}

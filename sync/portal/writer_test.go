package portal

import (
	"context"
	"errors"
	"slices"
	"testing"

	"thnks-hubspot-sync/hubspot"
)

// createCalls is HubSpot where a create finds the second of its records to exist and ends
// with an error.
type createCalls struct {
	RecordCalls
	ends, reading error
	asked         []string // properties that were read
}

func (c *createCalls) Create(context.Context, string, string, []hubspot.NewObject) ([]hubspot.Outcome, error) {
	return []hubspot.Outcome{
		{Err: c.ends},
		{Object: &hubspot.Object{ID: "2", Properties: map[string]string{"status": "SENT"}}, Existed: true},
		{Object: &hubspot.Object{ID: "3"}},
	}, c.ends
}

func (c *createCalls) Read(_ context.Context, _ string, ids, properties []string) ([]hubspot.Outcome, error) {
	c.asked = properties
	if c.reading != nil {
		return nil, c.reading
	}
	out := make([]hubspot.Outcome, len(ids))
	for i, id := range ids {
		out[i].Object = &hubspot.Object{ID: id, Properties: map[string]string{"status": "SENT", "message": "old"}}
	}
	return out, nil
}

// TestExistingRecordsAreReadWhole: however a create ends, a record that it finds to exist
// has all of its properties or counts as undecided: what it has beyond those that were to
// be written may have to be emptied.
func TestExistingRecordsAreReadWhole(t *testing.T) {
	t.Parallel()
	transient := &hubspot.Error{Kind: hubspot.Transient}
	for name, ends := range map[string]error{
		"well":                      nil,
		"with too many refused":     &hubspot.Systematic{Refusal: &hubspot.Error{Kind: hubspot.Refused}, Refused: 6},
		"as HubSpot is not there":   transient,
		"as the command is ended":   context.Canceled,
		"as the token is refused":   &hubspot.Error{Kind: hubspot.Unauthorised},
		"as a scope is not granted": &hubspot.Error{Kind: hubspot.Forbidden},
	} {
		t.Run(name, func(t *testing.T) {
			client := &createCalls{ends: ends}
			out, err := liveWriter{client, []string{"team"}}.Create(t.Context(), "2-1", KeyProperty, make([]hubspot.NewObject, 3))
			if !errors.Is(err, ends) || len(out) != 3 {
				t.Fatalf("%d outcomes, %v; want 3, %v", len(out), err, ends)
			}
			if !slices.Equal(client.asked, PropertyNames([]string{"team"})) {
				t.Errorf("read are the properties %v", client.asked)
			}
			if o := out[1]; o.Object == nil || !o.Existed || o.Object.Properties["message"] != "old" {
				t.Errorf("the record that exists is %+v", o)
			}
			if out[0].Object != nil || out[2].Object == nil || out[2].Existed {
				t.Errorf("the others are %+v and %+v", out[0], out[2])
			}

			client.reading = transient
			out, err = liveWriter{client, nil}.Create(t.Context(), "2-1", KeyProperty, make([]hubspot.NewObject, 3))
			want := ends // which says more than that they cannot be read
			if ends == nil || errors.As(ends, new(*hubspot.Systematic)) {
				want = transient
			}
			if !errors.Is(err, want) || out[1].Object != nil || !errors.Is(out[1].Err, transient) || out[2].Object == nil {
				t.Errorf("where it cannot be read: %+v, %v", out, err)
			}
		})
	}
}

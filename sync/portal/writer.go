package portal

import (
	"context"
	"errors"
	"fmt"

	"thnks-hubspot-sync/hubspot"
)

// A writer makes the calls that change records, or answers as if it did. A
// record that a create finds to exist is returned with every property that a
// gift may have.
type writer interface {
	Create(ctx context.Context, objectType, key string, in []hubspot.NewObject) ([]hubspot.Outcome, error)
	Update(ctx context.Context, objectType string, in []hubspot.Patch) ([]hubspot.Outcome, error)
	Associate(ctx context.Context, fromType, toType string, in []hubspot.Pair) ([]hubspot.Outcome, error)
}

// A liveWriter writes.
type liveWriter struct {
	client   RecordCalls
	metadata []string // properties of the customer
}

// Create reads the records that turned out to exist again, however the call ended: the
// client returns only the properties that it was to write, and what the source has
// emptied since must be emptied, too. Where they cannot be read they are undecided.
func (w liveWriter) Create(ctx context.Context, objectType, key string, in []hubspot.NewObject) ([]hubspot.Outcome, error) {
	out, err := w.client.Create(ctx, objectType, key, in)
	var at []int
	var ids []string
	for i, o := range out {
		if o.Object != nil && o.Existed {
			at, ids = append(at, i), append(ids, o.Object.ID)
		}
	}
	if len(ids) == 0 {
		return out, err
	}
	full, failed := w.client.Read(ctx, objectType, ids, PropertyNames(w.metadata))
	if failed != nil {
		failed = fmt.Errorf("reading records that exist already: %w", failed)
		for _, i := range at {
			out[i] = hubspot.Outcome{Err: failed}
		}
		if err == nil || errors.As(err, new(*hubspot.Systematic)) { // which lets the caller go on
			err = failed
		}
		return out, err
	}
	for k, o := range full {
		switch {
		case hubspot.IsUnprocessable(o.Err):
			out[at[k]] = o
		case o.Object != nil:
			out[at[k]].Object = o.Object
		}
	}
	return out, err
}

func (w liveWriter) Update(ctx context.Context, objectType string, in []hubspot.Patch) ([]hubspot.Outcome, error) {
	return w.client.Update(ctx, objectType, in)
}

func (w liveWriter) Associate(ctx context.Context, fromType, toType string, in []hubspot.Pair) ([]hubspot.Outcome, error) {
	return w.client.Associate(ctx, fromType, toType, in)
}

// A readingWriter answers for a dry run as if it wrote. Of the records to
// create it reads which exist.
type readingWriter struct {
	client   RecordCalls
	metadata []string // properties of the customer
}

func (w readingWriter) Create(ctx context.Context, objectType, key string, in []hubspot.NewObject) ([]hubspot.Outcome, error) {
	out := make([]hubspot.Outcome, len(in))
	for i := range out {
		out[i].Object = new(hubspot.Object)
	}
	if objectType == "" {
		return out, nil // the object would be created: no record can be in it
	}
	keys := make([]string, len(in))
	for i, n := range in {
		keys[i] = n.Properties[key]
	}
	found, err := w.client.ReadByKey(ctx, objectType, key, keys, PropertyNames(w.metadata), false)
	if err != nil {
		return nil, err
	}
	for i, o := range found {
		switch {
		case hubspot.IsUnprocessable(o.Err):
			out[i] = o
		case o.Object != nil:
			out[i] = hubspot.Outcome{Object: o.Object, Existed: true}
		}
	}
	return out, nil
}

func (readingWriter) Update(_ context.Context, _ string, in []hubspot.Patch) ([]hubspot.Outcome, error) {
	out := make([]hubspot.Outcome, len(in))
	for i, p := range in {
		out[i].Object = &hubspot.Object{ID: p.ID}
	}
	return out, nil
}

func (readingWriter) Associate(_ context.Context, _, _ string, in []hubspot.Pair) ([]hubspot.Outcome, error) {
	return make([]hubspot.Outcome, len(in)), nil
}

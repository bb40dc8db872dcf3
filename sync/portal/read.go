package portal

import (
	"context"
	"fmt"
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// A Record is where a gift's record is today.
type Record struct {
	ID     string // its present id: after a merge, that of the surviving record
	GiftID string // its transaction id
	Owner  string // its owner's id, "" for none
	Err    error  // HubSpot fails at the record, so that nothing is known of it: see [hubspot.IsUnprocessable]
}

// TakenBy reports whether the record of gift giftID, once known as objectID, was
// merged into another gift's: that one keeps its transaction id, and this gift
// has no record any more.
func (r Record) TakenBy(objectID, giftID string) bool { return r.ID != objectID && r.GiftID != giftID }

func record(o *hubspot.Object) Record {
	return Record{ID: o.ID, GiftID: o.Properties[KeyProperty], Owner: o.Properties[OwnerProperty]}
}

// Current returns, by the ids that records had, where they are now, or that HubSpot
// fails at them. One that is gone is absent.
func (r *Records) Current(ctx context.Context, objectIDs []string) (map[string]Record, error) {
	if len(objectIDs) == 0 {
		return make(map[string]Record), nil
	}
	client, err := r.ready(ctx)
	if err != nil {
		return nil, err
	}
	found, failed, err := current(ctx, client, r.object.TypeID(), objectIDs, []string{OwnerProperty, KeyProperty})
	if err != nil {
		return nil, err
	}
	records := make(map[string]Record, len(objectIDs))
	for id, o := range found {
		records[id] = record(o)
	}
	for id, err := range failed {
		records[id] = Record{Err: err}
	}
	return records, nil
}

// ByGift returns the live records of gifts, by transaction id. A gift that has
// none is absent.
func (r *Records) ByGift(ctx context.Context, giftIDs []string) (map[string]Record, error) {
	records := make(map[string]Record)
	if len(giftIDs) == 0 {
		return records, nil
	}
	client, err := r.ready(ctx)
	if err != nil {
		return nil, err
	}
	found, err := client.ReadByKey(ctx, r.object.TypeID(), KeyProperty, giftIDs, []string{OwnerProperty, KeyProperty}, false)
	if err != nil {
		return nil, err
	}
	for i, o := range found {
		if o.Object != nil {
			records[giftIDs[i]] = record(o.Object)
		}
	}
	return records, nil
}

// ready is the client once account and object are known.
func (r *Records) ready(ctx context.Context) (RecordCalls, error) {
	client, err := r.calls.enter(ctx)
	if err != nil {
		return nil, err
	}
	return client, r.object.Find(ctx)
}

// reader reads records of any type.
type reader interface {
	Read(ctx context.Context, objectType string, ids, properties []string) ([]hubspot.Outcome, error)
	Get(ctx context.Context, objectType, id string, properties []string, archived bool) (*hubspot.Object, error)
}

// current reads records by ids that may be old. A record that was merged into
// another is missing from batches without a word, and only a single read tells
// which one it is now; one that is gone is absent. failed are those at which HubSpot
// fails, and how.
func current(ctx context.Context, client reader, objectType string, ids, properties []string) (found map[string]*hubspot.Object, failed map[string]error, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	outcomes, err := client.Read(ctx, objectType, ids, properties)
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", objectType, err)
	}
	found, failed = make(map[string]*hubspot.Object, len(ids)), make(map[string]error)
	for i, o := range outcomes {
		if IsGone(o.Err) {
			o.Object, o.Err = client.Get(ctx, objectType, ids[i], properties, false)
			if IsGone(o.Err) {
				continue
			}
		}
		switch {
		case hubspot.IsUnprocessable(o.Err):
			failed[ids[i]] = o.Err
		case o.Err != nil:
			return nil, nil, fmt.Errorf("reading %s: %w", objectType, o.Err)
		default:
			found[ids[i]] = o.Object
		}
	}
	return found, failed, nil
}

// Any reports whether HubSpot holds records, live or archived.
func (r *Records) Any(ctx context.Context) (bool, error) {
	client, err := r.ready(ctx)
	if err != nil {
		return false, err
	}
	for _, archived := range []bool{false, true} {
		page, err := client.List(ctx, r.object.TypeID(), "", 1, archived, nil)
		if err != nil {
			return false, fmt.Errorf("looking whether HubSpot holds records already: %w", err)
		}
		if len(page.Objects) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// A Listing is a part of all records, as the journal would hold them.
type Listing struct {
	Gifts   []plan.Stored
	Listed  int    // records in this part
	Foreign int    // records among them without a transaction id, which are not ours
	Next    string // cursor of the next part, "" at the end
}

// List lists as many records as one association read can take, from a cursor
// on: live ones with the links they have or, if archived, those that users
// deleted, as tombstones.
func (r *Records) List(ctx context.Context, cursor string, archived bool) (Listing, error) {
	client, err := r.ready(ctx)
	if err != nil {
		return Listing{}, err
	}
	if r.trail == nil {
		r.trail = make(map[bool]*hubspot.Trail)
	}
	if cursor == "" || r.trail[archived] == nil {
		r.trail[archived] = new(hubspot.Trail)
	}
	var l Listing
	var objects []hubspot.Object
	for l.Next = cursor; ; {
		page, err := client.List(ctx, r.object.TypeID(), l.Next, hubspot.BatchSize, archived, PropertyNames(r.object.conn.cfg.Metadata))
		if err == nil {
			err = r.trail[archived].Follow(page)
		}
		if err != nil {
			return Listing{}, err
		}
		objects = append(objects, page.Objects...)
		if l.Next = page.After; l.Next == "" || len(objects)+hubspot.BatchSize > hubspot.AssociationReadSize {
			break
		}
	}
	l.Listed = len(objects)
	l.Gifts = r.readStored(objects, archived)
	l.Foreign = l.Listed - len(l.Gifts)
	if archived {
		return l, nil
	}
	return l, r.readLinks(ctx, l.Gifts)
}

// readStored reads records as the journal would hold them, without their
// links. Those that are not ours are left out.
func (r *Records) readStored(objects []hubspot.Object, archived bool) []plan.Stored {
	var gifts []plan.Stored
	for _, o := range objects {
		s, err := Stored(o, r.object.conn.cfg.Metadata)
		if err != nil {
			continue // it has no transaction id
		}
		if archived {
			s.Deleted = r.session.Started
		}
		gifts = append(gifts, s)
	}
	return gifts
}

// readLinks adds the links that the gifts' records have.
func (r *Records) readLinks(ctx context.Context, gifts []plan.Stored) error {
	ids := make([]string, len(gifts))
	for i, s := range gifts {
		ids[i] = s.ObjectID
	}
	for _, kind := range plan.Kinds() {
		if r.session.withheld[kind] { // they are noted when they are looked at again
			continue
		}
		found, err := r.Associations(ctx, kind, ids)
		if err != nil {
			return err
		}
		for i, to := range found {
			if to.Err != nil {
				// Whatever links it has, they are made again when they are due, which is
				// harmless.
				r.session.Log.Warn("links of a record not readable; those that are due are made again", "object", ids[i], "kind", string(kind), "error", to.Err)
			}
			for _, id := range to.IDs {
				gifts[i].Links = append(gifts[i].Links, plan.Link{Kind: kind, ID: id, At: r.session.Started, Found: true})
				if kind == plan.Contact {
					gifts[i].Orphan = ""
				}
			}
		}
	}
	for i := range gifts {
		gifts[i].Links = plan.SortLinks(gifts[i].Links)
	}
	return nil
}

// Stored reads a record found in HubSpot as the journal would hold it. Its
// links are not known from it. One with values that cannot be read counts as
// written with an older mapping, so that it is written again in full; one
// without a transaction id is an error: a user made it, and it is not ours.
// metadata are the properties of the customer.
func Stored(o hubspot.Object, metadata []string) (plan.Stored, error) {
	g, err := plan.FromProperties(o.Properties, metadata...)
	if g.ID == "" {
		return plan.Stored{}, err
	}
	s := plan.Stored{ObjectID: o.ID, Gift: g.Redacted(), Mapping: plan.Mapping, Orphan: plan.NoContact}
	if err != nil {
		s.Mapping = 0
	}
	switch _, ok := plan.CanonicalEmail(g.Recipient.Email); {
	case g.Recipient.Email == "":
		s.Orphan = plan.NoEmail
	case !ok:
		s.Orphan = plan.BadEmail
	}
	return s, nil
}

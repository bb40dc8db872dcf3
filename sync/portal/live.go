package portal

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// Live are the records that HubSpot listed as live at one time. Of each it keeps 16
// bytes or somewhat more.
type Live struct {
	seed    maphash.Seed
	records map[uint64]struct{} // hashes of record ids
	gifts   map[uint64]struct{} // and of transaction ids
}

// Len is the number of records.
func (l *Live) Len() int { return len(l.records) }

// Shows reports whether the listing has the record, or another one of the gift.
func (l *Live) Shows(objectID, giftID string) bool {
	_, record := l.records[maphash.String(l.seed, objectID)]
	_, gift := l.gifts[maphash.String(l.seed, giftID)]
	return record || gift
}

// Live lists the live records, 100 a call.
func (r *Records) Live(ctx context.Context) (*Live, error) {
	l := &Live{seed: maphash.MakeSeed(), records: make(map[uint64]struct{}), gifts: make(map[uint64]struct{})}
	_, err := r.listLive(ctx, []string{KeyProperty}, func(page []hubspot.Object) error {
		for _, o := range page {
			l.records[maphash.String(l.seed, o.ID)] = struct{}{}
			if id := o.Properties[KeyProperty]; id != "" {
				l.gifts[maphash.String(l.seed, id)] = struct{}{}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// An Index asks HubSpot's search which records there are. [*hubspot.Client] is one.
type Index interface {
	Shown(ctx context.Context, objectType string, ids []string) (hubspot.Shown, error)
}

// ErrNotGone says of a contact that reads do not find it, and that it is not gone for
// that: HubSpot's search shows it, or shows no contact at all.
var ErrNotGone = errors.New("HubSpot does not find the contact, but its search shows it, or shows no contact at all")

// DoubtGone returns, of contacts that reads of the directory do not find, those that are
// not to be taken for gone, and why: [ErrNotGone], or how HubSpot failed at the search.
// A search that shows no contact at all says so of many, and nothing of few. It costs
// two searches for 100 contacts.
func DoubtGone(ctx context.Context, d *Directory, contacts []string, many bool) (map[string]error, error) {
	client, err := d.index.enter(ctx)
	if err != nil {
		return nil, err
	}
	shown, err := client.Shown(ctx, ObjectTypes[plan.Contact], contacts)
	if err != nil && !failedAlone(err) {
		return nil, fmt.Errorf("searching contacts that reads do not find: %w", err)
	}
	doubted := make(map[string]error)
	for _, id := range contacts {
		switch {
		case err != nil:
			doubted[id] = err
		case many && !shown.Any, shown.IDs[id]:
			doubted[id] = ErrNotGone
		}
	}
	return doubted, nil
}

// A Shown is what a live record shows of its gift.
type Shown struct {
	ObjectID string
	GiftID   string // its transaction id, "" where it is not ours
	Status   string // the property's value
	Amount   plan.Money
}

// Shown lists what the live records show of their gifts, 100 a call, and returns
// how many calls that took. each gets a page and may end the listing by an error.
func (r *Records) Shown(ctx context.Context, each func([]Shown) error) (calls int, err error) {
	properties := []string{KeyProperty, statusProperty, amountProperty, currencyProperty}
	return r.listLive(ctx, properties, func(page []hubspot.Object) error {
		shown := make([]Shown, len(page))
		for i, o := range page {
			// A number that cannot be read as one shows no amount, which differs from
			// what was written.
			g, _ := plan.FromProperties(o.Properties)
			shown[i] = Shown{o.ID, o.Properties[KeyProperty], o.Properties[statusProperty], g.Amount}
		}
		return each(shown)
	})
}

// The properties that [Records.Shown] reads.
const (
	statusProperty   = "status"
	amountProperty   = "gift_amount"
	currencyProperty = "gift_currency"
)

// listLive lists the live records with some properties, 100 a call.
func (r *Records) listLive(ctx context.Context, properties []string, each func([]hubspot.Object) error) (calls int, err error) {
	client, err := r.ready(ctx)
	if err != nil {
		return 0, err
	}
	var trail hubspot.Trail
	for cursor := ""; ; {
		page, err := client.List(ctx, r.object.TypeID(), cursor, hubspot.BatchSize, false, properties)
		calls++
		if err == nil {
			err = trail.Follow(page)
		}
		if err != nil {
			return calls, fmt.Errorf("listing the live records: %w", err)
		}
		if err := each(page.Objects); err != nil {
			return calls, err
		}
		if cursor = page.After; cursor == "" {
			return calls, nil
		}
	}
}

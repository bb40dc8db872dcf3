package portal

import (
	"context"
	"fmt"
	"hash/maphash"

	"thnks-hubspot-sync/hubspot"
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
	client, err := r.ready(ctx)
	if err != nil {
		return nil, err
	}
	l := &Live{seed: maphash.MakeSeed(), records: make(map[uint64]struct{}), gifts: make(map[uint64]struct{})}
	var trail hubspot.Trail
	for cursor := ""; ; {
		page, err := client.List(ctx, r.object.TypeID(), cursor, hubspot.BatchSize, false, []string{KeyProperty})
		if err == nil {
			err = trail.Follow(page)
		}
		if err != nil {
			return nil, fmt.Errorf("listing the live records: %w", err)
		}
		for _, o := range page.Objects {
			l.records[maphash.String(l.seed, o.ID)] = struct{}{}
			if id := o.Properties[KeyProperty]; id != "" {
				l.gifts[maphash.String(l.seed, id)] = struct{}{}
			}
		}
		if cursor = page.After; cursor == "" {
			return l, nil
		}
	}
}

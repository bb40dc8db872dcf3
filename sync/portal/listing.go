package portal

import (
	"context"
	"slices"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot"
)

// searchPage is how many records a page of a search has.
const searchPage = 200

// A listing is all contacts that have additional addresses, as HubSpot's search
// shows them. It counts when it is complete.
type listing struct {
	table    *addressTable
	last     string    // the contact that the next page begins behind
	left     int       // contacts behind it
	began    time.Time // when the first page was asked for
	shown    time.Time // it has what the search showed then
	contacts int       // that were listed, those that changed meanwhile more than once
	complete bool
}

func newListing(most int) *listing {
	now := time.Now()
	return &listing{table: newAddressTable(most), began: now, shown: now}
}

// size returns how many contacts have additional addresses, as far as is known.
func (l *listing) size() int {
	if l == nil {
		return 0
	}
	return l.left + l.contacts
}

// next reads a page.
func (l *listing) next(ctx context.Context, client Contacts) ([]hubspot.Object, error) {
	page, err := client.ContactsWithAdditionalEmail(ctx, l.last, time.Time{}, contactProperties)
	if err != nil {
		return nil, err
	}
	l.add(page.Objects)
	l.left = page.Total - len(page.Objects)
	l.complete = l.left <= 0
	if n := len(page.Objects); n > 0 {
		l.last = page.Objects[n-1].ID
	}
	return page.Objects, nil
}

func (l *listing) add(contacts []hubspot.Object) {
	l.contacts += len(contacts)
	for _, o := range contacts {
		for _, a := range additionalOf(o) {
			l.table.add(a, o.ID)
		}
	}
}

// refresh adds the contacts that have changed since, unless that takes as many
// searches as are to be saved.
func (l *listing) refresh(ctx context.Context, client Contacts, searches int) (done bool, err error) {
	now, after := time.Now(), ""
	for pages := 1; ; pages++ {
		page, err := client.ContactsWithAdditionalEmail(ctx, after, l.shown.Add(-indexLag), contactProperties)
		if err != nil {
			return false, err
		}
		l.add(page.Objects)
		left := page.Total - len(page.Objects)
		if left <= 0 {
			l.shown = now
			return true, nil
		}
		if pages+batches(left, searchPage) >= searches {
			return false, nil
		}
		after = page.Objects[len(page.Objects)-1].ID
	}
}

// answer fills in the outcomes of the addresses that the listing answers for: those
// that no contact has, and those whose contacts, read now, have them. It returns the
// indexes of the others.
func (l *listing) answer(ctx context.Context, client Contacts, s *Search) (rest []int, err error) {
	holders := make([][]string, len(s.ask))
	var ids []string
	for i, a := range s.ask {
		holders[i] = slices.Collect(l.table.holders(a))
		ids = append(ids, holders[i]...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	found, err := read(ctx, client, ids)
	if err != nil {
		return nil, err
	}
	for i, a := range s.ask {
		var of []hubspot.Object
		for _, id := range holders[i] {
			if o := found[id]; o != nil && slices.Contains(additionalOf(*o), a) {
				of = append(of, *o)
			}
		}
		if len(of) < len(holders[i]) {
			rest = append(rest, i) // a contact has lost it since, and another may have it
			continue
		}
		s.outcomes[i].Found = of
	}
	return rest, nil
}

// read returns contacts by id. One that cannot be read is absent.
func read(ctx context.Context, client Contacts, ids []string) (map[string]*hubspot.Object, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	outcomes, err := client.Read(ctx, "contacts", ids, contactProperties)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*hubspot.Object, len(ids))
	for i, o := range outcomes {
		if o.Object != nil {
			found[ids[i]] = o.Object
		}
	}
	return found, nil
}

// lacks reports whether a contact that was read with an additional address, and has
// it still, should have been listed and was not.
func (l *listing) lacks(ctx context.Context, client Contacts, seen *witnesses) (bool, error) {
	var missing []witness
	var ids []string
	for _, w := range seen.before(l.shown.Add(-indexLag)) {
		if !l.table.has(w.address, w.contact) {
			missing = append(missing, w)
			ids = append(ids, w.contact)
		}
	}
	found, err := read(ctx, client, ids)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(missing, func(w witness) bool {
		o := found[w.contact]
		return o != nil && o.UpdatedAt.Equal(w.changed) && slices.Contains(additionalOf(*o), w.address)
	}), nil
}

// mostWitnesses is how many contacts with additional addresses are kept as
// witnesses: as many as one call reads again.
const mostWitnesses = hubspot.BatchSize

// witnesses are the last contacts that were read with an additional address. They
// are for several goroutines.
type witnesses struct {
	mu   sync.Mutex
	ring []witness
	next int
}

type witness struct {
	contact, address string
	changed          time.Time // the contact, last
}

// note keeps a contact that was read, if it has an additional address.
func (s *witnesses) note(o hubspot.Object) {
	own := additionalOf(o)
	if len(own) == 0 || o.UpdatedAt.IsZero() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := witness{o.ID, own[0], o.UpdatedAt}
	if len(s.ring) < mostWitnesses {
		s.ring = append(s.ring, w)
		return
	}
	s.ring[s.next] = w
	s.next = (s.next + 1) % mostWitnesses
}

// before returns the contacts that have not changed since.
func (s *witnesses) before(t time.Time) []witness {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.ring), func(w witness) bool { return !w.changed.Before(t) })
}

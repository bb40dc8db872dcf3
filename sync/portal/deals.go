package portal

import (
	"context"
	"log/slog"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

const (
	// dealsEntry is the memory's entry for when a listing of the open deals was last
	// seen to be wrong.
	dealsEntry = "deals_listed_wrong"

	// windowsAhead is how many windows like it a window is taken for that another one
	// follows.
	windowsAhead = 6

	// dealsFresh is how old the state of a listed deal may be.
	dealsFresh = 2 * time.Minute
)

// deals tells for a run which deals are open, in the fewest calls: by reading each
// deal of the contacts, or by a listing of the portal's open deals.
type deals struct {
	most int // that are listed
	log  *slog.Logger

	reads int  // calls made so far to read deals
	off   bool // there is no listing, or it is wrong or too large
	way   string

	open     map[string]plan.OpenDeal // that are listed; nil before the first page
	last     string                   // the deal that the next page begins behind
	left     int                      // deals behind it
	complete bool
	checked  bool      // the listing was compared with deals that were read
	shown    time.Time // the listing is what the search showed then
}

// dealListingPays reports whether it takes fewer calls to list open deals on so many
// pages, and to read some for comparison, than were and would be made to read deals.
func dealListingPays(pages, reads int) bool { return pages+1 < reads }

// areOpen returns those of the deals that are open now, for the first of so many
// rounds alike.
func (d *Directory) areOpen(ctx context.Context, client Contacts, ids []string, alike int) (map[string]plan.OpenDeal, error) {
	if d.deals == nil {
		var wrong time.Time
		if _, err := d.session.Memory.Recall(dealsEntry, &wrong); err != nil {
			return nil, err
		}
		d.deals = &deals{most: int(d.conn.cfg.People / 8), log: d.session.Log, off: counts(wrong, d.session.Started)}
	}
	s := d.deals
	reads := batches(len(ids), hubspot.BatchSize)
	listed, err := s.list(ctx, client, reads, alike)
	if KindIs(err, hubspot.Refused, hubspot.Unexpected, hubspot.Forbidden, hubspot.NotFound) {
		s.log.Warn("open deals cannot be listed", "error", err)
		s.off, s.open = true, nil
	} else if err != nil {
		return nil, err
	}
	if listed && !s.checked {
		right, err := s.check(ctx, client, ids[:min(len(ids), hubspot.BatchSize)])
		if err != nil {
			return nil, err
		}
		if !right {
			s.log.Warn("HubSpot's search does not show the deals that are open: each deal is read")
			s.off, s.open, listed = true, nil, false
			if err := d.session.Memory.Remember(dealsEntry, time.Now().UTC()); err != nil {
				return nil, err
			}
		}
	}
	s.note(listed, reads)
	if !listed {
		s.reads += reads
		live, err := readDeals(ctx, client, ids)
		return live.open, err
	}
	open := make(map[string]plan.OpenDeal)
	for _, id := range ids {
		if deal, ok := s.open[id]; ok {
			open[id] = deal
		}
	}
	return open, nil
}

// note logs how deals are told open, where that has changed.
func (s *deals) note(listed bool, reads int) {
	way := "reading each"
	if listed {
		way = "listing the open ones"
	}
	if reads > 0 && way != s.way {
		s.way = way
		s.log.Info("looking for open deals", "by", way, "open", s.left+len(s.open), "reads", s.reads+reads)
	}
}

// list makes the listing complete and fresh, where that pays.
func (s *deals) list(ctx context.Context, client Contacts, reads, alike int) (bool, error) {
	if s.off || reads < 2 {
		return false, nil
	}
	if s.complete {
		return s.refresh(ctx, client, reads)
	}
	for !s.complete {
		pages := 1 // and when it is read, their number is known
		if s.open != nil {
			pages = batches(s.left, searchPage)
		}
		if s.left > s.most {
			s.off, s.open = true, nil
			return false, nil
		}
		if !dealListingPays(pages, s.reads+reads*alike) {
			return false, nil
		}
		if err := s.next(ctx, client); err != nil {
			return false, err
		}
	}
	return s.refresh(ctx, client, reads)
}

// next reads a page.
func (s *deals) next(ctx context.Context, client Contacts) error {
	now := time.Now()
	page, err := client.DealsByID(ctx, s.last, time.Time{}, dealProperties)
	if err != nil {
		return err
	}
	if s.open == nil {
		s.open, s.shown = make(map[string]plan.OpenDeal), now
	}
	s.add(page.Objects)
	if n := len(page.Objects); n > 0 {
		s.last = page.Objects[n-1].ID
	}
	s.left = page.Total - len(page.Objects)
	s.complete = s.left <= 0
	return nil
}

func (s *deals) add(objects []hubspot.Object) {
	for _, o := range objects {
		if isClosed(o) {
			delete(s.open, o.ID)
		} else {
			s.open[o.ID] = openDeal(o)
		}
	}
}

// refresh brings a listing that is too old up to date, by the deals that changed
// since, unless that takes as many searches as are to be saved.
func (s *deals) refresh(ctx context.Context, client Contacts, reads int) (bool, error) {
	now, after := time.Now(), ""
	if now.Sub(s.shown) < dealsFresh {
		return true, nil
	}
	for pages := 1; ; pages++ {
		page, err := client.DealsByID(ctx, after, s.shown.Add(-indexLag), dealProperties)
		if err != nil {
			return false, err
		}
		s.add(page.Objects)
		left := page.Total - len(page.Objects)
		if left <= 0 {
			break
		}
		if pages+batches(left, searchPage) >= reads {
			return false, nil
		}
		after = page.Objects[len(page.Objects)-1].ID
	}
	s.shown = now
	if len(s.open) > s.most {
		s.off, s.open = true, nil
		return false, nil
	}
	return true, nil
}

// check compares the listing with some deals as they are, once a run.
func (s *deals) check(ctx context.Context, client Contacts, ids []string) (right bool, err error) {
	live, err := readDeals(ctx, client, ids)
	if err != nil {
		return false, err
	}
	s.checked = true
	before := s.shown.Add(-indexLag)
	for id, at := range live.changed {
		_, isOpen := live.open[id]
		if _, listed := s.open[id]; listed != isOpen && at.Before(before) {
			return false, nil
		}
	}
	return true, nil
}

// dealsRead are deals as they are now.
type dealsRead struct {
	open    map[string]plan.OpenDeal
	changed map[string]time.Time // when each that is there changed last
}

func readDeals(ctx context.Context, client Contacts, ids []string) (dealsRead, error) {
	r := dealsRead{make(map[string]plan.OpenDeal), make(map[string]time.Time)}
	outcomes, err := client.Read(ctx, "deals", ids, dealProperties)
	if err != nil {
		return r, err
	}
	for _, o := range outcomes {
		if o.Object == nil {
			continue // deleted since
		}
		r.changed[o.Object.ID] = o.Object.UpdatedAt
		if !isClosed(*o.Object) {
			r.open[o.Object.ID] = openDeal(*o.Object)
		}
	}
	return r, nil
}

func isClosed(o hubspot.Object) bool { return o.Properties["hs_is_closed"] == "true" }

func openDeal(o hubspot.Object) plan.OpenDeal {
	return plan.OpenDeal{
		ID:      o.ID,
		Stage:   o.Properties["dealstage"],
		Amount:  o.Properties["amount"],
		Created: created(o),
	}
}

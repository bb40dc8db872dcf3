package sync

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// Outcomes are what the daily listing found out for the statistics: what became of
// the deals that gifts are linked to, how deals end whose contacts were sent no
// gift, and what the recipients' companies are called.
type Outcomes struct {
	At            time.Time          // when the last listing with the deals ended; zero for never
	Calls         int                // that it took, repeated ones left out
	Deals         map[string]Outcome // by id
	WithoutWon    int                // of WithoutClosed
	WithoutClosed int                // closed deals with contacts, none of whom was sent a gift
	Companies     map[string]string  // names by id
}

// An Outcome is what became of a deal.
type Outcome struct {
	Closed bool       `json:"c,omitempty"`
	Won    bool       `json:"w,omitempty"`
	Amount plan.Money `json:"a,omitzero"`
}

// The entries of the journal's meta that hold a listing: its head, and pieces of
// so many deals and names.
const (
	outcomesEntry = "outcomes"
	outcomesPiece = 2_000
)

// outcomesHead is the entry that says what the others are.
type outcomesHead struct {
	Tried         time.Time `json:"tried"` // when the last one began
	At            time.Time `json:"at"`    // when the last complete one ended
	Calls         int       `json:"calls"`
	WithoutWon    int       `json:"without_won"`
	WithoutClosed int       `json:"without_closed"`
	Deals         int       `json:"deals"`     // pieces
	Companies     int       `json:"companies"` // pieces
}

func outcomesPart(what string, n int) string {
	return outcomesEntry + "/" + what + "/" + strconv.Itoa(n)
}

// RecallOutcomes returns what the last listing found out.
func RecallOutcomes(j History) (Outcomes, error) {
	var head outcomesHead
	if _, err := Recall(j, outcomesEntry, &head); err != nil {
		return Outcomes{}, err
	}
	o := Outcomes{
		At: head.At, Calls: head.Calls, WithoutWon: head.WithoutWon, WithoutClosed: head.WithoutClosed,
		Deals: make(map[string]Outcome), Companies: make(map[string]string),
	}
	for n := range head.Deals {
		if _, err := Recall(j, outcomesPart("deals", n), &o.Deals); err != nil {
			return Outcomes{}, err
		}
	}
	for n := range head.Companies {
		if _, err := Recall(j, outcomesPart("companies", n), &o.Companies); err != nil {
			return Outcomes{}, err
		}
	}
	return o, nil
}

// remember replaces what an earlier listing found out.
func (o Outcomes) remember(r *run) error {
	var was outcomesHead
	if _, err := Recall(r.journal, outcomesEntry, &was); err != nil {
		return err
	}
	head := outcomesHead{Tried: r.started, At: o.At, Calls: o.Calls, WithoutWon: o.WithoutWon, WithoutClosed: o.WithoutClosed}
	entries := make(map[string][]byte)
	head.Deals = addPieces(entries, "deals", o.Deals, was.Deals)
	head.Companies = addPieces(entries, "companies", o.Companies, was.Companies)
	maps.Copy(entries, Meta(outcomesEntry, head))
	return r.recorder.Commit(store.Commit{Meta: entries})
}

// addPieces adds the entries of a map, removes those that are left of an earlier
// one, and returns how many there are.
func addPieces[V any](entries map[string][]byte, what string, all map[string]V, before int) (pieces int) {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(all)), outcomesPiece) {
		piece := make(map[string]V, len(ids))
		for _, id := range ids {
			piece[id] = all[id]
		}
		maps.Copy(entries, Meta(outcomesPart(what, pieces), piece))
		pieces++
	}
	for n := pieces; n < before; n++ {
		entries[outcomesPart(what, n)] = nil
	}
	return pieces
}

// refreshOutcomes lists deals and companies for the statistics, once a day, where
// that is set. One that fails is tried again after a day: no gift depends on it. But
// where HubSpot does not accept the token the run fails, and so does each later one
// until it is accepted: a pass that has nothing to write makes no other call that
// would tell the admin.
func refreshOutcomes(ctx context.Context, r *run) error {
	var head outcomesHead
	known, err := Recall(r.journal, outcomesEntry, &head)
	if err != nil || !r.cfg().Listing || r.req.DryRun || known && !r.olderThan(head.Tried, daily) {
		return err
	}
	before := head.Tried
	head.Tried = r.started
	if err := r.memory().Remember(outcomesEntry, head); err != nil {
		return err
	}
	err = listOutcomes(ctx, r)
	r.counts.listing = r.portal.Sales.Made
	if err == nil || ctx.Err() != nil {
		return err
	}
	if he, ok := hubspot.AsError(err); ok && (he.Kind == hubspot.Unauthorised || he.Kind == hubspot.Revoked) {
		head.Tried = before
		return errors.Join(err, r.memory().Remember(outcomesEntry, head))
	}
	r.log.Warn("the daily listing of deals and companies failed; it is tried again tomorrow", "error", err)
	return nil
}

// listOutcomes is the daily listing. Where HubSpot forbids reading deals, as their scope may be
// left out, what is known of them stays as of when it was listed, and companies are named
// all the same.
func listOutcomes(ctx context.Context, r *run) error {
	deals, contacts, companies, err := giftedRecords(ctx, r.journal)
	if err != nil {
		return err
	}
	o := Outcomes{Deals: make(map[string]Outcome)}
	sales := r.portal.Sales
	err = sales.Deals(ctx, func(part []portal.Deal) error {
		for _, d := range part {
			switch {
			case deals[d.ID]:
				o.Deals[d.ID] = Outcome{Closed: d.Closed, Won: d.Won, Amount: d.Amount}
			case d.Closed && len(d.Contacts) > 0 && !slices.ContainsFunc(d.Contacts, func(id string) bool { return contacts[id] }):
				o.WithoutClosed++
				if d.Won {
					o.WithoutWon++
				}
			}
		}
		return nil
	})
	allowed := !portal.KindIs(err, hubspot.Forbidden)
	if !allowed {
		r.log.Info("HubSpot forbids listing deals for the statistics; companies are named all the same", logError, err)
		o, err = RecallOutcomes(r.journal)
	}
	if err != nil {
		return err
	}
	if o.Companies, err = sales.CompanyNames(ctx, slices.Sorted(maps.Keys(companies))); err != nil {
		return err
	}
	if allowed {
		o.At, o.Calls = time.Now().UTC(), sales.Made
		r.log.Info("deals and companies listed for the statistics", "deals", len(o.Deals), "companies", len(o.Companies), "calls", o.Calls)
	}
	return o.remember(r)
}

// giftedRecords returns the ids of what gifts are linked to.
func giftedRecords(ctx context.Context, j History) (deals, contacts, companies map[string]bool, err error) {
	of := map[plan.Kind]map[string]bool{plan.Deal: {}, plan.Contact: {}, plan.Company: {}}
	for s, err := range j.After(ctx, "") {
		if err != nil {
			return nil, nil, nil, err
		}
		for _, l := range s.Links {
			if s.Deleted.IsZero() && !l.Refused {
				of[l.Kind][l.ID] = true
			}
		}
	}
	return of[plan.Deal], of[plan.Contact], of[plan.Company], nil
}

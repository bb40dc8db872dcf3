package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// missedFor is for how long an address that no contact has is not searched
// again among secondary addresses. Searches are few a second.
const missedFor = 7 * daily

// A search is a look for addresses among the secondary ones of contacts.
type search struct {
	found    plan.Directory            // whom an earlier search of this run found
	ask      []string                  // who is still to be searched
	outcomes []hubspot.ContactsOutcome // of ask
	err      error
}

// search prepares a search. Addresses that were searched in vain lately, or in
// this run, are passed over.
func (p *people) search(addresses []string) (*search, error) {
	s := &search{found: make(plan.Directory)}
	remembered, err := p.run.Journal.Missed(addresses, p.run.started.Add(-missedFor))
	if err != nil {
		return nil, err
	}
	asked := make(map[string]bool)
	for _, a := range addresses {
		k, ok := p.cache.get(a)
		switch {
		case ok && k.searched && k.ID != "":
			s.found[a] = k.Match
		case remembered[a] || ok && k.searched || asked[a]:
		default:
			asked[a] = true
			s.ask = append(s.ask, a)
		}
	}
	return s, nil
}

// do asks HubSpot. It touches nothing but the search.
func (s *search) do(ctx context.Context, crm CRM) {
	if len(s.ask) > 0 {
		s.outcomes, s.err = crm.ContactsByAdditionalEmail(ctx, s.ask, contactProperties)
	}
}

// result returns whom the search found and which addresses nobody has.
func (p *people) result(ctx context.Context, s *search) (found plan.Directory, missed []string, err error) {
	if s.err != nil {
		return nil, nil, fmt.Errorf("searching secondary addresses: %w", s.err)
	}
	who := make(plan.Directory, len(s.ask))
	if err := p.take(ctx, s.ask, s.outcomes, true, who); err != nil {
		return nil, nil, err
	}
	for i, a := range s.ask {
		switch {
		case who[a].ID != "":
			s.found[a] = who[a]
		case s.outcomes[i].Err == nil:
			missed = append(missed, a)
		}
	}
	return s.found, missed, nil
}

// search adds to the batch's directory whom a search among secondary
// addresses finds, and notes whom it does not.
func (b *batch) search(ctx context.Context, addresses []string) error {
	s, err := b.people.search(addresses)
	if err != nil {
		return err
	}
	s.do(ctx, b.CRM)
	return b.learn(ctx, s)
}

// learn takes the result of a search in.
func (b *batch) learn(ctx context.Context, s *search) error {
	found, missed, err := b.people.result(ctx, s)
	if err != nil {
		return err
	}
	maps.Copy(b.who, found)
	b.missed = append(b.missed, missed...)
	return nil
}

// unmatched returns the addresses that were looked up in vain, sorted.
func unmatched(who plan.Directory) []string {
	var none []string
	for a, m := range who {
		if m.ID == "" {
			none = append(none, a)
		}
	}
	slices.Sort(none)
	return none
}

// A behind is a search that goes on while the next window is worked off.
type behind struct {
	later  *batch   // links those that are found
	gifts  []string // orphans, by id
	search *search
	fell   string        // see fallen; "" where nothing did
	done   chan struct{} // closed when the search has its result
}

// newBehind returns the search of nobody yet.
func (r *run) newBehind() *behind {
	s := &behind{later: r.batch(&window{}), done: make(chan struct{})}
	s.later.who = make(plan.Directory)
	s.later.fresh = make(map[string]bool)
	return s
}

// add adds the recipients that the orphans of a batch were looked up for. The
// batch itself is not kept.
func (s *behind) add(b *batch) {
	for _, e := range b.effects {
		a, ok := plan.CanonicalEmail(e.stored.Gift.Recipient.Email)
		if m, asked := b.who[a]; !ok || !asked || m.ID != "" || !e.stored.Orphan.Lookable() || !e.stored.Deleted.IsZero() {
			continue
		}
		s.later.who[a] = plan.Match{}
		s.later.fresh[e.stored.Gift.ID] = e.created
		s.gifts = append(s.gifts, e.stored.Gift.ID)
	}
}

// searchBehind begins to search among secondary addresses; [run.catchUp] links
// those that it finds. It is begun when the orphans are committed and runs
// beside the next window: searches are slow, and nothing has to wait for them.
// What a crash keeps from being searched is found by the next look-up of
// orphans.
func (r *run) searchBehind(ctx context.Context, s *behind) error {
	if err := r.catchUp(ctx); err != nil || r.req.DryRun {
		return err
	}
	if len(s.gifts) == 0 {
		return nil
	}
	var err error
	if s.search, err = r.people.search(unmatched(s.later.who)); err != nil {
		return err
	}
	r.behind = s
	go func() {
		defer close(s.done)
		defer func() {
			if v := recover(); v != nil {
				s.fell = fallen(v)
			}
		}()
		s.search.do(ctx, r.CRM)
	}()
	return nil
}

// catchUp waits for the search that goes on, if any, and links the gifts whose
// recipients it found.
func (r *run) catchUp(ctx context.Context) error {
	s := r.behind
	if s == nil {
		return nil
	}
	r.behind = nil
	<-s.done
	if s.fell != "" {
		panic(s.fell)
	}
	if err := s.later.learn(ctx, s.search); err != nil {
		return err
	}
	return r.holding(ctx, s.gifts, func() error {
		have, err := r.Journal.Gifts(s.gifts) // a window since may have changed them
		if err != nil {
			return err
		}
		var found []plan.Stored
		for _, id := range s.gifts {
			a, _ := plan.CanonicalEmail(have[id].Gift.Recipient.Email)
			if have[id].Orphan.Lookable() && s.later.who[a].ID != "" {
				found = append(found, have[id])
			}
		}
		s.later.take(found)
		s.later.relink()
		if err := s.later.heed(ctx, s.later.changes); err != nil {
			return err
		}
		return s.later.carryOut(ctx, notMoved)
	})
}

package portal

import (
	"context"
	"fmt"
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// A Search looks for addresses among the secondary ones of contacts.
type Search struct {
	contacts   door[Contacts]
	additional *additional
	facts      *additionalFacts          // that were found out, to be remembered
	found      plan.Directory            // matches of an earlier search of this run
	listed     []string                  // addresses of those whose deals the listing of deals tells
	ask        []string                  // addresses still to be searched
	refused    []int                     // those of them that HubSpot would not look up
	question   question                  // that asks for them
	outcomes   []hubspot.ContactsOutcome // of ask
	err        error
}

// NewSearch prepares a search. Addresses that were searched in this run are
// passed over, and so are those in missed, which were searched lately without
// success.
func (d *Directory) NewSearch(addresses []string, missed map[string]bool) (*Search, error) {
	if err := d.recallAdditional(); err != nil {
		return nil, err
	}
	s := &Search{contacts: d.contacts, additional: d.additional, found: make(plan.Directory)}
	asked := make(map[string]bool)
	for _, a := range addresses {
		m, ok := d.cache.get(a)
		switch {
		case ok && m.searched && m.ID != "":
			s.found[a] = m.Match
			if m.listed {
				s.listed = append(s.listed, a)
			}
		case missed[a] || ok && m.searched || asked[a]:
		default:
			asked[a] = true
			if d.refused[a] {
				s.refused = append(s.refused, len(s.ask))
			}
			s.ask = append(s.ask, a)
		}
	}
	s.question = d.spell(s.ask)
	return s, nil
}

// searchRound is how many addresses are searched together: full searches, for
// about three seconds at HubSpot's rate.
const searchRound = 12 * hubspot.SearchSize

// mostBroken is at how many addresses of a round HubSpot may fail; with more it is out
// of order. Nothing is concluded about them: the next daily pass searches them again.
const mostBroken = 5

// Len returns how many addresses the search asks HubSpot for at most, each spelling
// counted.
func (s *Search) Len() int { return len(s.question.spellings) }

// Do asks HubSpot. It touches nothing but the search, so that it may run
// concurrently with other use of the portal. searched is called with the number
// of addresses that were decided since its last call.
func (s *Search) Do(ctx context.Context, searched func(addresses int)) {
	if len(s.ask) == 0 {
		return
	}
	var client Contacts
	if client, s.err = s.contacts.enter(ctx); s.err != nil {
		return
	}
	s.outcomes = make([]hubspot.ContactsOutcome, len(s.ask))
	var rest []int
	if rest, s.err = s.additional.answer(ctx, client, s); s.err != nil {
		return
	}
	q := s.question.of(rest)
	searched(s.Len() - len(q.spellings))
	answers := make([]hubspot.ContactsOutcome, 0, len(q.spellings))
	for some := range slices.Chunk(q.spellings, searchRound) {
		// An address that breaks the search may be the only one that is searched for.
		alone := hubspot.WithCulprits(ctx, hubspot.NewSuspects(mostBroken))
		var outcomes []hubspot.ContactsOutcome
		if outcomes, s.err = client.ContactsByAdditionalEmail(alone, some, contactProperties); s.err != nil {
			return
		}
		answers = append(answers, outcomes...)
		searched(len(some))
	}
	for k, o := range q.join(answers) {
		s.outcomes[rest[k]] = o
	}
}

// Found returns the matches of a search that is done, and the addresses that
// no contact has.
func (d *Directory) Found(ctx context.Context, s *Search) (found plan.Directory, missed []string, err error) {
	if s.err != nil {
		return nil, nil, fmt.Errorf("searching secondary addresses: %w", s.err)
	}
	if s.facts != nil {
		if err := d.session.Memory.Remember(additionalEntry, *s.facts); err != nil {
			return nil, nil, err
		}
	}
	who := make(plan.Directory, len(s.ask))
	if err := d.settle(ctx, d.pick(s.ask, s.outcomes, true), nil, who); err != nil {
		return nil, nil, err
	}
	if err := d.addDeals(ctx, s.found, s.listed); err != nil {
		return nil, nil, err
	}
	for i, a := range s.ask {
		switch {
		case who[a].ID != "":
			s.found[a] = who[a]
		case s.outcomes[i].Err == nil && d.broken[a] == nil:
			missed = append(missed, a)
		}
	}
	return s.found, missed, nil
}

// recallAdditional reads, once a run, what earlier runs have found out.
func (d *Directory) recallAdditional() error {
	if d.additional != nil {
		return nil
	}
	a := &additional{log: d.session.Log, most: int(d.conn.cfg.People / 2), seen: &d.seen}
	if _, err := d.session.Memory.Recall(additionalEntry, &a.facts); err != nil {
		return err
	}
	d.additional = a
	return nil
}

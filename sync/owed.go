package sync

import (
	"context"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// owedEntry is the journal's entry for the [debt], while there is one.
const owedEntry = "owed"

// indexLag is how much later than a change HubSpot's search surely shows it.
const indexLag = 2 * time.Minute

// A debt is the search among secondary addresses that orphans of the journal are
// owed: those whose address was not searched without success within [missedFor].
// What a search that an admin asked for has missed does not count, because he asks
// when something has changed, and HubSpot's index may show that late.
type debt struct {
	// Unsearched says that a run committed orphans, and has not recorded yet that
	// they are searched.
	Unsearched bool `json:"unsearched,omitempty"`
	// Again is when what an admin's search missed may be searched once more; zero
	// for nothing.
	Again time.Time `json:"again,omitzero"`
}

// secondary is what a run knows of the searches among secondary addresses.
type secondary struct {
	search    *backgroundSearch // under way, if any
	debt      debt              // as the state file has it
	inherited bool              // the debt is about more orphans than the run's own
}

// readDebt reads what earlier runs have left.
func readDebt(r *run) error {
	s := &r.secondary
	_, err := Recall(r.journal, owedEntry, &s.debt)
	s.inherited = s.debt.Unsearched
	return err
}

// owe returns the entry to commit together with the first orphans that are not
// searched yet; nil where it stands already.
func (s *secondary) owe() map[string][]byte {
	if s.debt.Unsearched {
		return nil
	}
	s.debt.Unsearched = true
	return Meta(owedEntry, s.debt)
}

// oweAgain returns the entry to commit together with misses that do not count.
func (s *secondary) oweAgain() map[string][]byte {
	s.debt.Again = time.Now().UTC().Add(indexLag)
	return Meta(owedEntry, s.debt)
}

// payDebt ends a run whose pass has ended well: it makes the search that earlier
// runs owe, and records that nothing is owed any more. What the pass itself
// committed has been searched.
func payDebt(ctx context.Context, r *run) error {
	s := &r.secondary
	if r.req.DryRun || s.debt == (debt{}) {
		return nil
	}
	early := s.tooEarly(r.started)
	ripe := !s.debt.Again.IsZero() && !early
	if !asked(r) && (s.inherited || ripe) {
		p := policy{owed: true, uncounted: early}
		due := func(orphans []plan.Gift) ([]plan.Gift, error) { return unsearched(r, orphans) }
		if err := r.overJournal(ctx, p, r.orphans(ctx, "", due), newOrphanPlanner, recipientsOf, func(string) store.Commit { return store.Commit{} }); err != nil {
			return err
		}
	}
	var left debt
	switch {
	case asked(r):
		// All orphans were searched, or none of what is left of an earlier run's: the
		// next one looks at them once more.
		left.Again = time.Now().UTC().Add(indexLag)
	case early:
		left.Again = s.debt.Again
	}
	switch left {
	case s.debt:
		return nil
	case debt{}:
		return r.recorder.Commit(store.Commit{Meta: map[string][]byte{owedEntry: nil}})
	default:
		return r.memory().Remember(owedEntry, left)
	}
}

// tooEarly reports whether a search that begins now may still miss what an
// admin's search has missed.
func (s *secondary) tooEarly(now time.Time) bool {
	wait := s.debt.Again.Sub(now)
	return wait > 0 && wait <= indexLag // a longer one is a clock's mistake
}

// asked reports whether an admin asked for orphans to be searched.
func asked(r *run) bool { return r.req.Mode == Reassociate || r.req.Mode == ReassociateAll }

// unsearched returns those of the orphans that are owed a search.
func unsearched(r *run, orphans []plan.Gift) ([]plan.Gift, error) {
	missed, err := r.journal.Missed(addresses(r, orphans), r.started.Add(-missedFor), r.started)
	if err != nil {
		return nil, err
	}
	var owed []plan.Gift
	for _, g := range orphans {
		if a, ok := plan.CanonicalEmail(g.Recipient.Email); ok && !missed[a] {
			owed = append(owed, g)
		}
	}
	return owed, nil
}

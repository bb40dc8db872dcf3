package sync

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// missedFor is for how long an address that no contact has is not searched
// again among secondary addresses. Searches are few a second.
const missedFor = 7 * daily

// newSearch prepares a search among secondary addresses: of all, or but for
// those that were searched lately without success.
func (r *run) newSearch(addresses []string, all bool) (*portal.Search, error) {
	if all {
		return r.portal.Directory.NewSearch(addresses, nil)
	}
	missed, err := r.journal.Missed(addresses, r.started.Add(-missedFor), r.started)
	if err != nil {
		return nil, err
	}
	return r.portal.Directory.NewSearch(addresses, missed)
}

// addFound adds the result of a search to the batch.
func (b *batch) addFound(ctx context.Context, s *portal.Search) error {
	found, missed, err := b.run.portal.Directory.Found(ctx, s)
	if err != nil {
		return err
	}
	for a, m := range found {
		b.who[a] = m
	}
	b.res.missed = append(b.res.missed, missed...)
	return nil
}

// notFound returns the addresses that no contact was found for, sorted.
func notFound(who plan.Directory) []string {
	var none []string
	for a, m := range who {
		if m.ID == "" {
			none = append(none, a)
		}
	}
	slices.Sort(none)
	return none
}

// A backgroundSearch searches secondary addresses while the next window is
// processed.
type backgroundSearch struct {
	orphans  []string        // transaction ids
	who      plan.Directory  // their addresses, none of which a contact has as its primary one
	created  map[string]bool // gifts whose record is so new that no user has linked it
	search   *portal.Search
	panicked crash         // "" if nothing panicked
	done     chan struct{} // closed when the search has its result
}

// newBackgroundSearch returns an empty search.
func newBackgroundSearch() *backgroundSearch {
	return &backgroundSearch{who: make(plan.Directory), created: make(map[string]bool), done: make(chan struct{})}
}

// add adds the recipients of a batch's orphans. The batch itself is not kept.
func (s *backgroundSearch) add(b *batch) {
	for _, e := range b.res.effects {
		if !b.unsearched(e) {
			continue
		}
		g := e.stored.Gift
		a, _ := plan.CanonicalEmail(g.Recipient.Email)
		s.who[a] = plan.Match{}
		s.created[g.ID] = e.created
		s.orphans = append(s.orphans, g.ID)
	}
}

// unsearched reports whether an effect leaves an orphan whose address no contact
// has as its primary one, and which is to be searched behind the writes.
func (b *batch) unsearched(e *effect) bool {
	if b.in.policy.searchFirst || b.in.policy.fromEvents || !e.stored.Orphan.Lookable() || !e.stored.Deleted.IsZero() {
		return false
	}
	a, ok := plan.CanonicalEmail(e.stored.Gift.Recipient.Email)
	m, asked := b.who[a]
	return ok && asked && m.ID == ""
}

// startSearch waits for the search under way and starts the next one, when its
// orphans are committed: searches are slow, and no window has to wait for them.
// If we crash before [run.finishSearch], the next run makes the search: see [debt].
func (r *run) startSearch(ctx context.Context, s *backgroundSearch) error {
	if err := r.finishSearch(ctx); err != nil || r.req.DryRun {
		return err
	}
	if len(s.orphans) == 0 {
		return nil
	}
	var err error
	if s.search, err = r.newSearch(notFound(s.who), false); err != nil {
		return err
	}
	r.secondary.search = s
	searched := r.counts.progress.search(s.search.Len())
	ctx, left := r.turn.Hand(ctx)
	go func() {
		defer close(s.done)
		defer left()
		defer func() {
			if v := recover(); v != nil {
				s.panicked = crashOf(v)
			}
		}()
		s.search.Do(ctx, searched)
	}()
	return nil
}

// finishSearch waits for the search under way, if any, and links the gifts whose
// recipients it found.
func (r *run) finishSearch(ctx context.Context) error {
	s := r.secondary.search
	if s == nil {
		return nil
	}
	r.secondary.search = nil
	goesOn := r.counts.progress.waitForSearch()
	err := await(ctx, r, s.done)
	goesOn()
	if err != nil {
		return err
	}
	if s.panicked != "" {
		panic(s.panicked)
	}
	if err := renew(ctx, r); err != nil {
		return err
	}
	found, missed, err := r.portal.Directory.Found(ctx, s.search)
	if err != nil {
		return err
	}
	in := input{
		policy:  policy{fromJournal: true, countFailures: true},
		gifts:   make([]plan.Gift, len(s.orphans)),
		who:     found,
		planner: &foundPlanner{s.created, missed},
	}
	for i, id := range s.orphans {
		in.gifts[i].ID = id
	}
	_, err = r.work(ctx, in, nil, store.Commit{})
	return err
}

// A foundPlanner plans the links of the orphans whose recipients a search has
// found.
type foundPlanner struct {
	created map[string]bool // gifts whose record is so new that no user has linked it
	missed  []string        // addresses that no contact has
}

func (p *foundPlanner) first(_ context.Context, b *batch) ([]plan.Change, []string, error) {
	b.res.missed = p.missed
	var changes []plan.Change
	for _, g := range b.loaded.gifts { // a window since may have changed them
		have := b.loaded.have[g.ID]
		a, _ := plan.CanonicalEmail(g.Recipient.Email)
		if have.Orphan.Lookable() && b.who[a].ID != "" {
			changes = append(changes, plan.Unchanged(have))
		}
	}
	return changes, nil, nil
}

func (p *foundPlanner) second(ctx context.Context, b *batch, changes []plan.Change) ([]plan.Change, error) {
	b.relink(changes)
	return changes, b.preferLinkedContacts(ctx, changes, p.created)
}

// A crash is a panic that was recovered in a goroutine of a run, to be raised again
// by the one that waits for it: what it was and its stack. What it was is the
// runtime's own words or else the value's type, as a value may quote a row. It is a
// [runtime.Error], so that who recovers it trusts its words.
type crash string

func (c crash) Error() string { return string(c) }

// RuntimeError marks the words as fit for the log.
func (crash) RuntimeError() {}

// crashOf returns what was recovered as a crash.
func crashOf(v any) crash {
	what := fmt.Sprintf("%T", v)
	if own, ok := v.(runtime.Error); ok {
		what = own.Error()
	}
	return crash(what + "\n\n" + string(debug.Stack()))
}

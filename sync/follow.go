package sync

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// Bounds of what HubSpot's own events cause.
const (
	followAtOnce = 500              // events that are followed together
	shownWithin  = 10 * time.Minute // of a contact that was just made, until HubSpot shows it

	// While events are followed, further ones are gathered for so long: however many
	// come, they take less than half of HubSpot's limit, and leave the rest to runs.
	gatheringMore = time.Second
)

// FollowEvents processes the events by which HubSpot says that its records have
// changed. What they say is not believed: the records are read as they are now, in
// the order in which the changes happened.
//
//   - A contact that is new, has another address or is there again: the orphans among
//     the gifts to its addresses are linked to it.
//   - One that was merged: its gifts follow it to the contact that it is now.
//   - One that was deleted and is there again: HubSpot has dropped its links, which
//     users have not removed, so its gifts are linked anew.
//   - One that is gone: its gifts are orphans. If it was deleted for privacy, its
//     person is erased; see [eventRun.eraseGone]. Before more than four are taken for
//     gone in a day, or anyone is erased, HubSpot's search has to say so, too.
//   - A deal or company of a contact: its gifts are linked as a run would, within
//     [plan.Rules.Lookback].
//
// A contact that HubSpot does not show yet is looked for again, within seconds at
// first. Otherwise FollowEvents works as [Engine.ApplyEvents] does, beside it and
// beside a run.
func (e *Engine) FollowEvents(ctx context.Context) (EventResult, error) {
	if err := e.follow.one.Acquire(ctx, 1); err != nil {
		return EventResult{}, err
	}
	defer e.follow.one.Release(1)
	if e.cfg.People == nil {
		return EventResult{}, nil
	}
	result, err := e.processEvents(ctx, &e.follow, (*eventRun).followDue)
	if err != nil || e.cfg.Inbox == nil {
		return result, err
	}
	result.Next, err = e.cfg.Inbox.NextDue(time.Now().UTC())
	return result, err
}

// followDue follows the events about records.
func (r *eventRun) followDue(ctx context.Context, due []store.Event) error {
	due = slices.DeleteFunc(slices.Clone(due), func(e store.Event) bool { return e.Effect != store.EffectRecord })
	if len(due) == 0 {
		return nil
	}
	ready, err := r.ready()
	if err != nil || !ready {
		return err
	}
	r.gather = gatheringMore
	slices.SortStableFunc(due, func(a, b store.Event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Seq, b.Seq)) })
	for some := range slices.Chunk(due, followAtOnce) {
		if err := r.followSome(ctx, some); err != nil {
			return err
		}
		partDone(ctx)
	}
	return ctx.Err()
}

// followed are events about records, and what HubSpot shows of these now.
type followed struct {
	events   []store.Event
	settled  map[uint64]bool           // numbers of events whose outcome is known
	contacts map[uint64][]string       // that each event is about, by its number
	now      map[string]plan.Candidate // contacts by the ids that events have for them; one that is gone is absent
	failed   map[string]error          // contacts at which HubSpot fails, or at whose deals
	broken   map[uint64]bool           // events about a deal at which HubSpot fails, by number
	gifts    map[uint64][]string       // to or with the contacts of each event, by its number
	revived  map[string]bool           // contacts that were deleted and are there again
}

// followSome follows some events.
func (r *eventRun) followSome(ctx context.Context, events []store.Event) error {
	r.run.portal.Directory.Forget()
	f := &followed{events: events, settled: make(map[uint64]bool), contacts: make(map[uint64][]string), broken: make(map[uint64]bool), gifts: make(map[uint64][]string), revived: make(map[string]bool)}
	if err := r.findContacts(ctx, f); err != nil {
		return err
	}
	if err := r.eraseGone(ctx, f); err != nil {
		return err
	}
	linked, orphans, who, err := r.giftsOf(ctx, f)
	if err != nil {
		return err
	}
	held := make(map[string]bool)
	if err := r.review(ctx, linked, &reviewPlanner{revived: f.revived}, nil, held); err != nil {
		return err
	}
	if err := r.review(ctx, orphans, healPlanner{}, who, held); err != nil {
		return err
	}
	return r.endFollowed(f, held)
}

// findContacts reads which contacts the events are about, and these.
func (r *eventRun) findContacts(ctx context.Context, f *followed) error {
	var deals, contacts []string
	for _, e := range f.events {
		if e.RecordType == "deal" {
			deals = append(deals, e.RecordIDs...)
		}
	}
	of, unread, err := portal.ContactsOf(ctx, r.run.portal.Directory, distinct(deals))
	if err != nil {
		return err
	}
	for _, e := range f.events {
		ids := e.RecordIDs
		if e.RecordType == "deal" {
			ids, f.broken[e.Seq] = of[e.RecordIDs[0]], unread[e.RecordIDs[0]] != nil
		}
		f.contacts[e.Seq] = ids
		contacts = append(contacts, ids...)
	}
	if f.now, f.failed, err = r.run.portal.Directory.Contacts(ctx, distinct(contacts)); err != nil {
		return err
	}
	return r.doubtGone(ctx, f)
}

// doubtGone looks again, in HubSpot's search, where more contacts are gone in a day than
// are believed to be because HubSpot does not find them, and before anyone is erased,
// which is for good: a token that sees no contacts any more, and a HubSpot that loses
// them for an hour, answer as if users had deleted them. Contacts of which that is not
// confirmed count as failed.
func (r *eventRun) doubtGone(ctx context.Context, f *followed) error {
	var gone []string
	private := false
	for _, e := range f.events {
		for _, id := range f.contacts[e.Seq] {
			if _, shown := f.now[id]; !shown && f.failed[id] == nil && !r.young(&e) {
				gone = append(gone, id)
				private = private || e.Kind == privacyDeletion
			}
		}
	}
	gone = distinct(gone)
	d := r.run.counts.deletions
	many := d.contacts+len(gone) > trustedDeletions
	if len(gone) > 0 && (many || private) {
		doubted, err := portal.DoubtGone(ctx, r.run.portal.Directory, gone, many)
		if err != nil {
			return err
		}
		if len(doubted) > 0 {
			r.run.log.Warn("HubSpot does not find contacts that events are about, and does not confirm that they are gone: nothing is concluded, and they are looked for again", logCount, len(doubted))
		}
		gone = slices.DeleteFunc(gone, func(id string) bool { return doubted[id] != nil })
		maps.Copy(f.failed, doubted)
	}
	d.contacts += len(gone)
	return nil
}

// review plans gifts of the journal again and writes what they lack. Those that a
// run has locked are held back.
func (r *eventRun) review(ctx context.Context, gifts []plan.Gift, planner planner, who plan.Directory, held map[string]bool) error {
	for some := range slices.Chunk(gifts, commitGifts) {
		free := slices.DeleteFunc(slices.Clone(some), func(g plan.Gift) bool {
			ok, freed := r.run.locks.tryLockAll(r.run, []string{g.ID})
			if !ok {
				held[g.ID] = true
				if r.result.Freed == nil {
					r.result.Freed = freed
				}
			}
			return !ok
		})
		if len(free) == 0 {
			continue
		}
		in := input{policy: policy{fromJournal: true, countFailures: true}, gifts: free, planner: planner, who: who, count: len(free)}
		if _, err := r.run.work(ctx, in, nil, store.Commit{}); err != nil {
			return err
		}
		if p, ok := planner.(*reviewPlanner); ok {
			planner = &reviewPlanner{revived: p.revived}
		}
	}
	return ctx.Err()
}

// A healPlanner plans the links of orphans whose recipients were looked up before.
type healPlanner struct{}

func (healPlanner) first(_ context.Context, b *batch) ([]plan.Change, []string, error) {
	return b.unchanged(), nil, nil
}

func (healPlanner) second(ctx context.Context, b *batch, changes []plan.Change) ([]plan.Change, error) {
	b.relink(changes)
	return changes, b.preferLinkedContacts(ctx, changes, nil)
}

// young reports whether a contact may be too new for HubSpot to show it.
func (r *eventRun) young(e *store.Event) bool {
	age := time.Now().UTC().Sub(e.ReceivedAt)
	return !goneByKind(e.Kind) && age < shownWithin && age > -clockSlack // else our clock was ahead
}

// goneByKind reports whether an event says that its contact is gone.
func goneByKind(kind string) bool {
	return kind == "contact.deletion" || kind == privacyDeletion
}

// endFollowed ends the events, but for those that are tried again: a contact is not
// shown yet, HubSpot fails at it, or a run has locked one of its gifts.
func (r *eventRun) endFollowed(f *followed, held map[string]bool) error {
	var done []store.Event
	for _, e := range f.events {
		missing, broken, doubted := false, f.broken[e.Seq], false
		for _, id := range f.contacts[e.Seq] {
			now, shown := f.now[id]
			missing = missing || !shown
			broken = broken || f.failed[id] != nil || f.failed[now.ID] != nil
			doubted = doubted || errors.Is(f.failed[id], portal.ErrNotGone)
		}
		switch {
		case f.settled[e.Seq]:
			done = append(done, e)
		case doubted:
			done = append(done, r.retryLater([]store.Event{e}, reasonNotGone, true)...)
		case broken:
			done = append(done, r.retryLater([]store.Event{e}, reasonContactBroken, true)...)
		case slices.ContainsFunc(f.gifts[e.Seq], func(id string) bool { return held[id] }):
			r.result.Held++
		case missing && r.young(&e):
			done = append(done, r.retryLater([]store.Event{e}, reasonNotShown, true)...)
		case missing && !goneByKind(e.Kind):
			done = append(done, finishEvent(e, "", store.EventListed, reasonNoSuchContact))
			r.result.Done++
		default:
			done = append(done, finishEvent(e, "", store.EventApplied, ""))
			r.result.Done++
		}
	}
	return r.record(done)
}

// Reasons that the list of events shows of those of HubSpot.
const (
	reasonNotShown      = "HubSpot does not show the contact yet; it is looked for again"
	reasonNoSuchContact = "HubSpot does not show the contact"
	reasonNotGone       = "HubSpot does not find the contact, but its search shows it, or shows no contact at all: nothing is concluded, and it is looked for again"
	reasonContactBroken = "HubSpot fails at the contact or at its deals; it is tried again"
)

// distinct returns the ids sorted, each once.
func distinct(ids []string) []string {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return slices.Sorted(maps.Keys(set))
}

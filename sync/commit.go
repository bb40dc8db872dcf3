package sync

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// commitGifts bounds a commit. A larger one would hold the file's only writer,
// and so every webhook's answer, for too long.
const commitGifts = 500

// commitEvents bounds the events of a commit.
const commitEvents = 1000

// markStale commits Mapping = 0 for records about to be updated. If we crash
// before the result is committed, the next plan might see no difference; the
// stale mark makes it rewrite the record in full.
//
// New records need no mark: a repeated create finds and reads them.
func (res *results) markStale(changes []plan.Change) error {
	var gifts []plan.Stored
	for _, c := range changes {
		if have, ok := res.loaded.have[c.Gift.ID]; ok && have.Mapping > 0 && !res.loaded.stale[c.Gift.ID] {
			have.Mapping = 0
			gifts = append(gifts, have)
		}
	}
	if err := res.run.commitGifts(gifts); err != nil {
		return fmt.Errorf("recording what is about to be written: %w", err)
	}
	return nil
}

// commitGifts commits gifts alone, in bounded commits.
func (r *run) commitGifts(gifts []plan.Stored) error {
	for some := range slices.Chunk(gifts, commitGifts) {
		if err := r.recorder.Commit(store.Commit{Gifts: some}); err != nil {
			return err
		}
	}
	return nil
}

// commit makes the results durable, in bounded commits, each gift together with
// the events that it comes from. The audit goes with the first commit and last,
// which may move the checkpoint, with the last: so no effect is without its
// entry, and the checkpoint never passes a gift that is not recorded. Gifts with
// links still pending are not recorded: the next run finds their records again
// and makes the links.
func (res *results) commit(last store.Commit) error {
	var next store.Commit
	if res.owes {
		next.Meta = res.run.secondary.owe()
	}
	for _, e := range res.audit.entries {
		next.Audit = append(next.Audit, *e)
	}
	add := func(s plan.Stored, events []store.Event) error {
		if len(next.Gifts) >= commitGifts || len(next.Events) >= commitEvents {
			if err := res.run.recorder.Commit(next); err != nil {
				return fmt.Errorf("recording what was written: %w", err)
			}
			next = store.Commit{}
		}
		next.Gifts = append(next.Gifts, s)
		next.Events = append(next.Events, events...)
		return nil
	}
	for _, e := range res.effects {
		if len(e.pending) > 0 {
			continue
		}
		if err := add(e.stored, res.endApplied(e.stored)); err != nil {
			return err
		}
		res.leaveQuarantine(e.stored.Gift.ID)
		res.showSend(e.stored.Gift.ID)
	}
	for _, s := range res.unwritten {
		if err := add(s, nil); err != nil {
			return err
		}
	}
	searched := store.Commit{MissedAt: res.run.started}
	if res.in.policy.uncounted && len(res.missed) > 0 {
		searched = store.Commit{MissedAt: time.Unix(0, 0), Meta: res.run.secondary.oweAgain()}
	}
	missed, err := commitAllBut(res.missed, func(some []string) error {
		part := searched
		part.Missed = some
		return res.run.recorder.Commit(part)
	})
	if err != nil {
		return fmt.Errorf("recording the addresses not found: %w", err)
	}
	quarantined, err := commitAllBut(res.quarantined, func(some []store.Quarantined) error {
		return res.run.recorder.Commit(store.Commit{Quarantine: some})
	})
	if err != nil {
		return fmt.Errorf("recording what was quarantined: %w", err)
	}
	next.Quarantine, next.Healed, next.Shown = quarantined, res.released, res.shown
	next.Missed, next.MissedAt = missed, searched.MissedAt
	next.Checkpoints, next.Meta = last.Checkpoints, merged(next.Meta, searched.Meta, last.Meta)
	next.Events = append(append(next.Events, res.endUnapplied()...), last.Events...)
	if isEmpty(next) {
		return nil
	}
	if err := res.run.recorder.Commit(next); err != nil {
		return fmt.Errorf("recording what was written: %w", err)
	}
	return nil
}

// merged returns all entries; later ones replace earlier ones.
func merged(entries ...map[string][]byte) map[string][]byte {
	all := make(map[string][]byte)
	for _, some := range entries {
		maps.Copy(all, some)
	}
	return all
}

// commitAllBut commits a list in bounded commits but for the last part, which it
// returns.
func commitAllBut[T any](list []T, commit func([]T) error) (rest []T, err error) {
	for len(list) > commitGifts {
		if err := commit(list[:commitGifts]); err != nil {
			return nil, err
		}
		list = list[commitGifts:]
	}
	return list, nil
}

func isEmpty(c store.Commit) bool {
	return len(c.Gifts)+len(c.Quarantine)+len(c.Healed)+len(c.Missed)+len(c.Audit)+len(c.Checkpoints)+len(c.Meta)+len(c.Events)+len(c.Shown) == 0
}

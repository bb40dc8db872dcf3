package sync

import (
	"context"
	"strings"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// spelling is the number of the rule by which transaction ids are spelled; a
// journal of an older rule is gone through once.
const spelling = 1

// respelled returns the canonical form of a transaction id as earlier programs
// kept it: with what spreadsheets put around it, and with characters that cannot
// be seen.
func respelled(id string) string {
	bare := id
	if inner, ok := strings.CutPrefix(bare, `="`); ok {
		bare = strings.TrimSuffix(inner, `"`)
	}
	bare = strings.TrimPrefix(bare, "'")
	canonical, err := plan.CanonicalID(bare)
	if err != nil {
		return id // it stays as it is: no reading will show it
	}
	return canonical
}

// respellJournal gives the gifts of the journal that are known under an old
// spelling of their id the canonical one, once. Their records stay the same: the
// next reading of such a gift writes its record in full, the unique property
// included. If we crash before that, the journal's stale mark is still there.
//
// Where the journal has both spellings, both stay: HubSpot has a record for each,
// and only people can say which one to keep.
func respellJournal(ctx context.Context, r *run) error {
	var done int
	if _, err := Recall(r.journal, spellingEntry, &done); err != nil || done >= spelling {
		return err
	}
	var old []string
	for have, err := range r.journal.After(ctx, "") {
		if err != nil {
			return err
		}
		if id := have.Gift.ID; respelled(id) != id {
			old = append(old, id)
		}
	}
	both := 0
	for _, id := range old {
		canonical := respelled(id)
		err := r.withLocked(ctx, []string{id, canonical}, func() error {
			have, err := r.journal.Gifts([]string{id, canonical})
			if err != nil {
				return err
			}
			was, there := have[id]
			if _, taken := have[canonical]; taken {
				both++
				r.log.Warn("a transaction has two records, one of them under an old spelling of its id: delete the one that is wrong in HubSpot",
					logTransaction, canonical, logObject, was.ObjectID)
				return nil
			}
			if !there {
				return nil
			}
			was.Gift.ID, was.Mapping = canonical, 0
			return r.recorder.Commit(store.Commit{Removed: []string{id}, Gifts: []plan.Stored{was}})
		})
		if err != nil {
			return err
		}
	}
	if len(old) > 0 {
		r.log.Info("transaction ids are spelled in one way now", logCount, len(old)-both)
	}
	return r.memory().Remember(spellingEntry, spelling)
}

// respellRecords gives the gifts that a rebuild found in HubSpot the canonical
// spelling of their id, unless a record has that already.
func respellRecords(j History, gifts []plan.Stored) error {
	var canonical []string
	for _, s := range gifts {
		if id := respelled(s.Gift.ID); id != s.Gift.ID {
			canonical = append(canonical, id)
		}
	}
	if len(canonical) == 0 {
		return nil
	}
	taken, err := j.Gifts(canonical)
	if err != nil {
		return err
	}
	here := make(map[string]bool, len(gifts))
	for _, s := range gifts {
		here[s.Gift.ID] = true
	}
	for i, s := range gifts {
		id := respelled(s.Gift.ID)
		if _, ok := taken[id]; id != s.Gift.ID && !ok && !here[id] {
			gifts[i].Gift.ID, gifts[i].Mapping = id, 0
			here[id] = true
		}
	}
	return nil
}

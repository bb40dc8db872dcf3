package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// rowsAside returns the keys of the unreadable rows in quarantine, by the
// transaction whose rows they are: they leave when that is seen well.
func rowsAside(ctx context.Context, r *run) (map[string][]string, error) {
	if r.counts.failures.aside != nil {
		return r.counts.failures.aside, nil
	}
	r.counts.failures.aside = make(map[string][]string)
	for q, err := range r.cfg().Quarantine.Quarantine(ctx) {
		if err != nil {
			return nil, err
		}
		if q.TransactionID != "" && q.TransactionID != q.Key {
			r.counts.failures.aside[q.TransactionID] = append(r.counts.failures.aside[q.TransactionID], q.Key)
		}
	}
	return r.counts.failures.aside, nil
}

// keepAside keeps a row that this run has set aside in quarantine, whatever else
// the run sees of its transaction.
func keepAside(r *run, row badRow) {
	if keys := r.counts.failures.aside[row.id]; len(keys) > 0 {
		r.counts.failures.aside[row.id] = slices.DeleteFunc(keys, func(k string) bool { return k == row.key })
	}
}

// A smallListing is a complete listing that showed less than half of what is
// known.
type smallListing struct {
	Known int       `json:"known"` // transactions
	Shown int       `json:"shown"` // of them
	At    time.Time `json:"at"`

	// Lacks are some of those that it did not show. What a later listing shows is
	// no more of what was known where it lacks them, too: it may be of another
	// account, whose transactions are known since.
	Lacks []string `json:"lacks,omitempty"`
}

// mostLacks is how many transactions a [smallListing] names.
const mostLacks = 100

// SmallListing returns what the last complete listing lacked, in words; "" if
// it was believed.
func SmallListing(j History) (string, error) {
	var small smallListing
	if found, err := Recall(j, smallListingEntry, &small); err != nil || !found || small.At.IsZero() {
		return "", err
	}
	return small.what(), nil
}

func (s smallListing) what() string {
	return fmt.Sprintf("Thnks listed %d of %d transactions that are known, twice", s.Shown, s.Known)
}

// SmallListingRemedy is what an admin can do about a [smallListing].
const SmallListingRemedy = "look whether the API key, or the setting thnks.dialect, shows only a part; if the source really holds no more, run `sync --accept-smaller-source` once"

// believe reports whether a complete listing of all sources may be concluded
// from: that what it lacks is not at the source any more. One that shows less
// than half of what is known is looked at a second time. If it says so again,
// the run ends, unless an admin accepts it.
//
// It reports false where nothing can be concluded, because the portal is fed from
// export files, too. What earlier runs read of a resumed listing counts by its
// number.
func believe(ctx context.Context, r *run, checkpoint string) (bool, error) {
	alone, err := apiAlone(r)
	if err != nil || !alone {
		return false, err
	}
	small, err := smallness(ctx, r)
	if err != nil {
		return false, err
	}
	if small.Known > 0 {
		r.log.Warn("Thnks listed less than half of the transactions that are known; it is asked a second time", logCount, small.Shown, "known", small.Known)
		// If we end before it has answered, the next run lists everything anew.
		if err := r.moveCheckpoint(checkpoint, store.Checkpoint{Started: r.started}); err != nil {
			return false, err
		}
		r.counts.shownBefore = 0
		if err := lookAgain(ctx, r); err != nil {
			return false, err
		}
		if small, err = smallness(ctx, r); err != nil {
			return false, err
		}
	}
	if small.Known > 0 && !r.req.AcceptSmallerSource {
		if err := r.memory().Remember(smallListingEntry, small); err != nil {
			return false, err
		}
		return false, &Fatal{What: small.what(), Remedy: SmallListingRemedy}
	}
	if err := r.memory().Remember(believedEntry, r.counts.sample.Own); err != nil {
		return false, err
	}
	return true, forgetSmallListing(r)
}

// forgetSmallListing ends what [SmallListing] says.
func forgetSmallListing(r *run) error {
	var was smallListing
	if found, err := Recall(r.journal, smallListingEntry, &was); err != nil || !found || was.At.IsZero() {
		return err
	}
	return r.memory().Remember(smallListingEntry, smallListing{})
}

// smallness is how much this run has seen of what was known before, and zero if
// that is at least half.
func smallness(ctx context.Context, r *run) (smallListing, error) {
	n, err := r.journal.Count()
	if err != nil {
		return smallListing{}, err
	}
	var was smallListing
	if _, err := Recall(r.journal, smallListingEntry, &was); err != nil {
		return smallListing{}, err
	}
	if was.lacks(&r.counts.tally) {
		was.At = r.started
		return was, nil
	}
	created := r.counts.tally.counts[countedCreated]
	if 2*(r.counts.shown()-created) >= n-created { // without reading the journal
		return r.counts.sample.smallness(r), nil
	}
	small := smallListing{At: r.started}
	for have, err := range r.journal.After(ctx, "") {
		if err != nil {
			return smallListing{}, err
		}
		if _, sent := plan.SendOf(have.Gift.ID); sent || !have.Gone.IsZero() {
			continue
		}
		switch r.counts.tally.of(have.Gift.ID) {
		case countedCreated:
			continue // it was not known
		case 0:
			if len(small.Lacks) < mostLacks {
				small.Lacks = append(small.Lacks, have.Gift.ID)
			}
		default:
			small.Shown++
		}
		small.Known++
	}
	if 2*small.Shown >= small.Known {
		return r.counts.sample.smallness(r), nil
	}
	return small, nil
}

// lacks reports whether a listing lacks most of what this one lacked.
func (s smallListing) lacks(t *tally) bool {
	lacking := 0
	for _, id := range s.Lacks {
		if !t.has(id) {
			lacking++
		}
	}
	return 2*lacking > len(s.Lacks)
}

// lookAgain processes what every source lists, and moves no checkpoint.
func lookAgain(ctx context.Context, r *run) error {
	for place, s := range r.cfg().Sources {
		if err := r.list(ctx, listing{source: s, place: place}, func(*window) store.Commit { return store.Commit{} }); err != nil {
			return err
		}
	}
	return nil
}

// releaseUnlisted takes the unreadable rows of the API out of the quarantine
// that a complete and believed listing, begun at a time, did not show any more:
// corrected at the source, such a row is another one. A row of an export file
// stays until its own transaction is seen well, or an admin takes it out: a file
// often holds a single month, and says nothing of the others.
func releaseUnlisted(ctx context.Context, r *run, begun time.Time) error {
	if r.req.DryRun {
		return nil // nor would it say so
	}
	var keys []string
	total := 0
	release := func() error {
		if len(keys) == 0 {
			return nil
		}
		total += len(keys)
		err := r.recorder.Commit(store.Commit{Healed: keys})
		keys = nil
		return err
	}
	for q, err := range r.cfg().Quarantine.Quarantine(ctx) {
		if err != nil {
			return err
		}
		if q.TransactionID == q.Key || !q.Last.Before(begun) && !isFuture(r, q.Last) {
			continue
		}
		if keys = append(keys, q.Key); len(keys) == commitGifts {
			if err := release(); err != nil {
				return err
			}
		}
	}
	if err := release(); err != nil {
		return err
	}
	if total > 0 {
		r.log.Info("unreadable rows are no longer at the source and left the quarantine", logCount, total)
	}
	return nil
}

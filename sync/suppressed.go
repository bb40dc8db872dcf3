package sync

import (
	"errors"
	"fmt"
	"io/fs"

	"thnks-hubspot-sync/store/suppressed"
	"thnks-hubspot-sync/sync/plan"
)

// Suppressed is the list of the people who were erased from a portal.
// [*suppressed.List] is one.
type Suppressed interface {
	Refresh() error // reads the file again if it is another one; [fs.ErrNotExist] if there is none
	Create() error
	Add(addresses, receivedIDs, sentIDs []string) error
	Using(func() error) error // calls f; an Add that begins meanwhile waits for its end
	Address(canonical string) bool
	Received(id string) bool
	Sent(id string) bool
	Mark() suppressed.Mark
	Short(canonical string) string // for log lines
	Path() string
}

// noSuppressed is the list of an engine that was made without one: no one is on
// it, and no one can be put on it.
type noSuppressed struct{}

func (noSuppressed) Refresh() error { return nil }
func (noSuppressed) Create() error  { return nil }
func (noSuppressed) Add(_, _, _ []string) error {
	return errors.New("there is no list of erased people here")
}
func (noSuppressed) Using(f func() error) error { return f() }
func (noSuppressed) Address(string) bool        { return false }
func (noSuppressed) Received(string) bool       { return false }
func (noSuppressed) Sent(string) bool           { return false }
func (noSuppressed) Mark() suppressed.Mark      { return suppressed.Mark{} }
func (noSuppressed) Short(string) string        { return "" }
func (noSuppressed) Path() string               { return "" }

// erasedEntry is the journal's entry for the mark of the list of erased people when
// everything that it asks for was done, a [suppressed.Mark].
const erasedEntry = "erased"

// compactedEntry is that for its mark when the state file was last written anew for it,
// which an erasure does before it has HubSpot's records blanked.
const compactedEntry = "erased-bytes"

// readSuppressed reads the list of erased people, and reports whether an erasure
// that it asks for is still to be done: one that a crash has interrupted, or one
// that this state file does not know because it was restored or rebuilt. A portal
// whose list is lost is stopped, as it would bring back everyone who was on it.
// Where no one was ever erased, a list is made, unless look is set.
func readSuppressed(list Suppressed, j metaReader, look bool) (due bool, err error) {
	var done suppressed.Mark
	if _, err := Recall(j, erasedEntry, &done); err != nil {
		return false, err
	}
	var had suppressed.Mark
	if known, err := Recall(j, compactedEntry, &had); err != nil {
		return false, err
	} else if !known { // by an older release, or by no one
		had = done
	}
	switch err := list.Refresh(); {
	case errors.Is(err, fs.ErrNotExist) && had.Addresses+had.Gifts == 0:
		if look {
			return false, nil
		}
		return false, list.Create()
	case err != nil:
		return false, lostSuppressed(list, had, err)
	}
	now := list.Mark()
	if lacks(now, had) {
		return false, lostSuppressed(list, had, nil)
	}
	return now.Addresses+now.Gifts > 0 && now != done, nil
}

// lacks reports whether a list is not the one that had a mark, or is less than it
// was then.
func lacks(now, had suppressed.Mark) bool {
	return had.Addresses+had.Gifts > 0 && (now.Key != had.Key || now.Addresses < had.Addresses || now.Gifts < had.Gifts)
}

// SuppressedFault returns what is wrong with a portal's list of erased people, as a
// [*Fatal] error; nil if nothing is, or if no one was ever erased. It also reports
// how many people are on the list, and whether an erasure is still to be finished.
func SuppressedFault(view View) (people int, due bool, err error) {
	due, err = readSuppressed(view.Config.Suppressed, view.Config.Journal, true)
	return view.Config.Suppressed.Mark().Addresses, due, err
}

// lostSuppressed is the error of a list that is missing, cannot be read, or lacks
// what it has had.
func lostSuppressed(list Suppressed, had suppressed.Mark, err error) error {
	what := fmt.Sprintf("the list of erased people, %s, lacks what was on it", list.Path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		what = fmt.Sprintf("the list of erased people, %s, is missing", list.Path())
	case err != nil:
		what = err.Error()
	}
	return &Fatal{
		What: fmt.Sprintf("%s; %d people were on it, and without it they would be copied to HubSpot again", what, had.Addresses),
		Remedy: "put back the newest copy of the file; if there is none, run `erase` again for each person who was erased: " +
			"the first of these runs begins a new list, and the portal works again after it",
		Err: err,
	}
}

// partiesOf says which parties of a gift were erased.
func partiesOf(list Suppressed, g plan.Gift) (of plan.Party) {
	if a, ok := plan.CanonicalEmail(g.Recipient.Email); ok && list.Address(a) || list.Received(g.ID) {
		of |= plan.Recipient
	}
	if a, ok := plan.CanonicalEmail(g.Sender.Email); ok && list.Address(a) || list.Sent(g.ID) {
		of |= plan.Sender
	}
	return of
}

// suppress marks the gifts whose recipients were erased, so that the planner skips
// them, whether the journal knows them or not, and removes erased senders from the
// others. It returns the gifts. It fails where the list is lost: its file may have
// been removed or replaced since the run began.
func (l *loaded) suppress(gifts []plan.Gift) ([]plan.Gift, error) {
	list := l.run.cfg().Suppressed
	if _, err := readSuppressed(list, l.run.journal, true); err != nil {
		return nil, err
	}
	had := list.Mark()
	if had == (suppressed.Mark{}) {
		return gifts, nil
	}
	kept := make([]plan.Gift, len(gifts))
	for i, g := range gifts {
		of := partiesOf(list, g)
		if have, known := l.have[g.ID]; known {
			of |= partiesOf(list, have.Gift)
		}
		kept[i] = g.Without(of)
		if have := l.have[g.ID]; of&plan.Recipient != 0 && have.Erased.IsZero() {
			have.Erased = l.run.started
			l.have[g.ID] = have
		}
	}
	// An event may have read another file meanwhile.
	if lacks(list.Mark(), had) {
		return nil, lostSuppressed(list, had, nil)
	}
	return kept, nil
}

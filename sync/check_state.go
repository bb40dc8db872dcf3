package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

const (
	sampled       = hubspot.BatchSize // records that are compared: one call
	listedSenders = 20
	listedGifts   = 5
	maxSenders    = 10_000 // that are told apart, so that memory is bounded

	eventsFail = 0.8 // of the room for events

	diskWarn = 1 << 30  // bytes free
	diskFail = 64 << 20 // bytes free

	// lately is how long ago a run that is under way may have written what it
	// has not committed yet.
	lately = time.Hour
)

// A stateFile is what a journal that is a file says of itself.
type stateFile interface {
	Check(context.Context) error
	Space() (size, free int64, err error)
}

// An eventFile is what an inbox that is a file says of itself.
type eventFile interface {
	EventCounts() (map[store.EventState]int, int64, error)
	InboxLoad() (float64, error)
}

// state examines what is on our side: the journal and its file.
func (x *examination) state(ctx context.Context) {
	x.quarantine(ctx)
	x.events(ctx)
	x.file(ctx)
	if x.barred != "" {
		x.skip(x.barred, checkSenders, checkJournal)
		return
	}
	unlisted := x.learnOwners(ctx)
	s, err := x.survey(ctx)
	switch {
	case err != nil:
		x.skip("the journal cannot be read", checkSenders)
		x.trouble(ctx, checkJournal, err)
		return
	case unlisted != nil:
		x.trouble(ctx, checkSenders, unlisted)
	default:
		x.senders(s)
	}
	x.compare(ctx, s.sample)
}

// A survey is what one way through the journal gathers.
type survey struct {
	strangers map[string]int // gifts by the address of a sender who is no owner
	more      bool           // there are more strangers than are told apart
	sample    []plan.Stored  // records, spread over the journal
}

// survey goes through the journal.
func (x *examination) survey(ctx context.Context) (*survey, error) {
	n, err := x.Journal.Count()
	if err != nil {
		return nil, err
	}
	stride := max(n/sampled, 1)
	next := rand.IntN(stride) // so that not every check looks at the same ones
	s := &survey{strangers: make(map[string]int)}
	at := -1
	for have, err := range x.Journal.All(ctx) {
		if err != nil {
			return nil, err
		}
		if at++; !have.Deleted.IsZero() {
			continue
		}
		if at >= next && len(s.sample) < sampled {
			s.sample = append(s.sample, have)
			next += stride
		}
		if a, ok := plan.CanonicalEmail(have.Gift.Sender.Email); ok && x.owners.byEmail[a] == "" {
			s.meet(a)
		}
	}
	return s, nil
}

func (s *survey) meet(address string) {
	if _, ok := s.strangers[address]; !ok && len(s.strangers) == maxSenders {
		s.more = true
		return
	}
	s.strangers[address]++
}

// senders lists those whose gifts nobody in HubSpot owns, the busiest first.
func (x *examination) senders(s *survey) {
	switch {
	case x.owners.byEmail == nil:
		x.find(checkSenders, OK, "not matched with owners, as the token lacks "+ownersScope,
			"to give records to the people who sent the gifts, grant "+ownersScope)
		return
	case len(s.strangers) == 0:
		x.ok(checkSenders, "each is an active owner in HubSpot")
		return
	}
	busiest := slices.SortedFunc(maps.Keys(s.strangers), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.strangers[b], s.strangers[a]), strings.Compare(a, b))
	})
	number := count(len(busiest), "sender is no active owner", "senders are no active owners")
	if s.more {
		number = "more than " + number
	}
	x.find(checkSenders, Warn, number+" in HubSpot, so that nobody owns their records: "+few(busiest, listedSenders),
		"give them HubSpot users with these addresses if they should own their records, then run `sync --reassociate=all`")
}

// quarantine examines what waits there.
func (x *examination) quarantine(ctx context.Context) {
	classes := make(map[string]int)
	n := 0
	for q, err := range x.Journal.Quarantine(ctx) {
		if err != nil {
			x.trouble(ctx, checkQuarantine, err)
			return
		}
		classes[q.Class]++
		n++
	}
	if n == 0 {
		x.ok(checkQuarantine, "empty")
		return
	}
	var each []string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		each = append(each, fmt.Sprintf("%d %s", classes[class], class))
	}
	level := Warn
	if classes[classSchemaProblem] > 0 {
		level = Fail
	}
	x.find(checkQuarantine, level, count(n, "record waits", "records wait")+": "+strings.Join(each, ", "),
		"`quarantine list` says why; mend it in HubSpot or Thnks, then `quarantine retry`")
}

// events examines the webhook events, where any came.
func (x *examination) events(ctx context.Context) {
	inbox, ok := x.Inbox.(eventFile)
	if !ok {
		return
	}
	n, _, err := inbox.EventCounts()
	var load float64
	if err == nil {
		load, err = inbox.InboxLoad()
	}
	if err != nil {
		x.trouble(ctx, checkEvents, err)
		return
	}
	pending, waiting, refused := n[store.EventPending], n[store.EventWaiting], n[store.EventRefused]
	what := fmt.Sprintf("%d to be worked off, %d wait for their transactions, %d refused", pending, waiting, refused)
	switch {
	case len(n) == 0:
	case load > eventsFail:
		x.find(checkEvents, Fail, fmt.Sprintf("%s: %.0f %% of the room for them is taken", what, 100*load),
			"mend what else fails here, which holds them up; `events list --state waiting` says why those wait; when it is full, senders are told to come again")
	case waiting+refused > 0:
		x.find(checkEvents, Warn, what, "`events list --state waiting` and `--state refused` say why; `events replay` has them worked on again")
	default:
		x.ok(checkEvents, "%s", what)
	}
}

// file examines the state file and the disk that it is on.
func (x *examination) file(ctx context.Context) {
	f, ok := x.Engine.Journal.(stateFile)
	if !ok {
		x.skip("there is no state file yet", checkState, checkDisk)
		return
	}
	size, free, err := f.Space()
	if broken := f.Check(ctx); broken != nil {
		x.trouble(ctx, checkState, broken)
	} else {
		x.ok(checkState, "sound, %d MiB", size>>20)
	}
	what := fmt.Sprintf("%d MiB free", free>>20)
	const remedy = "make room on the disk that holds state_dir"
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		x.skip("this system does not say how full the disk is", checkDisk)
	case err != nil:
		x.trouble(ctx, checkDisk, err)
	case free < diskFail:
		x.find(checkDisk, Fail, what, remedy+": when it is full, runs stop")
	case free < max(size, diskWarn):
		x.find(checkDisk, Warn, what, remedy+": there should be a GiB, and as much as the state file takes, which a backup needs")
	default:
		x.ok(checkDisk, "%s", what)
	}
}

// compare examines whether a sample of the records is as the journal says.
func (x *examination) compare(ctx context.Context, sample []plan.Stored) {
	switch {
	case len(sample) == 0:
		x.ok(checkJournal, "no records yet")
		return
	case x.object == nil:
		x.skip("there is no custom object of ours to compare it with", checkJournal)
		return
	}
	ids := make([]string, len(sample))
	for i, s := range sample {
		ids[i] = s.ObjectID
	}
	busy := x.busy()
	outcomes, err := x.CRM.Read(ctx, x.object.TypeID, ids, propertyNames())
	if err != nil {
		x.trouble(ctx, checkJournal, err)
		return
	}
	busy = busy || x.busy()
	var gone, differ []string
	for i, o := range outcomes {
		id := sample[i].Gift.ID
		switch {
		case o.Object == nil, o.Object.Properties[keyProperty] != id:
			gone = append(gone, id)
		case busy && x.started.Sub(o.Object.UpdatedAt) < lately:
			// Written by the run that is under way, and not yet committed.
		default:
			if props := differing(sample[i], *o.Object); len(props) > 0 {
				differ = append(differ, id+" ("+strings.Join(props, ", ")+")")
			}
		}
	}
	of := fmt.Sprintf("%d of %d", len(sample)-len(gone)-len(differ), len(sample))
	var said, remedies []string
	if len(gone) > 0 {
		said = append(said, "deleted or merged: "+few(gone, listedGifts))
		remedies = append(remedies, "`sync --reassociate=all` takes note of records that people deleted or merged, `sync --restore ID` writes deleted ones again")
	}
	if len(differ) > 0 {
		said = append(said, "changed: "+few(differ, listedGifts))
		remedies = append(remedies, "what people changed stays until the transaction changes; correct it in HubSpot if it was not meant")
	}
	if said != nil {
		x.find(checkJournal, Warn, of+" records that were looked at are as they were written; "+strings.Join(said, "; "), strings.Join(remedies, "; "))
		return
	}
	x.ok(checkJournal, "%s", count(len(sample), "record that was looked at is as it was written", "records that were looked at are as they were written"))
}

// busy reports whether a run is under way, of this engine or another.
func (x *examination) busy() bool {
	if x.Busy != nil && x.Busy() {
		return true
	}
	if !x.mu.TryLock() {
		return true
	}
	x.mu.Unlock()
	return false
}

// differing names the properties of a record that are not as they were
// written. One written under an older mapping is not looked at.
func differing(want plan.Stored, o hubspot.Object) []string {
	if want.Mapping < plan.Mapping {
		return nil
	}
	have, _ := stored(o) // a value that cannot be read counts as none
	have.Mapping = plan.Mapping
	props, _ := plan.Diff(want.Gift, have)
	if want.Gift.MessageDigest != have.Gift.MessageDigest {
		props["message"] = "" // which a diff leaves alone where it has no text to write
	}
	return slices.DeleteFunc(propertyNames(), func(name string) bool { _, ok := props[name]; return !ok })
}

package doctor

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
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

const (
	sampled       = hubspot.BatchSize // records that are compared: one call
	listedSenders = 20
	listedGifts   = 5
	maxSenders    = 10_000 // that are distinguished, so that memory is bounded

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

// examineState examines what is on our side: the journal and its file.
func (x *examination) examineState(ctx context.Context) {
	x.examineReadings(ctx)
	x.examineQuarantine(ctx)
	x.examineEvents(ctx)
	x.examineFile(ctx)
	x.examineErased(ctx)
	if x.barred != "" {
		x.skipped(x.barred, checkSenders, checkJournal)
		return
	}
	unlisted := x.portal.Directory.LearnOwners(ctx)
	s, err := surveyJournal(ctx, x.cfg.Journal, x.portal.Directory.OwnerOf)
	switch {
	case err != nil:
		x.skipped("the journal cannot be read", checkSenders)
		x.reportError(ctx, checkJournal, err)
		return
	case unlisted != nil:
		x.reportError(ctx, checkSenders, unlisted)
	case portal.OwnersUnlisted(x.portal.Directory) != nil:
		x.report(checkSenders, Warn, portal.OwnersUnlisted(x.portal.Directory).Error(), "records keep the owners that they have, and new ones have none; when it works again, run `sync --reassociate=all`")
	default:
		x.examineSenders(s, x.portal.Directory.OwnersKnown())
	}
	x.compare(ctx, s.sample)
}

// examineReadings reports what the last readings of everything found wrong with
// what Thnks shows.
func (x *examination) examineReadings(ctx context.Context) {
	small, err := giftsync.SmallListing(x.cfg.Journal)
	if err != nil {
		x.reportError(ctx, checkListing, err)
	} else if small != "" {
		x.report(checkListing, Fail, small, giftsync.SmallListingRemedy)
	}
	problems, err := giftsync.FieldProblems(x.cfg.Journal)
	if err != nil {
		x.reportError(ctx, checkReading, err)
	}
	for _, p := range problems {
		x.report(checkReading, Fail, "in the last reading of everything, "+p.String(), "make the setting fit, then run `sync --backfill`, or read the file again")
	}
}

// A survey is what one pass over the journal gathers.
type survey struct {
	senders   bool           // a gift has the address of its sender
	strangers map[string]int // gifts by the address of a sender who is no owner
	more      bool           // there are more strangers than are distinguished
	sample    []plan.Stored  // records, spread over the journal
}

// surveyJournal reads the journal. ownerOf returns the user with an address, ""
// for none.
func surveyJournal(ctx context.Context, journal giftsync.History, ownerOf func(address string) string) (*survey, error) {
	n, err := journal.Count()
	if err != nil {
		return nil, err
	}
	stride := max(n/sampled, 1)
	next := rand.IntN(stride) // so that not every check looks at the same ones
	s := &survey{strangers: make(map[string]int)}
	at := -1
	for have, err := range journal.After(ctx, "") {
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
		if a, ok := plan.CanonicalEmail(have.Gift.Sender.Email); ok {
			s.senders = true
			if ownerOf(a) == "" {
				s.addStranger(a)
			}
		}
	}
	return s, nil
}

func (s *survey) addStranger(address string) {
	if _, ok := s.strangers[address]; !ok && len(s.strangers) == maxSenders {
		s.more = true
		return
	}
	s.strangers[address]++
}

// examineSenders lists the senders whose gifts have no owner in HubSpot, the busiest
// first. It warns of none: who sends gifts and has left, or never was a user, may
// stay so.
func (x *examination) examineSenders(s *survey, ownersKnown bool) {
	switch {
	case !s.senders:
		x.ok(checkSenders, "none is known yet")
		return
	case !ownersKnown:
		x.report(checkSenders, OK, "not matched with owners, as the token lacks "+portal.OwnersScope,
			"to give records to the users who sent the gifts, grant "+portal.OwnersScope)
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
	x.report(checkSenders, OK, number+" in HubSpot, so that their records have no owner: "+few(busiest, listedSenders),
		"give them HubSpot users with these addresses if they should own their records, then run `sync --reassociate=all`")
}

// examineQuarantine examines what waits there.
func (x *examination) examineQuarantine(ctx context.Context) {
	classes := make(map[string]int)
	n := 0
	for q, err := range x.cfg.Quarantine.Quarantine(ctx) {
		if err != nil {
			x.reportError(ctx, checkQuarantine, err)
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
	if classes[giftsync.ClassSchemaProblem] > 0 {
		level = Fail
	}
	x.report(checkQuarantine, level, count(n, "record waits", "records wait")+": "+strings.Join(each, ", "),
		"`quarantine list` says why; fix it in HubSpot or Thnks, then `quarantine retry`")
}

// examineEvents examines the webhook events, where any came.
func (x *examination) examineEvents(ctx context.Context) {
	inbox, ok := x.cfg.Inbox.(eventFile)
	if !ok {
		return
	}
	n, _, err := inbox.EventCounts()
	var load float64
	if err == nil {
		load, err = inbox.InboxLoad()
	}
	if err != nil {
		x.reportError(ctx, checkEvents, err)
		return
	}
	pending, waiting, refused := n[store.EventPending], n[store.EventWaiting], n[store.EventRefused]
	what := fmt.Sprintf("%d to be processed, %d wait for their transactions, %d refused", pending, waiting, refused)
	switch {
	case len(n) == 0:
	case load > eventsFail:
		x.report(checkEvents, Fail, fmt.Sprintf("%s: %.0f %% of the room for them is taken", what, 100*load),
			"fix what else fails here, which delays them; `events list --state waiting` says why those wait; when it is full, senders have to try again later")
	case waiting+refused > 0:
		x.report(checkEvents, Warn, what, "`events list --state waiting` and `--state refused` say why; `events replay` has them worked on again")
	default:
		x.ok(checkEvents, "%s", what)
	}
}

// examineErased examines the list of the people who were erased.
func (x *examination) examineErased(ctx context.Context) {
	people, due, err := giftsync.SuppressedFault(x.view)
	switch {
	case err != nil:
		x.reportError(ctx, checkErased, err)
	case people == 0:
		x.ok(checkErased, "none")
	case due:
		x.report(checkErased, Warn, count(people, "address is", "addresses are")+" on the list; no gift to them is copied, but an erasure is not finished, so that HubSpot may still have what is to go",
			"the next run goes on with it; where its report warns that HubSpot refuses that, take away the rule, or the requirement, in HubSpot that wants a value")
	default:
		x.ok(checkErased, "%s on the list; no gift to them is copied", count(people, "address is", "addresses are"))
	}
}

// examineFile examines the state file and the disk that it is on.
func (x *examination) examineFile(ctx context.Context) {
	f, ok := x.cfg.Journal.(stateFile)
	if !ok {
		x.skipped("there is no state file yet", checkState, checkDisk)
		return
	}
	size, free, err := f.Space()
	if broken := f.Check(ctx); broken != nil {
		x.reportError(ctx, checkState, broken)
	} else if copies := x.copies(); len(copies) > 0 {
		x.report(checkState, Warn, fmt.Sprintf("sound, %d MiB; beside it %s with what it held: %s", size>>20,
			count(len(copies), "is a file", "are files"), strings.Join(copies, ", ")), "delete what you do not need any more: it holds personal data")
	} else {
		x.ok(checkState, "sound, %d MiB", size>>20)
	}
	what := fmt.Sprintf("%d MiB free", free>>20)
	const remedy = "make room on the disk that holds state_dir"
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		x.skipped("this system does not say how full the disk is", checkDisk)
	case err != nil:
		x.reportError(ctx, checkDisk, err)
	case free < diskFail:
		x.report(checkDisk, Fail, what, remedy+": when it is full, runs stop")
	case free < max(size, diskWarn):
		x.report(checkDisk, Warn, what, remedy+": there should be a GiB, and as much as the state file takes, which a backup needs")
	default:
		x.ok(checkDisk, "%s", what)
	}
}

// copies lists the files beside the state file that were made of it, or set aside. Where
// they cannot be listed, the state file cannot be read either.
func (x *examination) copies() []string {
	if x.cfg.Archive == nil {
		return nil
	}
	copies, err := x.cfg.Archive.Copies()
	if err != nil {
		return nil
	}
	return copies
}

// compare examines whether a sample of the records is as the journal says.
func (x *examination) compare(ctx context.Context, sample []plan.Stored) {
	switch {
	case len(sample) == 0:
		x.ok(checkJournal, "no records yet")
		return
	case x.typeID == "":
		x.skipped("there is no custom object of ours to compare it with", checkJournal)
		return
	}
	ids := make([]string, len(sample))
	for i, s := range sample {
		ids[i] = s.ObjectID
	}
	busy := x.busy()
	outcomes, err := x.client.Read(ctx, x.typeID, ids, portal.PropertyNames(x.cfg.Metadata))
	if err != nil {
		x.reportError(ctx, checkJournal, err)
		return
	}
	busy = busy || x.busy()
	var gone, differ []string
	for i, o := range outcomes {
		id := sample[i].Gift.ID
		switch {
		case o.Object == nil, o.Object.Properties[portal.KeyProperty] != id:
			gone = append(gone, id)
		case busy && x.view.Started.Sub(o.Object.UpdatedAt) < lately:
			// Written by the run that is under way, and not yet committed.
		default:
			if props := differing(sample[i], *o.Object, x.cfg.Metadata, x.cfg.LeaveOut); len(props) > 0 {
				differ = append(differ, id+" ("+strings.Join(props, ", ")+")")
			}
		}
	}
	of := fmt.Sprintf("%d of %d", len(sample)-len(gone)-len(differ), len(sample))
	var said, remedies []string
	if len(gone) > 0 {
		said = append(said, "deleted or merged: "+few(gone, listedGifts))
		remedies = append(remedies, "`sync --reassociate=all` takes note of records that users deleted or merged, `sync --restore ID` writes deleted ones again")
	}
	if len(differ) > 0 {
		said = append(said, "changed: "+few(differ, listedGifts))
		remedies = append(remedies, "what users changed stays until the transaction changes; correct it in HubSpot if it was not meant")
	}
	if said != nil {
		x.report(checkJournal, Warn, of+" records that were looked at are as they were written; "+strings.Join(said, "; "), strings.Join(remedies, "; "))
		return
	}
	x.ok(checkJournal, "%s", count(len(sample), "record that was looked at is as it was written", "records that were looked at are as they were written"))
}

// busy reports whether a run is under way, of this engine or another.
func (x *examination) busy() bool {
	return x.otherBusy != nil && x.otherBusy() || x.view.Busy()
}

// differing names the properties of a record that are not as they were
// written. One written under an older mapping is not looked at.
func differing(want plan.Stored, o hubspot.Object, metadata, leaveOut []string) []string {
	rules := plan.Rules{LeaveOut: leaveOut}
	if want.Mapping != rules.Mapping() {
		return nil
	}
	have, _ := portal.Stored(o, metadata) // a value that cannot be read counts as none
	have.Mapping = rules.Mapping()
	props, _ := rules.Diff(want.Gift.OfMetadata(metadata), have)
	if want.Gift.MessageDigest != have.Gift.MessageDigest && !slices.Contains(leaveOut, "message") {
		props["message"] = "" // which a diff leaves alone where it has no text to write
	}
	return slices.DeleteFunc(portal.PropertyNames(metadata), func(name string) bool { _, ok := props[name]; return !ok })
}

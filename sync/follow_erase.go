package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// privacyDeletion is the kind of the event that a contact was deleted for privacy.
// HubSpot sends a deletion of the contact with it.
const privacyDeletion = "contact.privacyDeletion"

// eraseGone erases the people of contacts that were deleted for privacy, once
// HubSpot answers that the contact is gone: an event alone erases no one. Those of
// all events are erased together, as each erasure reads the whole journal and writes
// the state file anew.
//
// A person is known by the addresses of the gifts that this program has linked to
// the contact, or was asked to send to it. Gifts that users linked by hand may be of
// someone else: the event names them, for a person to decide.
func (r *eventRun) eraseGone(ctx context.Context, f *followed) error {
	about := make(map[string][]*store.Event) // by contact that is gone
	for i := range f.events {
		e := &f.events[i]
		if e.Kind != privacyDeletion {
			continue
		}
		contact := e.RecordIDs[0]
		switch _, shown := f.now[contact]; {
		case shown:
			*e, f.settled[e.Seq] = r.retryLater([]store.Event{*e}, reasonStillThere, true)[0], true
		case f.failed[contact] == nil:
			about[contact] = append(about[contact], e)
		}
	}
	if len(about) == 0 {
		return nil
	}
	byHand, err := r.eraseContacts(ctx, f, slices.Sorted(maps.Keys(about)))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case IsFatal(err) && !canWait(err):
		return Classify(err)
	case err != nil:
		r.run.log.Warn("people who were deleted in HubSpot could not be erased; it is tried again", logCount, len(about), logError, err)
		for _, events := range about {
			for _, e := range events {
				*e, f.settled[e.Seq] = r.retryLater([]store.Event{*e}, reasonNotErased, false)[0], true
			}
		}
		return nil
	}
	for contact, ids := range byHand {
		e := about[contact][0] // its twin has nothing to add
		f.settled[e.Seq] = true
		*e = finishEvent(*e, "", store.EventRefused, fmt.Sprintf(reasonByHand, strings.Join(ids[:min(len(ids), listedByHand)], ", ")))
		r.result.Done++
		r.run.log.Warn("a contact was deleted for privacy that users had linked gifts to by hand; see events list", logEvent, e.Seq, logCount, len(ids))
	}
	return nil
}

// listedByHand is how many gifts an event names.
const listedByHand = 20

// eraseContacts erases the people of contacts that are gone, and returns, by contact,
// the gifts that were linked to it by hand and stay. An erasure that was interrupted
// is finished.
func (r *eventRun) eraseContacts(ctx context.Context, f *followed, contacts []string) (byHand map[string][]string, err error) {
	told, parts, err := pastOf(ctx, r.run, contacts)
	if err != nil {
		return nil, err
	}
	if err := doubtParts(ctx, r.run, f, parts); err != nil {
		return nil, err
	}
	bared, err := bareContacts(r.run, told, parts)
	if err != nil {
		return nil, err
	}
	asked, err := askedFor(ctx, r.run, parts)
	if err != nil {
		return nil, err
	}
	addresses, byHand, err := peopleOf(r.run, parts, asked)
	if err != nil {
		return nil, err
	}
	if len(addresses) > 0 {
		_, err := r.run.engine.eraseAll(ctx, addresses)
		return byHand, err
	}
	// A process may have died after it had removed them from the journal.
	if compacted, err := finishErasures(ctx, r.run); err != nil || compacted || !bared {
		return byHand, err
	}
	_, err = r.run.cfg().Archive.Compact()
	return byHand, err
}

// askedFor returns the addresses that gifts were asked for to the parts of contacts, sent or
// not: of one that was stopped, or waits, only the ledger of sends knows.
func askedFor(ctx context.Context, r *run, parts map[string][]string) (addresses []string, err error) {
	theirs := make(map[string]bool)
	for _, ids := range parts {
		for _, id := range ids {
			theirs[id] = true
		}
	}
	for s, err := range r.cfg().Archive.Sends(ctx) {
		if err != nil {
			return nil, err
		}
		if a, ok := plan.CanonicalEmail(s.Recipient); ok && theirs[s.Contact] {
			addresses = append(addresses, a)
		}
	}
	return addresses, nil
}

// peopleOf returns the addresses of the people of contacts, with those that are known to be
// theirs, and, by contact, the gifts of others that users linked to it by hand. parts are
// the ids of each contact: gifts may still be linked to one that was merged into it.
func peopleOf(r *run, parts map[string][]string, known []string) (addresses []string, byHand map[string][]string, err error) {
	var since time.Time
	if _, err := Recall(r.journal, store.OriginsEntry, &since); err != nil {
		return nil, nil, err
	}
	addresses = known
	others := make(map[string]map[string]string) // addresses by gift, by contact
	for contact := range parts {
		others[contact] = make(map[string]string)
		for _, part := range parts[contact] {
			ids, err := r.cfg().People.ByContact(part)
			if err != nil {
				return nil, nil, err
			}
			have, err := r.journal.Gifts(ids)
			if err != nil {
				return nil, nil, err
			}
			for _, id := range ids {
				s := have[id]
				a, ok := plan.CanonicalEmail(s.Gift.Recipient.Email)
				switch {
				case !s.Erased.IsZero():
				case ok && matchedTo(s, part, since):
					addresses = append(addresses, a)
				default:
					others[contact][id] = a
				}
			}
		}
	}
	addresses, byHand = distinct(addresses), make(map[string][]string)
	for contact, of := range others {
		maps.DeleteFunc(of, func(_, a string) bool { _, erased := slices.BinarySearch(addresses, a); return erased })
		if len(of) > 0 {
			byHand[contact] = slices.Sorted(maps.Keys(of))
		}
	}
	return addresses, byHand, nil
}

// pastOf returns the earlier events that say something of contacts, by the id that they
// have for the contact, and of each of the contacts that are gone the ids that it had: its
// own, and those of all that were merged into it. An event that has lost what it said still
// names them.
func pastOf(ctx context.Context, r *run, gone []string) (told map[string][]uint64, parts map[string][]string, err error) {
	archive := r.cfg().Archive
	if archive == nil {
		return nil, nil, errNoStateFile
	}
	told = make(map[string][]uint64)
	merged := make(map[string][]string) // contacts, by the one that they became
	for e, err := range archive.Events(ctx, store.EventFilter{}) {
		if err != nil {
			return nil, nil, err
		}
		if !strings.HasPrefix(e.Kind, contactKinds) || e.Kind == privacyDeletion {
			continue
		}
		ids := e.RecordIDs
		if len(ids) == 0 && !e.BodyDropped { // it is listed only, such as that of a name
			if ids, err = objectOf(archive, e.Seq); err != nil {
				return nil, nil, err
			}
		}
		for _, id := range ids {
			told[id] = append(told[id], e.Seq)
			if id != ids[0] {
				merged[ids[0]] = append(merged[ids[0]], id)
			}
		}
	}
	parts = make(map[string][]string)
	for _, contact := range gone {
		met := map[string]bool{contact: true}
		all := []string{contact}
		for i := 0; i < len(all); i++ {
			for _, id := range merged[all[i]] {
				if !met[id] {
					met[id] = true
					all = append(all, id)
				}
			}
		}
		parts[contact] = all
	}
	return told, parts, nil
}

// doubtParts takes out of the parts of contacts those that HubSpot shows: an event alone
// makes no one part of a contact that is erased. A contact at one of whose parts HubSpot
// fails counts as failed, and is left out.
func doubtParts(ctx context.Context, r *run, f *followed, parts map[string][]string) error {
	var merged []string
	for _, ids := range parts {
		merged = append(merged, ids[1:]...)
	}
	shown, failed, err := r.portal.Directory.Contacts(ctx, distinct(merged))
	if err != nil {
		return err
	}
	for contact, ids := range parts {
		if i := slices.IndexFunc(ids, func(id string) bool { return failed[id] != nil }); i >= 0 {
			f.failed[contact] = failed[ids[i]]
			delete(parts, contact)
			continue
		}
		parts[contact] = slices.DeleteFunc(ids, func(id string) bool { _, ok := shown[id]; return ok })
	}
	return nil
}

// bareContacts removes what earlier events say of contacts that are gone, such as their
// addresses, and of those that were merged into them: of a person without a gift nothing
// else points to them. Who erases an address finds only events that name it. It reports
// whether there are such events, also where nothing was left to remove: a process may
// have died after it had removed it, and the file's raw bytes still have it.
func bareContacts(r *run, told map[string][]uint64, parts map[string][]string) (bared bool, err error) {
	var events []uint64
	for _, ids := range parts {
		for _, id := range ids {
			events = append(events, told[id]...)
		}
	}
	slices.Sort(events)
	events = slices.Compact(events)
	for some := range slices.Chunk(events, commitGifts) {
		if err := r.recorder.Commit(store.Commit{Bared: some}); err != nil {
			return false, err
		}
	}
	return len(events) > 0, nil
}

// contactKinds is what the kinds of events about contacts begin with.
const contactKinds = "contact."

// objectOf returns the id of the record that the body of one of HubSpot's events
// names, in a list; none where it names none.
func objectOf(archive Archive, seq uint64) ([]string, error) {
	body, _, err := archive.EventBody(seq)
	if err != nil {
		return nil, err
	}
	var named struct {
		Record json.RawMessage `json:"objectId"`
	}
	if json.Unmarshal(body, &named) != nil || len(named.Record) == 0 {
		return nil, nil
	}
	return []string{strings.Trim(string(named.Record), `"`)}, nil
}

// matchedTo reports whether this program has linked the gift to the contact, by the
// recipient's address. Of links from before a time it is not known who made them: they
// count as users'.
func matchedTo(s plan.Stored, contact string, since time.Time) bool {
	return slices.ContainsFunc(append(slices.Clone(s.Links), s.Former), func(l plan.Link) bool {
		return l.Kind == plan.Contact && l.ID == contact && !l.Found && !l.Refused && !l.At.Before(since)
	})
}

// Reasons that the list of events shows of deletions for privacy.
const (
	reasonStillThere = "HubSpot still shows the contact: nothing is erased before it is gone"
	reasonNotErased  = "the person could not be erased yet; see the log"
	reasonByHand     = "users linked these gifts to the deleted contact by hand, or an older release did not note who linked them, so they may be of someone else: look at them and run `erase --email` where they are not: %s"
)

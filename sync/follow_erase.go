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
// the contact. Gifts that users linked by hand may be of someone else: the event
// names them, for a person to decide.
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
	byHand, err := r.eraseContacts(ctx, slices.Sorted(maps.Keys(about)))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case IsFatal(err):
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
func (r *eventRun) eraseContacts(ctx context.Context, contacts []string) (byHand map[string][]string, err error) {
	bared, err := r.bareContacts(ctx, contacts)
	if err != nil {
		return nil, err
	}
	addresses, byHand, err := peopleOf(r.run, contacts)
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

// peopleOf returns the addresses of the people of contacts, and, by contact, the gifts
// of others that users linked to it by hand.
func peopleOf(r *run, contacts []string) (addresses []string, byHand map[string][]string, err error) {
	var since time.Time
	if _, err := Recall(r.journal, store.OriginsEntry, &since); err != nil {
		return nil, nil, err
	}
	others := make(map[string]map[string]string) // addresses by gift, by contact
	for _, contact := range contacts {
		ids, err := r.cfg().People.ByContact(contact)
		if err != nil {
			return nil, nil, err
		}
		have, err := r.journal.Gifts(ids)
		if err != nil {
			return nil, nil, err
		}
		others[contact] = make(map[string]string)
		for _, id := range ids {
			s := have[id]
			a, ok := plan.CanonicalEmail(s.Gift.Recipient.Email)
			switch {
			case !s.Erased.IsZero():
			case ok && matchedTo(s, contact, since):
				addresses = append(addresses, a)
			default:
				others[contact][id] = a
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

// bareContacts removes what earlier events say of contacts that are gone, such as their
// addresses, and of those that were merged into them: of a person without a gift nothing
// else points to them. Who erases an address finds only events that name it. It reports
// whether there are such events, also where nothing was left to remove: a process may
// have died after it had removed it, and the file's raw bytes still have it.
func (r *eventRun) bareContacts(ctx context.Context, contacts []string) (bared bool, err error) {
	archive := r.run.cfg().Archive
	if archive == nil {
		return false, nil
	}
	of := make(map[string][]uint64)     // events with something to say, by contact
	merged := make(map[string][]string) // contacts, by the one that they became
	for e, err := range archive.Events(ctx, store.EventFilter{}) {
		if err != nil {
			return false, err
		}
		if !strings.HasPrefix(e.Kind, contactKinds) || e.Kind == privacyDeletion {
			continue
		}
		ids := e.RecordIDs
		if len(ids) == 0 && !e.BodyDropped { // it is listed only, such as that of a name
			if ids, err = objectOf(archive, e.Seq); err != nil {
				return false, err
			}
		}
		for _, id := range ids {
			of[id] = append(of[id], e.Seq)
			if id != ids[0] {
				merged[ids[0]] = append(merged[ids[0]], id)
			}
		}
	}
	var events []uint64
	met := make(map[string]bool)
	for all := slices.Clone(contacts); len(all) > 0; {
		contact := all[0]
		all = all[1:]
		if met[contact] {
			continue
		}
		met[contact] = true
		events = append(events, of[contact]...)
		all = append(all, merged[contact]...)
	}
	slices.Sort(events)
	events = slices.Compact(events)
	for some := range slices.Chunk(events, commitGifts) {
		if err := r.run.recorder.Commit(store.Commit{Bared: some}); err != nil {
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

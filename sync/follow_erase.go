package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
// HubSpot answers that the contact is gone: an event alone erases no one.
//
// A person is known by the addresses of the gifts that this program has linked to
// the contact. Gifts that users linked by hand may be of someone else: the event
// names them, for a person to decide.
func (r *eventRun) eraseGone(ctx context.Context, f *followed) error {
	done := make(map[string]bool)
	for i := range f.events {
		e := &f.events[i]
		if e.Kind != privacyDeletion {
			continue
		}
		contact := e.RecordIDs[0]
		if _, shown := f.now[contact]; shown {
			*e, f.settled[e.Seq] = r.retryLater([]store.Event{*e}, reasonStillThere, true)[0], true
			continue
		}
		if f.failed[contact] != nil || done[contact] {
			continue // its twin has done it
		}
		byHand, err := r.eraseContact(ctx, contact)
		var fatal *Fatal
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &fatal):
			return err
		case err != nil:
			r.run.log.Warn("a person who was deleted in HubSpot could not be erased; it is tried again", logEvent, e.Seq, logError, err)
			*e, f.settled[e.Seq] = r.retryLater([]store.Event{*e}, reasonNotErased, false)[0], true
			continue
		}
		done[contact] = true
		if len(byHand) > 0 {
			f.settled[e.Seq] = true
			*e = finishEvent(*e, "", store.EventRefused, fmt.Sprintf(reasonByHand, strings.Join(byHand[:min(len(byHand), listedByHand)], ", ")))
			r.result.Done++
			r.run.log.Warn("a contact was deleted for privacy that users had linked gifts to by hand; see events list", logEvent, e.Seq, logCount, len(byHand))
		}
	}
	return nil
}

// listedByHand is how many gifts an event names.
const listedByHand = 20

// eraseContact erases the person of a contact that is gone, and returns the gifts
// that were linked to the contact by hand and stay. An erasure that was interrupted
// is finished.
func (r *eventRun) eraseContact(ctx context.Context, contact string) (byHand []string, err error) {
	if err := r.bareContact(ctx, contact); err != nil {
		return nil, err
	}
	var since time.Time
	if _, err := Recall(r.run.journal, store.OriginsEntry, &since); err != nil {
		return nil, err
	}
	ids, err := r.run.cfg().People.ByContact(contact)
	if err != nil {
		return nil, err
	}
	have, err := r.run.journal.Gifts(ids)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, id := range ids {
		s := have[id]
		a, ok := plan.CanonicalEmail(s.Gift.Recipient.Email)
		switch {
		case !s.Erased.IsZero():
		case ok && matchedTo(s, contact, since):
			addresses = append(addresses, a)
		default:
			byHand = append(byHand, id)
		}
	}
	addresses = distinct(addresses)
	for _, a := range addresses {
		if _, err := r.run.engine.Erase(ctx, Person{Email: a}); err != nil {
			return nil, err
		}
	}
	if len(addresses) == 0 { // a process may have died after it had removed them from the journal
		if err := finishErasures(ctx, r.run); err != nil {
			return nil, err
		}
	}
	byHand = slices.DeleteFunc(byHand, func(id string) bool {
		a, ok := plan.CanonicalEmail(have[id].Gift.Recipient.Email)
		return ok && slices.Contains(addresses, a)
	})
	return byHand, nil
}

// bareContact removes what earlier events say of a contact that is gone, such as its
// address, and of those that were merged into it: of a person without a gift nothing
// else points to them. Who erases an address finds only events that name it.
func (r *eventRun) bareContact(ctx context.Context, contact string) error {
	archive := r.run.cfg().Archive
	if archive == nil {
		return nil
	}
	of := make(map[string][]uint64)     // events with something to say, by contact
	merged := make(map[string][]string) // contacts, by the one that they became
	for e, err := range archive.Events(ctx, store.EventFilter{}) {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(e.Kind, contactKinds) || e.Kind == privacyDeletion {
			continue
		}
		ids := e.RecordIDs
		if len(ids) == 0 && !e.BodyDropped { // it is listed only, such as that of a name
			if ids, err = objectOf(archive, e.Seq); err != nil {
				return err
			}
		}
		for _, id := range ids {
			of[id] = append(of[id], e.Seq)
			if id != ids[0] {
				merged[ids[0]] = append(merged[ids[0]], id)
			}
		}
	}
	all := []string{contact}
	var bared []uint64
	for i := 0; i < len(all); i++ {
		bared = append(bared, of[all[i]]...)
		for _, id := range merged[all[i]] {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	slices.Sort(bared)
	bared = slices.Compact(bared)
	if len(bared) == 0 {
		return nil
	}
	for some := range slices.Chunk(bared, commitGifts) {
		if err := r.run.recorder.Commit(store.Commit{Bared: some}); err != nil {
			return err
		}
	}
	// Also where nothing was left to remove: a process may have died after it had
	// removed it, and the file's raw bytes still have it.
	_, err := archive.Compact()
	return err
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

package sync

import (
	"context"
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

package sync

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"regexp"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/store/suppressed"
	"thnks-hubspot-sync/sync/plan"
)

// addressLike matches what may be an address in a text of any form.
var addressLike = regexp.MustCompile(`[^\s"'<>()\[\]{},;:=&|\\/?]+[@＠][^\s"'<>()\[\]{},;:=&|\\/?]+`)

// namesErased reports whether a row, or a body, as it was received, names an erased
// person by his address.
func namesErased(list Suppressed, raw []byte) bool {
	return list.Mark() != (suppressed.Mark{}) && slices.ContainsFunc(addressesIn(raw), list.Address)
}

// addressesIn returns the canonical addresses in a text of any form: plain, JSON, a
// form's values, or XML.
func addressesIn(raw []byte) []string {
	texts := []string{string(raw), html.UnescapeString(string(raw))}
	if form, err := url.QueryUnescape(string(raw)); err == nil {
		texts = append(texts, form)
	}
	var doc any
	if json.Unmarshal(raw, &doc) == nil {
		texts = appendStrings(texts, doc)
	}
	var found []string
	for _, text := range texts {
		for _, word := range addressLike.FindAllString(text, -1) {
			if a, ok := plan.CanonicalEmail(word); ok && !slices.Contains(found, a) {
				found = append(found, a)
			}
		}
	}
	return found
}

// appendStrings appends all strings of a JSON value.
func appendStrings(texts []string, v any) []string {
	switch v := v.(type) {
	case string:
		return append(texts, v)
	case []any:
		for _, e := range v {
			texts = appendStrings(texts, e)
		}
	case map[string]any:
		for name, e := range v {
			texts = appendStrings(append(texts, name), e)
		}
	}
	return texts
}

// rows takes the records out of the quarantine that are of erased people, or
// name one. The source shows them again, and what is to be quarantined then keeps no
// row.
func (e *eraser) rows(ctx context.Context) error {
	r, list := e.run, e.list
	var keys []string
	for q, err := range r.cfg().Quarantine.Quarantine(ctx) {
		if err != nil {
			return err
		}
		if list.Received(q.TransactionID) || namesErased(list, q.Row) || namesErased(list, []byte(q.Reason)) {
			keys = append(keys, q.Key)
		}
	}
	for some := range slices.Chunk(keys, commitGifts) {
		if err := r.recorder.Commit(store.Commit{Healed: some}); err != nil {
			return err
		}
		e.rep.Quarantined += len(some)
	}
	return nil
}

// events removes the bodies and texts of the events that are about erased
// people or name one. Those about one are done with.
func (e *eraser) events(ctx context.Context) error {
	r, list, archive := e.run, e.list, e.run.cfg().Archive
	var c store.Commit
	commit := func() error {
		e.rep.Events += len(c.Bared)
		defer func() { c = store.Commit{} }()
		return r.recorder.Commit(c)
	}
	for ev, err := range archive.Events(ctx, store.EventFilter{}) {
		if err != nil {
			return err
		}
		if ev.BodyDropped {
			continue
		}
		body, _, err := archive.EventBody(ev.Seq)
		if err != nil {
			return err
		}
		about := isAboutErased(list, &ev)
		if !about && !namesErased(list, body) && !textsNameErased(list, &ev) {
			continue
		}
		c.Bared = append(c.Bared, ev.Seq)
		if about && (ev.State == store.EventPending || ev.State == store.EventWaiting) {
			c.Events = append(c.Events, finishEvent(ev, ev.TransactionID, store.EventListed, reasonErased))
		}
		if len(c.Bared) == commitGifts {
			if err := commit(); err != nil {
				return err
			}
		}
	}
	if len(c.Bared) == 0 {
		return nil
	}
	return commit()
}

// sends removes erased people from the ledger of sends, and cancels those to them
// that still wait. It reports whether one is under way, which keeps its recipient
// until its outcome is known.
func (e *eraser) sends(ctx context.Context) (under bool, err error) {
	archive := e.run.cfg().Archive
	is := func(address string) bool {
		a, ok := plan.CanonicalEmail(address)
		return ok && e.list.Address(a)
	}
	for s, err := range archive.Sends(ctx) {
		if err != nil {
			return false, err
		}
		to, from := is(s.Recipient), is(s.Sender)
		if !to && !from {
			continue
		}
		if s.State == store.SendSending {
			under = true
			continue
		}
		was := s.State
		s.Message, s.FirstName, s.LastName, s.Digest = "", "", "", ""
		if to { // the contact of a recipient who stays tells of whom the send is
			s.Recipient, s.Contact = "", ""
		}
		if from {
			s.Sender = ""
		}
		if was == store.SendHeld || was == store.SendScheduled {
			s.State, s.Reason, s.Ended = store.SendCancelled, "its recipient or sender was erased", time.Now().UTC()
		}
		err := archive.ChangeSend(was, s, nil)
		switch {
		case errors.Is(err, store.ErrSendMoved):
			under = true
		case err != nil:
			return false, err
		default:
			e.rep.Sends++
		}
	}
	return under, nil
}

// isAboutErased reports whether an event is about an erased person, or a gift that
// one received.
func isAboutErased(list Suppressed, e *store.Event) bool {
	return list.Address(e.Email) || slices.ContainsFunc(eventIDs(e), list.Received)
}

// textsNameErased reports whether what an event says beside its body names an
// erased person.
func textsNameErased(list Suppressed, e *store.Event) bool {
	if list.Address(e.Email) || namesErased(list, []byte(e.ThankYouNote)) {
		return true
	}
	for _, v := range e.Properties {
		if namesErased(list, []byte(v)) {
			return true
		}
	}
	return false
}

// ScrubEvent returns an event as the inbox of a portal may keep it: one about an
// erased person, or a gift that one received, without what it says, as only listed;
// one that names an erased person in another way without its texts. Others stay as
// they are. It fails where the list of erased people is lost: who sends the event
// then has to send it again.
func ScrubEvent(list Suppressed, j History, e store.Event) (store.Event, error) {
	if list == nil {
		return e, nil
	}
	if _, err := readSuppressed(list, j, true); err != nil {
		return e, err
	}
	return scrubbed(list, e), nil
}

func scrubbed(list Suppressed, e store.Event) store.Event {
	about := isAboutErased(list, &e)
	if !about && !namesErased(list, e.Body) && !textsNameErased(list, &e) {
		return e
	}
	e.Body, e.Email, e.ThankYouNote, e.Properties = nil, "", "", nil
	if about {
		e.Effect, e.Status, e.ParcelStatus, e.Reason = store.EffectListed, "", "", reasonErased
		e.At, e.ParcelAt = time.Time{}, time.Time{}
	}
	return e
}

package send

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// Events are the webhook events that triggers watch. [*store.Store] is one.
type Events interface {
	Events(context.Context, store.EventFilter) iter.Seq2[store.Event, error]
	EventBody(seq uint64) (body []byte, ok bool, err error)
	Meta(name string) ([]byte, error)
	Commit(store.Commit) error
}

// firedEntry is the name under which the state file remembers how far events were
// looked at, and since when each trigger is configured.
const firedEntry = "triggers"

// fired is how far events were looked at. A replayed event keeps its number, so that
// it is not looked at again.
type fired struct {
	Seq      uint64   `json:"seq"`
	Versions versions `json:"known"` // of the triggers, when events were looked at last

	// Resumed is when sending was resumed, where our clock was ahead then.
	Resumed resumed `json:"resumed,omitzero"`
}

// resumed is a time that lay ahead, and when that was seen, which counts in its place.
type resumed struct {
	Said time.Time `json:"said"`
	Seen time.Time `json:"seen"`
}

// resumedAt returns since when sending is on, in the place of what the ledger says where
// that lies ahead, and whether at has changed.
func (at *fired) resumedAt(said, now time.Time) (since time.Time, changed bool) {
	changed = said.After(now) && !said.Equal(at.Resumed.Said)
	if changed {
		at.Resumed = resumed{said, now}
	}
	if said.Equal(at.Resumed.Said) {
		return at.Resumed.Seen, changed
	}
	return said, changed
}

// Disarm makes a portal that sends nothing any more forget since when its triggers
// are configured, so that they fire for nothing that came meanwhile if they come
// back.
func Disarm(events Events) error {
	at, err := recall(events)
	if err != nil || len(at.Versions) == 0 {
		return err
	}
	at.Versions = nil
	return remember(events, at)
}

// fire looks at the events that have come, and asks for the gifts of the triggers
// that they fit.
func (d *Desk) fire(ctx context.Context) error {
	if len(d.cfg.Triggers) == 0 {
		if d.cfg.Events == nil {
			return nil
		}
		return Disarm(d.cfg.Events)
	}
	select {
	case d.firing <- struct{}{}:
		defer func() { <-d.firing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now := time.Now().UTC()
	at, err := recall(d.cfg.Events)
	if err != nil {
		return err
	}
	sending, err := d.cfg.Ledger.Sending()
	if err != nil {
		return err
	}
	on, ahead := at.resumedAt(sending.Since, now)
	var changed bool
	if at.Versions, changed = at.Versions.update(d.cfg.Triggers, now); changed || ahead {
		if err := remember(d.cfg.Events, at); err != nil {
			return err
		}
	}
	before := at.Seq
	for e, err := range d.cfg.Events.Events(ctx, store.EventFilter{After: at.Seq}) {
		if err == nil {
			err = d.fireEvent(ctx, e, at.Versions, on, now)
		}
		if err != nil {
			return errors.Join(err, d.rememberIf(at.Seq > before, at))
		}
		at.Seq = e.Seq
	}
	return d.rememberIf(at.Seq > before, at)
}

func (d *Desk) rememberIf(moved bool, at fired) error {
	if !moved {
		return nil
	}
	return remember(d.cfg.Events, at)
}

// recall reads how far events were looked at.
func recall(events Events) (at fired, err error) {
	text, err := events.Meta(firedEntry)
	if err == nil && text != nil && json.Unmarshal(text, &at) != nil {
		err = errors.New("how far triggers have come cannot be read in the state file")
	}
	return at, err
}

func remember(events Events, at fired) error {
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return events.Commit(store.Commit{Meta: map[string][]byte{firedEntry: text}})
}

// fireEvent asks for the gifts that an event causes. An error says that it could not
// be done now; the event is looked at again.
func (d *Desk) fireEvent(ctx context.Context, e store.Event, configured versions, resumed, now time.Time) error {
	if barred(e) != "" || e.Effect == store.EffectUnknown {
		return nil
	}
	var body []byte
	var fields map[string]string
	for _, t := range d.cfg.Triggers {
		from := configured[t.Name].Since
		if resumed.After(from) {
			from = resumed
		}
		if !t.watches(e) || e.ReceivedAt.Before(from) {
			continue
		}
		if fields == nil {
			var err error
			if body, _, err = d.cfg.Events.EventBody(e.Seq); err != nil {
				return err
			}
			fields = Fields(body)
		}
		var err error
		switch {
		case len(body) == 0: // to make room, or because it is about an erased person
			err = d.auditNothing(t, e, errDropped)
		case t.fits(e, fields):
			err = d.fireTrigger(ctx, t, e, fields, now)
		}
		if err != nil {
			return fmt.Errorf("trigger %s, event %d: %w", t.Name, e.Seq, err)
		}
	}
	return nil
}

// fireTrigger asks for the gift of a trigger, unless it was asked for before. What
// cannot be asked for, because a text lacks its value or the event has lain too
// long, is audited and let go.
func (d *Desk) fireTrigger(ctx context.Context, t Trigger, e store.Event, fields map[string]string, now time.Time) error {
	o, err := t.order(fields)
	if err == nil {
		var done bool
		if _, done, err = d.cfg.Ledger.Send(o.Request); done || err != nil {
			return err
		}
		if now.Sub(e.ReceivedAt).Abs() > freshEvent {
			return d.auditNothing(t, e, errLate)
		}
		if _, err = d.Ask(ctx, o); err == nil || !errors.Is(err, ErrOrder) && !errors.Is(err, store.ErrSendDiffers) {
			return err
		}
	}
	return d.auditNothing(t, e, err)
}

// auditNothing puts into the audit trail that an event sends nothing, and why.
func (d *Desk) auditNothing(t Trigger, e store.Event, why error) error {
	d.cfg.Logger.Warn("a trigger sends nothing for an event that it watches", "trigger", t.Name, "event", e.Seq, logReason, why)
	return d.cfg.Events.Commit(store.Commit{Audit: []store.AuditEntry{{
		At: time.Now().UTC(), Run: t.cause(), Action: "trigger refused", Reasons: []string{fmt.Sprintf("event %d", e.Seq), why.Error()},
	}}})
}

// A Trial is an event that triggers are tried with.
type Trial struct {
	Source string `json:"source"`
	Event  string `json:"event"` // its kind
	Test   bool   `json:"test"`  // it is a test or a demonstration
	Body   []byte `json:"body"`
}

// A Tried is what a trigger would do with an event. It has personal data.
type Tried struct {
	Trigger   string `json:"trigger"`
	Fits      bool   `json:"fits"` // it is about such events, and its conditions hold
	Recipient string `json:"recipient,omitempty"`
	Gift      int64  `json:"gift,omitempty"`
	Message   string `json:"message,omitempty"`
	Done      bool   `json:"done"`             // there is such a send already
	Guard     string `json:"guard,omitempty"`  // that would stop the gift
	Reason    string `json:"reason,omitempty"` // why nothing would be sent
}

// Try says what each trigger would do with an event if it came now, and which guard
// would stop its gift. It sends nothing and keeps nothing.
func (d *Desk) Try(ctx context.Context, trial Trial) ([]Tried, error) {
	e := store.Event{Dialect: trial.Source, Kind: trial.Event, Test: trial.Test, Signed: true, ReceivedAt: time.Now().UTC()}
	fields := Fields(trial.Body)
	tried := make([]Tried, len(d.cfg.Triggers))
	for i, t := range d.cfg.Triggers {
		var err error
		if tried[i], err = d.try(ctx, t, e, fields); err != nil {
			return nil, err
		}
	}
	return tried, nil
}

func (d *Desk) try(ctx context.Context, t Trigger, e store.Event, fields map[string]string) (Tried, error) {
	r := Tried{Trigger: t.Name, Fits: t.fits(e, fields)}
	if !r.Fits {
		return r, nil
	}
	if r.Reason = barred(e); r.Reason != "" {
		return r, nil
	}
	o, err := t.order(fields)
	if err != nil {
		r.Reason = err.Error()
		return r, nil
	}
	if o.Sender == "" && len(d.cfg.Senders) == 1 {
		for only := range d.cfg.Senders {
			o.Sender = only
		}
	}
	rules := d.cfg.Rules()
	sends, err := o.sends(rules.Zone, e.ReceivedAt)
	if err != nil {
		r.Reason = err.Error()
		return r, nil
	}
	s := sends[0]
	r.Recipient, r.Gift, r.Message = s.Recipient, s.Gift, s.Message
	if _, r.Done, err = d.cfg.Ledger.Send(s.ID); err != nil {
		return r, err
	}
	optedOut, err := d.optedOut(ctx, s)
	if err != nil {
		return r, err
	}
	if item, ok := rules.Catalogue[s.Gift]; ok {
		s.GiftName, s.Price = item.Name, plan.Money{Value: item.Price, Currency: rules.Currency}
	}
	facts, err := d.facts(rules, s, e.ReceivedAt, optedOut, nil)
	if err != nil {
		return r, err
	}
	v := rules.Judge(s, facts)
	r.Guard, r.Reason = v.Guard, v.Reason
	if r.Done {
		r.Reason = "once_per: such an event has asked for its gift already"
	}
	return r, nil
}

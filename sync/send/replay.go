package send

import (
	"context"
	"errors"
	"fmt"

	"thnks-hubspot-sync/store"
)

// A Fired is what a trigger has done with an event that a person has it fired by.
type Fired struct {
	Event   uint64 `json:"event"`             // its number
	Trigger string `json:"trigger,omitempty"` // absent where none fits the event
	Send    *Row   `json:"send,omitempty"`    // as it is now; absent where no gift could be asked for
	Reason  string `json:"reason,omitempty"`  // why nothing was asked for
}

// Fire has the triggers look at events that have come, by their numbers, because a
// person says so: also at those that are old, that came before a trigger was
// configured, or whose gift was refused. Guards judge as ever, tests and
// demonstrations still fire nothing, and a gift that was asked for already is not
// sent again: its send is returned as it is.
//
// It ends with the first event that there is not, and whose error is [ErrOrder].
func (d *Desk) Fire(ctx context.Context, seqs []uint64) ([]Fired, error) {
	if len(d.cfg.Triggers) == 0 {
		return nil, fmt.Errorf("%w: the portal has no triggers in the configuration", ErrOrder)
	}
	var all []Fired
	for _, seq := range seqs {
		e, body, err := d.event(ctx, seq)
		if err != nil {
			return all, err
		}
		fired, err := d.fireNow(ctx, e, body)
		if all = append(all, fired...); err != nil {
			return all, fmt.Errorf("event %d: %w", seq, err)
		}
	}
	d.cfg.Changed()
	return all, nil
}

// event reads an event and its body, which is nil where that was dropped.
func (d *Desk) event(ctx context.Context, seq uint64) (e store.Event, body []byte, err error) {
	for e, err = range d.cfg.Events.Events(ctx, store.EventFilter{After: seq - 1, Limit: 1}) {
		if err != nil {
			return e, nil, err
		}
	}
	if e.Seq != seq {
		return e, nil, fmt.Errorf("%w: there is no event %d; events list shows their numbers", ErrOrder, seq)
	}
	body, _, err = d.cfg.Events.EventBody(seq)
	return e, body, err
}

// fireNow asks for the gifts of the triggers that an event fits.
func (d *Desk) fireNow(ctx context.Context, e store.Event, body []byte) ([]Fired, error) {
	why := barred(e)
	if why == "" && len(body) == 0 {
		why = errDropped.Error()
	}
	if why != "" {
		return []Fired{{Event: e.Seq, Reason: why}}, nil
	}
	var all []Fired
	fields := Fields(body)
	for _, t := range d.cfg.Triggers {
		if !t.fits(e, fields) {
			continue
		}
		f := Fired{Event: e.Seq, Trigger: t.Name}
		o, err := t.order(fields)
		if err == nil {
			var sends []store.Send
			if sends, err = d.Ask(ctx, o); len(sends) == 1 && err == nil {
				row := RowOf(sends[0])
				f.Send = &row
			}
			if err != nil && !errors.Is(err, ErrOrder) && !errors.Is(err, store.ErrSendDiffers) {
				return all, fmt.Errorf("trigger %s: %w", t.Name, err)
			}
		}
		if err != nil {
			f.Reason = err.Error()
			if err := d.auditNothing(t, e, err); err != nil {
				return all, err
			}
		}
		all = append(all, f)
	}
	if all == nil {
		all = []Fired{{Event: e.Seq, Reason: "no trigger fits it"}}
	}
	return all, nil
}

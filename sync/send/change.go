package send

import (
	"context"
	"fmt"
	"time"

	"thnks-hubspot-sync/store"
)

// A Change is what a person decides about sends.
type Change struct {
	Action Action   `json:"action"`
	IDs    []string `json:"ids"` // of the sends; none for Resume
}

// An Action is a kind of [Change].
type Action string

// The actions.
const (
	Approve       Action = "approve"        // let sends pass that wait for a person
	Cancel        Action = "cancel"         // stop sends that were not begun
	ResolveSent   Action = "resolve_sent"   // unknown outcomes: the gift was sent
	ResolveUnsent Action = "resolve_unsent" // unknown outcomes: the gift was not sent
	Resume        Action = "resume"         // turn sending on again, after a person has looked
)

// ErrNoSend says that the ledger has no such send.
var ErrNoSend = fmt.Errorf("%w: the ledger has no such send; send list shows their ids", ErrOrder)

// Change does what a person has decided, and returns the sends as they are then.
// It begins with the first and ends with the first that cannot be changed so.
func (d *Desk) Change(ctx context.Context, c Change) ([]store.Send, error) {
	defer d.cfg.Changed() // also after an error: some sends may have changed
	if c.Action == Resume {
		audit := store.AuditEntry{At: time.Now().UTC(), Run: Command, Action: "sending resumed"}
		return nil, d.cfg.Ledger.ResumeSending(time.Now().UTC(), []store.AuditEntry{audit})
	}
	var changed []store.Send
	for _, id := range c.IDs {
		s, ok, err := d.cfg.Ledger.Send(id)
		switch {
		case err != nil:
			return changed, err
		case !ok:
			return changed, fmt.Errorf("%w: %s", ErrNoSend, printable(id))
		}
		from := s.State
		if err := apply(&s, c.Action, time.Now().UTC()); err != nil {
			return changed, err
		}
		if err := d.change(from, s, "send "+string(c.Action)); err != nil {
			return changed, err
		}
		if c.Action == Approve {
			if s, err = d.dispatch(ctx, s); err != nil {
				return append(changed, s), err
			}
		}
		changed = append(changed, s)
	}
	return changed, nil
}

// apply changes a send as an action says. Its error says why it cannot.
func apply(s *store.Send, action Action, now time.Time) error {
	refuse := func(rule string) error {
		return fmt.Errorf("%w: send %s is %s; %s", ErrOrder, printable(s.ID), s.State, rule)
	}
	switch action {
	case Approve:
		if s.State != store.SendHeld {
			return refuse("only a held one can be approved")
		}
		s.State, s.Approved, s.Guard, s.Reason = store.SendScheduled, now, "", ""
	case Cancel:
		if s.State != store.SendHeld && s.State != store.SendScheduled {
			return refuse("only one that is held or scheduled can be cancelled")
		}
		s.State, s.Ended, s.Guard, s.Reason = store.SendCancelled, now, "", "cancelled by a person"
		forget(s)
	case ResolveSent, ResolveUnsent:
		if s.State != store.SendUnknown {
			return refuse("only an unknown outcome can be resolved")
		}
		s.State, s.Ended, s.Reason = store.SendSent, now, "a person says that it was sent"
		if action == ResolveUnsent {
			s.State, s.Reason = store.SendNotSent, "a person says that it was not sent"
			forget(s)
		}
	default:
		return fmt.Errorf("%w: there is no action %q", ErrOrder, printable(string(action)))
	}
	return nil
}

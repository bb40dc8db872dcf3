package doctor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/doctor"
)

// A ledger is what the doctor reads of one.
type ledger struct {
	sending store.Sending
	open    []store.Send
	err     error
}

func (l ledger) Sending() (store.Sending, error)  { return l.sending, nil }
func (l ledger) OpenSends() ([]store.Send, error) { return l.open, l.err }

// TestSends: sending that is off or held fails a check, and an outcome that was unknown for a
// day is warned of.
func TestSends(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	unknown := func(ago time.Duration) store.Send { return store.Send{State: store.SendUnknown, Begun: now.Add(-ago)} }
	off := store.Sending{Off: "it was restored", Since: now.Add(-time.Hour)}
	for name, c := range map[string]struct {
		ledger ledger
		held   error
		level  doctor.Level
		says   string
	}{
		"nothing":     {ledger{}, nil, doctor.OK, "0 scheduled, 0 wait for approval, 0 of unknown outcome"},
		"waiting":     {ledger{open: []store.Send{{State: store.SendHeld}, {State: store.SendScheduled}}}, nil, doctor.OK, "1 scheduled, 1 wait"},
		"unknown yet": {ledger{open: []store.Send{unknown(24 * time.Hour)}}, nil, doctor.OK, "1 of unknown outcome"},
		"unknown":     {ledger{open: []store.Send{unknown(time.Hour), unknown(25 * time.Hour), unknown(2 * time.Hour)}}, nil, doctor.Warn, "3 of unknown outcome, the oldest since 2026-11-29 11:00:00"},
		"off":         {ledger{sending: off, open: []store.Send{unknown(25 * time.Hour)}}, nil, doctor.Fail, "sending is off since 2026-11-30 11:00:00: it was restored; 0 scheduled"},
		"held":        {ledger{open: []store.Send{unknown(25 * time.Hour)}}, errors.New("no property"), doctor.Fail, "nothing is sent: no property; 0 scheduled"},
		"unreadable":  {ledger{err: errors.New("torn")}, nil, doctor.Fail, "cannot be read: torn"},
	} {
		f := doctor.Sends("acme", c.ledger, c.held, now)
		if f.Portal != "acme" || f.Check != "sends" || f.Level != c.level || !strings.Contains(f.What, c.says) || (f.Remedy == "") != (c.level == doctor.OK) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

package store

import (
	"slices"

	"thnks-hubspot-sync/sync/plan"
)

// The fields of an event record. Numbers may be added and never change their
// meaning; those up to 31 take one byte.
const (
	eventDialect = iota + 1
	eventKey
	eventKind
	eventTransaction
	eventAlias // repeated
	eventStatus
	eventAt
	eventSigned
	eventParcel
	eventNote
	eventEffect
	eventReason
	eventReceived
	eventSize
	eventState
	eventDuplicateOf
	eventAttempts
	eventNextTry
	eventDone
	eventParcelAt
)

// encodeEvent is the record of an event, without its number, which is its key,
// and without its body.
func encodeEvent(v *Event) []byte {
	e := make(encoder, 0, 256)
	e.text(eventDialect, v.Dialect)
	e.text(eventKey, v.Key)
	e.text(eventKind, v.Kind)
	e.text(eventTransaction, v.TransactionID)
	for _, id := range v.Aliases {
		e.text(eventAlias, id)
	}
	e.text(eventStatus, string(v.Status))
	e.time(eventAt, v.At)
	if v.Signed {
		e.number(eventSigned, 1)
	}
	e.text(eventParcel, v.ParcelStatus)
	e.text(eventNote, v.ThankYouNote)
	e.text(eventEffect, string(v.Effect))
	e.text(eventReason, v.Reason)
	e.time(eventReceived, v.ReceivedAt)
	e.number(eventSize, uint64(v.Size))
	e.number(eventState, uint64(slices.Index(eventStates, v.State)))
	e.number(eventDuplicateOf, v.DuplicateOf)
	e.number(eventAttempts, uint64(v.Attempts))
	e.time(eventNextTry, v.NextTry)
	e.time(eventDone, v.DoneAt)
	e.time(eventParcelAt, v.ParcelAt)
	return e
}

// decodeEvent is the inverse of encodeEvent.
func decodeEvent(key, record []byte) (Event, error) {
	seq, err := decodeSeq(key)
	if err != nil {
		return Event{}, err
	}
	v := Event{Seq: seq}
	d := decoder{data: record}
	for d.next() {
		switch d.field {
		case eventDialect:
			v.Dialect = d.text()
		case eventKey:
			v.Key = d.text()
		case eventKind:
			v.Kind = d.text()
		case eventTransaction:
			v.TransactionID = d.text()
		case eventAlias:
			if id := d.text(); id != "" { // as it is never written
				v.Aliases = append(v.Aliases, id)
			}
		case eventStatus:
			v.Status = plan.Status(d.text())
		case eventAt:
			v.At = d.time()
		case eventSigned:
			v.Signed = d.number != 0
		case eventParcel:
			v.ParcelStatus = d.text()
		case eventNote:
			v.ThankYouNote = d.text()
		case eventEffect:
			v.Effect = Effect(d.text())
		case eventReason:
			v.Reason = d.text()
		case eventReceived:
			v.ReceivedAt = d.time()
		case eventSize:
			v.Size = int(d.number)
		case eventState:
			v.State = decodeState(&d)
		case eventDuplicateOf:
			v.DuplicateOf = d.number
		case eventAttempts:
			v.Attempts = int(d.number)
		case eventNextTry:
			v.NextTry = d.time()
		case eventDone:
			v.DoneAt = d.time()
		case eventParcelAt:
			v.ParcelAt = d.time()
		}
	}
	if d.err != nil || v.State == "" {
		return Event{}, damaged("an event cannot be read")
	}
	return v, nil
}

func decodeState(d *decoder) EventState {
	if d.number >= uint64(len(eventStates)) {
		d.fail()
		return ""
	}
	return eventStates[d.number]
}

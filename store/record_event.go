package store

import (
	"maps"
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

	// Since format 4.
	eventEmail
	eventProperty // a property record, repeated
	eventDropped
	eventRepeats
	eventLastRepeat
	eventMessage
	eventTest
	eventRecordType
	eventRecord // repeated
)

// The fields of a property record.
const (
	propertyName = iota + 1
	propertyValue
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
	e.text(eventEmail, v.Email)
	e.text(eventMessage, v.MessageID)
	for _, name := range slices.Sorted(maps.Keys(v.Properties)) {
		var p encoder
		p.text(propertyName, name)
		p.text(propertyValue, v.Properties[name])
		e.record(eventProperty, p)
	}
	e.text(eventRecordType, v.RecordType)
	for _, id := range v.RecordIDs {
		e.text(eventRecord, id)
	}
	if v.Test {
		e.number(eventTest, 1)
	}
	if v.BodyDropped {
		e.number(eventDropped, 1)
	}
	e.number(eventRepeats, uint64(v.Repeats))
	e.time(eventLastRepeat, v.LastRepeat)
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
		case eventMessage:
			v.MessageID = d.text()
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
		case eventEmail:
			v.Email = d.text()
		case eventProperty:
			if v.Properties == nil {
				v.Properties = make(map[string]string)
			}
			name, value := decodeProperty(&d)
			v.Properties[name] = value
		case eventRecordType:
			v.RecordType = d.text()
		case eventRecord:
			if id := d.text(); id != "" { // as it is never written
				v.RecordIDs = append(v.RecordIDs, id)
			}
		case eventTest:
			v.Test = d.number != 0
		case eventDropped:
			v.BodyDropped = d.number != 0
		case eventRepeats:
			v.Repeats = int(d.number)
		case eventLastRepeat:
			v.LastRepeat = d.time()
		}
	}
	if d.err != nil || v.State == "" {
		return Event{}, damaged("an event cannot be read")
	}
	return v, nil
}

func decodeProperty(outer *decoder) (name, value string) {
	d := decoder{data: outer.value}
	for d.next() {
		switch d.field {
		case propertyName:
			name = d.text()
		case propertyValue:
			value = d.text()
		}
	}
	outer.failIf(d.err)
	return name, value
}

func decodeState(d *decoder) EventState {
	if d.number >= uint64(len(eventStates)) {
		d.fail()
		return ""
	}
	return eventStates[d.number]
}

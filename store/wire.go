package store

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A gift record is a sequence of fields: a varint with the field's number and
// form, then the value in that form, as in Protocol Buffers. JSON would take
// twice the room, and gift records are most of a large file. Empty fields are
// left out; fields of unknown numbers are skipped.

// A form is how a value is written.
type form uint64

const (
	formNumber form = iota // uvarint; as a text its decimal digits
	formWord               // uvarint, a place in words
	formText               // length, bytes
	formHex                // length, bytes; as a text their hex digits
	formBits   = 2         // of a field's varint that hold the form
)

// words are texts that many records contain. The list may only be appended to.
var words = [...]string{
	string(plan.Scheduled), string(plan.Sent), string(plan.Delivered), string(plan.Opened), string(plan.Redeemed),
	string(plan.Refunded), string(plan.Expired), string(plan.Undelivered), string(plan.Donated), string(plan.Unknown),
	string(plan.Contact), string(plan.Company), string(plan.Deal),
	string(plan.NoEmail), string(plan.BadEmail), string(plan.NoContact), string(plan.ContactGone),
}

// An encoder appends fields.
type encoder []byte

func (e *encoder) head(field int, f form) {
	*e = binary.AppendUvarint(*e, uint64(field)<<formBits|uint64(f))
}

func (e *encoder) number(field int, n uint64) {
	if n == 0 {
		return
	}
	e.head(field, formNumber)
	*e = binary.AppendUvarint(*e, n)
}

func (e *encoder) bytes(field int, f form, b []byte) {
	e.head(field, f)
	*e = binary.AppendUvarint(*e, uint64(len(b)))
	*e = append(*e, b...)
}

// text writes a text in the shortest form from which it can be read exactly.
func (e *encoder) text(field int, s string) {
	if s == "" {
		return
	}
	if i := slices.Index(words[:], s); i >= 0 {
		e.head(field, formWord)
		*e = binary.AppendUvarint(*e, uint64(i))
		return
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && strconv.FormatUint(n, 10) == s {
		e.head(field, formNumber)
		*e = binary.AppendUvarint(*e, n)
		return
	}
	if b, err := hex.DecodeString(s); err == nil && hex.EncodeToString(b) == s {
		e.bytes(field, formHex, b)
		return
	}
	e.bytes(field, formText, []byte(s))
}

// time writes a time to the nanosecond, without its zone.
func (e *encoder) time(field int, t time.Time) {
	if t.IsZero() {
		return
	}
	b := binary.AppendVarint(nil, t.Unix())
	if ns := t.Nanosecond(); ns != 0 {
		b = binary.AppendUvarint(b, uint64(ns))
	}
	e.bytes(field, formText, b)
}

// record writes a record within the record.
func (e *encoder) record(field int, inner encoder) {
	e.bytes(field, formText, inner)
}

// A decoder reads fields.
//
//	d := decoder{data: b}
//	for d.next() {
//		switch d.field { … }
//	}
//	err := d.err
type decoder struct {
	data  []byte // still to be read
	field int    // number of the field that next has read
	err   error

	form   form
	number uint64 // value of a number or a word
	value  []byte // value of a text or hex, within data

	texts map[string]string // shared with other records; nil for none
}

// inner returns the decoder of the record within the record that next has read.
func (d *decoder) inner() decoder { return decoder{data: d.value, texts: d.texts} }

// next reads a field and reports whether there was one.
func (d *decoder) next() bool {
	if d.err != nil || len(d.data) == 0 {
		return false
	}
	head := d.uvarint()
	d.field, d.form = int(head>>formBits), form(head&(1<<formBits-1))
	d.number = d.uvarint()
	d.value = nil
	if d.form == formText || d.form == formHex {
		if d.number > uint64(len(d.data)) {
			d.fail()
			return false
		}
		d.value, d.data = d.data[:d.number], d.data[d.number:]
	}
	return d.err == nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = damaged("a gift cannot be read")
	}
	d.data = nil
}

// failIf makes the failure of a record within the record that of the outer one.
func (d *decoder) failIf(err error) {
	if err != nil {
		d.fail()
	}
}

// text returns the field as a text.
func (d *decoder) text() string {
	switch {
	case d.form == formText:
		return d.shared()
	case d.form == formHex:
		return hex.EncodeToString(d.value)
	case d.form == formNumber:
		return strconv.FormatUint(d.number, 10)
	case d.number < uint64(len(words)):
		return words[d.number]
	}
	d.fail()
	return ""
}

// shared returns the field as a text, the same one as other records have.
func (d *decoder) shared() string {
	if text, ok := d.texts[string(d.value)]; ok {
		return text
	}
	text := string(d.value)
	if d.texts != nil && len(d.texts) < maxTexts {
		d.texts[text] = text
	}
	return text
}

// time returns the field as a time in UTC.
func (d *decoder) time() time.Time {
	sec, n := binary.Varint(d.value)
	if n <= 0 {
		d.fail()
		return time.Time{}
	}
	var ns uint64
	if rest := d.value[n:]; len(rest) > 0 {
		if ns, n = binary.Uvarint(rest); n != len(rest) || ns > 999_999_999 {
			d.fail()
		}
	}
	return time.Unix(sec, int64(ns)).UTC()
}

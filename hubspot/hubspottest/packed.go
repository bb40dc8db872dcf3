package hubspottest

import "encoding/binary"

// packed holds a record's values in one string: for each, the property's slot,
// the length and the bytes. A million records are then a million small
// allocations instead of thirty million, and cheap for the collector.
type packed string

// A slotValue is one value and the slot of its property.
type slotValue struct {
	slot  int
	value string
}

// get returns the value in a slot; "" and absent are the same to HubSpot.
func (d packed) get(slot int) string {
	for len(d) > 0 {
		s, v, rest := d.cut()
		if s == slot {
			return v
		}
		d = rest
	}
	return ""
}

// with returns the values with changes applied; an empty value clears.
func (d packed) with(changes []slotValue) packed {
	size := len(d)
	for _, c := range changes {
		size += len(c.value) + 2*binary.MaxVarintLen32
	}
	b := make([]byte, 0, size)
	for rest := d; len(rest) > 0; {
		var s int
		var v string
		s, v, rest = rest.cut()
		if !changed(changes, s) {
			b = appendSlot(b, s, v)
		}
	}
	for i, c := range changes {
		if c.value != "" && !changed(changes[i+1:], c.slot) {
			b = appendSlot(b, c.slot, c.value)
		}
	}
	return packed(b)
}

func changed(changes []slotValue, slot int) bool {
	for _, c := range changes {
		if c.slot == slot {
			return true
		}
	}
	return false
}

func appendSlot(b []byte, slot int, v string) []byte {
	b = binary.AppendUvarint(b, uint64(slot))
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func (d packed) cut() (slot int, value string, rest packed) {
	s, n := d.uvarint()
	l, m := d[n:].uvarint()
	start := n + m
	end := start + int(l)
	return int(s), string(d[start:end]), d[end:]
}

func (d packed) uvarint() (v uint64, n int) {
	for {
		b := d[n]
		v |= uint64(b&0x7f) << (7 * n)
		n++
		if b < 0x80 {
			return v, n
		}
	}
}

package plan

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
)

// Diff returns the properties to write so that the record of have says what
// want says: only managed ones, only those that differ, "" to clear. The
// reasons name the properties in the order of [Fields]. They contain no values
// except the status.
//
// A record written with another [Mapping] gets all properties. The message
// and the thank-you note are compared by digest, because the journal keeps no
// text. If want has only a digest as well, the text in HubSpot stays. Records get
// no value of [Rules.LeaveOut].
func (r Rules) Diff(want Gift, have Stored) (props map[string]string, reasons []string) {
	mapping := r.Mapping()
	remap := have.Mapping != mapping
	if remap {
		reasons = append(reasons, fmt.Sprintf("mapping %d → %d", have.Mapping, mapping))
	}
	props = make(map[string]string)
	for _, f := range fieldsOf(want, have.Gift) {
		if f.value == nil {
			continue
		}
		if slices.Contains(r.LeaveOut, f.Name) {
			if remap {
				props[f.Name] = ""
			}
			continue
		}
		now, was := f.value(want), f.value(have.Gift)
		differs := now != was
		if f.digest != nil {
			digest := f.digest(want)
			if now == "" && digest != "" {
				continue // we do not have the text
			}
			differs = digest != f.digest(have.Gift)
		}
		if !differs && !remap {
			continue
		}
		props[f.Name] = now
		switch {
		case !differs:
		case f.Name == statusProperty:
			reasons = append(reasons, fmt.Sprintf("status %s → %s", was, now))
		default:
			reasons = append(reasons, f.Name)
		}
	}
	return props, reasons
}

// Mapping is [Mapping] where records get all values, and otherwise a number that
// stands for it and what is left out: after that setting has changed, each record is
// written in full when it is next seen, which blanks and fills what is due.
func (r Rules) Mapping() int {
	if len(r.LeaveOut) == 0 {
		return Mapping
	}
	names := slices.Sorted(slices.Values(r.LeaveOut))
	h := fnv.New32a()
	for _, name := range slices.Compact(names) {
		h.Write(binary.AppendUvarint(nil, uint64(len(name))))
		h.Write([]byte(name))
	}
	return Mapping + int(h.Sum32()>>1)<<8
}

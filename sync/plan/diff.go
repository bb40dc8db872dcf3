package plan

import "fmt"

// Diff returns the properties to write so that the record of have says what
// want says: only managed ones, only those that differ, "" to clear. The
// reasons name the properties in the order of [Fields]. They contain no values
// except the status.
//
// A record written with an older [Mapping] gets all properties. The message
// and the thank-you note are compared by digest, because the journal keeps no
// text. If want has only a digest as well, the text in HubSpot stays.
func Diff(want Gift, have Stored) (props map[string]string, reasons []string) {
	remap := have.Mapping < Mapping
	if remap {
		reasons = append(reasons, fmt.Sprintf("mapping %d → %d", have.Mapping, Mapping))
	}
	props = make(map[string]string)
	for _, f := range fieldsOf(want, have.Gift) {
		if f.value == nil {
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

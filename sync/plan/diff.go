package plan

import "fmt"

// Diff returns the properties to write so that the record of have says what
// want says: only managed ones, only those that differ, "" to clear. The
// reasons name them, in the order of [Fields]; of values they tell the status
// alone.
//
// A record written with an older [Mapping] gets all of them. The message is
// and the thank-you note are compared by their digests, because the journal
// keeps no more; where want has only a digest as well, the text in HubSpot is
// left as it is.
func Diff(want Gift, have Stored) (props map[string]string, reasons []string) {
	remap := have.Mapping < Mapping
	if remap {
		reasons = append(reasons, fmt.Sprintf("mapping %d → %d", have.Mapping, Mapping))
	}
	props = make(map[string]string)
	for _, f := range fields {
		if f.value == nil {
			continue
		}
		now, was := f.value(want), f.value(have.Gift)
		differs := now != was
		if f.digest != nil {
			digest := f.digest(want)
			if now == "" && digest != "" {
				continue // the text is not at hand
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

package hubspot

import (
	"slices"
	"strconv"
)

// A writeInput is a record to create or change.
type writeInput struct {
	ID           string            `json:"id,omitempty"`
	TraceID      string            `json:"objectWriteTraceId,omitempty"`
	Properties   map[string]string `json:"properties"`
	Associations []wireLink        `json:"associations,omitempty"`
}

// A wireLink is an association to make along with a record.
type wireLink struct {
	To    ref               `json:"to"`
	Types []AssociationType `json:"types"`
}

// wireLinks lists every linked record once, with all its types: HubSpot refuses
// an input that names one twice.
func wireLinks(links []NewLink) []wireLink {
	var w []wireLink
	for _, l := range links {
		at := slices.IndexFunc(w, func(w wireLink) bool { return w.To.ID == l.ToID })
		if at < 0 {
			at = len(w)
			w = append(w, wireLink{To: ref{ID: l.ToID}})
		}
		if !slices.Contains(w[at].Types, l.Type) {
			w[at].Types = append(w[at].Types, l.Type)
		}
	}
	return w
}

// trace returns the objectWriteTraceId of an input. Only if all inputs have
// unique ids does HubSpot refuse bad inputs one by one, with status 207, instead
// of the whole batch.
func trace(i int) string { return strconv.Itoa(i) }

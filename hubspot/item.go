package hubspot

import (
	"encoding/json"
	"slices"
	"strings"
)

// An itemError is an entry of a batch answer's errors: it says what is wrong
// with the inputs that its context names; these may be many or none.
//
// Shape: D/api-reference/error-handling, multi-status errors.
type itemError struct {
	Category    text            `json:"category"`
	SubCategory text            `json:"subCategory"`
	Message     text            `json:"message"`
	Context     map[string]list `json:"context"`
	Errors      []struct {
		Code        text            `json:"code"`
		SubCategory text            `json:"subCategory"`
		Context     map[string]list `json:"context"`
	} `json:"errors"`
}

// err returns the entry as the error of a call. What names something in HubSpot's
// API is kept only if it looks like a name: it may be logged.
func (w *itemError) err(call *Call) *Error {
	e := &Error{
		Kind:          Refused,
		Status:        call.Status,
		Category:      code(string(w.Category)),
		SubCategory:   code(string(w.SubCategory)),
		Message:       bounded(string(w.Message)),
		CorrelationID: call.CorrelationID,
		IDs:           w.Context["ids"],
		TraceIDs:      w.Context["objectWriteTraceId"],
		Method:        call.Method,
		Path:          call.Path,
	}
	if e.Category == objectNotFound {
		e.Kind = NotFound
	}
	for _, d := range w.Errors {
		detail := Detail{Code: code(string(d.Code)), SubCategory: code(string(d.SubCategory)), Scopes: scopeNames(d.Context["requiredGranularScopes"])}
		if names := d.Context["propertyName"]; len(names) > 0 {
			detail.Property = propertyName(names[0])
		}
		e.Details = append(e.Details, detail)
	}
	if len(e.Details) == 0 {
		e.Details = messageDetails(string(w.Message))
	}
	return e
}

// messageDetails returns what a message says of properties. HubSpot's batch
// answers have it there alone, as a JSON list behind a sentence. Of that, too, only
// what looks like a name is kept.
//
// Seen in recordings: Property values were not valid: [{"error":"INVALID_EMAIL","name":"email",…}]
func messageDetails(message string) []Detail {
	start := strings.Index(message, "[{")
	if start < 0 || checkSize([]byte(message[start:]), 0) != nil {
		return nil
	}
	var values []struct {
		Error text `json:"error"`
		Name  text `json:"name"`
	}
	if json.NewDecoder(strings.NewReader(message[start:])).Decode(&values) != nil {
		return nil
	}
	var details []Detail
	for _, v := range values {
		if v.Error == "" || v.Name == "" {
			continue
		}
		if d := (Detail{Code: code(string(v.Error)), Property: propertyName(string(v.Name))}); d.Code != "" || d.Property != "" {
			details = append(details, d)
		}
	}
	return details
}

// unexpected is the error of an answer that we cannot use.
func unexpected(call *Call) *Error {
	return &Error{
		Kind:          Unexpected,
		Status:        call.Status,
		CorrelationID: call.CorrelationID,
		Method:        call.Method,
		Path:          call.Path,
	}
}

// names finds a request's inputs by the ids in its answer.
type names struct {
	byID    map[string]int // record id or value of the unique property
	byTrace map[string]int
}

// match calls decide for every input that an item error is about. An error
// that names no input is returned, preferably one that is not [NotFound].
func (n names) match(items []itemError, call *Call, decide func(i int, e *Error)) (stray *Error) {
	for k := range items {
		e := items[k].err(call)
		about := n.about(&items[k])
		for _, i := range about {
			decide(i, e)
		}
		if len(about) == 0 && (stray == nil || stray.Kind == NotFound) {
			stray = e
		}
	}
	return stray
}

// about returns the inputs that the error names, each once.
func (n names) about(e *itemError) []int {
	var about []int
	for _, id := range e.Context["objectWriteTraceId"] {
		if i, ok := n.byTrace[id]; ok {
			about = append(about, i)
		}
	}
	for _, id := range e.ids() {
		if i, ok := n.byID[id]; ok {
			about = append(about, i)
		}
	}
	slices.Sort(about)
	return slices.Compact(about)
}

// ids returns the ids by which the error names its inputs: record ids, values of
// the unique property, or both ends of an association.
func (w *itemError) ids() []string {
	ids := slices.Clone(w.Context["ids"])
	from, to := w.Context["fromObjectId"], w.Context["toObjectId"]
	for k := range from {
		if len(to) == len(from) {
			ids = append(ids, pairKey(from[k], to[k]))
		} else if len(to) == 0 {
			ids = append(ids, from[k])
		}
	}
	return ids
}

// named returns the inputs by the ids, and by the trace ids, that they have in
// a request.
func named(in []int, id func(i int) string) names {
	n := names{byID: make(map[string]int, len(in)), byTrace: make(map[string]int, len(in))}
	for _, i := range in {
		n.byID[id(i)] = i
		n.byTrace[trace(i)] = i
	}
	return n
}

// find returns the input that a result is about. If the result has an id or
// key, that decides, whatever its trace id.
func (n names) find(id, trace string) (i int, ok bool) {
	if id == "" {
		i, ok = n.byTrace[trace]
	} else {
		i, ok = n.byID[id]
	}
	return i, ok
}

package hubspot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// A text is a JSON string, or a number or boolean by its literal: HubSpot
// prints ids and property values either way. Null is "".
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		return json.Unmarshal(b, (*string)(t))
	case '{', '[':
		return fmt.Errorf("hubspot: %c where a text, number or boolean is expected", b[0])
	}
	if bytes.Equal(b, []byte("null")) {
		b = nil
	}
	*t = text(b)
	return nil
}

// A number is a JSON integer, bare or in quotes. Null is 0.
type number int

func (n *number) UnmarshalJSON(b []byte) error {
	var t text
	if err := t.UnmarshalJSON(b); err != nil {
		return err
	}
	*n = 0
	if t == "" {
		return nil
	}
	i, err := strconv.Atoi(string(t))
	if err != nil {
		return fmt.Errorf("hubspot: an id is not a whole number: %w", err)
	}
	*n = number(i)
	return nil
}

// someJSON is an answer of which nothing matters but that it is HubSpot's.
type someJSON struct{}

func (*someJSON) UnmarshalJSON([]byte) error { return nil }

// An instant is an ISO 8601 time. Anything else decodes as the zero time: no
// decision depends on these, so a malformed one must not lose the record.
type instant struct{ time.Time }

func (t *instant) UnmarshalJSON(b []byte) error {
	var s text
	if err := s.UnmarshalJSON(b); err != nil {
		return nil
	}
	t.Time, _ = time.Parse(time.RFC3339, string(s))
	return nil
}

// A list is a JSON list of texts, or one text alone.
type list []string

func (l *list) UnmarshalJSON(b []byte) error {
	var many []text
	if b[0] != '[' {
		many = make([]text, 1)
		if err := json.Unmarshal(b, &many[0]); err != nil || many[0] == "" {
			return nil
		}
	} else if err := json.Unmarshal(b, &many); err != nil {
		return nil
	}
	for _, t := range many {
		*l = append(*l, string(t))
	}
	return nil
}

// A wireObject is a record as HubSpot prints it.
type wireObject struct {
	ID         text             `json:"id"`
	Properties map[string]*text `json:"properties"`
	CreatedAt  instant          `json:"createdAt"`
	UpdatedAt  instant          `json:"updatedAt"`
	Archived   bool             `json:"archived"`
	TraceID    string           `json:"objectWriteTraceId"`
}

func (w *wireObject) object() *Object {
	o := &Object{
		ID:         string(w.ID),
		Properties: make(map[string]string, len(w.Properties)),
		CreatedAt:  w.CreatedAt.Time,
		UpdatedAt:  w.UpdatedAt.Time,
		Archived:   w.Archived,
	}
	for name, value := range w.Properties {
		if value != nil {
			o.Properties[name] = string(*value)
		}
	}
	return o
}

// A paging says where a listing continues. We use only the cursor, on the
// configured host, and never the link.
type paging struct {
	Next struct {
		After text `json:"after"`
	} `json:"next"`
}

// An answer is what the batch endpoints return. The two lists decide, whether
// the status is 200, 201 or 207.
type answer[R any] struct {
	Results []R         `json:"results"` // nil when missing
	Errors  []itemError `json:"errors"`
}

// empty reports whether the answer mentions no input at all.
func (a *answer[R]) empty() bool { return len(a.Results) == 0 && len(a.Errors) == 0 }

// A ref names a record in a batch request.
type ref struct {
	ID    string `json:"id"`
	After string `json:"after,omitempty"`
}

// A batchRequest is the body of a batch request.
type batchRequest[I any] struct {
	IDProperty string   `json:"idProperty,omitempty"`
	Properties []string `json:"properties,omitempty"`
	Inputs     []I      `json:"inputs"`
}

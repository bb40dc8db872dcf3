package thnksapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Foreign says how the API writes what others write in other ways. The zero
// Foreign is as assumed.
type Foreign struct {
	Mark        bool   // a byte order mark precedes every body
	ContentType string // default application/json
	TimeLayout  string // Go layout of times, in UTC; default RFC 3339
	Nothing     string // word in place of null for times and amounts; not with Flat or Nested
	NoCursor    string // JSON in place of null for the cursor of the last page, such as false
	KeepsCursor bool   // the last page's cursor leads to that page again
	PastEnd     int    // status of a page behind the last, with page or offset paging; default 200
	EmptyStatus int    // status of a first page without elements, such as 204 or 404; default 200
}

// write sends a success.
func (f Foreign) write(w http.ResponseWriter, body []byte) {
	kind := f.ContentType
	if kind == "" {
		kind = "application/json"
	}
	if f.Mark {
		body = append([]byte("\uFEFF"), body...)
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may be gone
}

// A noPage is the status of a page without elements.
type noPage int

func (n noPage) Error() string { return fmt.Sprintf("no page: %d", int(n)) }

func (n noPage) write(w http.ResponseWriter) {
	if n == http.StatusNoContent {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	refuse(w, int(n), "no_page", "there is no such page")
}

// noPage returns the [noPage] of a numbered or counted page without elements,
// nil if it is like any other.
func (f Foreign) noPage(first bool) error {
	status := f.PastEnd
	if first {
		status = f.EmptyStatus
	}
	if status == 0 {
		return nil
	}
	return noPage(status)
}

// noCursor is the cursor of the last page.
func (f Foreign) noCursor() any {
	if f.NoCursor == "" {
		return nil
	}
	return json.RawMessage(f.NoCursor)
}

// words writes the times and the missing values of a transaction.
func (f Foreign) words(t *wireTransaction) any {
	if f.TimeLayout == "" && f.Nothing == "" {
		return t
	}
	var element map[string]any
	d := json.NewDecoder(bytes.NewReader(encode(t)))
	d.UseNumber()
	if err := d.Decode(&element); err != nil {
		panic(fmt.Sprintf("thnksapitest: %v", err)) // it was encoded a moment ago
	}
	for name, value := range element {
		if strings.HasSuffix(name, "_at") || name == "scheduled_for" {
			element[name] = f.time(value)
		}
	}
	if amount, ok := element["amount"].(map[string]any); ok && amount["value"] == nil && f.Nothing != "" {
		amount["value"] = f.Nothing
	}
	return element
}

func (f Foreign) time(value any) any {
	text, ok := value.(string)
	if !ok {
		if f.Nothing == "" {
			return nil
		}
		return f.Nothing
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || f.TimeLayout == "" {
		return value
	}
	return t.UTC().Format(f.TimeLayout)
}

package send

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// freshEvent is how old an event may be to fire a trigger.
const freshEvent = 24 * time.Hour

// A Trigger sends a gift when an event comes that its conditions fit. Its texts are
// templates over the event's fields; see [Fields] and [Fill].
type Trigger struct {
	Name, Source, Event     string
	When                    []Condition // all must hold
	To, FirstName, LastName string
	Sender                  string
	Gift                    int64
	Message                 string
	OncePer                 string // of events that fill it alike, only one sends
}

// A Condition is about one field of an event; one of the others is set.
type Condition struct {
	Field           string
	Equal           string
	OneOf           []string
	AtLeast, AtMost string // numbers
}

// maxPath bounds the path of a field, in bytes: a body could repeat a long name for
// each of its values.
const maxPath = 200

// Fields returns the plain values of an event's body by their paths, such as
// message.tier and items.0.name. A body that is no JSON object has none. A path that
// two values have, as with {"a.b": 1, "a": {"b": 2}}, stands for none of them, nor
// does one of more than 200 bytes.
func Fields(body []byte) map[string]string {
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	f := fields{values: make(map[string]string), times: make(map[string]int)}
	if d.Decode(&tree) != nil {
		return f.values
	}
	for name, value := range tree {
		f.add(name, value)
	}
	maps.DeleteFunc(f.values, func(path, _ string) bool { return f.times[path] > 1 })
	return f.values
}

// fields are the values of a body by their paths, and how many values have each.
type fields struct {
	values map[string]string
	times  map[string]int
}

func (f fields) add(path string, value any) {
	if len(path) > maxPath {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			f.add(path+"."+name, inner)
		}
		return
	case []any:
		for i, inner := range v {
			f.add(path+"."+strconv.Itoa(i), inner)
		}
		return
	case string:
		f.values[path] = v
	case json.Number:
		f.values[path] = v.String()
	case bool:
		f.values[path] = strconv.FormatBool(v)
	}
	f.times[path]++
}

// holds reports whether a condition holds. A field that is not there, or is no
// number where one is compared, fits nothing.
func (c Condition) holds(fields map[string]string) bool {
	value, there := fields[c.Field]
	if !there {
		return false
	}
	switch {
	case c.AtLeast != "":
		order, ok := compareNumbers(value, c.AtLeast)
		return ok && order >= 0
	case c.AtMost != "":
		order, ok := compareNumbers(value, c.AtMost)
		return ok && order <= 0
	case len(c.OneOf) > 0:
		return slices.Contains(c.OneOf, value)
	}
	return value == c.Equal
}

func compareNumbers(a, b string) (order int, ok bool) {
	x, err := decimal.NewFromString(a) // which bounds exponents
	if err != nil {
		return 0, false
	}
	y, err := decimal.NewFromString(b)
	return x.Cmp(y), err == nil
}

// watches reports whether the trigger is about such events. MyThyngs names an item
// before what happened to it, which may be left out: FORM RESPONSE COLLECTED.
func (t Trigger) watches(e store.Event) bool {
	return e.Dialect == t.Source && (e.Kind == t.Event || e.Dialect == "thyngs" && strings.HasSuffix(e.Kind, " "+t.Event))
}

// fits reports whether an event is one that the trigger is about.
func (t Trigger) fits(e store.Event, fields map[string]string) bool {
	if !t.watches(e) || e.Effect == store.EffectUnknown {
		return false
	}
	return !slices.ContainsFunc(t.When, func(c Condition) bool { return !c.holds(fields) })
}

// cause is what the trigger's orders have as their cause.
func (t Trigger) cause() string { return "trigger " + t.Name }

// order makes the order of a trigger for an event. Its request id is made of the
// trigger's name and what once_per stands for, so that one event, however often it
// comes, and all events that fill once_per alike, are one send.
func (t Trigger) order(fields map[string]string) (Order, error) {
	o := Order{Cause: t.cause(), Gift: t.Gift, Sender: t.Sender}
	once, err := Fill(t.OncePer, alike(fields))
	if err != nil {
		return o, fmt.Errorf("once_per: %w", err)
	}
	o.Request = "t-" + digest(t.Name, once)
	var to Recipient
	if to.Email, err = Fill(t.To, fields); err != nil {
		return o, fmt.Errorf("to: %w", err)
	}
	for _, name := range []struct {
		key, template string
		into          *string
	}{{"first_name", t.FirstName, &to.FirstName}, {"last_name", t.LastName, &to.LastName}} {
		if name.template == "" {
			continue
		}
		if *name.into, err = Fill(name.template, fields); err != nil {
			return o, fmt.Errorf("%s: %w", name.key, err)
		}
	}
	if o.Message, err = Fill(t.Message, fields); err != nil {
		return o, fmt.Errorf("message: %w", err)
	}
	o.To = []Recipient{to}
	return o, nil
}

// alike returns fields with each address in its canonical form, so that once_per
// takes the spellings of one for the same.
func alike(fields map[string]string) map[string]string {
	canonical := maps.Clone(fields)
	for path, value := range fields {
		if address, ok := plan.CanonicalEmail(value); ok {
			canonical[path] = address
		}
	}
	return canonical
}

// definition tells one version of a trigger from another.
func (t Trigger) definition() string {
	text, err := json.Marshal(t)
	if err != nil {
		return t.Name // texts and numbers always encode
	}
	return digest(string(text))
}

// versions are the versions of the triggers, by their names.
type versions map[string]version

// A version is a trigger as it is configured, and since when it is.
type version struct {
	Definition string    `json:"definition"`
	Since      time.Time `json:"since"`
}

// update returns the versions of the triggers of today, and whether any is another. One
// of a trigger that is new, or has changed, counts since now, as does one that our clock,
// being ahead, has stamped with a time that is yet to come.
func (v versions) update(triggers []Trigger, now time.Time) (versions, bool) {
	next := make(versions, len(triggers))
	for _, t := range triggers {
		have, ok := v[t.Name]
		if d := t.definition(); !ok || have.Definition != d || have.Since.After(now) {
			have = version{d, now}
		}
		next[t.Name] = have
	}
	return next, !maps.Equal(v, next)
}

// barred says why an event never fires anything, "" if it may.
func barred(e store.Event) string {
	switch {
	case e.Test:
		return "it is a test or a demonstration"
	case e.Dialect == "gift-events" && !e.Signed:
		return "it is not signed, and so only a hint"
	}
	return ""
}

// Why an event that fits a trigger sends nothing by itself.
var (
	errLate    = errors.New("it could not be looked at within 24 hours of its receipt")
	errDropped = errors.New("its content is not kept any more")
)

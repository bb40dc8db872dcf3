package send

import (
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// TestConditions: what each comparison fits, and that nothing fits a field that is
// not there or is no number.
func TestConditions(t *testing.T) {
	fields := Fields([]byte(`{"tier": "gold", "points": 100, "more": {"ok": true, "list": ["a", 2]}, "none": null,
		"huge": 1e999999999, "tiny": 1e-999999999, "exponent": 1.2e3}`))
	for _, c := range []struct {
		condition Condition
		holds     bool
	}{
		{Condition{Field: "tier", Equal: "gold"}, true},
		{Condition{Field: "tier", Equal: "Gold"}, false},
		{Condition{Field: "tier", OneOf: []string{"silver", "gold"}}, true},
		{Condition{Field: "tier", OneOf: []string{"silver"}}, false},
		{Condition{Field: "points", AtLeast: "100.0"}, true},
		{Condition{Field: "points", AtLeast: "100.01"}, false},
		{Condition{Field: "points", AtMost: "100"}, true},
		{Condition{Field: "points", AtMost: "99"}, false},
		{Condition{Field: "tier", AtMost: "99"}, false},
		{Condition{Field: "more.ok", Equal: "true"}, true},
		{Condition{Field: "more.list.1", AtLeast: "2"}, true},
		{Condition{Field: "none", Equal: "null"}, false},
		{Condition{Field: "nothing", OneOf: []string{"", "a"}}, false},
		{Condition{Field: "nothing", AtMost: "9"}, false},
		{Condition{Field: "more", Equal: ""}, false},
		{Condition{Field: "huge", AtLeast: "1"}, false},
		{Condition{Field: "tiny", AtMost: "1"}, false},
		{Condition{Field: "exponent", AtLeast: "1200"}, true},
		{Condition{Field: "exponent", AtLeast: "1200.1"}, false},
	} {
		if got := c.condition.holds(fields); got != c.holds {
			t.Errorf("%+v: %v", c.condition, got)
		}
	}
}

// TestFieldsThatAreNone: a path that two values have, and one that is too long, stand
// for nothing, in whatever order they come.
func TestFieldsThatAreNone(t *testing.T) {
	long := strings.Repeat("x", 300)
	for range 20 {
		fields := Fields([]byte(`{"a.b": "1", "a": {"b": "2", "c": "3"}, "` + long + `": "4", "d": {"` + long + `": [5, 6]}, "e": [{"f": "7"}]}`))
		if len(fields) != 2 || fields["a.c"] != "3" || fields["e.0.f"] != "7" {
			t.Fatalf("%v", fields)
		}
	}
}

// FuzzTrigger: whatever an event says, what a trigger asks for is one gift to one
// address that the guards understand, and with a message that may be sent.
func FuzzTrigger(f *testing.F) {
	f.Add([]byte(`{"email": "bea@acme.example", "name": "Bea"}`), "Hi {name}")
	f.Add([]byte(`{"email": "bea@acme.example, eve@acme.example", "name": "{email}"}`), "Hi {name}{name}")
	f.Add([]byte(`{"email": "Bea <bea@acme.example>", "name": "<b>"}`), "{name")
	f.Fuzz(func(t *testing.T, body []byte, message string) {
		trigger := Trigger{Name: "t", Gift: 5659, To: "{email}", FirstName: "{name}", Message: message, OncePer: "{email}"}
		fields := Fields(body)
		o, err := trigger.order(fields)
		if err != nil {
			return
		}
		sends, err := o.sends(nil, time.Now())
		if err != nil {
			return
		}
		canonical, ok := plan.CanonicalEmail(fields["email"])
		if again, _ := plan.CanonicalEmail(sends[0].Recipient); len(sends) != 1 || !ok || again != canonical || strings.ContainsAny(sends[0].Recipient, " ,;<>\r\n") {
			t.Errorf("%q is sent to %q", fields["email"], sends[0].Recipient)
		}
		if m := sends[0].Message; strings.ContainsAny(m, "{}<>") || strings.TrimSpace(m) == "" {
			t.Errorf("%q with %v makes %q", message, fields, m)
		}
	})
}

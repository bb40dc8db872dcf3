package send

import "testing"

// TestConditions: what each comparison fits, and that nothing fits a field that is
// not there or is no number.
func TestConditions(t *testing.T) {
	fields := Fields([]byte(`{"tier": "gold", "points": 100, "more": {"ok": true, "list": ["a", 2]}, "none": null}`))
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
	} {
		if got := c.condition.holds(fields); got != c.holds {
			t.Errorf("%+v: %v", c.condition, got)
		}
	}
}

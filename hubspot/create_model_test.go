package hubspot

import (
	"fmt"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// A scenario is a create with things going wrong.
type scenario struct {
	in     []NewObject
	fate   map[string]string // by key
	faults []fault           // of the first creates
	portal *fakePortal
}

func drawScenario(rt *rapid.T) *scenario {
	n := rapid.IntRange(1, 230).Draw(rt, "n")
	s := &scenario{in: gifts(n), fate: make(map[string]string), portal: newFakePortal()}
	p := s.portal
	p.whole = rapid.Bool().Draw(rt, "whole")
	p.noTrace = rapid.Bool().Draw(rt, "noTrace")
	p.vague = rapid.Bool().Draw(rt, "vague")
	for i := range s.in {
		s.in[i].Links = link("101")
	}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, min(n, maxCulprits), rapid.ID[int]).Draw(rt, "odd") {
		key := s.in[i].Properties[keyProperty]
		s.fate[key] = rapid.SampledFrom([]string{"bad", "live", "archived", "silent", "badlink"}).Draw(rt, "fate of "+key)
		switch s.fate[key] {
		case "live":
			p.add(map[string]any{keyProperty: key})
		case "archived":
			p.archived[fmt.Sprint(i)] = map[string]any{keyProperty: key}
		case "badlink":
			s.in[i].Links = link("gone")
		}
	}
	is := func(fate string) func(map[string]any) bool {
		return func(props map[string]any) bool { return s.fate[props[keyProperty].(string)] == fate }
	}
	p.bad, p.silent = is("bad"), is("silent")
	p.badLink = func(to string) bool { return to == "gone" }
	s.faults = rapid.SliceOfN(rapid.SampledFrom([]fault{fine, lostBefore, lostAfter, empty}), 0, 2).Draw(rt, "faults")
	p.fault = func(op string, n int) fault {
		if op == "POST batch/create" && n <= len(s.faults) {
			return s.faults[n-1]
		}
		return fine
	}
	return s
}

// check compares the outcomes with what the portal holds.
func (s *scenario) check(t rapid.TB, out []Outcome) {
	checkOutcomes(t, out, len(s.in), func(i int, o *Object) bool {
		return o.Properties[keyProperty] == s.in[i].Properties[keyProperty]
	})
	made := make(map[string]int)
	for _, props := range s.portal.records {
		made[props[keyProperty].(string)]++
	}
	kinds := map[string]Kind{"bad": Refused, "archived": Archived}
	for i, o := range out {
		key := s.in[i].Properties[keyProperty]
		fate := s.fate[key]
		var kind Kind
		if e, ok := AsError(o.Err); ok {
			kind = e.Kind
		}
		records := 1
		if o.Err != nil {
			records = 0
		}
		switch {
		case kind != kinds[fate]:
			t.Fatalf("%s (%s): %v, want kind %v", key, fate, o.Err, kinds[fate])
		case fate == "live" && !o.Existed, fate == "badlink" && !o.Unlinked && !o.Existed:
			t.Fatalf("%s (%s): %+v", key, fate, o)
		case made[key] != records:
			t.Fatalf("%s (%s): %d records, want %d", key, fate, made[key], records)
		}
	}
	for _, c := range s.portal.calls {
		if len(c.Inputs) > BatchSize {
			t.Fatalf("%s with %d inputs", c.Op, len(c.Inputs))
		}
	}
}

// Whatever HubSpot does, every input has one outcome, the outcome is true of the
// portal, and nothing is created twice.
func TestCreateAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScenario(rt)
		var (
			out []Outcome
			err error
		)
		synctest.Test(t, func(t *testing.T) {
			out, err = s.portal.client(t).Create(t.Context(), "2-1", keyProperty, s.in)
		})
		if err != nil {
			rt.Fatal(err)
		}
		s.check(rt, out)
	})
}

package hubspot

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// filled returns a portal with n gifts and their ids.
func filled(n int) (*fakePortal, []string) {
	p := newFakePortal()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = p.add(map[string]any{keyProperty: "T-" + strconv.Itoa(i), "gift_name": "Coffee"})
	}
	return p, ids
}

func patches(ids []string) []Patch {
	in := make([]Patch, len(ids))
	for i, id := range ids {
		in[i] = Patch{ID: id, Properties: map[string]string{"status": "sent", "of": id}}
	}
	return in
}

func updateAll(t testing.TB, p *fakePortal, in []Patch) ([]Outcome, error) {
	t.Helper()
	out, err := p.client(t).Update(t.Context(), "2-1", in)
	checkOutcomes(t, out, len(in), func(i int, o *Object) bool { return o.Properties["of"] == in[i].Properties["of"] })
	return out, err
}

func TestUpdate(t *testing.T) {
	p, ids := filled(230)
	p.noTrace, p.numericID = true, true
	out, err := updateAll(t, p, patches(ids))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		if o.Err != nil || o.Object.ID != ids[i] {
			t.Errorf("input %d: %+v", i, o)
		}
	}
	if len(p.calls) != 3 {
		t.Errorf("%d calls, want 3", len(p.calls))
	}
}

// A merged record vanishes from the answer, or is reported as missing; its
// outcome has the new id. One that is gone is not found.
func TestUpdateMergedAndGone(t *testing.T) {
	for _, missing := range []bool{false, true} {
		p, ids := filled(10)
		p.missing = missing
		p.merged[ids[3]], p.merged[ids[4]] = ids[9], ids[9]
		delete(p.records, ids[3])
		delete(p.records, ids[4])
		delete(p.records, ids[5])
		out, err := updateAll(t, p, patches(ids[:9]))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			switch i {
			case 3, 4:
				if o.Object == nil || o.Object.ID != ids[9] || o.Object.Properties["status"] != "sent" || o.Call.Method != "PATCH" {
					t.Errorf("merged: %+v", o)
				}
			case 5:
				checkKind(t, o.Err, NotFound)
			default:
				if o.Err != nil || o.Object.ID != ids[i] {
					t.Errorf("input %d: %+v", i, o)
				}
			}
		}
	}
}

// HubSpot's answer to a batch of merged records is empty, which is fine. An empty
// answer about existing records is not.
func TestUpdateEmptyAnswer(t *testing.T) {
	p, ids := filled(2)
	p.merged[ids[0]] = ids[1]
	delete(p.records, ids[0])
	out, err := updateAll(t, p, patches(ids[:1]))
	if err != nil || out[0].Object.ID != ids[1] {
		t.Errorf("merged: %+v, error %v", out[0], err)
	}

	p, ids = filled(100)
	p.fault = func(op string, n int) fault {
		if op == "POST batch/update" {
			return empty
		}
		return fine
	}
	out, err = updateAll(t, p, patches(ids))
	checkKind(t, err, Unexpected)
	if len(p.calls) != 2 || out[99].Err != err {
		t.Errorf("%d calls, last outcome %+v", len(p.calls), out[99])
	}
}

// A record that the answer does not mention is written by itself.
func TestUpdatePassedOver(t *testing.T) {
	p, ids := filled(10)
	p.ignored = func(props map[string]any) bool { return props["of"] == ids[7] }
	out, err := updateAll(t, p, patches(ids))
	if err != nil || out[7].Err != nil || p.records[ids[7]]["status"] != "sent" {
		t.Errorf("outcome %+v, error %v, record %v", out[7], err, p.records[ids[7]])
	}
}

func TestUpdateSystematic(t *testing.T) {
	p, ids := filled(100)
	p.whole, p.bad = true, func(map[string]any) bool { return true }
	_, err := updateAll(t, p, patches(ids))
	if _, ok := errors.AsType[*Systematic](err); !ok {
		t.Fatalf("error %v, want a Systematic one", err)
	}
}

// A missing object type is no record's fault.
func TestUpdateTypeGone(t *testing.T) {
	p, ids := filled(3)
	c := p.client(t)
	out, err := c.Update(t.Context(), "2-404", patches(ids))
	checkKind(t, err, NotFound)
	if out[0].Err != err {
		t.Errorf("outcome %+v", out[0])
	}
}

// Patches of one record are sent as one, with the later values.
func TestUpdateSameRecord(t *testing.T) {
	p, ids := filled(1)
	in := []Patch{
		{ID: ids[0], Properties: map[string]string{"a": "1", "b": "1"}},
		{ID: ids[0], Properties: map[string]string{"b": "2", "c": ""}},
		{Properties: map[string]string{"b": "3"}},
	}
	out, err := p.client(t).Update(t.Context(), "2-1", in)
	if err != nil || out[0].Object != out[1].Object || out[0].Object == nil {
		t.Fatalf("outcomes %+v, error %v", out, err)
	}
	checkKind(t, out[2].Err, Refused)
	if r := p.records[ids[0]]; r["a"] != "1" || r["b"] != "2" || r["c"] != "" {
		t.Errorf("record %v", r)
	}
}

func TestUpdateAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 230).Draw(rt, "n")
		p, ids := filled(n + 1)
		p.whole = rapid.Bool().Draw(rt, "whole")
		p.noTrace = rapid.Bool().Draw(rt, "noTrace")
		p.vague = rapid.Bool().Draw(rt, "vague")
		fate, mute := make(map[string]string), false
		for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom(ids[:n]), 0, min(n, maxCulprits), rapid.ID[string]).Draw(rt, "odd") {
			// Several that the answer does not mention might make it empty; see above.
			fates := []string{"bad", "gone", "merged", "silent", "ignored"}
			if mute {
				fates = fates[:2]
			}
			fate[id] = rapid.SampledFrom(fates).Draw(rt, "fate of "+id)
			switch fate[id] {
			case "silent", "ignored":
				mute = true
			case "merged":
				mute = true
				p.merged[id] = ids[n]
				delete(p.records, id)
			case "gone":
				delete(p.records, id)
			}
		}
		is := func(f string) func(map[string]any) bool {
			return func(props map[string]any) bool { return fate[props["of"].(string)] == f }
		}
		p.bad, p.silent, p.ignored = is("bad"), is("silent"), is("ignored")

		in := patches(ids[:n])
		in = append(in, in[0])
		var (
			out []Outcome
			err error
		)
		synctest.Test(t, func(t *testing.T) {
			out, err = p.client(t).Update(t.Context(), "2-1", in)
		})
		if err != nil {
			rt.Fatal(err)
		}
		checkOutcomes(rt, out, n+1, func(i int, o *Object) bool { return o.Properties["of"] == in[i].ID })
		for i, o := range out {
			id := in[i].ID
			e, _ := AsError(o.Err)
			switch fate[id] {
			case "bad":
				if e == nil || e.Kind != Refused {
					rt.Fatalf("%s: %+v", id, o)
				}
			case "gone":
				if e == nil || e.Kind != NotFound {
					rt.Fatalf("%s: %+v", id, o)
				}
			default:
				if want := (map[bool]string{true: ids[n], false: id})[fate[id] == "merged"]; e != nil || o.Object.ID != want {
					rt.Fatalf("%s (%s): %+v, want id %s", id, fate[id], o, want)
				}
			}
		}
		if slices.ContainsFunc(p.calls, func(c fakeCall) bool { return len(c.Inputs) > BatchSize }) {
			rt.Fatal("a batch is over the limit")
		}
	})
}

// An update does not follow a merge into the record of another gift: the patch's
// key identifies the gift.
func TestUpdateMergedIntoAnothers(t *testing.T) {
	p, ids := filled(4)
	key := func(id string) string { return p.records[id][keyProperty].(string) }
	in := patches(ids[:3])
	for i := range in {
		in[i].Key, in[i].Value = keyProperty, key(in[i].ID)
	}
	p.merged[ids[0]], p.merged[ids[1]] = ids[3], ids[2]
	p.records[ids[3]][keyProperty] = key(ids[0]) // the first of two that were merged keeps its key
	delete(p.records, ids[0])
	delete(p.records, ids[1])
	out, err := updateAll(t, p, in)
	if err != nil {
		t.Fatal(err)
	}
	if o := out[0]; o.Object == nil || o.Object.ID != ids[3] {
		t.Errorf("merged under its own key: %+v", o)
	}
	checkKind(t, out[1].Err, NotFound)
	if p.count("PATCH") != 1 {
		t.Errorf("%d single changes, want that of the record's own", p.count("PATCH"))
	}
}

package hubspot

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestRead(t *testing.T) {
	p, ids := filled(150)
	p.numericID = true
	in := append(slices.Clone(ids), "1", ids[0], "")
	out, err := p.client(t).Read(t.Context(), "2-1", in, []string{"gift_name"})
	if err != nil {
		t.Fatal(err)
	}
	checkOutcomes(t, out, len(in), func(i int, o *Object) bool { return o.ID == in[i] })
	checkKind(t, out[150].Err, NotFound)
	checkKind(t, out[152].Err, Refused)
	if out[151].Object != out[0].Object || len(p.calls) != 2 {
		t.Errorf("%d calls; outcomes of the same record: %v, %v", len(p.calls), out[0], out[151])
	}
}

func TestReadByKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, _ := filled(120)
		p.archived["900"] = map[string]any{keyProperty: "A"}
		culprit := rapid.IntRange(0, 200).Draw(rt, "culprit")
		archived := rapid.Bool().Draw(rt, "archived")
		p.badRead = func(id string) bool { return id == "T-"+strconv.Itoa(culprit) }
		values := rapid.Permutation(make([]int, 130)).Draw(rt, "values")
		in := make([]string, len(values))
		for i := range in {
			in[i] = "T-" + strconv.Itoa(i)
		}
		in[129] = "A"
		in = rapid.Permutation(in).Draw(rt, "in")

		out, err := clientOf(t, p).ReadByKey(t.Context(), "2-1", keyProperty, in, nil, archived)
		if err != nil {
			rt.Fatal(err)
		}
		checkOutcomes(rt, out, len(in), func(i int, o *Object) bool { return o.Properties[keyProperty] == in[i] })
		for i, o := range out {
			n, _ := strconv.Atoi(in[i][min(2, len(in[i])):])
			want := NotFound
			switch {
			case in[i] == "T-"+strconv.Itoa(culprit):
				want = Refused
			case in[i] == "A" && archived, in[i] != "A" && !archived && n < 120:
				want = 0
			}
			if e, ok := AsError(o.Err); ok != (want != 0) || ok && e.Kind != want {
				rt.Fatalf("%s: %+v, want kind %v", in[i], o, want)
			}
		}
	})
}

// An answer that mentions nothing is asked for again; one without a list of
// results is never believed.
func TestReadEmptyAnswer(t *testing.T) {
	tests := []struct {
		name  string
		fault func(op string, n int) fault
		kind  Kind // of the call's error
		found bool
	}{
		{"once", func(_ string, n int) fault { return map[int]fault{1: empty}[n] }, 0, true},
		{"twice", func(string, int) fault { return empty }, 0, false},
		{"without a list", func(string, int) fault { return nothing }, Unexpected, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, ids := filled(1)
			p.fault = tt.fault
			out, err := p.client(t).Read(t.Context(), "2-1", ids, nil)
			if e, ok := AsError(err); ok != (tt.kind != 0) || ok && e.Kind != tt.kind {
				t.Fatalf("error %v, want kind %v", err, tt.kind)
			}
			if (out[0].Object != nil) != tt.found {
				t.Errorf("outcome %+v", out[0])
			}
			if tt.kind == 0 && !tt.found {
				checkKind(t, out[0].Err, NotFound)
			}
		})
	}
}

// Errors that name no input are traced to theirs, and do not make a record
// that is there be taken for missing.
func TestReadVagueErrors(t *testing.T) {
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body batchRequest[ref]
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		results, errs := []any{}, []any{}
		for _, in := range body.Inputs {
			switch in.ID {
			case "3":
				errs = append(errs, problem("VALIDATION_ERROR"))
			case "4":
				errs = slices.Insert(errs, 0, any(problem(objectNotFound)))
			default:
				results = append(results, map[string]any{"id": in.ID})
			}
		}
		reply(w, 207, map[string]any{"results": results, "errors": errs})
	}))
	for _, ids := range [][]string{{"1", "2", "3", "4", "5"}, {"4", "3"}, {"3"}, {"4"}} {
		out, err := c.Read(t.Context(), "2-1", ids, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkOutcomes(t, out, len(ids), func(i int, o *Object) bool { return o.ID == ids[i] })
		for i, o := range out {
			switch ids[i] {
			case "3":
				checkKind(t, o.Err, Refused)
			case "4":
				checkKind(t, o.Err, NotFound)
			default:
				if o.Object == nil {
					t.Errorf("record %s: %v", ids[i], o.Err)
				}
			}
		}
	}
}

func TestGetObject(t *testing.T) {
	p, ids := filled(2)
	p.merged[ids[0]] = ids[1]
	delete(p.records, ids[0])
	c := p.client(t)
	if o, err := c.Get(t.Context(), "2-1", ids[0], []string{"a", "b"}, false); err != nil || o.ID != ids[1] {
		t.Errorf("merged: %v, %v", o, err)
	}
	_, err := c.Get(t.Context(), "2-1", "1", nil, false)
	checkKind(t, err, NotFound)
	_, err = c.Get(t.Context(), "2-1", "../../0-1/5", nil, false)
	checkKind(t, err, NotFound)
}

func TestList(t *testing.T) {
	var urls []string
	next := "2"
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		urls = append(urls, r.URL.String())
		reply(w, 200, map[string]any{
			"results": []any{map[string]any{"id": 7, "properties": map[string]any{"a": "1", "b": nil, "n": 5, "yes": true}}},
			"paging":  map[string]any{"next": map[string]any{"after": next, "link": "https://elsewhere.example/?after=2"}},
		})
	}))
	page, err := c.List(t.Context(), "2-123", "", 100, false, []string{"a", "b"})
	if err != nil || page.After != "2" || len(page.Objects) != 1 || page.Objects[0].ID != "7" {
		t.Fatalf("page %+v, error %v", page, err)
	}
	if props := page.Objects[0].Properties; len(props) != 3 || props["a"] != "1" || props["n"] != "5" || props["yes"] != "true" {
		t.Errorf("properties %v", props)
	}
	if _, err = c.List(t.Context(), "2-123", "2", 100, false, nil); err == nil {
		t.Error("a page that leads to itself was taken")
	}
	next = ""
	if page, err = c.List(t.Context(), "2-123", "2", 1, false, nil); err != nil || page.After != "" {
		t.Errorf("last page %+v, error %v", page, err)
	}
	want := []string{
		"https://portal.example/crm/objects/2026-09/2-123?limit=100&properties=a%2Cb",
		"https://portal.example/crm/objects/2026-09/2-123?after=2&limit=100",
		"https://portal.example/crm/objects/2026-09/2-123?after=2&limit=1",
	}
	if !slices.Equal(urls, want) {
		t.Errorf("requests %q, want %q", urls, want)
	}
}

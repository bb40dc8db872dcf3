package hubspot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// A fakeContacts is a portal with contacts that can be read by e-mail.
type fakeContacts struct {
	contacts  []map[string]any // properties, with id
	secondary bool             // batch read finds additional addresses
	vague     bool             // errors name no input
	bad       func(address string) bool

	mu    sync.Mutex
	asked [][]string
}

func (p *fakeContacts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		IDProperty string   `json:"idProperty"`
		Properties []string `json:"properties"`
		Inputs     []ref    `json:"inputs"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || r.URL.Path != "/crm/objects/2026-09/contacts/batch/read" || body.IDProperty != "email" {
		http.NotFound(w, r)
		return
	}
	var asked []string
	for _, in := range body.Inputs {
		asked = append(asked, in.ID)
	}
	p.mu.Lock()
	p.asked = append(p.asked, asked)
	p.mu.Unlock()
	if slices.ContainsFunc(asked, p.bad) {
		reply(w, 400, problem("VALIDATION_ERROR"))
		return
	}
	results, missing := []any{}, slices.Clone(asked)
	for _, c := range p.contacts {
		names := []string{strings.ToLower(c["email"].(string))}
		if p.secondary {
			names = append(names, strings.Split(c["hs_additional_emails"].(string), ";")...)
		}
		if !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(asked, n) }) {
			continue
		}
		missing = slices.DeleteFunc(missing, func(a string) bool { return slices.Contains(names, a) })
		props := map[string]any{}
		for _, name := range body.Properties {
			props[name] = c[name]
		}
		results = append([]any{map[string]any{"id": c["id"], "properties": props}}, results...)
	}
	out := map[string]any{"results": results}
	if len(missing) > 0 {
		e := problem(objectNotFound)
		if !p.vague {
			e["context"] = map[string]any{"ids": missing}
		}
		out["errors"] = []any{e}
	}
	reply(w, 207, out)
}

// The contacts of an address are those that have it, however the addresses
// were cut into batches, and whether or not HubSpot looks at additional ones.
func TestContactsByEmail(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 130).Draw(rt, "n")
		p := &fakeContacts{
			secondary: rapid.Bool().Draw(rt, "secondary"),
			vague:     rapid.Bool().Draw(rt, "vague"),
		}
		culprits := rapid.SliceOfNDistinct(rapid.IntRange(0, 260), 0, maxCulprits, rapid.ID[int]).Draw(rt, "culprits")
		p.bad = func(address string) bool {
			return slices.ContainsFunc(culprits, func(i int) bool { return address == fmt.Sprintf("p%d@example.com", i) })
		}
		for i := range n {
			p.contacts = append(p.contacts, map[string]any{
				"id": 500 - i, "email": fmt.Sprintf("P%d@example.com", i), "firstname": "x",
				"hs_additional_emails": fmt.Sprintf("s%d@example.com; T%d@Example.com", i, i),
			})
		}
		var in []string
		for i := range n + 1 {
			in = append(in, fmt.Sprintf("p%d@example.com", i), fmt.Sprintf("s%d@example.com", i))
		}
		in = append(rapid.Permutation(in).Draw(rt, "in"), in[0], "")

		out, err := clientOf(t, p).ContactsByEmail(t.Context(), in, []string{"firstname"})
		if err != nil {
			rt.Fatal(err)
		}
		for i, o := range out {
			var who int
			kind := byte('-')
			if in[i] != "" {
				kind = in[i][0]
				fmt.Sscanf(in[i][1:], "%d@", &who)
			}
			// Found by an additional address only if HubSpot looks there or the contact
			// was read for its primary address as well.
			primary := fmt.Sprintf("p%d@example.com", who)
			found := who < n && (kind == 'p' || p.secondary || !p.bad(primary))
			switch {
			case o.Found != nil && o.Err != nil:
				rt.Fatalf("%s: both %+v and %v", in[i], o.Found, o.Err)
			case kind == '-':
				checkKind(t, o.Err, Refused)
			case kind == 'p' && p.bad(primary) && !p.secondary:
				if e, ok := AsError(o.Err); !ok || e.Kind != Refused || o.Found != nil {
					rt.Fatalf("%s: %+v", in[i], o)
				}
			case kind == 'p' && p.bad(primary) && o.Err == nil && o.Found == nil:
				rt.Fatalf("%s: no outcome", in[i])
			case !p.bad(primary) && (o.Err != nil || found != (len(o.Found) == 1)):
				rt.Fatalf("%s: %+v, want found %v", in[i], o, found)
			case len(o.Found) == 1 && o.Found[0].ID != fmt.Sprint(500-who):
				rt.Fatalf("%s: another's contact %+v", in[i], o.Found[0])
			}
		}
		for _, asked := range p.asked {
			slices.Sort(asked)
			if len(asked) > BatchSize || len(slices.Compact(slices.Clone(asked))) != len(asked) || asked[0] == "" {
				rt.Fatalf("asked for %q", asked)
			}
		}
	})
}

// Several contacts of one address come lowest id first.
func TestContactsByEmailAmbiguous(t *testing.T) {
	p := &fakeContacts{secondary: true, bad: func(string) bool { return false }}
	for _, id := range []string{"1000", "99", "200"} {
		p.contacts = append(p.contacts, map[string]any{"id": id, "email": id + "@example.com", "hs_additional_emails": "a@example.com;a@example.com"})
	}
	out, err := clientOf(t, p).ContactsByEmail(t.Context(), []string{"a@example.com"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range out[0].Found {
		ids = append(ids, o.ID)
	}
	if want := []string{"99", "200", "1000"}; !slices.Equal(ids, want) {
		t.Errorf("contacts %q, want %q", ids, want)
	}
}

func TestContactsByEmailEndsEarly(t *testing.T) {
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reply(w, 403, problem("MISSING_SCOPES"))
	}))
	out, err := c.ContactsByEmail(t.Context(), []string{"a@example.com"}, nil)
	checkKind(t, err, Forbidden)
	if out[0].Err != err || out[0].Found != nil {
		t.Errorf("outcome %+v", out[0])
	}
}

// TestContactsRefusedWithoutAName: where an answer has an error that names no address,
// the address that it is about is found by asking for fewer: it is refused, and none of
// the others is, nor taken for one that no contact has.
func TestContactsRefusedWithoutAName(t *testing.T) {
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Inputs []ref }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		out := map[string]any{"results": []any{}}
		if slices.ContainsFunc(body.Inputs, func(in ref) bool { return in.ID == "bad@acme.example" }) {
			out["errors"] = []any{problem("VALIDATION_ERROR")}
		}
		reply(w, 207, out)
	}))
	got, err := c.ContactsByEmail(t.Context(), []string{"ann@acme.example", "bad@acme.example", "bob@acme.example"}, nil)
	if err != nil || len(got) != 3 {
		t.Fatalf("%d outcomes, %v", len(got), err)
	}
	checkKind(t, got[1].Err, Refused)
	if got[0].Err != nil || got[2].Err != nil {
		t.Errorf("the others: %v and %v", got[0].Err, got[2].Err)
	}
}

// TestContactsInAnotherSpelling: an answer may spell an address in another way
// than the request did.
func TestContactsInAnotherSpelling(t *testing.T) {
	asked := []string{"ann@müller.example", "ju\u0308rgen@example.com", "bob@r3---sn.example"}
	for i, spelt := range []string{"Ann@xn--mller-kva.example", "JÜRGEN@example.com", "bob@R3---SN.example"} {
		x := contactIndex{byID: map[string]*Object{"7": {ID: "7", Properties: map[string]string{emailProperty: spelt}}}}
		for k, o := range join(asked, x.by(addressesOf), make([]Outcome, len(asked))) {
			if (len(o.Found) == 1) != (k == i) {
				t.Errorf("%q in the answer: %d contacts found for %q", spelt, len(o.Found), asked[k])
			}
		}
	}
}

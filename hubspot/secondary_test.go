package hubspot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// A fakeSearch is a portal whose contacts can be searched.
type fakeSearch struct {
	contacts []map[string]any // properties, with id
	page     int              // results a page, at most; 0 for the limit asked for
	cut      bool             // the first page is the last
	bad      func(address string) bool

	mu       sync.Mutex
	asked    [][]string
	searches int
	problems []string // requests that HubSpot would refuse
}

func (p *fakeSearch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	data, _ := io.ReadAll(r.Body)
	var body struct {
		FilterGroups []struct {
			Filters []struct{ PropertyName, Operator, Value string }
		}
		Properties []string
		Limit      int
		After      string
	}
	if json.Unmarshal(data, &body) != nil || r.URL.Path != "/crm/objects/2026-09/contacts/search" {
		http.NotFound(w, r)
		return
	}
	p.searches++
	if len(body.FilterGroups) > 5 || len(data) > 3000 || body.Limit > 200 {
		p.problems = append(p.problems, string(data))
	}
	var asked []string
	for _, g := range body.FilterGroups {
		if len(g.Filters) != 1 || g.Filters[0].PropertyName != "hs_additional_emails" || g.Filters[0].Operator != "CONTAINS_TOKEN" {
			p.problems = append(p.problems, string(data))
			continue
		}
		asked = append(asked, g.Filters[0].Value)
	}
	start, _ := strconv.Atoi(body.After)
	if start == 0 {
		p.asked = append(p.asked, asked)
	}
	if p.bad != nil && slices.ContainsFunc(asked, p.bad) {
		reply(w, 400, problem("VALIDATION_ERROR"))
		return
	}
	var hits []any
	for _, c := range p.contacts {
		// Words anywhere in the value: this also finds other contacts.
		if !slices.ContainsFunc(asked, func(a string) bool { return strings.Contains(strings.ToLower(c["hs_additional_emails"].(string)), a) }) {
			continue
		}
		props := map[string]any{}
		for _, name := range body.Properties {
			props[name] = c[name]
		}
		hits = append(hits, map[string]any{"id": c["id"], "properties": props})
	}
	size := body.Limit
	if p.page > 0 {
		size = p.page
	}
	end := min(start+size, len(hits))
	out := map[string]any{"total": len(hits), "results": append([]any{}, hits[min(start, end):end]...)}
	if end < len(hits) && !p.cut {
		out["paging"] = map[string]any{"next": map[string]any{"after": strconv.Itoa(end)}}
	}
	reply(w, 200, out)
}

// The contacts of an address are those that have the very address among their
// additional ones, however many a search finds, and five addresses cost one
// search.
func TestContactsByAdditionalEmail(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(rt, "n")
		culprits := rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 0, 2, rapid.ID[int]).Draw(rt, "culprits")
		address := func(i int) string { return fmt.Sprintf("s%d@example.com", i) }
		p := &fakeSearch{
			page: rapid.IntRange(0, 3).Draw(rt, "page"),
			bad: func(a string) bool {
				return slices.ContainsFunc(culprits, func(i int) bool { return a == address(i) })
			},
		}
		for i := range n {
			p.contacts = append(p.contacts, map[string]any{
				"id": 500 - i, "email": fmt.Sprintf("p%d@example.com", i), "firstname": "x",
				"hs_additional_emails": fmt.Sprintf("q%d@example.com; S%d@Example.com", i, i),
			})
		}
		// Every address is part of another contact's.
		p.contacts = append(p.contacts, map[string]any{"id": 1, "email": "s0@example.com", "hs_additional_emails": "as0@example.com;bs1@example.com"})
		var in []string
		for i := range n + 2 {
			in = append(in, address(i))
		}
		in = append(rapid.Permutation(in).Draw(rt, "in"), in[0], "")

		c := clientOf(t, p)
		c.search = nil // not paced
		out, err := c.ContactsByAdditionalEmail(t.Context(), in, []string{"firstname"})
		if err != nil {
			rt.Fatal(err)
		}
		for i, o := range out {
			who := -1
			fmt.Sscanf(in[i], "s%d@", &who)
			switch {
			case who < 0:
				checkKind(t, o.Err, Refused)
			case o.Found != nil && o.Err != nil:
				rt.Fatalf("%s: both %+v and %v", in[i], o.Found, o.Err)
			case p.bad(in[i]):
				if e, ok := AsError(o.Err); !ok || e.Kind != Refused || o.Found != nil {
					rt.Fatalf("%s: %+v", in[i], o)
				}
			case o.Err != nil || (who < n) != (len(o.Found) == 1):
				rt.Fatalf("%s: %+v, want found %v", in[i], o, who < n)
			case who < n && (o.Found[0].ID != fmt.Sprint(500-who) || o.Found[0].Properties["firstname"] != "x"):
				rt.Fatalf("%s: another's contact %+v", in[i], o.Found[0])
			}
		}
		if len(p.problems) > 0 {
			rt.Fatalf("searches that HubSpot refuses: %q", p.problems)
		}
		if want := (n + 2 + 4) / 5; len(culprits) == 0 && len(p.asked) != want {
			rt.Fatalf("%d searches for %d addresses, want %d", len(p.asked), n+2, want)
		}
		if calls := c.Calls(); calls[Search] != p.searches || calls[Objects] != 0 {
			rt.Fatalf("calls %v for %d searches", calls, p.searches)
		}
	})
}

// Addresses too long for one search are searched separately; one too long for any
// search is refused without a call.
func TestContactsByAdditionalEmailLength(t *testing.T) {
	synctest.Test(t, searchesLongAddresses)
}

func searchesLongAddresses(t *testing.T) {
	var in []string
	for i := range 7 {
		in = append(in, strings.Repeat("<", 100+i)+"@example.com") // six bytes each in JSON
	}
	in = append(in, strings.Repeat("x", searchBytes))
	p := &fakeSearch{contacts: []map[string]any{{"id": 5, "email": "a@example.com", "hs_additional_emails": in[3]}}}
	out, err := clientOf(t, p).ContactsByAdditionalEmail(t.Context(), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.problems) > 0 {
		t.Errorf("searches that HubSpot refuses: %d", len(p.problems))
	}
	for i, o := range out {
		switch {
		case i == 7:
			checkKind(t, o.Err, Refused)
		case o.Err != nil || (i == 3) != (len(o.Found) == 1):
			t.Errorf("address %d: %+v", i, o)
		}
	}
	var once []string
	for _, asked := range p.asked {
		once = append(once, asked...)
	}
	slices.Sort(once)
	if len(slices.Compact(slices.Clone(once))) != 7 || len(once) != 7 {
		t.Errorf("%d addresses asked for, want each of 7 once", len(once))
	}
}

// A search that ends before it has shown all that it says it finds decides nothing: the
// contact of an address may be among the others.
func TestContactsByAdditionalEmailShowsAPart(t *testing.T) {
	p := &fakeSearch{page: 1, cut: true, contacts: []map[string]any{
		{"id": 5, "email": "a@example.com", "hs_additional_emails": "xb@example.com"},
		{"id": 6, "email": "c@example.com", "hs_additional_emails": "b@example.com"},
	}}
	synctest.Test(t, func(t *testing.T) {
		out, err := clientOf(t, p).ContactsByAdditionalEmail(t.Context(), []string{"b@example.com"}, nil)
		if err == nil {
			t.Errorf("%+v", out)
		}
	})
}

func TestContactsByAdditionalEmailEndsEarly(t *testing.T) {
	searches := 0
	c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		searches++
		reply(w, 403, problem("MISSING_SCOPES"))
	}))
	out, err := c.ContactsByAdditionalEmail(t.Context(), []string{"a@example.com"}, nil)
	checkKind(t, err, Forbidden)
	if !errors.Is(out[0].Err, err) || out[0].Found != nil || searches != 1 {
		t.Errorf("outcome %+v after %d searches", out[0], searches)
	}
}

// An answer without results, and one whose cursor does not move, are errors.
func TestContactsByAdditionalEmailUnexpected(t *testing.T) {
	for _, body := range []map[string]any{
		{"total": 0},
		{"results": []any{}, "paging": map[string]any{"next": map[string]any{"after": "200"}}},
	} {
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) }))
		out, err := c.ContactsByAdditionalEmail(t.Context(), []string{"a@example.com"}, nil)
		checkKind(t, err, Unexpected)
		if out[0].Err == nil {
			t.Errorf("outcome %+v", out[0])
		}
	}
}

package hubspot

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// create creates n gifts in the portal and checks what holds of every call:
// one outcome an input, and about the right one.
func create(t testing.TB, p *fakePortal, in []NewObject) ([]Outcome, error) {
	t.Helper()
	out, err := p.client(t).Create(t.Context(), "2-1", keyProperty, in)
	checkOutcomes(t, out, len(in), func(i int, o *Object) bool {
		return o.Properties[keyProperty] == in[i].Properties[keyProperty]
	})
	return out, err
}

// checkOutcomes fails unless each of n inputs has exactly one outcome.
func checkOutcomes(t rapid.TB, out []Outcome, n int, same func(i int, o *Object) bool) {
	t.Helper()
	if len(out) != n {
		t.Fatalf("%d outcomes of %d inputs", len(out), n)
	}
	for i, o := range out {
		if (o.Object == nil) == (o.Err == nil) {
			t.Fatalf("input %d: object %v, error %v", i, o.Object, o.Err)
		}
		if o.Object != nil && (o.Object.ID == "" || !same(i, o.Object)) {
			t.Fatalf("input %d has the outcome of another: %v", i, o.Object)
		}
		if o.Object != nil && o.Call == nil {
			t.Fatalf("input %d: no call", i)
		}
	}
}

// checkKind fails unless the error is of the kind.
func checkKind(t testing.TB, err error, want Kind) *Error {
	t.Helper()
	e, ok := AsError(err)
	if !ok || e.Kind != want {
		t.Fatalf("error %v, want kind %v", err, want)
	}
	return e
}

func link(to string) []NewLink {
	return []NewLink{{ToID: to, Type: AssociationType{Category: "USER_DEFINED", ID: 37}}}
}

func TestCreate(t *testing.T) {
	for _, noTrace := range []bool{false, true} {
		p := newFakePortal()
		p.noTrace, p.numericID = noTrace, true
		out, err := create(t, p, gifts(250))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if o.Err != nil || o.Existed || o.Unlinked || o.Call.Status != 200 || o.Call.CorrelationID != "c-1" {
				t.Fatalf("input %d: %+v", i, o)
			}
			if _, ok := o.Object.Properties["hs_pipeline"]; ok || o.Object.CreatedAt.IsZero() || o.Object.UpdatedAt.IsZero() {
				t.Fatalf("input %d: %+v", i, o.Object)
			}
		}
		if len(p.calls) != 3 || len(p.records) != 250 {
			t.Errorf("%d calls made %d records, want 3 and 250", len(p.calls), len(p.records))
		}
	}
}

// A record that is refused by item does not affect the others. All refused
// records of the call are looked up together.
func TestCreateRefusedItems(t *testing.T) {
	p := newFakePortal()
	p.bad = hasKey("T-7", "T-150")
	known := p.add(map[string]any{keyProperty: "T-8", "gift_name": "Tea"})
	p.archived["900"] = map[string]any{keyProperty: "T-120"}
	out, err := create(t, p, gifts(200))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		switch i {
		case 7, 150:
			checkKind(t, o.Err, Refused)
		case 8:
			if o.Object == nil || !o.Existed || o.Object.ID != known || o.Object.Properties["gift_name"] != "Tea" {
				t.Errorf("existing record: %+v", o)
			}
		case 120:
			if e := checkKind(t, o.Err, Archived); !slices.Equal(e.IDs, []string{"900"}) {
				t.Errorf("archived record: ids %v", e.IDs)
			}
		default:
			if o.Err != nil || o.Existed {
				t.Errorf("input %d: %+v", i, o)
			}
		}
	}
	if c, r, a := p.count("POST batch/create"), p.count("POST batch/read"), p.count("POST batch/read?archived"); c != 2 || r != 1 || a != 1 {
		t.Errorf("%d creates, %d reads, %d reads of archived; want 2, 1, 1", c, r, a)
	}
}

// If HubSpot refuses whole batches, a culprit costs at most 2·log2(100)+1
// further calls, look-ups and the attempt without links included.
func TestCreateRefusedWhole(t *testing.T) {
	for _, culprit := range []int{0, 42, 99} {
		p := newFakePortal()
		p.whole, p.bad = true, hasKey("T-"+strconv.Itoa(culprit))
		in := gifts(100)
		for i := range in {
			in[i].Links = link("101")
		}
		out, err := create(t, p, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if i == culprit {
				checkKind(t, o.Err, Refused)
			} else if o.Err != nil || o.Existed || o.Unlinked {
				t.Errorf("input %d: %+v", i, o)
			}
		}
		if extra := len(p.calls) - 1; extra > 14 {
			t.Errorf("culprit %d: %d extra calls, want at most 14", culprit, extra)
		}
	}
}

// After a crash a whole batch may be refused because of records that exist already.
func TestCreateReplay(t *testing.T) {
	p := newFakePortal()
	p.whole = true
	for i := range 60 {
		p.add(map[string]any{keyProperty: "T-" + strconv.Itoa(i)})
	}
	p.archived["900"] = map[string]any{keyProperty: "T-99"}
	out, err := create(t, p, gifts(100))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		if i == 99 {
			checkKind(t, o.Err, Archived)
		} else if o.Err != nil || o.Existed != (i < 60) {
			t.Errorf("input %d: %+v", i, o)
		}
	}
	if len(p.calls) != 4 {
		t.Errorf("%d calls, want create, two reads, create", len(p.calls))
	}
}

func TestCreateUnlinked(t *testing.T) {
	for _, whole := range []bool{false, true} {
		p := newFakePortal()
		p.whole = whole
		p.badLink = func(to string) bool { return to == "gone" }
		p.bad = hasKey("T-3")
		in := gifts(10)
		for i := range in {
			in[i].Links = link("101")
		}
		in[2].Links, in[3].Links, in[4].Links = link("gone"), link("gone"), nil
		out, err := create(t, p, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if i == 3 {
				checkKind(t, o.Err, Refused)
			} else if o.Err != nil || o.Unlinked != (i == 2) {
				t.Errorf("whole %v, input %d: %+v", whole, i, o)
			}
		}
	}
}

func TestCreateSystematic(t *testing.T) {
	p := newFakePortal()
	p.whole, p.bad = true, func(map[string]any) bool { return true }
	out, err := create(t, p, gifts(100))
	if s, ok := errors.AsType[*Systematic](err); !ok || s.Refused != maxCulprits+1 {
		t.Fatalf("error %v, want a Systematic one", err)
	}
	for _, o := range out {
		checkKind(t, o.Err, Refused)
	}
}

func TestCreateLost(t *testing.T) {
	tests := []struct {
		name    string
		fault   func(op string, n int) fault
		existed bool
		err     Kind
	}{
		{name: "before the effect", fault: firstCreates(1, lostBefore)},
		{name: "after the effect", fault: firstCreates(1, lostAfter), existed: true},
		{name: "twice", fault: firstCreates(2, lostBefore)},
		{name: "three times", fault: firstCreates(3, lostBefore), err: Transient},
		{name: "the third after the effect", fault: func(op string, n int) fault {
			if n == 3 {
				return firstCreates(3, lostAfter)(op, n)
			}
			return firstCreates(3, lostBefore)(op, n)
		}, existed: true},
		{name: "an answer without lists", fault: firstCreates(1, nothing)},
		{name: "empty answers", fault: firstCreates(3, empty), err: Unexpected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newFakePortal()
			p.fault = tt.fault
			out, err := create(t, p, gifts(50))
			if tt.err != 0 {
				checkKind(t, err, tt.err)
			} else if err != nil {
				t.Fatal(err)
			}
			for i, o := range out {
				if tt.err != 0 {
					checkKind(t, o.Err, tt.err)
				} else if o.Err != nil || o.Existed != tt.existed {
					t.Fatalf("input %d: %+v", i, o)
				}
			}
			if want := len(out); tt.err == 0 && len(p.records) != want {
				t.Errorf("%d records, want %d", len(p.records), want)
			}
		})
	}
}

// To repeat a lost create costs retry budget and waits.
func TestLostCreatePays(t *testing.T) {
	for tokens, want := range map[int]int{retryTokens: 3, retryCost: 2, 0: 1} {
		synctest.Test(t, func(t *testing.T) {
			var sent []time.Time
			p := newFakePortal()
			p.fault = func(op string, n int) fault {
				if op != "POST batch/create" {
					return fine
				}
				sent = append(sent, time.Now())
				return lostBefore
			}
			c := p.client(t)
			c.retries.tokens = tokens
			_, err := c.Create(t.Context(), "2-1", keyProperty, gifts(50))
			checkKind(t, err, Transient)
			if len(sent) != want { // what a look-up refunds is too little for one more
				t.Errorf("with %d tokens %d creates were sent, want %d", tokens, len(sent), want)
			}
			if want == len(sent) && want == 3 && (!sent[1].After(sent[0]) || !sent[2].After(sent[1])) {
				t.Errorf("creates were sent at %v, without a wait", sent)
			}
		})
	}
}

// firstCreates returns a fault of the first n batch creates.
func firstCreates(n int, f fault) func(string, int) fault {
	return func(op string, k int) fault {
		if op == "POST batch/create" && k <= n {
			return f
		}
		return fine
	}
}

// An input that the answer does not mention is looked up. If it does not exist, it
// is sent again, and finally refused by itself.
func TestCreatePassedOver(t *testing.T) {
	p := newFakePortal()
	p.silent, p.ignored = hasKey("T-1"), hasKey("T-2")
	out, err := create(t, p, gifts(5))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		switch {
		case i == 2:
			checkKind(t, o.Err, Unexpected)
		case o.Err != nil || o.Existed != (i == 1):
			t.Errorf("input %d: %+v", i, o)
		}
	}
}

// An item error that names no input is traced to its own.
func TestCreateVagueError(t *testing.T) {
	p := newFakePortal()
	p.vague, p.bad = true, hasKey("T-33")
	out, err := create(t, p, gifts(100))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		if (o.Err != nil) != (i == 33) {
			t.Errorf("input %d: %+v", i, o)
		}
	}
	checkKind(t, out[33].Err, Refused)
}

// Inputs with the same key are one record, the last one's; one without a key
// is never sent.
func TestCreateSameKey(t *testing.T) {
	p := newFakePortal()
	in := gifts(3)
	in[2] = NewObject{Properties: map[string]string{keyProperty: "T-0", "gift_name": "Tea"}}
	in = append(in, NewObject{Properties: map[string]string{"gift_name": "Without key"}})
	out, err := create(t, p, in)
	if err != nil {
		t.Fatal(err)
	}
	if out[0].Object != out[2].Object || out[0].Object.Properties["gift_name"] != "Tea" || len(p.records) != 2 {
		t.Errorf("outcomes %+v and %+v, %d records", out[0], out[2], len(p.records))
	}
	if e := checkKind(t, out[3].Err, Refused); out[3].Call != nil || e.Message == "" {
		t.Errorf("an input without a key: %+v", out[3])
	}
}

// If the token is revoked on the way, finished inputs keep their outcome and the
// rest have the error; a refusal that could not be looked up is not an outcome.
func TestCreateEndsEarly(t *testing.T) {
	p := newFakePortal()
	p.bad = hasKey("T-3")
	p.fault = func(op string, n int) fault {
		if op == "POST batch/read" {
			return denied
		}
		return fine
	}
	out, err := create(t, p, gifts(10))
	checkKind(t, err, Unauthorised)
	for i, o := range out {
		if (o.Err != nil) != (i == 3) {
			t.Errorf("input %d: %+v", i, o)
		}
	}
	if out[3].Err != err {
		t.Errorf("the undecided input holds %v, want %v", out[3].Err, err)
	}
}

package hubspot

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
)

// createWith creates gifts, looking for culprits.
func createWith(t *testing.T, p *fakePortal, cs *Culprits, n int) ([]Outcome, error) {
	t.Helper()
	return p.client(t).Create(WithCulprits(t.Context(), cs), "2-1", keyProperty, gifts(n))
}

// TestCulpritsOfCreate: the records at which HubSpot fails are found, and all
// others are written once.
func TestCulpritsOfCreate(t *testing.T) {
	for _, tt := range []struct {
		name     string
		gifts    int
		culprits []string
	}{
		{"one of two batches", 200, []string{"T-42"}},
		{"the first", 200, []string{"T-0"}},
		{"the last, alone in its batch", 101, []string{"T-100"}},
		{"five", 300, []string{"T-3", "T-4", "T-99", "T-100", "T-210"}},
		{"one of one batch", 50, []string{"T-49"}},
		{"one of two", 2, []string{"T-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newFakePortal()
				p.crash = hasKey(tt.culprits...)
				out, err := createWith(t, p, NewCulprits(5), tt.gifts)
				if err != nil {
					t.Fatal(err)
				}
				for i, o := range out {
					key := gifts(tt.gifts)[i].Properties[keyProperty]
					bad := p.crash(map[string]any{keyProperty: key})
					if IsUnprocessable(o.Err) != bad || (o.Object == nil) != bad {
						t.Errorf("%s: %+v", key, o)
					}
				}
				if len(p.records) != tt.gifts-len(tt.culprits) {
					t.Errorf("%d records", len(p.records))
				}
			})
		})
	}
}

// TestCulpritsLost: a record that was written before HubSpot failed is looked up,
// and is no culprit.
func TestCulpritsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePortal()
		p.fault = func(op string, n int) fault {
			if op == "POST batch/create" && n > 1 {
				return lostAfter
			}
			return fine
		}
		c := clientOver(t, handlerTransport{p}, func(cfg *Config) { cfg.BaseURL = "https://portal.example" })
		out, err := c.Create(WithCulprits(t.Context(), NewCulprits(5)), "2-1", keyProperty, gifts(200))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if o.Object == nil {
				t.Errorf("input %d: %+v", i, o)
			}
		}
		if len(p.records) != 200 {
			t.Errorf("%d records", len(p.records))
		}
	})
}

// TestCulpritsTooMany: more culprits than a run may have are an outage, and so is
// a batch of which nothing goes through.
func TestCulpritsTooMany(t *testing.T) {
	for _, tt := range []struct {
		name  string
		crash func(map[string]any) bool
		most  int
		gifts int
	}{
		{"six", hasKey("T-1", "T-2", "T-3", "T-4", "T-5", "T-101"), 5, 200},
		{"everything", func(properties map[string]any) bool { return properties[keyProperty] != nil }, 5, 200},
		{"none may be", hasKey("T-1"), 0, 200},
		{"two of two", hasKey("T-0", "T-1"), 5, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newFakePortal()
				p.crash = tt.crash
				out, err := createWith(t, p, NewCulprits(tt.most), tt.gifts)
				checkKind(t, err, Transient)
				checkOutcomes(t, out, tt.gifts, func(int, *Object) bool { return true })
				if tt.name == "everything" && len(p.calls) > 200 {
					t.Errorf("%d calls to a portal that is out of order", len(p.calls))
				}
			})
		})
	}
}

// TestCulpritsOfARun are counted in all calls together.
func TestCulpritsOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ids := filled(20)
		p.crash = func(properties map[string]any) bool { return properties["of"] == ids[7] || hasKey("T-103")(properties) }
		cs := NewCulprits(1)
		c := p.client(t)
		out, err := c.Update(WithCulprits(t.Context(), cs), "2-1", patches(ids))
		if err != nil || !IsUnprocessable(out[7].Err) {
			t.Fatalf("error %v, outcome %+v", err, out[7])
		}
		for i, id := range ids {
			if done := p.records[id]["of"] == id; done == (i == 7) {
				t.Errorf("record %d is %v", i, p.records[id])
			}
		}
		_, err = c.Create(WithCulprits(t.Context(), cs), "2-1", keyProperty, gifts(110)[100:])
		checkKind(t, err, Transient)
	})
}

// TestCulpritsOfReads: what HubSpot fails to read is not taken for what does not exist,
// by id, by key and singly.
func TestCulpritsOfReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, ids := filled(230)
		p.crashRead = func(name string) bool { return name == ids[7] || name == ids[229] || name == "T-42" }
		ctx := WithCulprits(t.Context(), NewCulprits(3))
		c := p.client(t)
		out, err := c.Read(ctx, "2-1", append(slices.Clone(ids), "1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out[:230] {
			if bad := i == 7 || i == 229; IsUnprocessable(o.Err) != bad || (o.Object == nil) != bad {
				t.Errorf("by id, %d: %+v", i, o)
			}
		}
		checkKind(t, out[230].Err, NotFound)
		var keys []string
		for _, g := range gifts(50) {
			keys = append(keys, g.Properties[keyProperty])
		}
		out, err = c.ReadByKey(ctx, "2-1", keyProperty, keys, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if bad := i == 42; IsUnprocessable(o.Err) != bad || (o.Object == nil) != bad {
				t.Errorf("by key, %d: %+v", i, o)
			}
		}
		_, err = c.Get(ctx, "2-1", ids[7], nil, false)
		checkKind(t, err, Unprocessable)
		_, err = c.Get(WithCulprits(t.Context(), NewCulprits(3)), "2-1", ids[7], nil, false)
		checkKind(t, err, Transient) // nothing shows that HubSpot reads others
	})
}

// TestCulpritsOfAnswers: a record of which HubSpot's answer is too large by itself, or
// cannot be used, is a culprit, too; where all are so, none is.
func TestCulpritsOfAnswers(t *testing.T) {
	for name, set := range map[string]func(p *fakePortal, at func(string) bool){
		"too large":    func(p *fakePortal, at func(string) bool) { p.largeRead = at },
		"another form": func(p *fakePortal, at func(string) bool) { p.oddRead = at },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, ids := filled(20)
				set(p, func(name string) bool { return name == ids[7] || name == ids[19] })
				ctx := WithCulprits(t.Context(), NewCulprits(3))
				out, err := p.client(t).Read(ctx, "2-1", ids, nil)
				if err != nil {
					t.Fatal(err)
				}
				for i, o := range out {
					if bad := i == 7 || i == 19; IsUnprocessable(o.Err) != bad || (o.Object == nil) != bad {
						t.Errorf("record %d: %+v", i, o)
					}
				}
				_, err = p.client(t).Get(ctx, "2-1", ids[7], nil, false)
				checkKind(t, err, Unprocessable)
				set(p, func(string) bool { return true })
				_, err = p.client(t).Read(WithCulprits(t.Context(), NewCulprits(3)), "2-1", ids, nil)
				checkKind(t, err, Unexpected)
			})
		})
	}
}

// TestCulpritsOfLookUps: of a record that cannot be looked up it is not known
// whether it exists, so it is not created; it counts as one culprit, however many
// calls fail at it.
func TestCulpritsOfLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePortal()
		p.crash = hasKey("T-42")
		p.crashRead = func(name string) bool { return name == "T-42" }
		cs := NewCulprits(1)
		out, err := createWith(t, p, cs, 100)
		if err != nil || cs.Found() != 1 {
			t.Fatalf("error %v, %d culprits", err, cs.Found())
		}
		for i, o := range out {
			if bad := i == 42; IsUnprocessable(o.Err) != bad || (o.Object == nil) != bad {
				t.Errorf("input %d: %+v", i, o)
			}
		}
		// The answer was lost, and the record made.
		p.crash = nil
		p.crashRead = func(name string) bool { return name == "T-103" }
		p.fault = func(op string, n int) fault {
			if op == "POST batch/create" {
				return lostAfter
			}
			return fine
		}
		before := len(p.records)
		out, err = clientOver(t, handlerTransport{p}, func(cfg *Config) { cfg.BaseURL = "https://portal.example" }).
			Create(WithCulprits(t.Context(), NewCulprits(1)), "2-1", keyProperty, gifts(110)[100:])
		if err != nil || !IsUnprocessable(out[3].Err) || len(p.records) != before+10 {
			t.Errorf("error %v, outcome %+v, %d records more", err, out[3], len(p.records)-before)
		}
	})
}

// TestCulpritsOfAnOutage: a portal at which everything fails is not called for long.
func TestCulpritsOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePortal()
		p.crash = func(map[string]any) bool { return true }
		p.crashRead = func(string) bool { return true }
		out, err := createWith(t, p, NewCulprits(5), 200)
		checkKind(t, err, Transient)
		checkOutcomes(t, out, 200, func(int, *Object) bool { return true })
		if len(p.calls) > 100 {
			t.Errorf("%d calls", len(p.calls))
		}
	})
}

// TestNoCulpritsUnasked: without [WithCulprits] the batch's error stands.
func TestNoCulpritsUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePortal()
		p.crash = hasKey("T-42")
		_, err := create(t, p, gifts(200))
		checkKind(t, err, Transient)
	})
}

// TestFailure: which failures an input may have caused.
func TestFailure(t *testing.T) {
	for want, errs := range map[bool][]*Error{
		true: {
			{Kind: Transient, Status: 500},
			{Kind: Transient, Status: 502, Lost: true},
			{Kind: Transient, Status: 403, Err: errBlocked},
			{Kind: Transient, Status: 200, Err: errGarbled},
			{Kind: Transient, Err: syscall.ECONNRESET},
		},
		false: {
			{Kind: Transient, Status: statusLocked},
			{Kind: Transient, Err: refusedDial},
			{Kind: Limited, Status: 429},
			{Kind: Daily, Status: 429},
			{Kind: Forbidden, Status: 403},
			{Kind: Unauthorised, Status: 401},
			{Kind: Refused, Status: 400},
		},
	} {
		for _, e := range errs {
			if (failure(e) != nil) != want {
				t.Errorf("%v: want %v", e, want)
			}
		}
	}
	own := Error{Kind: Unprocessable, Status: http.StatusBadGateway, Method: "POST", Path: "/x", Message: "ann@example.com"}
	if s := own.Error(); !strings.HasPrefix(s, "hubspot: POST /x: 502: HubSpot, or a proxy") {
		t.Errorf("said as %q", s)
	}
}

// hasKey returns a predicate for properties with one of the keys.
func hasKey(keys ...string) func(map[string]any) bool {
	return func(p map[string]any) bool {
		k, _ := p[keyProperty].(string)
		return slices.Contains(keys, k)
	}
}

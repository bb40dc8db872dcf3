package thnksapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestFaults: which failures are retried, how often, for how long, and with
// which outcome.
func TestFaults(t *testing.T) {
	const forever = 0
	status := func(code int, count int, header ...string) thnksapitest.Fault {
		f := thnksapitest.Fault{Status: code, Count: count, Header: http.Header{}}
		for i := 0; i < len(header); i += 2 {
			f.Header.Set(header[i], header[i+1])
		}
		return f
	}
	tests := []struct {
		name        string
		fault       thnksapitest.Fault
		kind        thnksapi.Kind // 0 for success
		calls       int
		least, most time.Duration
	}{
		{"none", status(500, 1, "X", "y"), 0, 2, 0, 500 * time.Millisecond},
		{"503 four times", status(503, 4), 0, 5, 0, 7500 * time.Millisecond},
		{"502 for ever", status(502, forever), thnksapi.Transient, 5, 0, 7500 * time.Millisecond},
		{"408", status(408, 1), 0, 2, 0, 500 * time.Millisecond},
		{"503 with a time", status(503, 1, "Retry-After", "7"), 0, 2, 7 * time.Second, 7 * time.Second},
		{"429 without a time", status(429, 2), 0, 3, 0, 1500 * time.Millisecond},
		{"429 seconds", status(429, 2, "Retry-After", "100"), 0, 3, 200 * time.Second, 200 * time.Second},
		{"429 date", status(429, 1, "Retry-After", "Sat, 01 Jan 2000 00:01:40 GMT"), 0, 2, 100 * time.Second, 100 * time.Second},
		{"429 date past", status(429, 1, "Retry-After", "Fri, 31 Dec 1999 00:00:00 GMT"), 0, 2, 0, 0},
		{"429 nonsense", status(429, 1, "Retry-After", "soon"), 0, 2, 0, 500 * time.Millisecond},
		{"429 for ever", status(429, forever, "Retry-After", "1"), thnksapi.Limited, 5, 4 * time.Second, 4 * time.Second},
		{"429 long", status(429, forever, "Retry-After", "121"), thnksapi.Limited, 1, 0, 0},
		{"429 absurd", status(429, forever, "Retry-After", "99999999999"), thnksapi.Limited, 1, 0, 0},
		{"401", status(401, forever), thnksapi.KeyRefused, 2, 0, 500 * time.Millisecond},
		{"401 once", status(401, 1), 0, 2, 0, 500 * time.Millisecond},
		{"403", status(403, forever), thnksapi.KeyRefused, 1, 0, 0},
		{"404", status(404, forever), thnksapi.Unexpected, 1, 0, 0},
		{"400", status(400, forever), thnksapi.Unexpected, 1, 0, 0},
		{"204", status(204, forever), 0, 1, 0, 0},
		{"202", status(202, forever), thnksapi.Unexpected, 1, 0, 0},
		{"301", status(301, forever, "Location", "https://evil.example/"), thnksapi.Unexpected, 1, 0, 0},
		{"307", status(307, forever, "Location", "/api/v1/transactions"), thnksapi.Unexpected, 1, 0, 0},
		{"reset before", thnksapitest.Fault{Effect: thnksapitest.ResetBefore, Count: 1}, 0, 2, 0, 500 * time.Millisecond},
		{"reset after", thnksapitest.Fault{Effect: thnksapitest.ResetAfter}, thnksapi.Transient, 5, 0, 7500 * time.Millisecond},
		{"truncated", thnksapitest.Fault{Effect: thnksapitest.Truncate, Count: 1}, 0, 2, 0, 500 * time.Millisecond},
		{"slow", thnksapitest.Fault{Effect: thnksapitest.SlowOnly, Count: 1, Delay: 59 * time.Second}, 0, 1, 59 * time.Second, 59 * time.Second},
		{"too slow", thnksapitest.Fault{Effect: thnksapitest.SlowOnly, Count: 1, Delay: time.Hour}, 0, 2, time.Minute, time.Minute + 500*time.Millisecond},
		{"not JSON", thnksapitest.Fault{Status: 200, Body: "<html>sign in</html>"}, thnksapi.Transient, 5, 0, 7500 * time.Millisecond},
		{"half JSON", thnksapitest.Fault{Status: 200, Body: `{"transactions":[{"id":"T-1"`}, thnksapi.Transient, 5, 0, 7500 * time.Millisecond},
		{"two JSON values", thnksapitest.Fault{Status: 200, Body: `{"transactions":[]}{}`}, thnksapi.Transient, 5, 0, 7500 * time.Millisecond},
		{"empty", thnksapitest.Fault{Status: 200}, thnksapi.Transient, 5, 0, 7500 * time.Millisecond},
		{"not JSON once", thnksapitest.Fault{Status: 200, Body: "<html>sign in</html>", Count: 1}, 0, 2, 0, 500 * time.Millisecond},
		{"half JSON four times", thnksapitest.Fault{Status: 200, Body: `{"transactions":[{"id":"T-1"}]`, Count: 4}, 0, 5, 0, 7500 * time.Millisecond},
		{"empty once", thnksapitest.Fault{Status: 200, Count: 1}, 0, 2, 0, 500 * time.Millisecond},
		{"text behind JSON once", thnksapitest.Fault{Status: 200, Body: `{"transactions":[]} bye`, Count: 1}, 0, 2, 0, 500 * time.Millisecond},
		{"no items", thnksapitest.Fault{Status: 200, Body: `{"data":[]}`}, thnksapi.Unexpected, 1, 0, 0},
		{"items no array", thnksapitest.Fault{Status: 200, Body: `{"transactions":{}}`}, thnksapi.Unexpected, 1, 0, 0},
		{"cursor no text", thnksapitest.Fault{Status: 200, Body: `{"transactions":[],"next_cursor":{"c":1}}`}, thnksapi.Unexpected, 1, 0, 0},
		{"no cursor", thnksapitest.Fault{Status: 200, Body: `{"transactions":[]}`}, 0, 1, 0, 0},
		{"null items", thnksapitest.Fault{Status: 200, Body: `{"transactions":null,"next_cursor":null}`}, 0, 1, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := thnksapitest.New(thnksapitest.Options{})
				s.Fault(test.fault)
				c := newClient(t, s, nil)
				began := time.Now()
				page, err := c.Transactions(t.Context(), thnksapi.Query{})
				if test.kind == 0 && (err != nil || page == nil) {
					t.Errorf("page %v, error %v, want success", page, err)
				}
				if test.kind != 0 {
					wantKind(t, err, test.kind)
				}
				if c.Calls() != test.calls || s.Requests() != test.calls {
					t.Errorf("%d calls, %d requests, want %d", c.Calls(), s.Requests(), test.calls)
				}
				if took := time.Since(began); took < test.least || took > test.most {
					t.Errorf("took %v, want %v to %v", took, test.least, test.most)
				}
			})
		})
	}
}

func TestRetryAfterIsReturnedAndClamped(t *testing.T) {
	for header, wait := range map[string]time.Duration{
		"3600":                          time.Hour,
		"99999999999":                   24 * time.Hour,
		"Wed, 05 Jan 2000 00:00:00 GMT": 24 * time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := thnksapitest.New(thnksapitest.Options{})
			s.Fault(thnksapitest.Fault{Status: 429, Header: http.Header{"Retry-After": {header}}})
			_, err := newClient(t, s, nil).Transactions(t.Context(), thnksapi.Query{})
			var e *thnksapi.Error
			if !errors.As(err, &e) || !e.Until.Equal(time.Now().Add(wait)) {
				t.Errorf("Retry-After %q: %v, want until %v from now", header, err, wait)
			}
		})
	}
}

func TestCancelDuringWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		s.Fault(thnksapitest.Fault{Status: 429, Header: http.Header{"Retry-After": {"100"}}})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, err := newClient(t, s, nil).Transactions(ctx, thnksapi.Query{})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v, want the context's error after 3s", time.Since(began), err)
		}
	})
}

// TestCancelDuringCall: a done context is not reported as a failure of the
// source.
func TestCancelDuringCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{Latency: 10 * time.Second})
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, errShutdown)
		defer cancel()
		c := newClient(t, s, nil)
		if _, err := c.Transactions(ctx, thnksapi.Query{}); err != errShutdown || c.Calls() != 1 {
			t.Errorf("%v after %d calls, want the context's cause after one", err, c.Calls())
		}
	})
}

var errShutdown = errors.New("shutting down")

func TestRateLimitedSourceIsReadToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{RateLimit: 3, PageLimit: 10})
		txs := thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 200, End: time.Now()})
		s.Add(txs...)
		found, _, err := listAll(newClient(t, s, nil), time.Time{})
		if err != nil || len(found) != len(txs) {
			t.Errorf("found %d of %d: %v", len(found), len(txs), err)
		}
	})
}

func TestTooLarge(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"transactions":[],"next_cursor":null,"x":"`)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range 65 {
			_, _ = w.Write(chunk)
		}
		_, _ = io.WriteString(w, `"}`)
	})
	_, err := newClient(t, h, nil).Transactions(t.Context(), thnksapi.Query{})
	wantKind(t, err, thnksapi.Unexpected)
	if err == nil || !strings.Contains(err.Error(), "dialect.paging.size") {
		t.Errorf("%v does not say what to do", err)
	}
}

func TestServerClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		page, err := newClient(t, s, nil).Transactions(t.Context(), thnksapi.Query{})
		if err != nil || !page.Date.Equal(time.Now()) {
			t.Errorf("page %+v, error %v, want the date %v", page, err, time.Now())
		}
	})
	without := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"transactions":[]}`)
	})
	page, err := newClient(t, without, nil).Transactions(t.Context(), thnksapi.Query{})
	if err != nil || !page.Date.IsZero() {
		t.Errorf("page %+v, error %v, want no date", page, err)
	}
}

func TestTransaction(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{Keys: map[string]string{testKey: "", "other": "other@sender.example"}})
	odd := []string{"a/b?c#d", "..", ".", "100% ü", "T-000001"}
	for i, id := range odd {
		x := gift(i, end)
		x.ID = id
		s.Add(x)
	}
	// The emulator's router would resolve dot segments that are not escaped.
	c := newClient(t, s, nil)
	for _, id := range odd {
		row, err := c.Transaction(t.Context(), id)
		if err != nil || row.Transaction == nil || row.Transaction.ID != id {
			t.Errorf("Transaction(%q) = %+v, %v", id, row, err)
		}
	}
	_, err := c.Transaction(t.Context(), "T-000002")
	wantKind(t, err, thnksapi.NotFound)
	for status, kind := range map[int]thnksapi.Kind{401: thnksapi.KeyRefused, 403: thnksapi.NotFound, 410: thnksapi.NotFound, 400: thnksapi.Unexpected} {
		s.ClearFaults()
		s.Fault(thnksapitest.Fault{Path: "/T-000001", Status: status})
		_, err := c.Transaction(t.Context(), "T-000001")
		wantKind(t, err, kind)
	}
	s.ClearFaults()

	_, err = newClient(t, s, func(d *thnksapi.Dialect) { d.DetailPath = "" }).Transaction(t.Context(), "T-000001")
	if !errors.Is(err, thnksapi.ErrNoDetail) {
		t.Errorf("without a detail path: %v", err)
	}

	row, err := c.Transaction(t.Context(), "T-000001")
	if err != nil || time.Since(row.Date).Abs() > time.Minute {
		t.Errorf("row %+v, error %v, want the date of the answer", row, err)
	}

	answers := map[string]thnksapi.Kind{
		`{"id":"T-2"}`: thnksapi.Unexpected,
		`[]`:           0, // a bad row
		`{"id":{}}`:    0,
		`{"id":1}`:     thnksapi.Unexpected,
	}
	for body, kind := range answers {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		row, err := newClient(t, h, nil).Transaction(t.Context(), "T-1")
		if kind != 0 {
			wantKind(t, err, kind)
		} else if err != nil || row.Err == nil {
			t.Errorf("%s: row %+v, error %v, want a bad row", body, row, err)
		}
	}
}

// TestSecrets: neither errors nor logs hold the key, a body or a value.
func TestSecrets(t *testing.T) {
	const canary = "canary-jane.doe@private.example"
	bodies := []string{canary, `{"transactions":"` + canary + `"}`, `{"transactions":[],"next_cursor":["` + canary + `"]}`, `{"transactions":[` + canary}
	var faults []thnksapitest.Fault
	for _, body := range bodies {
		faults = append(faults, thnksapitest.Fault{Status: 200, Body: body})
		for _, code := range []int{302, 400, 401, 404, 418, 429, 500} {
			faults = append(faults, thnksapitest.Fault{Status: code, Body: body, Header: http.Header{"Location": {"https://" + canary}}})
		}
	}
	faults = append(faults, thnksapitest.Fault{Effect: thnksapitest.ResetBefore})
	synctest.Test(t, func(t *testing.T) {
		for _, f := range faults {
			s := thnksapitest.New(thnksapitest.Options{})
			s.Fault(f)
			var logs bytes.Buffer
			c, err := thnksapi.New(thnksapi.Config{
				BaseURL: "https://thnks.test", Key: testKey, Dialect: thnksapi.DefaultDialect(),
				Transport: thnksapitest.Transport(s), Logger: slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Transactions(t.Context(), thnksapi.Query{})
			if err == nil {
				t.Fatalf("%+v: no error", f)
			}
			if text := err.Error() + logs.String(); strings.Contains(text, canary) || strings.Contains(text, testKey) {
				t.Errorf("%+v leaks: %s", f, text)
			}
			if logs.Len() == 0 && f.Effect == thnksapitest.Respond {
				t.Error("nothing is logged")
			}
		}
	})
}

// TestCursorIsNotLeaked: an error below HTTP does not repeat the URL.
func TestCursorIsNotLeaked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		s.Fault(thnksapitest.Fault{Status: 200, Count: 1, Body: `{"transactions":[],"next_cursor":"canary"}`})
		s.Fault(thnksapitest.Fault{Effect: thnksapitest.ResetBefore})
		c := newClient(t, s, nil)
		page, err := c.Transactions(t.Context(), thnksapi.Query{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Transactions(t.Context(), thnksapi.Query{Cursor: page.Next})
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "reset") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestNotJSONSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := newClient(t, page("<html>sign in</html>"), nil).Transactions(t.Context(), thnksapi.Query{})
		if err == nil || !strings.Contains(err.Error(), "not JSON: check base_url") {
			t.Errorf("error is %v", err)
		}
	})
}

// TestRealHTTP uses a socket and the transport that New makes.
func TestRealHTTP(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{PageLimit: 100, Keys: map[string]string{testKey: ""}})
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 4, N: 250, End: end})
	s.Add(txs...)
	s.Fault(thnksapitest.Fault{Effect: thnksapitest.Truncate, Count: 1})
	s.Fault(thnksapitest.Fault{Effect: thnksapitest.ResetAfter, Count: 1})
	srv := httptest.NewServer(s)
	defer srv.Close()
	c, err := thnksapi.New(thnksapi.Config{BaseURL: srv.URL + "/", Key: testKey, Dialect: thnksapi.DefaultDialect()})
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := listAll(c, time.Time{})
	if err != nil || len(found) != len(txs) || c.Calls() != 5 {
		t.Errorf("found %d of %d in %d calls: %v", len(found), len(txs), c.Calls(), err)
	}
}

// page returns a source that always answers with one body.
func page(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
}

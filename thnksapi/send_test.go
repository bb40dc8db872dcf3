package thnksapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func sender(t interface {
	Helper()
	Fatal(...any)
}, base string, transport http.RoundTripper,
) *thnksapi.Sender {
	t.Helper()
	s, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: base, Key: "key-of-ann", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func coffee() thnksapi.GiftRequest {
	return thnksapi.GiftRequest{
		GiftID:    5659,
		Recipient: thnksapi.Recipient{Email: "bea@acme.example", FirstName: "Bea"},
		Message:   `Thank you, "Bea" <3`,
	}
}

// TestSendRequest compares the request with what Thnks publishes, byte by byte.
func TestSendRequest(t *testing.T) {
	type request struct {
		method, uri, body string
		header            http.Header
		length            int64
	}
	var got []request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, request{r.Method, r.RequestURI, string(body), r.Header, r.ContentLength})
		_, _ = io.WriteString(w, `{"gift_request_id": 700001, "transactions": [{"id": "T-1", "recipient_email": "Bea@acme.example"}]}`)
	}))
	defer srv.Close()

	r := sender(t, srv.URL+"/", nil).Send(t.Context(), coffee())
	if want := (thnksapi.Receipt{Outcome: thnksapi.SendDone, Status: 200, RequestID: "700001", TransactionID: "T-1"}); r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
	body := `{"gift_id":5659,"recipients":[{"email":"bea@acme.example","first_name":"Bea","message":"Thank you, \"Bea\" \u003c3","gift_redeem_type":"email"}]}`
	want := []request{{"POST", "/api/v1/gift_requests", body, http.Header{
		"Authorization":   {"key-of-ann"},
		"Content-Type":    {"application/json"},
		"Accept":          {"application/json"},
		"Accept-Encoding": {"gzip"},
		"Connection":      {"close"},
		"Content-Length":  {"145"},
		"User-Agent":      {"thnks-hubspot-sync"},
	}, 145}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(request{})); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// TestSendOutcomes: a gift that may have been sent is never called "not sent", and
// no request is made twice.
func TestSendOutcomes(t *testing.T) {
	const refused = `{"error": "invalid", "message": "no"}`
	answer := func(status int, body string) *thnksapitest.Fault {
		return &thnksapitest.Fault{Status: status, Body: body, Header: http.Header{"Location": {"/api/v1/gift_requests"}, "Retry-After": {"0"}}}
	}
	for name, c := range map[string]struct {
		fault   *thnksapitest.Fault
		outcome thnksapi.SendOutcome
		gifts   int
	}{
		"sent":                       {nil, thnksapi.SendDone, 1},
		"slow":                       {&thnksapitest.Fault{Effect: thnksapitest.SlowOnly, Delay: 50 * time.Second}, thnksapi.SendDone, 1},
		"too slow":                   {&thnksapitest.Fault{Effect: thnksapitest.SlowOnly, Delay: 2 * time.Minute}, thnksapi.SendUnknown, 0},
		"answer too slow":            {&thnksapitest.Fault{Effect: thnksapitest.SlowAfter, Delay: 2 * time.Minute}, thnksapi.SendUnknown, 1},
		"answer lost":                {&thnksapitest.Fault{Effect: thnksapitest.ResetAfter}, thnksapi.SendUnknown, 1},
		"answer cut off":             {&thnksapitest.Fault{Effect: thnksapitest.Truncate}, thnksapi.SendUnknown, 1},
		"reset before":               {&thnksapitest.Fault{Effect: thnksapitest.ResetBefore}, thnksapi.SendUnknown, 0},
		"compressed without end":     {&thnksapitest.Fault{Effect: thnksapitest.Bomb}, thnksapi.SendUnknown, 0},
		"400":                        {answer(400, refused), thnksapi.SendNot, 0},
		"401":                        {answer(401, refused), thnksapi.SendNot, 0},
		"402":                        {answer(402, refused), thnksapi.SendNot, 0},
		"404":                        {answer(404, refused), thnksapi.SendNot, 0},
		"409":                        {answer(409, refused), thnksapi.SendNot, 0},
		"418":                        {answer(418, refused), thnksapi.SendNot, 0},
		"422":                        {answer(422, refused), thnksapi.SendNot, 0},
		"422 with a message alone":   {answer(422, `{"message": "no"}`), thnksapi.SendNot, 0},
		"422 with errors":            {answer(422, `{"errors": {"email": ["bad"]}}`), thnksapi.SendNot, 0},
		"422 in no words of the API": {answer(422, `{"detail": "no"}`), thnksapi.SendUnknown, 0},
		"422 with nothing":           {answer(422, `{"error": null, "message": ""}`), thnksapi.SendUnknown, 0},
		"422 as a page":              {answer(422, "<html>"), thnksapi.SendUnknown, 0},
		"422 as a list":              {answer(422, `[{"error": "no"}]`), thnksapi.SendUnknown, 0},
		"422 cut off":                {answer(422, refused[:20]), thnksapi.SendUnknown, 0},
		"422 and more":               {answer(422, refused+refused), thnksapi.SendUnknown, 0},
		"403 by a proxy":             {answer(403, "Forbidden"), thnksapi.SendUnknown, 0},
		"408":                        {answer(408, refused), thnksapi.SendUnknown, 0},
		"429":                        {answer(429, refused), thnksapi.SendUnknown, 0},
		"500":                        {answer(500, refused), thnksapi.SendUnknown, 0},
		"503":                        {answer(503, ""), thnksapi.SendUnknown, 0},
		"301":                        {answer(301, ""), thnksapi.SendUnknown, 0},
		"307":                        {answer(307, refused), thnksapi.SendUnknown, 0},
		"308":                        {answer(308, ""), thnksapi.SendUnknown, 0},
		"200 empty":                  {answer(200, ""), thnksapi.SendUnknown, 0},
		"200 as a page":              {answer(200, "<html>"), thnksapi.SendUnknown, 0},
		"200 as null":                {answer(200, "null"), thnksapi.SendUnknown, 0},
		"200 with an error":          {answer(200, refused), thnksapi.SendUnknown, 0},
		"204":                        {answer(204, ""), thnksapi.SendUnknown, 0},
		"201 without ids":            {answer(201, `{"status": "ok", "error": null}`), thnksapi.SendDone, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := thnksapitest.New(thnksapitest.Options{})
				if c.fault != nil {
					s.Fault(*c.fault)
				}
				r := sender(t, "https://thnks.test", thnksapitest.Transport(s)).Send(t.Context(), coffee())
				if r.Outcome != c.outcome || len(s.Gifts()) != c.gifts || s.Requests() != 1 {
					t.Errorf("%+v with %d gifts by %d requests; want %v, %d, 1", r, len(s.Gifts()), s.Requests(), c.outcome, c.gifts)
				}
				if (r.Problem == "") != (r.Outcome == thnksapi.SendDone) {
					t.Errorf("%v with problem %q", r.Outcome, r.Problem)
				}
				for _, secret := range []string{"key-of-ann", "bea", "Bea", "Thank"} {
					if strings.Contains(r.Problem, secret) {
						t.Errorf("the problem quotes: %s", r.Problem)
					}
				}
			})
		})
	}
}

// TestSendIDs: only ids that are about this recipient are taken.
func TestSendIDs(t *testing.T) {
	for body, want := range map[string][2]string{
		`{"gift_request_id": 12345678901234567890, "transactions": []}`:                      {"12345678901234567890", ""},
		`{"gift_request_id": " r-1 ", "transactions": [{"id": 17}]}`:                         {"r-1", "17"},
		`{"transactions": [{"id": "T-1", "recipient_email": "carl@acme.example"}]}`:          {"", ""},
		`{"transactions": [{"id": "T-1"}, {"id": "T-2"}]}`:                                   {"", ""},
		`{"gift_request_id": {"a": 1}, "transactions": [{"id": null}]}`:                      {"", ""},
		`{"gift_request_id": true, "transactions": [{"id": ["T-1"]}], "error": ""}` + "\n\n": {"", ""},
	} {
		r := sender(t, "https://thnks.test", answers(200, body)).Send(t.Context(), coffee())
		if r.Outcome != thnksapi.SendDone || r.RequestID != want[0] || r.TransactionID != want[1] {
			t.Errorf("%s: %+v, want %q", body, r, want)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answers is a transport that gives one answer to all requests.
func answers(status int, body string) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})
}

// TestSendUnreached: without a connection nothing was sent.
func TestSendUnreached(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for name, base := range map[string]string{
		"refused":  gone.URL,
		"no TLS":   strings.Replace(plain.URL, "http:", "https:", 1),
		"no name":  "https://host.invalid",
		"no route": "https://127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			if r := sender(t, base, nil).Send(t.Context(), coffee()); r.Outcome != thnksapi.SendNot || r.Problem == "" {
				t.Errorf("%+v, want not sent", r)
			}
		})
	}
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s := thnksapitest.New(thnksapitest.Options{})
		if r := sender(t, "https://thnks.test", thnksapitest.Transport(s)).Send(ctx, coffee()); r.Outcome != thnksapi.SendNot || s.Requests() != 0 {
			t.Errorf("%+v after %d requests, want not sent", r, s.Requests())
		}
	})
	// A transport that does not say how far it came is not believed.
	t.Run("silent transport", func(t *testing.T) {
		broken := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken") })
		if r := sender(t, "https://thnks.test", broken).Send(t.Context(), coffee()); r.Outcome != thnksapi.SendUnknown {
			t.Errorf("%+v, want unknown", r)
		}
	})
	t.Run("stopped on the way", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stopping := roundTripper(func(r *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			trace.GetConn("")
			trace.GotConn(httptrace.GotConnInfo{})
			cancel()
			return nil, r.Context().Err()
		})
		if r := sender(t, "https://thnks.test", stopping).Send(ctx, coffee()); r.Outcome != thnksapi.SendUnknown || !strings.Contains(r.Problem, "did not wait for it any longer") {
			t.Errorf("%+v, want unknown", r)
		}
	})
	t.Run("stopped in the answer", func(t *testing.T) {
		stopping := roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusUnprocessableEntity, Body: io.NopCloser(iotest.ErrReader(context.Canceled))}, nil
		})
		if r := sender(t, "https://thnks.test", stopping).Send(t.Context(), coffee()); r.Outcome != thnksapi.SendUnknown || !strings.Contains(r.Problem, "did not wait for it any longer") {
			t.Errorf("%+v, want unknown", r)
		}
	})
	t.Run("stopped while it connects", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stopping := roundTripper(func(r *http.Request) (*http.Response, error) {
			httptrace.ContextClientTrace(r.Context()).GetConn("")
			cancel()
			return nil, r.Context().Err()
		})
		if r := sender(t, "https://thnks.test", stopping).Send(ctx, coffee()); r.Outcome != thnksapi.SendNot || r.Status != 0 {
			t.Errorf("%+v, want not sent", r)
		}
	})
}

// TestSendNeverRepeats: net/http repeats requests on connections that turn out to
// be closed. Here the server closes each after it has read the request, and says
// that it keeps them open.
func TestSendNeverRepeats(t *testing.T) {
	var arrived atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if n := arrived.Add(1); n%2 == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Connection", "keep-alive")
		_, _ = io.WriteString(w, `{}`)
	}))
	defer srv.Close()
	s := sender(t, srv.URL, nil)
	var outcomes []thnksapi.SendOutcome
	for range 6 {
		outcomes = append(outcomes, s.Send(t.Context(), coffee()).Outcome)
	}
	want := []thnksapi.SendOutcome{thnksapi.SendDone, thnksapi.SendUnknown, thnksapi.SendDone, thnksapi.SendUnknown, thnksapi.SendDone, thnksapi.SendUnknown}
	if !slices.Equal(outcomes, want) || arrived.Load() != 6 {
		t.Errorf("%d requests arrived, outcomes %v; want 6, %v", arrived.Load(), outcomes, want)
	}
}

func TestSendRefusesIncomplete(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{})
	c := sender(t, "https://thnks.test", thnksapitest.Transport(s))
	for _, change := range []func(*thnksapi.GiftRequest){
		func(r *thnksapi.GiftRequest) { r.GiftID = 0 },
		func(r *thnksapi.GiftRequest) { r.GiftID = -5659 },
		func(r *thnksapi.GiftRequest) { r.Recipient.Email = "" },
		func(r *thnksapi.GiftRequest) { r.Message = " \n" },
	} {
		r := coffee()
		change(&r)
		if got := c.Send(t.Context(), r); got.Outcome != thnksapi.SendNot || s.Requests() != 0 {
			t.Errorf("%+v: %+v after %d requests", r, got, s.Requests())
		}
	}
	for _, cfg := range []thnksapi.SenderConfig{
		{BaseURL: "http://api.thnks.com", Key: "k"},
		{BaseURL: "https://api.thnks.com"},
		{BaseURL: "https://api.thnks.com", Key: "a b"},
	} {
		if _, err := thnksapi.NewSender(cfg); err == nil {
			t.Errorf("%+v makes a sender", cfg)
		}
	}
}

// FuzzReceipt: whatever is answered, "not sent" needs a 4xx and "sent" a 2xx, each
// with one whole JSON object.
func FuzzReceipt(f *testing.F) {
	f.Add(200, `{"gift_request_id": 1, "transactions": [{"id": "T-1"}]}`)
	f.Add(422, `{"error": "invalid", "message": "no"}`)
	f.Add(429, `{"error": 1}`)
	f.Add(200, `{"transactions": [{"id"`)
	f.Add(302, "<html>")
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip()
		}
		r := sender(t, "https://thnks.test", answers(status, body)).Send(t.Context(), coffee())
		object := strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{")
		switch {
		case r.Outcome == thnksapi.SendDone && (status > 299 || !object),
			r.Outcome == thnksapi.SendNot && (status < 400 || status > 499 || status == 408 || status == 429 || !object),
			(r.Problem == "") != (r.Outcome == thnksapi.SendDone):
			t.Errorf("%d %q: %+v", status, body, r)
		}
	})
}

// TestSendIDs: an id that no one could have given is none, and the gift was sent all the
// same.
func TestSendOddIDs(t *testing.T) {
	for id, want := range map[string]string{
		`"T-1"`: "T-1", `700001`: "700001", `" T-1 "`: "T-1", `null`: "", `{"a":1}`: "", `"\u001b[2J"`: "", `"\u202egnp"`: "", `"\u009b"`: "",
		`"` + strings.Repeat("x", 255) + `"`: strings.Repeat("x", 255), `"` + strings.Repeat("x", 256) + `"`: "", strings.Repeat("7", 1000): "",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"gift_request_id": `+id+`, "transactions": [{"id": `+id+`}]}`)
		}))
		r := sender(t, srv.URL, nil).Send(t.Context(), coffee())
		srv.Close()
		if r.Outcome != thnksapi.SendDone || r.RequestID != want || r.TransactionID != want {
			t.Errorf("%.40s: %+v", id, r)
		}
	}
}

// TestPaceOfSends: gifts wait for their place among the calls with the key, those that
// read among them, and one that is given up while it waits was not sent.
func TestPaceOfSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Time
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			starts = append(starts, time.Now())
			_, _ = io.WriteString(w, map[bool]string{true: `{"gift_request_id": 1}`, false: `{"id":"a"}`}[r.Method == http.MethodPost])
		})
		pace := thnksapi.NewPace()
		client := with(t, h, func(cfg *thnksapi.Config) { cfg.RequestsPerSecond, cfg.Pace = 3, pace })
		s, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: "https://thnks.test", Key: "key-of-ann", Transport: thnksapitest.Transport(h), RequestsPerSecond: 2, Pace: pace})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := client.Transaction(t.Context(), "a"); err != nil {
				t.Error(err)
			}
			if r := s.Send(t.Context(), coffee()); r.Outcome != thnksapi.SendDone {
				t.Errorf("%+v", r)
			}
		}
		for i := 2; i < len(starts); i++ {
			if gap := starts[i].Sub(starts[i-2]); gap < time.Second || gap > 2*time.Second {
				t.Errorf("call %d came %v after the second before it", i, gap)
			}
		}
		ctx, end := context.WithTimeout(t.Context(), time.Millisecond)
		defer end()
		if r := s.Send(ctx, coffee()); r.Outcome != thnksapi.SendNot || len(starts) != 6 {
			t.Errorf("one that is given up: %+v after %d calls", r, len(starts))
		}
	})
}

// TestManyTransactionsOfAnAnswer: an answer of a megabyte that names as many transactions
// as it can takes a few, and says nothing about which is the gift's.
func TestManyTransactionsOfAnAnswer(t *testing.T) {
	answer := `{"gift_request_id": 7, "transactions": [` + strings.Repeat(`{"id":1},`, 100_000) + `{}]}`
	s := sender(t, "https://thnks.test", thnksapitest.Transport(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer)
	})))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := s.Send(t.Context(), coffee())
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; r.Outcome != thnksapi.SendDone || r.RequestID != "7" || r.TransactionID != "" || used > 16 {
		t.Errorf("%+v, with %d MiB", r, used)
	}
	for _, answer = range []string{`{"transactions": {}}`, `{"transactions": "T-1"}`, `{"transactions": [1]}`} {
		if r := s.Send(t.Context(), coffee()); r.Outcome != thnksapi.SendUnknown {
			t.Errorf("%s: %+v", answer, r)
		}
	}
	answer = `{"transactions": null}`
	if r := s.Send(t.Context(), coffee()); r.Outcome != thnksapi.SendDone {
		t.Errorf("%s: %+v", answer, r)
	}
}

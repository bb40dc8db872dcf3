package hubspottest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

const (
	createGift = "POST /crm/objects/2026-09/p62515_gift"
	oneGift    = `{"properties":{"key":"T-1"}}`
)

func TestFaultStatuses(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	for _, status := range []int{401, 403, 423, 429, 477, 500, 502, 503, 504, 521, 522, 523, 524, 525, 526} {
		for _, html := range []bool{false, true} {
			wait := ""
			if status == 429 || status >= 477 {
				wait = "7"
			}
			c.portal.Fault(hubspottest.Fault{Status: status, HTML: html, RetryAfter: wait})
			r := c.must(status, listContacts, "")
			if r.header.Get("Retry-After") != wait || r.header.Get("X-Hubspot-Correlation-Id") == "" || html != strings.HasPrefix(r.text, "<!DOCTYPE html>") || html == (r.json != nil) {
				t.Errorf("%d, html %t: %v %s", status, html, r.header, r.text)
			}
			c.must(200, listContacts, "") // once means once
		}
	}
	c.portal.Fault(hubspottest.Fault{Status: 429, Policy: "DAILY"})
	if r := c.must(429, listContacts, ""); r.str("policyName") != "DAILY" {
		t.Errorf("%s", r.text)
	}
}

func TestFaultRules(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.portal.Fault(hubspottest.Fault{Method: "GET", PathContains: "/contacts", Class: hubspottest.ClassObjects, After: 2, Count: 2, Status: 502})
	c.must(200, "POST /crm/objects/2026-09/contacts/search", "{}")
	c.must(200, "GET /crm/objects/2026-09/deals", "")
	c.must(200, "GET /crm/properties/2026-09/contacts", "")
	for _, want := range []int{200, 200, 502, 502, 200} {
		c.must(want, listContacts, "")
	}
	if n := c.portal.Struck(); n != 2 {
		t.Errorf("struck %d calls, want 2", n)
	}
	c.portal.Fault(hubspottest.Fault{Count: -1, Status: 500})
	for range 10 {
		c.must(500, listContacts, "")
	}
	c.portal.ClearFaults()
	c.must(200, listContacts, "")
}

// An answer can be lost before the effect or after it.
func TestEffectBeforeOrAfter(t *testing.T) {
	for _, kind := range []hubspottest.FaultKind{hubspottest.ResetConn, hubspottest.RespondStatus, hubspottest.EmptyAnswer} {
		for _, after := range []bool{false, true} {
			c := newCaller(t, hubspottest.Options{})
			c.withGifts()
			c.portal.Fault(hubspottest.Fault{Method: "POST", Kind: kind, Status: 504, AfterEffect: after})
			r := c.call(createGift, oneGift)
			switch {
			case kind == hubspottest.ResetConn && !errors.Is(r.err, syscall.ECONNRESET):
				t.Errorf("reset: error %v", r.err)
			case kind == hubspottest.RespondStatus && r.status != 504:
				t.Errorf("status %d", r.status)
			case kind == hubspottest.EmptyAnswer && (r.status != 200 || r.text != ""):
				t.Errorf("status %d, body %q", r.status, r.text)
			}
			if n := c.portal.Count("gift"); (n == 1) != after {
				t.Errorf("kind %d, after %t: %d records", kind, after, n)
			}
		}
	}
}

func TestSpoiltAnswers(t *testing.T) {
	c := newCaller(t, hubspottest.Options{})
	c.withGifts()
	c.portal.Fault(hubspottest.Fault{Kind: hubspottest.TruncateJSON})
	if r := c.must(201, createGift, oneGift); r.json != nil || !strings.HasPrefix(r.text, `{"id":`) || c.portal.Count("gift") != 1 {
		t.Errorf("truncated: %q", r.text)
	}
	c.gifts("T-2")
	c.portal.Fault(hubspottest.Fault{Kind: hubspottest.ForeignLink})
	if r := c.must(200, "GET /crm/objects/2026-09/p62515_gift?limit=1", ""); !strings.HasPrefix(r.str("paging", "next", "link"), "https://api.example.net/crm/objects/2026-09/p62515_gift") {
		t.Errorf("%s", r.text)
	}
	c.portal.Fault(hubspottest.Fault{Kind: hubspottest.RedirectAway})
	if r := c.must(302, listContacts, ""); !strings.HasPrefix(r.header.Get("Location"), "https://api.example.net/") {
		t.Errorf("location = %s", r.header.Get("Location"))
	}
}

func TestDelayAndDrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCaller(t, hubspottest.Options{})
		c.withGifts()
		c.portal.Fault(hubspottest.Fault{Kind: hubspottest.DelayAnswer, Delay: time.Minute})
		start := time.Now()
		c.must(200, listContacts, "")
		if d := time.Since(start); d != time.Minute {
			t.Errorf("delayed by %v", d)
		}
		c.portal.Fault(hubspottest.Fault{Kind: hubspottest.DripBody, Delay: time.Second})
		start = time.Now()
		r := c.must(200, listContacts, "")
		if d := time.Since(start); d != time.Duration(len(r.text))*time.Second || r.json == nil {
			t.Errorf("%d bytes dripped in %v", len(r.text), d)
		}
		// The caller's patience ends a drip and a delay alike.
		for _, kind := range []hubspottest.FaultKind{hubspottest.DripBody, hubspottest.DelayAnswer} {
			c.portal.Fault(hubspottest.Fault{Kind: kind, Delay: time.Hour})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if r := c.callContext(ctx, listContacts, ""); !errors.Is(r.err, context.DeadlineExceeded) {
				t.Errorf("kind %d: error %v", kind, r.err)
			}
			cancel()
		}
		c.portal.Fault(hubspottest.Fault{Kind: hubspottest.DelayAnswer, Delay: time.Minute, AfterEffect: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r := c.callContext(ctx, createGift, oneGift); r.err == nil || c.portal.Count("gift") != 1 {
			t.Errorf("error %v, %d records", r.err, c.portal.Count("gift"))
		}
	})
}

// Over a socket a reset really is one, header names are in lower case, and
// there is one type for the body, not net/http's guess as well.
func TestRealConnection(t *testing.T) {
	p := contract.Probed(t, hubspottest.Options{})
	server := httptest.NewServer(p)
	defer server.Close()
	send := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/crm/objects/2026-09/contacts", strings.NewReader(`{"properties":{"email":"a@example.com"}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+p.Token())
		req.Header.Set("Content-Type", "application/json")
		return server.Client().Do(req)
	}
	p.Fault(hubspottest.Fault{Kind: hubspottest.ResetConn, AfterEffect: true})
	if res, err := send(); err == nil {
		_ = res.Body.Close()
		t.Errorf("status %d, want a broken connection", res.StatusCode)
	}
	if p.Count("contacts") != 1 {
		t.Error("the effect was lost with the answer")
	}
	p.Fault(hubspottest.Fault{Kind: hubspottest.DripBody})
	res, err := send()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 409 || !strings.Contains(string(body), "Existing ID") {
		t.Errorf("status %d, error %v: %s", res.StatusCode, err, body)
	}
	if got := res.Header["Content-Type"]; !slices.Equal(got, []string{"application/json;charset=utf-8"}) {
		t.Errorf("Content-Type %q", got)
	}
	rec := httptest.NewRecorder()
	p.ServeHTTP(rec, httptest.NewRequest("GET", "/crm/objects/2026-09/contacts", nil))
	for name, values := range rec.Result().Header {
		if len(values) > 0 && name != "Date" && name != strings.ToLower(name) {
			t.Errorf("header %s is not in lower case", name)
		}
	}
}

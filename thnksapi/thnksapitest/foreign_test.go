package thnksapitest_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestForeign: the API writes what others write in the ways that it is set to.
func TestForeign(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{Shape: thnksapitest.Shape{Foreign: thnksapitest.Foreign{
		Mark: true, ContentType: "application/json; charset=utf8", TimeLayout: "20060102", Nothing: "None", NoCursor: "false",
	}}})
	s.Add(gift(1, end))
	_, body, header := call(s, "GET", "/api/v1/transactions", "k", "")
	for _, want := range []string{"\uFEFF{", `"created_at":"` + end.Format("20060102") + `"`, `"opened_at":"None"`, `"value":"None"`, `"next_cursor":false`, `"message":null`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s does not have %s", body, want)
		}
	}
	if got := header.Get("Content-Type"); got != "application/json; charset=utf8" {
		t.Errorf("content type %q", got)
	}
}

// TestForeignEnds: the ways of ending a listing, by the status of each page.
func TestForeignEnds(t *testing.T) {
	statuses := func(rows int, f thnksapitest.Foreign, paging thnksapitest.Paging, targets ...string) (got []int) {
		s := thnksapitest.New(thnksapitest.Options{Shape: thnksapitest.Shape{Paging: paging, Foreign: f}})
		for i := range rows {
			s.Add(gift(i, end))
		}
		for _, target := range targets {
			status, _, _ := call(s, "GET", "/api/v1/transactions"+target, "k", "")
			got = append(got, status)
		}
		return got
	}
	past := thnksapitest.Foreign{PastEnd: 416, EmptyStatus: 204}
	for name, got := range map[string][]int{
		"pages":   statuses(3, past, thnksapitest.PagePaging, "?page=1&per_page=3", "?page=2&per_page=3"),
		"offsets": statuses(3, past, thnksapitest.OffsetPaging, "?offset=0", "?offset=3"),
	} {
		if got[0] != 200 || got[1] != 416 {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, paging := range []thnksapitest.Paging{thnksapitest.CursorPaging, thnksapitest.PagePaging, thnksapitest.OffsetPaging} {
		if got := statuses(0, past, paging, ""); got[0] != 204 {
			t.Errorf("paging %v: an empty listing has %v", paging, got)
		}
	}

	s := thnksapitest.New(thnksapitest.Options{Shape: thnksapitest.Shape{Foreign: thnksapitest.Foreign{KeepsCursor: true}}})
	for i := range 3 {
		s.Add(gift(i, end))
	}
	first := list(t, s, "k", url.Values{"limit": {"2"}})
	query := url.Values{"limit": {"2"}, "cursor": {*first.Next}}
	for range 2 {
		if l := list(t, s, "k", query); len(l.Transactions) != 1 || *l.Next != *first.Next {
			t.Errorf("last page %+v, want it to lead to itself", l)
		}
	}
}

// TestListingsWithoutEnd: each page has a cursor that is new.
func TestListingsWithoutEnd(t *testing.T) {
	for effect, rows := range map[thnksapitest.Effect]int{thnksapitest.NewCursors: 2, thnksapitest.EmptyPages: 0} {
		s := thnksapitest.New(thnksapitest.Options{PageLimit: 2})
		for i := range 5 {
			s.Add(gift(i, end))
		}
		s.Fault(thnksapitest.Fault{Effect: effect})
		seen := make(map[string]bool)
		query := url.Values{}
		for range 5 {
			l := list(t, s, "k", query)
			if len(l.Transactions) != rows || l.Next == nil || seen[*l.Next] {
				t.Fatalf("effect %v: %+v after %v", effect, l, seen)
			}
			seen[*l.Next] = true
			query.Set("cursor", *l.Next)
		}
	}
}

// TestTextBeyondTheLength: text follows an answer beyond its announced length.
func TestTextBeyondTheLength(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{})
	s.Add(gift(1, end))
	s.Fault(thnksapitest.Fault{Effect: thnksapitest.Overlong, Body: "and more"})
	srv := httptest.NewServer(s)
	defer srv.Close()
	req := httptest.NewRequest("GET", srv.URL+"/api/v1/transactions", nil)
	req.RequestURI = ""
	req.Header.Set("Authorization", "k")
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var l listing
	if err := json.NewDecoder(resp.Body).Decode(&l); err != nil || len(l.Transactions) != 1 || resp.ContentLength < 0 {
		t.Errorf("%+v of %d bytes: %v", l, resp.ContentLength, err)
	}
	if status, _, _ := call(s, "GET", "/api/v1/transactions", "k", ""); status != 0 {
		t.Errorf("without a connection: %d", status)
	}
}

package hubspottest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// TestEnrol: a workflow repeats its request with the same callback id until it is
// answered, goes on as the answer says, and waits for a callback where that says so.
func TestEnrol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := contract.New(t, hubspottest.Options{})
		bea := p.AddContact("bea@beta.example", map[string]string{"firstname": "Bea"})
		var ids []string
		answers := []string{"503", `{"outputFields":{"hs_execution_state":"BLOCK"}}`}
		action := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			var e struct {
				CallbackID string `json:"callbackId"`
				Object     struct {
					Properties map[string]string `json:"properties"`
				} `json:"object"`
			}
			if err := json.Unmarshal(text, &e); err != nil || e.Object.Properties["email"] != "bea@beta.example" || e.Object.Properties["firstname"] != "Bea" {
				t.Errorf("the request is %s: %v", text, err)
			}
			if r.Header.Get("X-HubSpot-Signature-Version") != "v2" || len(r.Header.Get("X-HubSpot-Signature")) != 64 {
				t.Errorf("the headers are %v", r.Header)
			}
			ids = append(ids, e.CallbackID)
			a := answers[min(len(ids), len(answers))-1]
			if a == "503" {
				w.WriteHeader(503)
				return
			}
			_, _ = io.WriteString(w, a)
		})
		w := hubspottest.Workflow{
			URL: "https://sync.example.com/hubspot/actions/send", Secret: "s", Signature: 2, Lost: 2,
			Properties: []string{"email", "firstname", "lastname"}, Client: &http.Client{Transport: hubspottest.Transport(action)},
		}
		began := time.Now()
		e := p.Enrol(t.Context(), w, bea, map[string]string{"gift": "5659"})
		if len(ids) != 3 || ids[0] != ids[2] || time.Since(began) != 3*time.Minute {
			t.Errorf("asked with %q within %v", ids, time.Since(began))
		}
		if now := p.Await(ended(t), e); now.State != hubspottest.Blocked {
			t.Errorf("it is %s", now.State)
		}
		complete := func(id, body string) int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.hubapi.com/automation/actions/callbacks/2026-09/"+id+"/complete", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+p.Token())
			r.Header.Set("Content-Type", "application/json")
			res, err := hubspottest.Transport(p).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			_, _ = io.Copy(io.Discard, res.Body)
			return res.StatusCode
		}
		body := `{"outputFields":{"hs_execution_state":"SUCCESS","thnks_status":"sent"},"typedOutputs":{}}`
		for id, want := range map[string]int{"ap-0": 404, e.CallbackID: 204} {
			if got := complete(id, body); got != want {
				t.Errorf("the callback %s is answered %d", id, got)
			}
		}
		if got := complete(e.CallbackID, body); got != 404 {
			t.Errorf("a second one is answered %d", got)
		}
		if now := p.Await(t.Context(), e); now.State != "SUCCESS" || now.Outputs["thnks_status"] != "sent" {
			t.Errorf("it is %s with %v", now.State, now.Outputs)
		}
		answers = []string{"", `{"outputFields":{"hs_execution_state":"FAIL_CONTINUE"}}`}
		if e = p.Enrol(t.Context(), w, bea, nil); p.Await(t.Context(), e).State != "FAIL_CONTINUE" {
			t.Errorf("it is %s", e.State)
		}
	})
}

// ended is a context that has ended.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestFetch: a page's request says who asks whatever the page has written, is signed,
// and is made twice at most.
func TestFetch(t *testing.T) {
	p := contract.New(t, hubspottest.Options{})
	var asked []string
	status := 200
	page := hubspottest.Page{
		User: hubspottest.User{ID: 7, Email: "ann@acme.example"}, AppID: 54321, Secret: "s",
		Client: &http.Client{Transport: hubspottest.Transport(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Query().Get("userEmail")+" "+r.URL.Query().Get("portalId"))
			if r.Header.Get("X-HubSpot-Signature-v3") == "" {
				t.Error("it is not signed")
			}
			w.WriteHeader(status)
		}))},
	}
	a, err := p.Fetch(t.Context(), page, http.MethodGet, "https://sync.example.com/hubspot/card/gifts?userEmail=eve@evil.example&portalId=1", nil)
	if err != nil || a.Requests != 1 || asked[0] != "ann@acme.example 62515" {
		t.Errorf("%+v, %v, asked as %q", a, err, asked)
	}
	for name, prepare := range map[string]func(){"5xx": func() { status = 503 }, "lost": func() { status, page.Lost = 200, 1 }} {
		prepare()
		asked = nil
		if a, err = p.Fetch(t.Context(), page, http.MethodPost, "https://sync.example.com/hubspot/card/send", []byte("{}")); len(asked) != 2 || a.Requests != 2 || err != nil {
			t.Errorf("%s: asked %d times, %+v, %v", name, len(asked), a, err)
		}
	}
}

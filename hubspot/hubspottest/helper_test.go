package hubspottest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// caller sends raw HTTP to a portal.
type caller struct {
	t      testing.TB
	portal *hubspottest.Portal
	client *http.Client
	token  string
}

func newCaller(t testing.TB, o hubspottest.Options) *caller {
	t.Helper()
	p := contract.Probed(t, o)
	client := &http.Client{
		Transport:     hubspottest.Transport(p),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &caller{t, p, client, p.Token()}
}

type reply struct {
	t      testing.TB
	status int
	header http.Header
	text   string
	json   any
	err    error
}

// call sends "POST /path" with a body; "" sends none.
func (c *caller) call(request, body string) reply {
	return c.callContext(c.t.Context(), request, body)
}

func (c *caller) callContext(ctx context.Context, request, body string) reply {
	c.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	req, err := http.NewRequestWithContext(ctx, method, "https://api.hubapi.com"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.client.Do(req)
	if err != nil {
		return reply{t: c.t, err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	r := reply{t: c.t, status: res.StatusCode, header: res.Header, text: string(text), err: err}
	if json.Unmarshal(text, &r.json) != nil {
		r.json = nil
	}
	return r
}

// must is call with the status expected.
func (c *caller) must(status int, request, body string) reply {
	c.t.Helper()
	r := c.call(request, body)
	if r.err != nil || r.status != status {
		c.t.Fatalf("%s: status %d (error %v), want %d; %s", request, r.status, r.err, status, r.text)
	}
	return r
}

// at walks into the answer: at("results", 0, "id"). A missing step gives nil.
func (r reply) at(steps ...any) any {
	v := r.json
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

func (r reply) str(steps ...any) string { return fmt.Sprint(r.at(steps...)) }

func (r reply) len(steps ...any) int {
	l, _ := r.at(steps...).([]any)
	return len(l)
}

// find returns the element of the list at steps whose field has the value.
func (r reply) find(list, field, value string) map[string]any {
	l, _ := r.at(list).([]any)
	for _, e := range l {
		if m, ok := e.(map[string]any); ok && fmt.Sprint(m[field]) == value {
			return m
		}
	}
	return nil
}

// wantJSON compares an answer with the JSON given; "*" stands for any string.
func (r reply) wantJSON(want string) {
	r.t.Helper()
	var w any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff(w, blank(r.json, w)); diff != "" {
		r.t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// blank replaces what the wanted value leaves open.
func blank(got, want any) any {
	if want == "*" && got != nil {
		return "*"
	}
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			for k := range w {
				if v, ok := g[k]; ok {
					g[k] = blank(v, w[k])
				}
			}
		}
	case []any:
		if g, ok := got.([]any); ok {
			for i := range w {
				if i < len(g) {
					g[i] = blank(g[i], w[i])
				}
			}
		}
	}
	return got
}

// giftSchema is a custom object like the one the sync makes.
const giftSchema = `{"name":"gift","labels":{"singular":"Gift","plural":"Gifts"},"primaryDisplayProperty":"gift_name",
 "allowsSensitiveProperties":false,"secondaryDisplayProperties":[],"requiredProperties":["key"],"searchableProperties":["gift_name","key"],"associatedObjects":["0-1","COMPANY","0-3"],
 "properties":[
  {"name":"key","label":"Key","type":"string","fieldType":"text","hasUniqueValue":true},
  {"name":"gift_name","label":"Name","type":"string","fieldType":"text"},
  {"name":"amount","label":"Amount","type":"number","fieldType":"number","numberDisplayHint":"currency"},
  {"name":"status","label":"Status","type":"enumeration","fieldType":"select",
   "options":[{"label":"Sent","value":"sent","displayOrder":0,"hidden":false},{"label":"Opened","value":"opened","displayOrder":1,"hidden":false}]},
  {"name":"tags","label":"Tags","type":"enumeration","fieldType":"checkbox","options":[{"label":"A","value":"a","displayOrder":0,"hidden":false},{"label":"B","value":"b","displayOrder":1,"hidden":false}]},
  {"name":"flag","label":"Flag","type":"bool","fieldType":"booleancheckbox"},
  {"name":"sent_at","label":"Sent","type":"datetime","fieldType":"date"},
  {"name":"day","label":"Day","type":"date","fieldType":"date"}]}`

// withGifts makes the custom object and returns its type id.
func (c *caller) withGifts() string {
	c.t.Helper()
	return c.must(201, "POST /crm-object-schemas/2026-09/schemas", giftSchema).str("id")
}

// gifts creates a gift per key and returns the ids.
func (c *caller) gifts(keys ...string) []string {
	c.t.Helper()
	var ids []string
	for _, k := range keys {
		ids = append(ids, c.must(201, fmt.Sprintf("POST /crm/objects/2026-09/p%d_gift", c.portal.ID()), `{"properties":{"key":"`+k+`"}}`).str("id"))
	}
	return ids
}

package hubspot

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/oauth2"
)

const (
	fuzzToken   = "CPqn1-the-access-token"
	fuzzAddress = "ann@example.com" // personal data
)

// An anyServer answers the first request and all further writes in one way, and
// the look-ups in between in another.
type anyServer struct {
	status int
	header http.Header
	body   string
	then   string // to look-ups

	asked    bool
	answered []string // bodies of the successes
}

func (s *anyServer) client(t *testing.T) *Client {
	c, err := New(Config{
		Token:     oauth2.StaticTokenSource(&oauth2.Token{AccessToken: fuzzToken}),
		Transport: s,
		Logger:    watched(t, func() []string { return []string{fuzzToken} }),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *anyServer) RoundTrip(req *http.Request) (*http.Response, error) {
	res := &http.Response{StatusCode: s.status, Header: s.header, Request: req}
	text := s.body
	if s.asked && (req.Method != http.MethodPost || strings.HasSuffix(req.URL.Path, "/read")) {
		res.StatusCode, res.Header, text = http.StatusOK, http.Header{}, s.then
	}
	s.asked = true
	if res.StatusCode/100 == 2 {
		s.answered = append(s.answered, text)
	}
	res.Body = io.NopCloser(strings.NewReader(text))
	return res, nil
}

// headerOf reads the lines of a header as far as they are in order.
func headerOf(lines string) http.Header {
	h, _ := textproto.NewReader(bufio.NewReader(strings.NewReader(lines + "\r\n\r\n"))).ReadMIMEHeader()
	return http.Header(h)
}

// statusOf returns a status that a transport can hand on.
func statusOf(n uint16) int { return 200 + (int(n)+600)%800 }

// A said is a record in any answer, whether it stands in a list or alone.
type said struct {
	wireObject
	Results []said `json:"results"`
}

// records returns the records that were answered.
func (s *anyServer) records() (all []*Object, traces []string) {
	for _, body := range s.answered {
		var one said
		_ = json.Unmarshal([]byte(body), &one)
		for _, r := range append(one.Results, one) {
			all, traces = append(all, r.object()), append(traces, r.TraceID)
		}
	}
	return all, traces
}

// mentioned reports whether an answer mentioned a record by its id, and by its
// key unless that is "". A record without key may have the input's trace id.
func (s *anyServer) mentioned(id, key, trace string) bool {
	all, traces := s.records()
	for i, o := range all {
		value := o.Properties[keyProperty]
		if o.ID == id && (key == "" || value == key || value == "" && trace != "" && traces[i] == trace) {
			return true
		}
	}
	return false
}

// associated reports whether an answer mentioned the association, in either form.
func (s *anyServer) associated(from, to string) bool {
	for _, body := range s.answered {
		var a struct {
			Results []struct {
				FromObjectID, ToObjectID text
				From, To                 struct{ ID text }
			}
		}
		_ = json.Unmarshal([]byte(body), &a)
		for _, r := range a.Results {
			if (string(r.FromObjectID) == from || string(r.From.ID) == from) && (string(r.ToObjectID) == to || string(r.To.ID) == to) {
				return true
			}
		}
	}
	return false
}

// related reports whether an answer associated one record with another.
func (s *anyServer) related(from, to string) bool {
	for _, body := range s.answered {
		var a answer[wireRelations]
		_ = json.Unmarshal([]byte(body), &a)
		for _, r := range a.Results {
			for _, t := range r.To {
				if string(r.From.ID) == from && string(t.ToObjectID) == to && to != "" {
					return true
				}
			}
		}
	}
	return false
}

// The calls that FuzzBatch makes.
const (
	fuzzCreate = iota
	fuzzUpdate
	fuzzRead
	fuzzReadByKey
	fuzzAssociate
	fuzzAssociated
	fuzzCalls
)

// FuzzBatch answers the client's batch calls at random. Whatever the answers say,
// every input has one outcome, no outcome has a record that no answer mentioned,
// and no text has personal data.
func FuzzBatch(f *testing.F) {
	f.Fuzz(func(t *testing.T, call uint8, status uint16, header, body, then string) {
		s := &anyServer{status: statusOf(status), header: headerOf(header), body: body, then: then}
		synctest.Test(t, func(t *testing.T) {
			switch c := s.client(t); call % fuzzCalls {
			case fuzzCreate:
				in := gifts(3)
				for _, o := range in {
					o.Properties["email"] = fuzzAddress
				}
				in[1].Links = link("101")
				in = append(in, in[0])
				out, err := c.Create(t.Context(), "2-1", keyProperty, in)
				s.check(t, out, err, len(in), func(i int, o *Object) bool { return s.mentioned(o.ID, in[i].Properties[keyProperty], trace(i%3)) })
			case fuzzUpdate:
				in := []Patch{{ID: "101", Key: keyProperty, Value: "T-0"}, {ID: "102"}, {ID: "101", Key: keyProperty, Value: "T-0"}}
				for i := range in {
					in[i].Properties = map[string]string{"email": fuzzAddress}
				}
				out, err := c.Update(t.Context(), "2-1", in)
				s.check(t, out, err, len(in), func(i int, o *Object) bool {
					if o.ID == in[i].ID {
						return s.mentioned(o.ID, "", "")
					}
					return s.mentioned(o.ID, in[i].Value, "") // merged
				})
			case fuzzRead:
				ids := []string{"101", "102", "101"}
				out, err := c.Read(t.Context(), "contacts", ids, []string{"email"})
				s.check(t, out, err, len(ids), func(i int, o *Object) bool { return o.ID == ids[i] && s.mentioned(o.ID, "", "") })
			case fuzzReadByKey:
				keys := []string{"T-0", "T-1", "T-0"}
				out, err := c.ReadByKey(t.Context(), "2-1", keyProperty, keys, nil, true)
				s.check(t, out, err, len(keys), func(i int, o *Object) bool {
					return o.Properties[keyProperty] == keys[i] && s.mentioned(o.ID, keys[i], "")
				})
			case fuzzAssociate:
				types := []AssociationType{{Category: "USER_DEFINED", ID: 37}}
				in := []Pair{{"101", "201", types}, {"102", "202", types}, {"101", "201", types}}
				out, err := c.Associate(t.Context(), "2-1", "contacts", in)
				s.checkEnd(t, err)
				for i, o := range out {
					if o.Err == nil && (o.Object != nil || o.Call == nil || !s.associated(in[i].FromID, in[i].ToID)) {
						t.Errorf("pair %d: %+v, which no answer mentioned", i, o)
					}
					s.checkText(t, o.Err)
				}
				if len(out) != len(in) {
					t.Errorf("%d outcomes of %d pairs", len(out), len(in))
				}
			case fuzzAssociated:
				ids := []string{"101", "102", "101"}
				out, err := c.Associated(t.Context(), "2-1", "contacts", ids)
				s.checkEnd(t, err)
				for i, o := range out {
					if o.Err != nil && o.Found != nil {
						t.Errorf("record %d has an error, and %v", i, o.Found)
					}
					for _, r := range o.Found {
						if !s.related(ids[i], r.ToID) {
							t.Errorf("record %d: associated with %q, which no answer mentioned", i, r.ToID)
						}
					}
					s.checkText(t, o.Err)
				}
				if len(out) != len(ids) {
					t.Errorf("%d outcomes of %d records", len(out), len(ids))
				}
			}
		})
	})
}

// check checks the outcomes of n inputs; true reports whether an answer mentioned
// the record as that of the input.
func (s *anyServer) check(t *testing.T, out []Outcome, err error, n int, true func(i int, o *Object) bool) {
	s.checkEnd(t, err)
	if len(out) != n {
		t.Fatalf("%d outcomes of %d inputs", len(out), n)
	}
	for i, o := range out {
		s.checkText(t, o.Err)
		if (o.Object == nil) == (o.Err == nil) {
			t.Errorf("input %d: object %v, error %v", i, o.Object, o.Err)
		}
		if o.Object != nil && (o.Object.ID == "" || o.Call == nil || !true(i, o.Object)) {
			t.Errorf("input %d: %+v, which no answer mentioned; status %d, answers %q", i, o.Object, s.status, s.answered)
		}
		if e, ok := AsError(o.Err); ok && e.Kind == Archived {
			if len(e.IDs) != 1 || e.IDs[0] == "" || !s.mentioned(e.IDs[0], "", "") {
				t.Errorf("input %d: held by the archived record %q, which no answer mentioned", i, e.IDs)
			}
		}
	}
}

// checkEnd looks at the error of a call.
func (s *anyServer) checkEnd(t *testing.T, err error) {
	if _, ok := AsError(err); err != nil && !ok {
		t.Errorf("the call ended with %v", err)
	}
	s.checkText(t, err)
}

// checkText looks for what a text must not say. It may contain the token only if
// the server sent it as the name of something.
func (s *anyServer) checkText(t *testing.T, err error) {
	if err == nil {
		return
	}
	text := err.Error()
	if strings.Contains(text, fuzzAddress) || strings.Contains(text, "\x1b") {
		t.Errorf("the error says %q", text)
	}
	if strings.Contains(text, fuzzToken) && !s.sent(fuzzToken) {
		t.Errorf("the error holds the token: %q", text)
	}
}

func (s *anyServer) sent(text string) bool {
	for _, values := range s.header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, text) }) {
			return true
		}
	}
	return strings.Contains(s.body, text) || strings.Contains(s.then, text)
}

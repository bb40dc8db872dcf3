package sync_test

import (
	"bytes"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/simulation"
)

// wire is what lies between the program and HubSpot. Calls take a time that
// depends on nothing but themselves, so that a seed means one history whatever
// the machine does meanwhile.
func (l *life) wire(next http.RoundTripper) http.RoundTripper {
	next = l.disturbed(next)
	return l.steps.Transport(simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
		body := l.sent(req)
		latency(req, body)
		resp, err := next.RoundTrip(req)
		if err != nil || l.faulty {
			_ = l.steps.Arrived(req, nil)
			return resp, err
		}
		if resp.StatusCode == http.StatusTooManyRequests {
			l.T.Errorf("HubSpot saw more than its limit: %s %s", req.Method, req.URL.Path)
		}
		return resp, l.steps.Arrived(req, resp)
	}))
}

// sent looks at what leaves for a server: there must be nothing of another
// portal in it.
func (l *life) sent(req *http.Request) []byte {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	for _, c := range l.secrets {
		if c == l.canary {
			continue
		}
		if bytes.Contains(body, []byte(c)) || strings.Contains(req.URL.String(), c) || strings.Contains(req.Header.Get("Authorization"), c) {
			l.T.Errorf("portal %s: %s %s carries something of another portal", l.name, req.Method, req.URL.Path)
		}
	}
	return body
}

// latency waits for up to a tenth of a second.
func latency(req *http.Request, body []byte) {
	h := fnv.New64a()
	_, _ = io.WriteString(h, req.Method+req.URL.String())
	_, _ = h.Write(body)
	time.Sleep(time.Duration(h.Sum64() % uint64(100*time.Millisecond)))
}

// askingThnks is what lies between the program and Thnks. Between two pages of a
// listing things may happen there.
func (l *life) askingThnks(next http.RoundTripper) http.RoundTripper {
	return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
		latency(req, l.sent(req))
		if !l.calm && req.URL.Query().Has("cursor") && l.fault != pageRepeated { // a page that has changed would pass for another
			if l.odd.IntN(8) == 0 {
				l.meddle()
			}
			l.jostle()
		}
		return l.listed(req, next)
	})
}

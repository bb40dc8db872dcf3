package hubspot

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// A transportFunc is a RoundTripper in memory.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	return f(req)
}

// respond answers a request; header lists names and values.
func respond(req *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json;charset=utf-8"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

// A script is a transport that answers one request after another, the last
// answer for ever.
type script struct {
	answers []transportFunc
	at      []time.Duration // of each request since start
	start   time.Time
	bodies  []string
	auth    []string
}

func answers(f ...transportFunc) *script { return &script{answers: f, start: time.Now()} }

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	s.bodies = append(s.bodies, string(body))
	s.auth = append(s.auth, req.Header.Get("Authorization"))
	s.at = append(s.at, time.Since(s.start))
	return s.answers[min(len(s.at), len(s.answers))-1](req)
}

func status(code int, header ...string) transportFunc {
	return func(req *http.Request) (*http.Response, error) {
		return respond(req, code, `{"status":"error","category":"SOME_CATEGORY"}`, header...), nil
	}
}

func body(code int, text string) transportFunc {
	return func(req *http.Request) (*http.Response, error) { return respond(req, code, text), nil }
}

func fails(err error) transportFunc {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// hangs never answers.
func hangs(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// cut answers with a body that breaks off.
func cut(req *http.Request) (*http.Response, error) {
	res := respond(req, http.StatusOK, "")
	res.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"a":`), brokenReader{}))
	return res, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

var refusedDial = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

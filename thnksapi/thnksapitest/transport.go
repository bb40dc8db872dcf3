package thnksapitest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"syscall"
)

// Transport returns a RoundTripper that passes requests to a handler in the
// caller's own goroutine, without a socket.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ handler http.Handler }

var errReset error = syscall.ECONNRESET

// RoundTrip implements [http.RoundTripper]. A handler that aborts resets the
// connection: before its header is written that is an error, afterwards it
// cuts the body off. A trace of the request learns that it has a connection.
func (t transport) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	w := &recorder{header: make(http.Header)}
	defer func() {
		if req.Body != nil {
			req.Body.Close()
		}
		switch p := recover(); {
		case p == nil:
		case p != http.ErrAbortHandler:
			panic(p)
		case w.status == 0:
			resp, err = nil, errReset
		default:
			resp, err = w.response(req, io.ErrUnexpectedEOF), nil
		}
	}()
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.GetConn != nil && trace.GotConn != nil {
		trace.GetConn(req.URL.Host)
		trace.GotConn(httptrace.GotConnInfo{})
	}
	in := req.Clone(req.Context())
	in.RequestURI = req.URL.RequestURI()
	in.RemoteAddr = "192.0.2.1:1"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	t.handler.ServeHTTP(w, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return w.response(req, io.EOF), nil
}

// A recorder is the ResponseWriter of a request without a connection.
type recorder struct {
	header http.Header
	sent   http.Header // as it was when the status was written
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		w.sent = w.header.Clone()
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// response returns the recorded response; end is the error that ends its body.
func (w *recorder) response(req *http.Request, end error) *http.Response {
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        w.sent,
		ContentLength: -1,
		Body:          io.NopCloser(io.MultiReader(&w.body, errorReader{end})),
		Request:       req,
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

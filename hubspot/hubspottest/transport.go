package hubspottest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
)

// Transport returns a RoundTripper that hands requests to h in this process:
// no sockets, so it works inside a testing/synctest bubble. A handler that
// aborts looks like a connection reset.
func Transport(h http.Handler) http.RoundTripper { return transport{h} }

type transport struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper]. Every URL reaches the handler,
// whatever its host.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := context.Cause(req.Context()); err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.RequestURI = req.URL.RequestURI()
	in.URL = &url.URL{Path: req.URL.Path, RawPath: req.URL.RawPath, RawQuery: req.URL.RawQuery}
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	r, w := io.Pipe()
	rw := &responseWriter{header: make(http.Header), body: w, ready: make(chan struct{})}
	go func() {
		defer closeBody(req)
		rw.serve(t.handler, in)
	}()
	select {
	case <-rw.ready:
	case <-ctx.Done():
		cancel()
		_ = r.CloseWithError(ctx.Err()) // only ever nil
		return nil, context.Cause(req.Context())
	}
	if rw.err != nil {
		cancel()
		return nil, rw.err
	}
	// A body is cut short when the caller's context ends.
	stop := context.AfterFunc(ctx, func() { _ = w.CloseWithError(ctx.Err()) }) // only ever nil
	res := &http.Response{
		Status: strconv.Itoa(rw.status) + " " + http.StatusText(rw.status), StatusCode: rw.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: rw.sent, ContentLength: -1, Request: req,
		Body: &responseBody{r, func() { stop(); cancel() }},
	}
	return res, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // the request was read as far as the handler cared
	}
}

// responseBody ends the handler's context when the caller is done reading.
type responseBody struct {
	*io.PipeReader
	done func()
}

func (b *responseBody) Close() error {
	err := b.PipeReader.Close()
	b.done()
	return err
}

// responseWriter passes a handler's answer through a pipe.
type responseWriter struct {
	header http.Header
	sent   http.Header // the header as of WriteHeader
	status int
	body   *io.PipeWriter
	once   sync.Once
	ready  chan struct{} // closed when status or err is known
	err    error
}

func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader fixes the header, with names as a client's transport spells
// them.
func (w *responseWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status = status
		w.sent = make(http.Header, len(w.header))
		for k, vs := range w.header {
			for _, v := range vs {
				w.sent.Add(k, v)
			}
		}
		close(w.ready)
	})
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Flush does nothing: a pipe holds nothing back.
func (w *responseWriter) Flush() { w.WriteHeader(http.StatusOK) }

// serve runs the handler and ends the answer as a server would.
func (w *responseWriter) serve(h http.Handler, r *http.Request) {
	defer func() {
		cause := recover()
		if cause == nil {
			w.WriteHeader(http.StatusOK)
			// If the caller's context has ended, the answer is incomplete.
			_ = w.body.CloseWithError(r.Context().Err()) // only ever nil
			return
		}
		if err, ok := cause.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			panic(cause)
		}
		broken := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
		w.once.Do(func() {
			w.err = broken
			close(w.ready)
		})
		_ = w.body.CloseWithError(broken) // only ever nil
	}()
	h.ServeHTTP(w, r)
}

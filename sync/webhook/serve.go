package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"thnks-hubspot-sync/sync/listen"
)

// The limits of the public listener. Go's own defaults never close a slow
// connection.
const (
	headerTime  = 5 * time.Second
	requestTime = 10 * time.Second // header and body
	answerTime  = 10 * time.Second
	idleTime    = 30 * time.Second
	stopTime    = bodyTime + storeTime // for requests under way when the server stops
	maxHeader   = 16 << 10             // bytes
	maxConns    = 2048
	maxPerPeer  = 64  // connections of one address, and requests under way
	maxPerConn  = 100 // requests on one connection
)

// Serve answers requests on l with h until ctx ends. Then it waits at most 8 s,
// the longest time that a good request takes, for those under way, and returns
// nil. It speaks HTTP/1 only; a proxy in front may speak more.
//
// It accepts 2,048 connections, and 64 of one address. Where that is not enough,
// those without a request under way are closed first, as package listen says.
// Trusted proxies and loopback peers are not counted by address, because they
// carry the requests of others. Of those, 64 of one forwarded address are answered
// at a time, on whatever path, and further ones get 429.
func Serve(ctx context.Context, l net.Listener, h http.Handler, trusted []netip.Prefix, log *slog.Logger) error {
	places := listen.New(l, listen.Options{Places: maxConns, PerPeer: maxPerPeer, Peer: proxies(trusted).peer, Log: log})
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	srv := &http.Server{
		Handler:                      guarded(h, trusted, log),
		ReadHeaderTimeout:            headerTime,
		ReadTimeout:                  requestTime,
		WriteTimeout:                 answerTime,
		IdleTimeout:                  idleTime,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		Protocols:                    &protocols,
		ConnState:                    places.ConnState,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, requestsKey{}, new(atomic.Int32))
		},
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(places) }()
	select {
	case err := <-ended:
		return fmt.Errorf("the public listener %s failed: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := srv.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-ended
	if err != nil {
		return fmt.Errorf("the public listener %s did not close: %w", l.Addr(), err)
	}
	return nil
}

// requestsKey is the key of a connection's count of requests in its context.
type requestsKey struct{}

// guarded closes a connection after its hundredth request, and after a panic.
// The panic is logged and the client gets no answer. A client that was not served
// does not keep its connection, and one that has too many requests under way, whose
// bodies are in memory, gets no further one answered.
func guarded(h http.Handler, trusted proxies, log *slog.Logger) http.Handler {
	var under crowd
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, ok := r.Context().Value(requestsKey{}).(*atomic.Int32); ok && n.Add(1) >= maxPerConn {
			w.Header().Set("Connection", "close")
		}
		if len(r.TransferEncoding) > 0 {
			// It may have had a length as well, of which net/http does not tell: what
			// follows may be another request to a proxy in front (RFC 9112, 6.1).
			w.Header().Set("Connection", "close")
		}
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault != http.ErrAbortHandler {
				// The panic's text may quote the request, unless it is the
				// runtime's own.
				what := fmt.Sprintf("%T", fault)
				if own, ok := fault.(runtime.Error); ok {
					what = own.Error()
				}
				log.Error("panic while answering a request", keyPanic, what, keyStack, string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		w = answering{w}
		var who client // those that are not forwarded were counted by their connections
		if from := trusted.sender(r); from.forwarded {
			who = trusted.client(from)
		}
		if !under.enter(who, maxPerPeer) {
			(&answer{code: http.StatusTooManyRequests, err: "too many requests", retry: retryCrowd}).write(w)
			return
		}
		defer under.leave(who)
		h.ServeHTTP(w, r)
	})
}

// An answering writer closes the connection after any answer but 200.
type answering struct{ w http.ResponseWriter }

// Header implements [http.ResponseWriter].
func (a answering) Header() http.Header { return a.w.Header() }

// Write implements [http.ResponseWriter].
func (a answering) Write(b []byte) (int, error) { return a.w.Write(b) }

// WriteHeader implements [http.ResponseWriter].
func (a answering) WriteHeader(status int) {
	if status != http.StatusOK {
		a.w.Header().Set("Connection", "close")
	}
	a.w.WriteHeader(status)
}

// Unwrap is for [http.NewResponseController].
func (a answering) Unwrap() http.ResponseWriter { return a.w }

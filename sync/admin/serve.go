package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/net/netutil"

	giftsync "thnks-hubspot-sync/sync"
)

// Bounds of both sides, the socket and the pages.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	idleTimeout   = 30 * time.Second
	maxHeader     = 16 << 10 // bytes
	maxBody       = 1 << 20  // bytes
	connections   = 64       // at a time; the next ones wait
)

// stopGrace is how long a daemon that stops waits for its runs to come to a
// safe point, so that who asked for them gets their reports.
const stopGrace = 5 * time.Second

// Options say how [Serve] serves.
type Options struct {
	// Usage tells errors of usage and configuration from others; nil for
	// none.
	Usage func(error) bool
	// Logger hears of panics and of strangers. Default: nobody.
	Logger *slog.Logger
}

// Serve serves the desk on the socket l, which it closes, to processes of this
// process's user, until ctx ends. It then waits a few seconds for what is
// under way and returns nil.
//
// A run that was asked for goes on when the asker goes away: its context is
// ctx. A dry run, which has no effect but its report, ends with the asker.
func Serve(ctx context.Context, l net.Listener, d Desk, o Options) error {
	s := newServer(ctx, d, o)
	return s.serve(l)
}

// A server is one Serve.
type server struct {
	life  context.Context // ends when the daemon stops, and with it every run
	desk  Desk
	owner int           // the user id that is answered
	grace time.Duration // stopGrace
	usage func(error) bool
	log   *slog.Logger
}

func newServer(ctx context.Context, d Desk, o Options) *server {
	s := &server{life: ctx, desk: d, owner: os.Geteuid(), grace: stopGrace, usage: o.Usage, log: o.Logger}
	if s.usage == nil {
		s.usage = func(error) bool { return false }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// serve has no time limit on answers, as a run may take hours.
func (s *server) serve(l net.Listener) error {
	return serveUntil(s.life, s.grace+time.Second, netutil.LimitListener(peerListener{l}, connections), &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, c.RemoteAddr())
		},
	})
}

// serveUntil serves until ctx ends, which ends the requests' contexts too, and
// cuts off what has not ended after grace.
func serveUntil(ctx context.Context, grace time.Duration, l net.Listener, srv *http.Server) error {
	srv.BaseContext = func(net.Listener) context.Context { return ctx }
	srv.DisableGeneralOptionsHandler = true
	if srv.ErrorLog == nil {
		srv.ErrorLog = log.New(io.Discard, "", 0)
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if srv.Shutdown(last) != nil {
		_ = srv.Close() // the connections that are left are cut off, which cannot fail
	}
	<-failed
	return nil
}

// A peerKey is under what a request's context holds its [peer].
type peerKey struct{}

// handler lets in the owner and finds the route.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statusRoute, s.status)
	mux.HandleFunc("POST "+runRoute, s.run)
	mux.HandleFunc("POST "+stopRoute, s.stop)
	mux.HandleFunc("GET "+statsRoute, s.stats)
	mux.HandleFunc("GET "+quarantineRoute, s.quarantine)
	mux.HandleFunc("GET "+checkRoute, s.check)
	mux.HandleFunc("POST "+eventsRoute, s.events)
	mux.HandleFunc("POST "+replayRoute, s.replay)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeFault(w, http.StatusNotFound, fault{misunderstood, r.Method + " " + r.URL.Path + " is not known to the daemon"})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := r.Context().Value(peerKey{}).(peer); !ok || p.uid != s.owner {
			s.log.Warn("refused a stranger on the admin socket", "uid", p.uid, "pid", p.pid)
			writeFault(w, http.StatusForbidden, fault{failed, fmt.Sprintf("the daemon answers only the user that it runs as: run the command with sudo -u '#%d'", s.owner)})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
}

func (s *server) status(w http.ResponseWriter, r *http.Request) {
	all, err := guarded(s.log, func() ([]giftsync.Status, error) { return s.desk.Status(r.Context()) })
	s.answer(w, statusAnswer{all}, err)
}

func (s *server) stop(w http.ResponseWriter, r *http.Request) {
	stopped, err := ask(s, r, s.desk.Stop)
	s.answer(w, stopAnswer{stopped}, err)
}

func (s *server) stats(w http.ResponseWriter, r *http.Request) {
	rep, err := ask(s, r, s.desk.Stats)
	s.answer(w, rep, err)
}

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	list, err := askWith(s, r, s.desk.Events)
	s.answer(w, list, err)
}

func (s *server) replay(w http.ResponseWriter, r *http.Request) {
	n, err := askWith(s, r, func(ctx context.Context, portal string, q replayQuestion) (int, error) {
		return s.desk.Replay(ctx, portal, q.Seqs)
	})
	s.answer(w, replayAnswer{n}, err)
}

// askWith asks the desk about a portal, with what stands in the body.
func askWith[Q, A any](s *server, r *http.Request, f func(context.Context, string, Q) (A, error)) (A, error) {
	return ask(s, r, func(ctx context.Context, portal string) (A, error) {
		q, err := decode[Q](r.Body)
		if err != nil {
			var none A
			return none, &requestError{err}
		}
		return f(ctx, portal, q)
	})
}

func (s *server) check(w http.ResponseWriter, r *http.Request) {
	findings, err := ask(s, r, s.desk.Check)
	s.answer(w, checkAnswer{findings}, err)
}

// ask asks the desk about the portal that the query names.
func ask[T any](s *server, r *http.Request, f func(context.Context, string) (T, error)) (T, error) {
	portal, err := decodePortal(r.URL.RawQuery)
	if err != nil {
		var none T
		return none, &requestError{err}
	}
	return guarded(s.log, func() (T, error) { return f(r.Context(), portal) })
}

// answer writes what the desk returned.
func (s *server) answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		s.refuse(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// refuse writes an error in the place of the answer.
func (s *server) refuse(w http.ResponseWriter, err error) {
	status, f := s.fault(err)
	writeFault(w, status, f)
}

// A requestError says why a request was not understood.
type requestError struct{ error }

func (e *requestError) Unwrap() error { return e.error }

// fault is err as the asker is told it.
func (s *server) fault(err error) (status int, f fault) {
	var bad *requestError
	var large *http.MaxBytesError
	switch {
	case s.life.Err() != nil && errors.Is(err, context.Canceled) && !errors.Is(err, giftsync.ErrStopping):
		return http.StatusServiceUnavailable, fault{failed, "the daemon is stopping: ask again when it runs"}
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, fault{misused, fmt.Sprintf("the request is larger than %d bytes: name fewer keys at a time", large.Limit)}
	case errors.As(err, &bad):
		return http.StatusBadRequest, fault{misunderstood, "the daemon does not understand the request: " + bad.Error()}
	case errors.Is(err, ErrUnknownPortal):
		return http.StatusNotFound, fault{unknownPortal, err.Error()}
	case s.usage(err):
		return http.StatusBadRequest, fault{misused, err.Error()}
	default:
		return http.StatusInternalServerError, fault{failed, err.Error()}
	}
}

func writeFault(w http.ResponseWriter, status int, f fault) { writeJSON(w, status, refusal{&f}) }

// writeJSON writes a small document. That it cannot be written means that the
// asker is gone.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// errBug is what the asker is told of a panic.
var errBug = errors.New("the daemon met a mistake in its own code and has written it to its log: please report it")

// guarded calls f and turns a panic into an error. The log gets the words of
// the panic only where the runtime wrote them: others may quote anything.
func guarded[T any](log *slog.Logger, f func() (T, error)) (v T, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		what := fmt.Sprintf("%T", p)
		if e, ok := p.(runtime.Error); ok {
			what = e.Error()
		}
		log.Error("a request to the daemon panicked", "panic", what, "stack", string(debug.Stack()))
		err = errBug
	}()
	return f()
}

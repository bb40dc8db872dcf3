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

	"thnks-hubspot-sync/hubspot"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/listen"
	"thnks-hubspot-sync/sync/send"
)

// Bounds of both the socket and the pages.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	idleTimeout   = 30 * time.Second
	maxHeader     = 16 << 10 // bytes
	maxBody       = 1 << 20  // bytes
	connections   = 64       // at a time; see package listen
)

// stopGrace is how long a daemon that stops waits for its runs to reach a safe
// point, so that the commands that started them get their reports.
const stopGrace = 5 * time.Second

// Options say how [Handler] answers.
type Options struct {
	// Access gives portals access to HubSpot by OAuth. Nil means that none can get it.
	Access Access
	// Usage reports whether an error is one of usage or configuration. Nil
	// means that none is.
	Usage func(error) bool
	// Sender sends gifts. Nil means that nothing does.
	Sender Sender
	// Trail answers for what is kept. Nil answers nothing of it.
	Trail Trail
	// Files takes care of state files. Nil means that nothing does.
	Files Files
	// Logger gets panics and requests of other users. Nil discards them.
	Logger *slog.Logger
}

// Handler answers commands of this process's user, which the connections of [Serve]
// tell. When life ends, it waits a few seconds for what is under way.
//
// A run goes on when the command that started it disconnects: its context is
// life. A dry run, which has no effect but its report, ends with the command.
func Handler(life context.Context, service Service, o Options) http.Handler {
	return newServer(life, service, o).handler()
}

// Serve serves a [Handler] on the socket l, which it closes, until ctx ends. It then
// waits a few seconds for what is under way and returns nil. The logger gets what
// goes wrong with connections; nil discards that.
func Serve(ctx context.Context, l net.Listener, h http.Handler, logger *slog.Logger) error {
	return serve(ctx, l, h, stopGrace, logger)
}

// serve is Serve with another grace. It sets no time limit on answers: a run may
// take hours.
func serve(ctx context.Context, l net.Listener, h http.Handler, grace time.Duration, logger *slog.Logger) error {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return serveUntil(ctx, grace+time.Second, listen.New(peerListener{l}, listen.Options{Places: connections, Log: logger}), &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(hubspot.StandardLog(logger), "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, c.RemoteAddr())
		},
	})
}

// A server is one [Handler].
type server struct {
	life    context.Context // ends when the daemon stops, and with it every run
	service Service
	access  Access
	sender  Sender        // nil where nothing sends
	owner   int           // the only user id that gets answers
	grace   time.Duration // stopGrace
	usage   func(error) bool
	trail   Trail // nil for none
	files   Files // so

	takeWithin time.Duration // [takeWithin], or less in a test
	log        *slog.Logger
}

func newServer(ctx context.Context, service Service, o Options) *server {
	s := &server{life: ctx, service: service, access: o.Access, sender: o.Sender, owner: os.Geteuid(), grace: stopGrace, takeWithin: takeWithin, trail: o.Trail, files: o.Files, usage: o.Usage, log: o.Logger}
	if s.usage == nil {
		s.usage = func(error) bool { return false }
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// serveUntil serves until ctx ends, which ends the requests' contexts too, and
// cuts off what has not ended after grace.
func serveUntil(ctx context.Context, grace time.Duration, l *listen.Listener, srv *http.Server) error {
	srv.ConnState = l.ConnState
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
		_ = srv.Close() // cuts off the remaining connections, which cannot fail
	}
	<-failed
	return nil
}

// A peerKey is the key of a request's [peer] in its context.
type peerKey struct{}

// handler lets only the owner in, and routes.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statusRoute, s.status)
	mux.HandleFunc("POST "+runRoute, s.run)
	mux.HandleFunc("POST "+stopRoute, s.stop)
	mux.HandleFunc("POST "+statsRoute, s.stats)
	mux.HandleFunc("GET "+quarantineRoute, s.quarantine)
	mux.HandleFunc("POST "+showRoute, s.show)
	mux.HandleFunc("POST "+dropRoute, s.drop)
	mux.HandleFunc("GET "+checkRoute, s.check)
	mux.HandleFunc("POST "+eventsRoute, s.events)
	mux.HandleFunc("POST "+replayRoute, s.replay)
	s.handleAccess(mux, s.access)
	if s.sender != nil {
		mux.HandleFunc("POST "+sendRoute, s.send)
		mux.HandleFunc("POST "+sendsRoute, s.sends)
		mux.HandleFunc("POST "+changeRoute, s.changeSends)
		mux.HandleFunc("POST "+tryRoute, s.tryTriggers)
		mux.HandleFunc("POST "+fireRoute, s.fireEvents)
	}
	if s.trail != nil {
		s.handleTrail(mux, s.trail)
	}
	if s.files != nil {
		s.handleFiles(mux, s.files)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeFault(w, http.StatusNotFound, fault{misunderstood, r.Method + " " + r.URL.Path + " is not known to the daemon"})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := r.Context().Value(peerKey{}).(peer); !ok || p.uid != s.owner {
			s.log.Warn("refused another user on the admin socket", keyUID, p.uid, keyPID, p.pid)
			writeFault(w, http.StatusForbidden, fault{failed, fmt.Sprintf("the daemon answers only the user that it runs as: run the command with sudo -u '#%d'", s.owner)})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
}

func (s *server) status(w http.ResponseWriter, r *http.Request) {
	all, err := guarded(s.log, func() ([]giftsync.Status, error) { return s.service.Status(r.Context()) })
	s.answer(w, statusAnswer{all}, err)
}

func (s *server) stop(w http.ResponseWriter, r *http.Request) {
	stopped, err := call(s, r, s.service.Stop)
	s.answer(w, stopAnswer{stopped}, err)
}

func (s *server) stats(w http.ResponseWriter, r *http.Request) {
	rep, err := callWith(s, r, s.service.Stats)
	s.answer(w, rep, err)
}

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	list, err := callWith(s, r, s.service.Events)
	s.answer(w, list, err)
}

func (s *server) replay(w http.ResponseWriter, r *http.Request) {
	n, err := callWith(s, r, func(ctx context.Context, portal string, q replayRequest) (int, error) {
		return s.service.Replay(ctx, portal, q.Seqs)
	})
	s.answer(w, replayAnswer{n}, err)
}

func (s *server) send(w http.ResponseWriter, r *http.Request) {
	sends, err := callWith(s, r, s.sender.Send)
	s.answer(w, sendAnswer{sends}, err)
}

func (s *server) sends(w http.ResponseWriter, r *http.Request) {
	list, err := callWith(s, r, s.sender.Sends)
	s.answer(w, list, err)
}

func (s *server) changeSends(w http.ResponseWriter, r *http.Request) {
	sends, err := callWith(s, r, s.sender.ChangeSends)
	s.answer(w, sendAnswer{sends}, err)
}

func (s *server) tryTriggers(w http.ResponseWriter, r *http.Request) {
	tried, err := callWith(s, r, s.sender.TryTriggers)
	s.answer(w, triedAnswer{tried}, err)
}

func (s *server) fireEvents(w http.ResponseWriter, r *http.Request) {
	fired, err := callWith(s, r, func(ctx context.Context, portal string, q fireRequest) ([]send.Fired, error) {
		return s.sender.FireEvents(ctx, portal, q.Seqs)
	})
	s.answer(w, firedAnswer{fired}, err)
}

func (s *server) show(w http.ResponseWriter, r *http.Request) {
	row, err := callWith(s, r, func(ctx context.Context, portal string, q showRequest) (giftsync.QuarantinedRow, error) {
		return s.service.ShowQuarantined(ctx, portal, q.Key)
	})
	s.answer(w, row, err)
}

func (s *server) drop(w http.ResponseWriter, r *http.Request) {
	n, err := callWith(s, r, func(ctx context.Context, portal string, q dropRequest) (int, error) {
		return s.service.DropQuarantined(ctx, portal, q.Keys)
	})
	s.answer(w, dropAnswer{n}, err)
}

// callWith calls a method of the service with the body's document.
func callWith[Q, A any](s *server, r *http.Request, f func(context.Context, string, Q) (A, error)) (A, error) {
	return call(s, r, func(ctx context.Context, portal string) (A, error) {
		q, err := decode[Q](r.Body)
		if err != nil {
			var none A
			return none, &requestError{err}
		}
		return f(ctx, portal, q)
	})
}

func (s *server) check(w http.ResponseWriter, r *http.Request) {
	findings, err := call(s, r, s.service.Check)
	s.answer(w, checkAnswer{findings}, err)
}

// call calls a method of the service for the portal that the query names.
func call[T any](s *server, r *http.Request, f func(context.Context, string) (T, error)) (T, error) {
	portal, err := decodePortal(r.URL.RawQuery)
	if err != nil {
		var none T
		return none, &requestError{err}
	}
	return guarded(s.log, func() (T, error) { return f(r.Context(), portal) })
}

// answer writes what the service returned.
func (s *server) answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		s.refuse(w, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

// refuse answers with an error.
func (s *server) refuse(w http.ResponseWriter, err error) {
	status, f := s.fault(err)
	if status == http.StatusInternalServerError {
		s.log.Warn("a request through the admin socket failed", keyError, f.Text)
	}
	writeFault(w, status, f)
}

// A requestError says why a request was not understood.
type requestError struct{ error }

func (e *requestError) Unwrap() error { return e.error }

// fault returns err as it is sent to the caller.
func (s *server) fault(err error) (status int, f fault) {
	var bad *requestError
	var large *http.MaxBytesError
	switch {
	case s.life.Err() != nil && errors.Is(err, context.Canceled) && !errors.Is(err, giftsync.ErrStopping):
		return http.StatusServiceUnavailable, fault{failed, "the daemon is stopping, or reads its configuration anew: run the command again when it has started"}
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, fault{misused, fmt.Sprintf("the request is larger than %d bytes: name fewer keys at a time", large.Limit)}
	case errors.As(err, &bad):
		return http.StatusBadRequest, fault{misunderstood, "the daemon does not understand the request: " + bad.Error()}
	case errors.Is(err, giftsync.ErrUnknownPortal):
		return http.StatusNotFound, fault{unknownPortal, err.Error()}
	case s.usage(err):
		return http.StatusBadRequest, fault{misused, err.Error()}
	default:
		return http.StatusInternalServerError, fault{failed, err.Error()}
	}
}

func writeFault(w http.ResponseWriter, status int, f fault) { writeJSON(w, status, refusal{&f}) }

// writeJSON writes a small document. An error means that the caller is gone.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// errBug is the caller's error for a panic.
var errBug = errors.New("internal error in the daemon; see its log, and please report it")

// guarded calls f and turns a panic into an error. The log gets the panic's
// text only if it is the runtime's own: any other may quote a message.
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
		log.Error("a request to the daemon panicked", keyPanic, what, keyStack, string(debug.Stack()))
		err = errBug
	}()
	return f()
}

package card

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// The codes that only a mistaken client meets.
const (
	methodNotAllowed = "method_not_allowed"
	unsupportedMedia = "unsupported_media_type"
)

var statusOf = map[string]int{
	Unauthorized: http.StatusUnauthorized, NotConnected: http.StatusForbidden, NotAllowed: http.StatusForbidden,
	BadRequest: http.StatusBadRequest, NotFound: http.StatusNotFound, Differs: http.StatusConflict,
	TooLarge: http.StatusRequestEntityTooLarge, Busy: http.StatusTooManyRequests, Later: http.StatusServiceUnavailable,
	methodNotAllowed: http.StatusMethodNotAllowed, unsupportedMedia: http.StatusUnsupportedMediaType,
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Message }

func (p *Problem) status() int { return statusOf[p.Code] }

func problem(code, message string) *Problem { return &Problem{code, message} }

// write answers with a document.
func write(w http.ResponseWriter, status int, document any) {
	text, err := json.Marshal(document)
	if err != nil { // the documents always encode
		status, text = http.StatusInternalServerError, nil
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // fails only if the client has gone
}

// The keys of log lines.
const (
	keyPath    = "path"
	keyReason  = "reason"
	keyApp     = "app"
	keyAccount = "account"
	keyPortal  = "portal"
	keySend    = "send"
	keyState   = "state"
	keyError   = "error"
)

// note logs why a request was not served, at most once a minute for each path and
// reason, so that a flood makes no line for each request.
func (s *Server) note(event, path string, attrs ...any) {
	if _, known := routes[path]; !known {
		path = "other"
	}
	reason, _ := attrs[1].(string)
	if s.seldom.may(event+path+reason, time.Now()) {
		s.log.Log(context.Background(), slog.LevelWarn, event, append([]any{keyPath, path}, attrs...)...)
	}
}

// seldom says whether something may be logged: once a minute.
type seldom struct {
	mu     sync.Mutex
	began  time.Time
	logged map[string]bool
}

// maxNotes bounds the lines of a minute.
const maxNotes = 100

func (s *seldom) may(what string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.began); s.logged == nil || age >= time.Minute || age < 0 {
		s.began, s.logged = now, make(map[string]bool)
	}
	if s.logged[what] || len(s.logged) == maxNotes {
		return false
	}
	s.logged[what] = true
	return true
}

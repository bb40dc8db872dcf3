package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// errStopping ends a run that did not stop within [stopGrace].
var errStopping = errors.New("the daemon is stopping, and its run with it: what is committed stays, and the run resumes when the daemon starts again")

// An outcome is how a run ended.
type outcome struct {
	report giftsync.Report
	err    error
}

// run answers with the lines of a run. A slow reader does not slow the run
// down: it gets the newest progress, and always the end.
func (s *server) run(w http.ResponseWriter, r *http.Request) {
	portal, req, err := readRun(w, r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	ctx := s.life
	if req.DryRun {
		ctx = r.Context()
	}
	now := latest{news: make(chan struct{}, 1)}
	ended := make(chan outcome, 1)
	go func() {
		report, err := guarded(s.log, func() (giftsync.Report, error) {
			return s.service.Run(ctx, portal, req, giftsync.Watcher{Waiting: now.setWaiting, Progress: now.setProgress})
		})
		ended <- outcome{report, err}
	}()

	out := newStream(w)
	end, ok := s.follow(r.Context(), out, &now, ended)
	switch {
	case ok:
		now.write(out)
		s.writeEnd(out, end)
	case !req.DryRun:
		s.log.Info("the command that started the run was interrupted; the run goes on", keyPortal, portal, keyMode, string(req.Mode))
	}
}

// follow writes the run's progress until it ends. It returns false if the
// caller disconnected first. A daemon that stops gives the run [stopGrace].
func (s *server) follow(caller context.Context, out *stream, now *latest, ended <-chan outcome) (end outcome, ok bool) {
	for out.err == nil {
		select {
		case <-now.news:
			now.write(out)
			out.flush()
		case end := <-ended:
			return end, true
		case <-caller.Done():
			if s.life.Err() == nil {
				return outcome{}, false
			}
			select {
			case end := <-ended:
				return end, true
			case <-time.After(s.grace):
				return outcome{err: errStopping}, true
			}
		}
	}
	return outcome{}, false
}

// readRun reads the request of a run. The body is short and must arrive soon.
// After its end, net/http lifts the time limit again, to notice when the
// caller disconnects.
func readRun(w http.ResponseWriter, r *http.Request) (string, giftsync.Request, error) {
	portal, err := decodePortal(r.URL.RawQuery)
	if err != nil {
		return "", giftsync.Request{}, &requestError{err}
	}
	conn := http.NewResponseController(w)
	if err := conn.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return "", giftsync.Request{}, err
	}
	req, err := decodeRequest(r.Body)
	if err != nil {
		return "", giftsync.Request{}, &requestError{err}
	}
	return portal, req, nil
}

// writeEnd writes the report's changes, and then the end.
func (s *server) writeEnd(out *stream, end outcome) {
	for changes := range slices.Chunk(end.report.Changes, chunk) {
		out.write(runLine{Changes: changes})
	}
	last := runEnd{Report: end.report}
	last.Report.Changes = nil
	if end.err != nil {
		_, f := s.fault(end.err)
		last.Error = &f
	}
	out.write(runLine{End: &last})
}

// quarantine answers with the lines of a portal's quarantine.
func (s *server) quarantine(w http.ResponseWriter, r *http.Request) {
	list, err := call(s, r, s.service.Quarantine)
	if err != nil {
		s.refuse(w, err)
		return
	}
	out := newStream(w)
	for records := range slices.Chunk(list.Records, chunk) {
		out.write(listLine{Records: records})
	}
	for groups := range slices.Chunk(list.Groups, chunk) {
		out.write(listLine{Groups: groups})
	}
	list.Records, list.Groups = list.Records[:0], list.Groups[:0] // nil stays nil
	out.write(listLine{End: &list})
}

// latest holds what was not written to the reader yet: only the newest of
// each, so that a slow reader cannot make it grow.
type latest struct {
	mu       sync.Mutex
	waiting  *giftsync.Status
	progress *giftsync.Progress
	news     chan struct{} // of size 1: full when there is something to write
}

func (l *latest) setWaiting(s giftsync.Status) {
	l.mu.Lock()
	l.waiting = &s
	l.mu.Unlock()
	l.signal()
}

func (l *latest) setProgress(p giftsync.Progress) {
	l.mu.Lock()
	l.progress = &p
	l.mu.Unlock()
	l.signal()
}

func (l *latest) signal() {
	select {
	case l.news <- struct{}{}:
	default: // the reader was signalled already and will find this too
	}
}

// write writes what is there, and forgets it.
func (l *latest) write(out *stream) {
	l.mu.Lock()
	waiting, progress := l.waiting, l.progress
	l.waiting, l.progress = nil, nil
	l.mu.Unlock()
	if waiting != nil {
		out.write(runLine{Waiting: waiting})
	}
	if progress != nil {
		out.write(runLine{Progress: progress})
	}
}

// A stream is an answer in JSON lines. After an error, which means that the
// reader is gone, it writes nothing more.
type stream struct {
	lines *json.Encoder
	conn  *http.ResponseController
	err   error
}

// newStream begins the answer, so that the caller knows it was understood.
func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	out := &stream{lines: json.NewEncoder(w), conn: http.NewResponseController(w)}
	out.flush()
	return out
}

func (o *stream) write(line any) {
	if o.err == nil {
		o.err = o.lines.Encode(line)
	}
}

func (o *stream) flush() {
	if o.err == nil {
		o.err = o.conn.Flush()
	}
}

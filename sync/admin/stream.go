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

// errStopping is the end of a run that outlasted the daemon's patience.
var errStopping = errors.New("the daemon is stopping, and its run with it: what is committed stays, and the run resumes when the daemon starts again")

// An outcome is how a run ended.
type outcome struct {
	report giftsync.Report
	err    error
}

// run answers with the lines of a run. The run and its reader go at their own
// speeds: the reader gets the newest news and, whatever it missed, the end.
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
			return s.desk.Run(ctx, portal, req, Watcher{Waiting: now.setWaiting, Progress: now.setProgress})
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
		s.log.Info("the command that asked for the run has gone; the run goes on", "portal", portal, "mode", string(req.Mode))
	}
}

// follow writes the run's news until it ends, and is false where the asker
// went away before. A daemon that stops waits for the run a little.
func (s *server) follow(asker context.Context, out *stream, now *latest, ended <-chan outcome) (end outcome, ok bool) {
	for out.err == nil {
		select {
		case <-now.news:
			now.write(out)
			out.flush()
		case end := <-ended:
			return end, true
		case <-asker.Done():
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

// readRun reads what is asked for. The body is short and must come soon; after
// its end, net/http lifts the time limit again to notice that the asker goes.
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
	list, err := ask(s, r, s.desk.Quarantine)
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

// latest is the news of a run that its reader has not got yet.
type latest struct {
	mu       sync.Mutex
	waiting  *giftsync.Status
	progress *giftsync.Progress
	news     chan struct{} // of size 1: full where there is news
}

func (l *latest) setWaiting(s giftsync.Status) {
	l.mu.Lock()
	l.waiting = &s
	l.mu.Unlock()
	l.tell()
}

func (l *latest) setProgress(p giftsync.Progress) {
	l.mu.Lock()
	l.progress = &p
	l.mu.Unlock()
	l.tell()
}

func (l *latest) tell() {
	select {
	case l.news <- struct{}{}:
	default: // the reader will find this with what it was told of before
	}
}

// write writes the news, if any, and forgets it.
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

// A stream is an answer of JSON lines. After an error, which means that the
// reader is gone, it writes nothing.
type stream struct {
	lines *json.Encoder
	conn  *http.ResponseController
	err   error
}

// newStream begins the answer, so that the asker knows it was understood.
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

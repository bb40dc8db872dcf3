package sync

import (
	"errors"
	"strings"
	"time"
)

// judge notes how the portal stands after a pass, or after an attempt to open
// it, and logs each change once. A problem stays until a pass has ended well:
// that the network fails the next one mends nothing.
func (l *Loop) judge(err error, person bool) {
	switch {
	case err == nil:
		if l.mend() {
			l.log.Info("portal is well again")
		}
	case person:
		if l.ail(err) {
			l.log.Error("portal needs a person", "problem", l.text(err))
		}
	default:
		if l.stumble(err) {
			l.log.Warn("a run ended early; the next one goes on", "error", l.text(err))
		}
	}
}

// mend notes that all is well, and reports whether that is news.
func (l *Loop) mend() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.status
	news := !s.Ready || s.Trouble != ""
	s.Ready, s.Problem, s.Trouble, s.Since, l.cause = true, "", "", time.Time{}, ""
	return news
}

// ail notes a problem, and reports whether it is another one than before.
func (l *Loop) ail(err error) bool {
	cause := l.text(err)
	if fatal, ok := errors.AsType[*Fatal](err); ok {
		cause = fatal.What // what is behind it differs from time to time
	}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.status
	s.Ready, s.Problem, s.Trouble = false, l.text(err), ""
	if cause == l.cause {
		return false
	}
	l.cause, s.Since = cause, now
	return true
}

// stumble notes a trouble, and reports whether it is the first.
func (l *Loop) stumble(err error) bool {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.status
	first := s.Ready && s.Trouble == ""
	if first {
		s.Since = now
	}
	s.Trouble = l.text(err)
	return first
}

// text is an error without the portal's name, which stands beside it.
func (l *Loop) text(err error) string {
	return strings.TrimPrefix(err.Error(), "portal "+l.cfg.Portal+": ")
}

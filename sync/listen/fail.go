package listen

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// How long to wait after connections could not be accepted: the shortest time
// first, twice as long after each further failure.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

// accept waits for a connection. Errors that pass do not end it: they say that
// the system is short of something, or that a client has gone.
func (l *Listener) accept() (net.Conn, error) {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		c, err := l.inner.Accept()
		if err == nil || !passes(err) {
			return c, err
		}
		l.fails.add(err, time.Now())
		l.mu.Lock()
		l.clear(l.fullest(netip.Prefix{})) // a connection is what may be short
		l.mu.Unlock()
		select {
		case <-time.After(pause):
		case <-l.done:
			return nil, net.ErrClosed
		}
	}
}

// lasting are the errors of accept(2) that say that the listener is unusable.
var lasting = []syscall.Errno{syscall.EBADF, syscall.EFAULT, syscall.EINVAL, syscall.ENOTSOCK}

// passes reports whether a later accept may do better.
func passes(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && !errors.Is(err, net.ErrClosed) && !slices.Contains(lasting, errno)
}

// failures counts connections that could not be accepted. It is used by one
// goroutine.
type failures struct {
	log   *slog.Logger
	said  time.Time
	count int // since then
}

// add counts an error and logs it, at most once a minute.
func (f *failures) add(err error, now time.Time) {
	f.count++
	if f.log == nil || !f.said.IsZero() && now.Sub(f.said) < time.Minute {
		return
	}
	f.log.Error("connections cannot be accepted; trying again", "count", f.count, "error", err)
	f.said, f.count = now, 0
}

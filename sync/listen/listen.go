package listen

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
)

// Options say what [New] allows.
type Options struct {
	// Places is how many connections are open at a time, at least 1. With all
	// of them taken by requests, the next connection waits, or is closed if its
	// peer has an equal share of the places already.
	Places int
	// PerPeer is how many places one peer may have; 0 for any number. With all of
	// them taken by requests, its next connection is closed.
	PerPeer int
	// Peer says whose connection one from this address is. The zero prefix is
	// no peer's in particular, and has no share of its own. Nil counts none.
	Peer func(net.Addr) netip.Prefix
	// Log gets a line when connections cannot be accepted, at most one a minute.
	Log *slog.Logger
}

// A Listener is a [net.Listener] whose connections have places. Its ConnState
// must be the server's.
type Listener struct {
	inner net.Listener
	o     Options
	done  chan struct{} // closed with the listener
	fails failures

	mu     sync.Mutex
	change sync.Cond // a place was freed, or a connection waits, or the end
	closed bool
	open   int
	peers  map[netip.Prefix]*peer // those with connections
}

// A peer is one who has connections.
type peer struct {
	who     netip.Prefix
	open    int
	waiting []*conn // without a request under way, the longest first
}

// New returns a listener for the connections that inner accepts. Closing it
// closes inner.
func New(inner net.Listener, o Options) *Listener {
	l := &Listener{inner: inner, o: o, done: make(chan struct{}), peers: make(map[netip.Prefix]*peer)}
	l.change.L = &l.mu
	l.fails.log = o.Log
	return l
}

// Addr returns the address that connections are accepted at.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close stops accepting.
func (l *Listener) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.done)
	}
	l.change.Broadcast()
	l.mu.Unlock()
	return l.inner.Close()
}

// Accept waits for a connection and for its place.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.accept()
		if err != nil {
			return nil, err
		}
		if c := l.place(raw); c != nil {
			return c, nil
		}
		_ = raw.Close() // there is no one to tell
	}
}

// place gives a connection its place, or returns nil if it cannot have one.
func (l *Listener) place(raw net.Conn) *conn {
	var who netip.Prefix
	if l.o.Peer != nil {
		who = l.o.Peer(raw.RemoteAddr())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.peers[who]; p != nil && who.IsValid() && l.o.PerPeer > 0 && p.open >= l.o.PerPeer && !l.clear(p) {
		return nil
	}
	for !l.closed && l.open >= l.o.Places && !l.clear(l.fullest(who)) {
		if l.has(who) >= l.o.Places/len(l.peers) {
			return nil // it has its share, and others would wait behind it
		}
		l.change.Wait()
	}
	if l.closed {
		return nil
	}
	p := l.peers[who]
	if p == nil {
		p = &peer{who: who}
		l.peers[who] = p
	}
	c := &conn{Conn: raw, listener: l, peer: p}
	l.open++
	p.open++
	p.waiting = append(p.waiting, c)
	return c
}

// has returns how many connections a peer has. Those of no peer in particular
// count as none. The caller holds mu.
func (l *Listener) has(who netip.Prefix) int {
	if p := l.peers[who]; p != nil && who.IsValid() {
		return p.open
	}
	return 0
}

// fullest returns, of the peers with a connection that waits, the one with the
// most connections that is to make room for another one of who: who itself, or
// one that has more. Those of no peer in particular count as one each. Nil if there
// is none. The caller holds mu.
func (l *Listener) fullest(who netip.Prefix) *peer {
	var most *peer
	weight := l.has(who)
	for _, p := range l.peers {
		n := p.open
		if !p.who.IsValid() {
			n = 1
		}
		if len(p.waiting) > 0 && (n > weight || n == weight && most == nil && p.who == who) {
			most, weight = p, n
		}
	}
	return most
}

// clear closes a connection of p that waits: the one that has waited longest for
// its first request, or else the one that has waited longest. It reports whether
// there was one. The caller holds mu.
func (l *Listener) clear(p *peer) bool {
	if p == nil || len(p.waiting) == 0 {
		return false
	}
	i := max(0, slices.IndexFunc(p.waiting, func(c *conn) bool { return !c.answered }))
	c := p.waiting[i]
	l.leave(c)
	_ = c.Conn.Close() // the server's goroutine notices and ends
	return true
}

// leave frees the place of c, once. The caller holds mu.
func (l *Listener) leave(c *conn) {
	if c.gone {
		return
	}
	c.gone = true
	c.peer.remove(c)
	l.open--
	if c.peer.open--; c.peer.open == 0 {
		delete(l.peers, c.peer.who)
	}
	l.change.Signal()
}

func (p *peer) remove(c *conn) {
	if i := slices.Index(p.waiting, c); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
}

// ConnState learns from the server what its connections do. It is the value of
// [http.Server.ConnState].
func (l *Listener) ConnState(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.gone:
	case state == http.StateActive:
		c.peer.remove(c)
	case state == http.StateIdle:
		c.answered = true
		c.peer.waiting = append(c.peer.waiting, c)
		l.change.Signal()
	}
}

// A conn is a connection with a place.
type conn struct {
	net.Conn
	listener *Listener
	peer     *peer

	gone     bool // has no place any more; guarded by listener.mu
	answered bool // a request of it was answered; guarded by listener.mu
}

// Close closes the connection and frees its place.
func (c *conn) Close() error {
	c.listener.mu.Lock()
	c.listener.leave(c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

package admin

import (
	"fmt"
	"net"
)

// unknownUser is the user id of a peer that the kernel did not name. No user
// has it, so that such a peer is refused.
const unknownUser = -1

// A peer is the process at the other end of a socket.
type peer struct{ uid, pid int }

// Network and String make a peer a [net.Addr]: a client's socket has no
// address of its own.
func (peer) Network() string { return "unix" }

func (p peer) String() string { return fmt.Sprintf("process %d of user id %d", p.pid, p.uid) }

// A peerListener accepts connections whose remote address is their [peer].
type peerListener struct{ net.Listener }

func (l peerListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return peerConn{c, peerOf(c)}, nil
}

type peerConn struct {
	net.Conn
	peer peer
}

func (c peerConn) RemoteAddr() net.Addr { return c.peer }

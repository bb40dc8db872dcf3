package admin

import (
	"fmt"
	"net"
)

// nobody is the user id of a peer that the kernel did not tell.
const nobody = -1

// A peer is the process at the other end of a socket.
type peer struct{ uid, pid int }

// Network and String make a peer the address of its end, which a client's
// socket has not got.
func (peer) Network() string { return "unix" }

func (p peer) String() string { return fmt.Sprintf("process %d of user id %d", p.pid, p.uid) }

// A peerListener accepts connections whose remote address is their peer.
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

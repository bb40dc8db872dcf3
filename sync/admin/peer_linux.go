package admin

import (
	"net"
	"syscall"
)

// peerOf asks the kernel for the process at the other end of a Unix socket:
// the one that connected, or for a dialled socket the one that listens. See
// SO_PEERCRED in unix(7).
func peerOf(c net.Conn) peer {
	p := peer{uid: unknownUser}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return p
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return p
	}
	// If this fails, the peer stays unknown and is refused.
	_ = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			p = peer{uid: int(cred.Uid), pid: int(cred.Pid)}
		}
	})
	return p
}

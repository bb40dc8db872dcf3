package admin

import (
	"net"
	"syscall"
)

// peerOf asks the kernel who is at the other end of a Unix socket: for one
// that was accepted, who has connected; for one that was dialled, who listens.
// See SO_PEERCRED in unix(7).
func peerOf(c net.Conn) peer {
	p := peer{uid: nobody}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return p
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return p
	}
	// What fails leaves nobody, who is let in nowhere.
	_ = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			p = peer{uid: int(cred.Uid), pid: int(cred.Pid)}
		}
	})
	return p
}

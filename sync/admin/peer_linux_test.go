package admin

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// otherUser is the user id that root becomes in these tests.
const otherUser = 12345

// TestPeersOfOtherUsers puts another user at one end of the socket and then at
// the other, with modes that would let it in. Only root can change its user id,
// and not in a user namespace without other users; elsewhere only TestOtherUsers
// covers this.
func TestPeersOfOtherUsers(t *testing.T) {
	t.Parallel()
	a, err := Listen(socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	conn, err := net.Dial("unix", a.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, want := peerOf(conn), (peer{os.Geteuid(), os.Getpid()}); got != want {
		t.Errorf("the peer is %v, want %v", got, want)
	}
	// If we cannot become another user, or that one cannot enter the folder,
	// the rest cannot be tested.
	if err := asOtherUser(func() error { return syscall.Stat(os.TempDir()+"/.", new(syscall.Stat_t)) }); err != nil {
		return
	}

	d := start(t, fake{}, nil)
	open(t, d.path)
	var answer []byte
	err = asOtherUser(func() error {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: d.path}); err != nil {
			return err
		}
		if _, err := syscall.Write(fd, []byte("GET /v1/status HTTP/1.1\r\nHost: daemon\r\nConnection: close\r\n\r\n")); err != nil {
			return err
		}
		answer = make([]byte, 4096)
		n, err := syscall.Read(fd, answer)
		answer = answer[:max(n, 0)]
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 403 ") {
		t.Errorf("the answer to another user: %s", answer)
	}
	if line := <-d.log; !strings.Contains(line, "uid=12345") {
		t.Errorf("logged: %s", line)
	}

	path := socketPath(t)
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	var fd int
	err = asOtherUser(func() (err error) {
		if fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err != nil {
			return err
		}
		return errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 5))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := os.Chown(path, 0, 0); err != nil { // so that the file looks like ours
		t.Fatal(err)
	}
	if _, err := Dial(path); err == nil || !strings.Contains(err.Error(), "of user id 12345") || !strings.Contains(err.Error(), "nothing was sent") {
		t.Errorf("Dial of another user's process: %v", err)
	}
}

// open gives every user access to a socket.
func open(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o711), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
}

// asOtherUser calls f on a thread of its own that has another user id and ends
// afterwards.
func asOtherUser(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		const same = ^uintptr(0)
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, same, otherUser, same); errno != 0 {
			done <- errno
			return
		}
		done <- f()
	}()
	return <-done
}

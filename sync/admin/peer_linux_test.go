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

// someoneElse is the user id that root becomes in these tests.
const someoneElse = 12345

// TestKernelTellsPeers has another user at one end of the socket and then at
// the other, with the modes out of the way. Only root can become someone else,
// and not where its user namespace has nobody else; where it cannot be done,
// TestStrangers must do.
func TestKernelTellsPeers(t *testing.T) {
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
	// Where nobody else can be played, or may look into the folder, that was all.
	if err := asSomeoneElse(func() error { return syscall.Stat(os.TempDir()+"/.", new(syscall.Stat_t)) }); err != nil {
		return
	}

	d := start(t, desk{}, nil)
	open(t, d.path)
	var answer []byte
	err = asSomeoneElse(func() error {
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
		t.Errorf("a stranger's answer: %s", answer)
	}
	if line := <-d.log; !strings.Contains(line, "uid=12345") {
		t.Errorf("logged: %s", line)
	}

	path := socketPath(t)
	if err := os.Chmod(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	var fd int
	err = asSomeoneElse(func() (err error) {
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
		t.Errorf("Dial of a stranger: %v", err)
	}
}

// open lets everybody at a socket.
func open(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o711), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
}

// asSomeoneElse calls f on a thread of its own that has another user id, and
// that ends afterwards.
func asSomeoneElse(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		const same = ^uintptr(0)
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, same, someoneElse, same); errno != 0 {
			done <- errno
			return
		}
		done <- f()
	}()
	return <-done
}

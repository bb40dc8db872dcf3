package admin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxPath is how long the path of a socket may be, in bytes: 107 on Linux, see
// unix(7).
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// probeWait bounds the attempt to connect to a socket that may be dead.
const probeWait = 2 * time.Second

// A RunningError says that another daemon uses the state directory.
type RunningError struct {
	PID int // of that daemon; 0 if unknown
}

func (e *RunningError) Error() string {
	const remedy = "already runs with this state directory: stop it first, or use another state_dir"
	if e.PID == 0 {
		return "a daemon " + remedy
	}
	return fmt.Sprintf("a daemon (process %d) %s", e.PID, remedy)
}

// Listen listens on the socket at path. Only one process can: it locks the
// file path.lock until the listener is closed, and any other one gets a
// [*RunningError]. A dead daemon's socket is replaced, a live one's never.
// Closing removes the socket. The lock file stays: removing it would leave a
// moment in which two processes can each lock a file of that name.
//
// The directory is created with mode 0700 if it does not exist. Other users
// must not be able to enter it: that protects the socket between its creation
// and the change of its mode to 0600.
func Listen(path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("admin socket %s: the path has %d bytes and the system allows %d: choose a state_dir with a shorter path", path, len(path), maxPath)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the state directory: %w", err)
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	lock, err := takeLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return &listener{UnixListener: l, lock: lock}, nil
}

// bind creates the socket, replacing a dead one.
func bind(path string) (*net.UnixListener, error) {
	if err := removeDead(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("admin socket %s: %w", path, err)
	}
	// No connection is accepted before this, whatever mode the umask gave.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("admin socket %s: %w", path, err), l.Close())
	}
	return l, nil
}

// removeDead removes a socket that no process listens on. If one does although
// we hold the lock, the lock file was removed while its daemon was running.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("admin socket %s: the file there is not a socket: move it away", path)
	}
	conn, err := net.DialTimeout("unix", path, probeWait)
	switch {
	case err == nil:
		defer conn.Close()
		return &RunningError{PID: peerOf(conn).pid}
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("removing the socket of a dead daemon: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("admin socket %s: cannot find out whether a daemon listens on it (%w): make sure that none runs, then remove it", path, err)
	}
}

// A listener is the socket together with the lock.
type listener struct {
	*net.UnixListener
	lock    *fileLock
	release sync.Once
}

// Close removes the socket and releases the lock, in this order: the next
// process to get the lock finds no socket of ours.
func (l *listener) Close() error {
	err := l.UnixListener.Close()
	l.release.Do(func() { err = errors.Join(err, l.lock.release()) })
	return err
}

// A fileLock is a locked file. It holds the process id of its owner.
type fileLock struct{ file *os.File }

// takeLock takes the lock, which the kernel releases when this process ends,
// however it ends.
func takeLock(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock of the admin socket: %w", err)
	}
	inUse, err := flock(f)
	if inUse {
		defer f.Close()
		return nil, &RunningError{PID: readPID(f)}
	}
	if err == nil {
		err = writePID(f, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock of the admin socket: %w", err), f.Close())
	}
	return &fileLock{f}, nil
}

// release removes our process id before another process can get the lock.
func (l *fileLock) release() error { return errors.Join(l.file.Truncate(0), l.file.Close()) }

func writePID(f *os.File, pid int) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return err
}

// readPID returns the owner's process id, or 0 if the file has none.
func readPID(f *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

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

// probeWait bounds the wait for a process that may or may not answer on the
// socket.
const probeWait = 2 * time.Second

// A RunningError says that another daemon has the state directory.
type RunningError struct {
	PID int // of that daemon; 0 where it is not known
}

func (e *RunningError) Error() string {
	const remedy = "already runs with this state directory: stop it first, or use another state_dir"
	if e.PID == 0 {
		return "a daemon " + remedy
	}
	return fmt.Sprintf("a daemon (process %d) %s", e.PID, remedy)
}

// Listen listens on the socket at path. At most one process does: it holds a
// lock on the file path.lock until the listener is closed, and the next one
// gets a [*RunningError]. A socket that a dead daemon left behind is replaced,
// one that is answered never. Closing removes the socket; the lock file stays,
// since it could not be removed without a gap for two to slip through.
//
// The directory, which is made with mode 0700 where there is none, must let
// nobody else in: that is what guards the socket in the moment between its
// making and its getting mode 0600.
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
	held, err := hold(path + ".lock")
	if err != nil {
		return nil, err
	}
	l, err := listen(path)
	if err != nil {
		return nil, errors.Join(err, held.release())
	}
	return &listener{UnixListener: l, held: held}, nil
}

// listen makes the socket, in the place of a dead one.
func listen(path string) (*net.UnixListener, error) {
	if err := removeDead(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("admin socket %s: %w", path, err)
	}
	// Nobody is accepted before this, whatever the umask gave the socket.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("admin socket %s: %w", path, err), l.Close())
	}
	return l, nil
}

// removeDead removes a socket that nobody answers on. That there is one that
// is answered, although we hold the lock, means that the lock file was removed
// from under its daemon.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("admin socket %s: there is something that is not a socket: move it away", path)
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
		return fmt.Errorf("admin socket %s: cannot tell whether a daemon answers on it (%w): make sure that none runs, then remove it", path, err)
	}
}

// A listener is the socket together with the lock.
type listener struct {
	*net.UnixListener
	held    *held
	release sync.Once
}

// Close removes the socket and gives the lock back, in this order: whoever
// gets the lock finds no socket of ours.
func (l *listener) Close() error {
	err := l.UnixListener.Close()
	l.release.Do(func() { err = errors.Join(err, l.held.release()) })
	return err
}

// A held lock file names its holder for as long as it is held.
type held struct{ file *os.File }

// hold takes the lock that the kernel gives back when this process ends,
// however it ends.
func hold(path string) (*held, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock of the admin socket: %w", err)
	}
	taken, err := lock(f)
	if taken {
		defer f.Close()
		return nil, &RunningError{PID: readPID(f)}
	}
	if err == nil {
		err = writePID(f, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock of the admin socket: %w", err), f.Close())
	}
	return &held{f}, nil
}

// release takes our name off before anybody else can get the lock.
func (h *held) release() error { return errors.Join(h.file.Truncate(0), h.file.Close()) }

func writePID(f *os.File, pid int) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	return err
}

// readPID returns the holder's process id, or 0 where it has left no word.
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

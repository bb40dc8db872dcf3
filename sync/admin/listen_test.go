package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestListen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(filepath.Dir(socketPath(t)), "state", "admin.sock")
	if _, err := Dial(path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Dial before: %v", err)
	}
	l := mustListen(t, path)
	for name, mode := range map[string]fs.FileMode{path: 0o600 | fs.ModeSocket, path + ".lock": 0o600, filepath.Dir(path): 0o700 | fs.ModeDir} {
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), mode)
		}
	}
	for range 2 { // closing it again does no harm
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	}
	if err := mustListen(t, path).Close(); err != nil { // the next daemon
		t.Error(err)
	}
}

func TestListenTwice(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	mustListen(t, path)
	refused := func(why string) {
		t.Helper()
		_, err := Listen(path)
		var running *RunningError
		want := fmt.Sprintf("a daemon (process %d) already runs", os.Getpid())
		if !errors.As(err, &running) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", why, err, want)
		}
		if _, err := Dial(path); err != nil {
			t.Errorf("%s: the daemon's socket is gone: %v", why, err)
		}
	}
	refused("a second daemon")
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	refused("without the lock file")
}

// TestListenBesideADaemonWithoutSocket: if the socket of a running daemon was
// removed, the lock still keeps a second daemon out.
func TestListenBesideADaemonWithoutSocket(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	mustListen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err := Listen(path)
	if running := new(RunningError); !errors.As(err, &running) || running.PID != os.Getpid() {
		t.Errorf("a second daemon: %v, want that process %d runs", err, os.Getpid())
	}
}

// TestListenAtOnce: of many daemons that find a dead one's socket, one listens.
func TestListenAtOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		path := socketPath(t)
		leaveDead(t, path)
		var mu sync.Mutex
		var won []net.Listener
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				l, err := Listen(path)
				mu.Lock()
				defer mu.Unlock()
				var running *RunningError
				switch {
				case err == nil:
					won = append(won, l)
				case !errors.As(err, &running):
					t.Errorf("a loser: %v", err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d daemons listen", len(won))
		}
		if _, err := Dial(path); err != nil {
			t.Error(err)
		}
		won[0].Close()
	}
}

// leaveDead leaves what a killed daemon leaves: its socket, and its process id
// in a lock file that is not locked.
func leaveDead(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := os.WriteFile(path+".lock", []byte("4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Dial of a dead daemon: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()
	open := socketPath(t)
	if err := os.Chmod(filepath.Dir(open), 0o750); err != nil {
		t.Fatal(err)
	}
	file := socketPath(t)
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want string }{
		{filepath.Join(filepath.Dir(socketPath(t)), strings.Repeat("long", 30)), "choose a state_dir with a shorter path"},
		{open, "mode 0750, which lets others in: chmod 700 " + filepath.Dir(open)},
		{file, "not a socket"},
	} {
		l, err := Listen(tt.path)
		if err == nil {
			l.Close()
			t.Errorf("%s: listens", tt.path)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.path, err, tt.want)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file is now %q, %v", b, err)
	}
	if _, err := Dial(file); err == nil || errors.Is(err, ErrNotRunning) {
		t.Errorf("Dial of a file: %v", err)
	}
}

func TestReadPID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"4711\n": 4711, "": 0, "4711 and more\n": 0, strings.Repeat("1", 100): 0} {
		path := filepath.Join(t.TempDir(), "lock")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := readPID(f); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
		f.Close()
	}
	if text := new(RunningError).Error(); strings.Contains(text, "process 0") {
		t.Error(text)
	}
}

package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCreateRemovesWhatAKillLeft: whatever a process left behind that was killed
// while it made the file, or converted it, the next start removes it; also a
// second name of the file.
func TestCreateRemovesWhatAKillLeft(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, path string){
		"a new file": func(t *testing.T, path string) { check(t, os.WriteFile(unfinished(path), []byte("cut"), fileMode)) },
		"one of an older release": func(t *testing.T, path string) {
			check(t, os.WriteFile(unfinished(path)+"-123", []byte("cut"), fileMode))
		},
		"its second name, after it linked": func(t *testing.T, path string) {
			openAt(t, path).Close()
			check(t, os.Link(path, unfinished(path)+"-123"))
		},
		"a copy": func(t *testing.T, path string) { check(t, os.WriteFile(backupTemp(path), []byte("cut"), fileMode)) },
		"a compacted file": func(t *testing.T, path string) {
			check(t, os.WriteFile(compactTemp(path), []byte("cut"), fileMode))
		},
		"a copy that was to be restored": func(t *testing.T, path string) {
			check(t, os.Mkdir(restoreDir(path), dirMode))
			check(t, os.WriteFile(filepath.Join(restoreDir(path), "acme.db"), []byte("personal data"), fileMode))
		},
		"its second name, before a copy got the first": func(t *testing.T, path string) {
			openAt(t, path).Close()
			_, err := putAside(path)
			check(t, err)
		},
		"a list of erased people": func(t *testing.T, path string) {
			check(t, os.WriteFile(filepath.Join(filepath.Dir(path), ".acme.suppressed.new"), []byte("cut"), fileMode))
		},
		"a count of sends": func(t *testing.T, path string) {
			check(t, os.WriteFile(filepath.Join(filepath.Dir(path), ".acme.sends.new"), []byte("cut"), fileMode))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(privateDir(t), "acme.db")
			other := filepath.Join(filepath.Dir(path), ".acme.db2.new")
			check(t, os.WriteFile(other, nil, fileMode))
			leave(t, path)
			s := openAt(t, path)
			receive(t, s, claim(1))
			s.Close()
			if got := beside(t, path); len(got) != 1 || got[0] != filepath.Base(other) {
				t.Errorf("beside the file: %v, want what is another file's", got)
			}
		})
	}
}

// TestCreateTakesTurns: a process that waits for another's turn gives up in time.
func TestCreateTakesTurns(t *testing.T) {
	path := filepath.Join(privateDir(t), "acme.db")
	unlock, err := lockDir(filepath.Dir(path), time.Second)
	check(t, err)
	if _, err := Open(path, Options{Create: true, LockWait: 30 * time.Millisecond}); err == nil {
		t.Error("made a file while another process does")
	}
	unlock()
	openAt(t, path)
}

// TestKillCreate kills a process that makes state files, again and again. The
// next start can use or make the file, and nothing lies beside it.
func TestKillCreate(t *testing.T) {
	t.Parallel()
	for kill := range 6 {
		path := filepath.Join(privateDir(t), "acme.db")
		cmd := child(t, "create", path)
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, 1))
		check(t, err)
		time.Sleep(time.Duration(kill) * 3 * time.Millisecond)
		check(t, cmd.Process.Kill())
		_ = cmd.Wait() // says that it was killed
		openAt(t, path).Close()
		if got := beside(t, path); len(got) != 0 {
			t.Errorf("kill %d left %v", kill, got)
		}
	}
}

func init() { children["create"] = createForEver }

// createForEver makes a state file and removes it, and prints a byte each time.
func createForEver(path string) error {
	for {
		s, err := Open(path, Options{Create: true})
		if err != nil {
			return err
		}
		if err := errors.Join(s.Close(), os.Remove(path)); err != nil {
			return err
		}
		fmt.Print(".")
	}
}

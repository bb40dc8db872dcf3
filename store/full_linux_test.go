package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func init() { children["fill disk"] = fillDisk }

// unmountable are the errors of systems on which we cannot mount: missing rights,
// a filter of system calls, a limit of zero, or no such call.
var unmountable = []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOSYS, syscall.ENOSPC}

// TestDiskFull runs fillDisk on a small disk of its own.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "disk", "acme.db")
	cmd := child(t, "fill disk", path)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.Output()
	if problem, ok := strings.CutPrefix(string(out), "no disk: "); ok {
		t.Skipf("a small file system has to be mounted, which cannot be done here: %s", problem)
	}
	var errno syscall.Errno // of the user namespace: without one, nothing can be mounted
	if errors.As(err, &errno) && slices.Contains(unmountable, errno) {
		t.Skipf("a small file system has to be mounted, which cannot be done here: %v", err)
	}
	if err != nil || string(out) != "done\n" {
		t.Errorf("%s%v", out, err)
	}
}

// fillDisk fills a disk with commits until there is no room, frees some, and
// continues with the same store.
func fillDisk(path string) error {
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, dirMode); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k,mode=700"); err != nil {
		return fmt.Errorf("no disk: %w", err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 128<<10), fileMode); err != nil {
		return err
	}
	s, err := Open(path, Options{Create: true})
	if err != nil {
		return err
	}
	defer s.Close()
	m := newModel()
	var full *FullError
	for n := 1; full == nil; n++ {
		err := s.Commit(numbered(n))
		if err == nil {
			m.commit(numbered(n))
		} else if !errors.As(err, &full) {
			return fmt.Errorf("with the disk full: %w", err)
		}
	}
	if !errors.Is(full, syscall.ENOSPC) || full.Limit != 0 {
		return fmt.Errorf("with the disk full: %w (limit %d)", full, full.Limit)
	}
	if err := holds(s, m); err != nil {
		return fmt.Errorf("with the disk full: %w", err)
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	next := numbered(len(m.audit) + 1)
	if err := s.Commit(next); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	m.commit(next)
	if err := holds(s, m); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	fmt.Println("done")
	return nil
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func init() {
	children["fill disk"] = fillDisk
	children["upgrade on a full disk"] = upgradeFull
	children["reach the size limit"] = reachLimit
}

// unmountable are the errors of systems on which we cannot mount: missing rights,
// a filter of system calls, a limit of zero, or no such call.
var unmountable = []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOSYS, syscall.ENOSPC}

// TestDiskFull runs fillDisk on a small disk of its own.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	onSmallDisk(t, "fill disk")
}

// TestNothingDurableWithoutRoom: a file that has no room is not said to be on disk.
func TestNothingDurableWithoutRoom(t *testing.T) {
	if err := writeDurably("/dev/full", []byte("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
}

// TestUpgradeWithoutRoom runs upgradeFull on a small disk of its own.
func TestUpgradeWithoutRoom(t *testing.T) {
	t.Parallel()
	onSmallDisk(t, "upgrade on a full disk")
}

// TestSizeLimit runs reachLimit in a process of its own, whose limit it lowers.
func TestSizeLimit(t *testing.T) {
	t.Parallel()
	if out, err := child(t, "reach the size limit", statePath(t)).Output(); err != nil || string(out) != "done\n" {
		t.Errorf("%s%v", out, err)
	}
}

// onSmallDisk runs a part of the test program that mounts a disk.
func onSmallDisk(t *testing.T, part string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk", "acme.db")
	cmd := child(t, part, path)
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

// mountDisk puts a small disk at a new directory.
func mountDisk(dir, size string) error {
	if err := os.Mkdir(dir, dirMode); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size="+size); err != nil {
		return fmt.Errorf("no disk: %w", err)
	}
	return nil
}

// fillDisk fills a disk with commits until there is no room, frees some, and
// continues with the same store.
func fillDisk(path string) error {
	dir := filepath.Dir(path)
	if err := mountDisk(dir, "512k"); err != nil {
		return err
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
	// Compacting is refused before anything is written.
	if _, err := s.Compact(); !errors.As(err, &full) || !strings.Contains(err.Error(), "compacting it needs") {
		return fmt.Errorf("compacting with the disk full: %w", err)
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

// upgradeFull opens a file of an older format where its copy finds no room, and
// again once there is.
func upgradeFull(path string) error {
	dir := filepath.Dir(path)
	if err := mountDisk(dir, "512k"); err != nil {
		return err
	}
	old, err := unpack("testdata/format3.db.gz")
	if err != nil {
		return err
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(path, old, fileMode); err != nil {
		return err
	}
	if err := os.WriteFile(ballast, make([]byte, 512<<10-len(old)-len(old)/2), fileMode); err != nil {
		return err
	}
	var short *RoomError
	var full *FullError
	if s, err := Open(path, Options{}); !errors.As(err, &short) || !errors.As(err, &full) {
		return fmt.Errorf("without room: %v, %w", s, err)
	}
	if short.Err != nil || short.Free >= short.Need {
		return fmt.Errorf("a copy was begun: %w", short.Err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, old) {
		return fmt.Errorf("the file was changed: %w", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		return fmt.Errorf("left behind: %v, %w", entries, err)
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	s, err := Open(path, Options{})
	if err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	fmt.Println("done")
	return s.Close()
}

// reachLimit commits until the file may not grow further, also while it is
// made, and continues with the same store once it may.
func reachLimit(path string) error {
	limit := func(bytes uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: math.MaxUint64})
	}
	var full *FullError
	if err := limit(4 << 10); err != nil {
		return err
	}
	if s, err := Open(path, Options{Create: true}); !errors.As(err, &full) {
		return fmt.Errorf("making the file: %v, %w", s, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 0 {
		return fmt.Errorf("left behind: %v, %w", entries, err)
	}
	if err := limit(256 << 10); err != nil {
		return err
	}
	s, err := Open(path, Options{Create: true})
	if err != nil {
		return err
	}
	defer s.Close()
	m := newModel()
	full = nil
	for n := 1; full == nil; n++ {
		err := s.Commit(numbered(n))
		if err == nil {
			m.commit(numbered(n))
		} else if !errors.As(err, &full) {
			return fmt.Errorf("at the limit: %w", err)
		}
	}
	if err := holds(s, m); err != nil {
		return fmt.Errorf("at the limit: %w", err)
	}
	if err := limit(64 << 20); err != nil {
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

//go:build unix

package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// flock locks the file. inUse reports that another process holds the lock.
func flock(f *os.File) (inUse bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK), err
}

// checkDir refuses a directory of another user, or one that others can enter.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := checkOwner(dir, info); err != nil {
		return fmt.Errorf("state directory %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("state directory %s has mode %04o, which lets others in: chmod 700 %[1]s", dir, info.Mode().Perm())
	}
	return nil
}

// checkOwner refuses a file of another user.
func checkOwner(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user id %d, and this process runs as %d: run it with sudo -u '#%[2]d'", path, st.Uid, os.Geteuid())
	}
	return nil
}

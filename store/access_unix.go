//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// checkOwn checks owner and mode of the state file or its directory.
func checkOwn(path string, info fs.FileInfo, mode fs.FileMode) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		owner := userName(int(st.Uid))
		return &AccessError{
			Path:    path,
			Problem: fmt.Sprintf("belongs to %s, and this process runs as %s", owner, userName(os.Geteuid())),
			Remedy:  commandLine(append([]string{"sudo", "-u", owner}, os.Args...)),
		}
	}
	if wide := info.Mode().Perm() &^ mode; wide != 0 {
		return &AccessError{
			Path:    path,
			Problem: fmt.Sprintf("has mode %04o, which gives other users access", info.Mode().Perm()),
			Remedy:  fmt.Sprintf("chmod %o %s", mode, path),
		}
	}
	return nil
}

// commandLine returns the arguments as a line for a shell.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.Trim(a, plainChars) != "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted[i] = a
	}
	return strings.Join(quoted, " ")
}

// plainChars need no quotes in any shell.
const plainChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+"

// userName is the name of a user id, or the id in the form that sudo takes.
func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return fmt.Sprintf("#%d", uid)
	}
	return u.Username
}

// self names the user that this process runs as.
func self() string { return "user " + userName(os.Geteuid()) }

// makeCommand makes a directory for the user that this process runs as.
func makeCommand(dir string) string {
	user := strings.TrimPrefix(userName(os.Geteuid()), "#") // install takes plain numbers
	return commandLine([]string{"sudo", "install", "-d", "-m", "0700", "-o", user, dir})
}

// mayMakeIn reports as an error that this process may not make files in a directory.
func mayMakeIn(dir string) error {
	const write, search = 2, 1
	return syscall.Access(dir, write|search)
}

// fsyncDir is [syncDir].
func fsyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lockDir keeps other processes from making files in a directory at the same
// time, until unlock is called. It waits at most so long.
func lockDir(dir string, wait time.Duration) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { d.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return func() { d.Close() }, nil // some network file systems lock no directories
		case time.Now().After(end):
			d.Close()
			return nil, fmt.Errorf("another process makes a state file in %s: wait until that has ended, or stop it", dir)
		}
	}
}

// release closes a file that bbolt has locked and can no longer close itself.
// The lock must be given up first: bbolt's mapping of the file would keep it.
func release(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

// noRoomErrors are those of a write for which there is no room: no space, over
// quota, over the process's file size limit.
var noRoomErrors = []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}

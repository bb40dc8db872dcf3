//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// owner returns the user and the group that a file belongs to.
func owner(info fs.FileInfo) (uid, gid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

// hold locks a folder that is being written to, until release is called or the
// process ends. It fails with [errHeld] where another process has it, with
// [errors.ErrUnsupported] where the file system has no locks, and where the name is
// another's by then.
func hold(path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) // waits for no one's pipe
	if err != nil {
		return nil, err
	}
	release = func() { f.Close() }
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		release()
		return nil, errHeld
	case err != nil:
		return release, errors.Join(errors.ErrUnsupported, err)
	}
	held, err := f.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = os.Lstat(path); err == nil && !os.SameFile(held, there) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

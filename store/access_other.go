//go:build !unix

package store

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

// checkOwn accepts everything: there are no mode bits here, and who may read
// is inherited from the directory.
func checkOwn(string, fs.FileInfo, fs.FileMode) error { return nil }

// self names the user that this process runs as.
func self() string { return "this user" }

// makeCommand makes a directory.
func makeCommand(dir string) string { return `mkdir "` + dir + `"` }

// mayMakeIn does not know who may make files in a directory.
func mayMakeIn(string) error { return nil }

// fsyncDir does nothing: a directory cannot be synced here.
func fsyncDir(string) error { return nil }

// lockDir does nothing: a directory cannot be locked here.
func lockDir(string, time.Duration) (unlock func(), err error) { return func() {}, nil }

// release closes a file that bbolt has locked and can no longer close itself.
func release(f *os.File) error { return f.Close() }

// noRoomErrors are those of a write for which there is no room:
// ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL.
var noRoomErrors = []syscall.Errno{39, 112}

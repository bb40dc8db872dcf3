package main

import (
	"fmt"
	"os"
	"syscall"
)

// sameStream reports whether a file is the stream of systemd's journal that the
// variable names by device and inode.
func sameStream(f *os.File, stream string) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}

//go:build linux || darwin || freebsd

package store

import (
	"fmt"
	"math"
	"syscall"
)

// freeSpace returns how many bytes an ordinary user may still write to the disk
// of path. The fields' types differ between systems; FreeBSD counts below zero
// if only the superuser has room.
func freeSpace(path string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("asking how full the disk of %s is: %w", path, err)
	}
	block := max(int64(st.Bsize), 1)
	return min(max(int64(st.Bavail), 0), math.MaxInt64/block) * block, nil
}

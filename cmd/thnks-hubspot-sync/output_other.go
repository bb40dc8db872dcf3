//go:build !unix

package main

import "io/fs"

// owner knows nothing where files do not belong to a user and a group.
func owner(fs.FileInfo) (uid, gid int, known bool) { return 0, 0, false }

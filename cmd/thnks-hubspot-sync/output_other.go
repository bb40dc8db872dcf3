//go:build !unix

package main

import (
	"errors"
	"io/fs"
)

// owner knows nothing where files do not belong to a user and a group.
func owner(fs.FileInfo) (uid, gid int, known bool) { return 0, 0, false }

// hold knows no lock that ends with its process.
func hold(string) (release func(), err error) { return func() {}, errors.ErrUnsupported }

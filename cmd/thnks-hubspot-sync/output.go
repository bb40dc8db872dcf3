package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links lead to an output at most.
const maxLinks = 40

// writeOutput writes what a command prints to a path, as given on the command
// line. A regular file is replaced at once by a new one, which has its owner, group
// and mode, or is this user's alone where there was none; a device and a FIFO are
// written through. A symbolic link is followed where it and its folder belong to
// this user or root.
//
// The caution is what the user has to know about who else reads the file, "" for
// nothing. Errors name the path that was given.
func writeOutput(given string, data []byte) (caution string, err error) {
	caution, err = putOutput(given, data)
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", given, cause(err))
	}
	return caution, nil
}

func putOutput(given string, data []byte) (caution string, err error) {
	path, descriptor, err := follow(given)
	if err != nil {
		return "", err
	}
	if descriptor {
		return "", writeThrough(path, os.O_APPEND, data, func(fs.FileInfo) bool { return true })
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", replace(path, nil, data)
	case err != nil:
		return "", err
	case info.IsDir():
		return "", errors.New("that is a folder: name a file in it")
	case info.Mode().IsRegular():
		return readers(given, info), replace(path, info, data)
	}
	return "", writeThrough(path, 0, data, func(opened fs.FileInfo) bool { return os.SameFile(info, opened) })
}

// follow returns the path that symbolic links lead to, or the first of them that
// stands for an open file of this process.
func follow(path string) (target string, descriptor bool, err error) {
	for range maxLinks {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Type() != fs.ModeSymlink {
			return path, false, nil
		}
		if err != nil {
			return "", false, err
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", false, err
		}
		if strings.HasPrefix(dir, "/proc/") && filepath.Base(dir) == "fd" {
			return path, true, nil
		}
		of, err := os.Stat(dir)
		if err != nil {
			return "", false, err
		}
		if !trusted(info) || !trusted(of) {
			return "", false, errors.New("that is a symbolic link, and it or its folder belongs to another user, who may lead it elsewhere: name the file itself")
		}
		to, err := os.Readlink(path)
		if err != nil {
			return "", false, err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return "", false, errors.New("symbolic links lead in a circle")
}

// trusted reports whether a file belongs to this user or root.
func trusted(info fs.FileInfo) bool {
	uid, _, known := owner(info)
	return !known || uid == 0 || uid == os.Geteuid()
}

// readers says who else can read a file that is being replaced.
func readers(given string, info fs.FileInfo) string {
	var who []string
	if uid, _, known := owner(info); known && uid != os.Geteuid() {
		who = append(who, fmt.Sprintf("belongs to user %d", uid))
	}
	if mode := info.Mode().Perm(); mode&0o044 != 0 {
		who = append(who, fmt.Sprintf("has mode %04o", mode))
	}
	if len(who) == 0 {
		return ""
	}
	return fmt.Sprintf("others can read %s: it %s, which was kept; it names people", given, strings.Join(who, " and "))
}

// replace makes a file beside the path and gives it its name. was is the file that
// has the name now, nil for none.
func replace(path string, was fs.FileInfo, data []byte) error {
	f, end, err := beginFile(path)
	if err != nil {
		return err
	}
	defer end()
	_, err = f.Write(data)
	if err == nil && was != nil {
		err = keep(f, was)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	// A folder that this user may write to, but not read, cannot be synced.
	if err := syncDir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// keep gives a new file the owner, group and mode of the one that it replaces.
func keep(f *os.File, was fs.FileInfo) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	uid, gid, known := owner(was)
	hasUID, hasGID, _ := owner(now)
	if known && (uid != hasUID || gid != hasGID) {
		if err := f.Chown(uid, gid); err != nil {
			return fmt.Errorf("it belongs to user %d and group %d, and this user cannot make a file that does: remove it, or name another one", uid, gid)
		}
	}
	if now.Mode().Perm() == was.Mode().Perm() {
		return nil
	}
	return f.Chmod(was.Mode().Perm())
}

// writeThrough writes into what is there, if it still is what it was when it was
// looked at.
func writeThrough(path string, flags int, data []byte, same func(fs.FileInfo) bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flags, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !same(info):
		err = errors.New("it was replaced meanwhile")
	default:
		_, err = f.Write(data)
	}
	return errors.Join(err, f.Close())
}

// cause is an error without the path that the operating system was asked about:
// it may be of a file that users never see.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

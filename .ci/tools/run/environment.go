package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Releases are built with this Go, whose standard library has no known fault that
// the program reaches. The last of the oldest line that go.mod allows has some;
// the suite has to pass with it all the same.
const (
	releaseGo = "go1.27.3"
	olderGo   = "go1.26.8"
)

// prepare sets the environment of all steps, and returns a folder in memory.
func prepare(tmp string) (memory string, err error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	memory, err = inMemory(tmp)
	if err != nil {
		return memory, err
	}
	for _, dir := range []string{tmp, memory} {
		if err := os.Chmod(dir, 0o711); err != nil { // tests play other users
			return memory, err
		}
	}
	flags, err := exec.Command("go", "env", "GOFLAGS").Output()
	if err != nil {
		return memory, fmt.Errorf("go env: %w", err)
	}
	for key, value := range map[string]string{
		"run": program, "tmp": tmp, "memory": memory,
		"CI": "true", "LC_ALL": "C",
		// A go command that a signal ends leaves what it made.
		"GOTMPDIR": tmp,
		// Tests that would skip for want of something fail instead.
		"THNKS_REQUIRE": "1",
		// Memory spares work: compiling alone takes a third less. Benchmarks do without,
		// as the program has a setting of its own where there is none.
		"GOGC": "400",
		// git says nothing about a checkout that belongs to another user.
		"GOFLAGS": strings.TrimSpace(string(flags)) + " -buildvcs=false",
	} {
		if err := os.Setenv(key, value); err != nil {
			return memory, err
		}
	}
	return memory, chooseGo()
}

// chooseGo has all steps use the Go of releases, where it can be had.
func chooseGo() error {
	if has(releaseGo) {
		return os.Setenv("GOTOOLCHAIN", releaseGo)
	}
	if err := os.Setenv("GOTOOLCHAIN", "local"); err != nil {
		return err
	}
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	fmt.Printf("not tried, as %s can be neither found nor fetched here: what releases are built with. It is %s instead\n",
		releaseGo, strings.TrimSpace(string(version)))
	return err
}

// has tells whether a Go is here, or can be fetched.
func has(version string) bool {
	cmd := exec.Command("go", "version")
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+version)
	return cmd.Run() == nil
}

// inMemory makes a folder where much is written and soon forgotten: in memory, where
// there are two gigabytes of it and programs may start there, which containers mostly
// forbid.
func inMemory(tmp string) (string, error) {
	dir, err := os.MkdirTemp("/dev/shm", "tmp.")
	if err == nil {
		if suits(dir) {
			return dir, nil
		}
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	dir = filepath.Join(tmp, "memory")
	return dir, os.Mkdir(dir, 0o700)
}

// suits tells whether a folder has room enough, and a program starts there.
func suits(dir string) bool {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < 2e9 {
		return false
	}
	program, err := exec.LookPath("true")
	if err != nil {
		return false
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return false
	}
	copied := filepath.Join(dir, "true")
	return os.WriteFile(copied, data, 0o700) == nil && exec.Command(copied).Run() == nil
}

// began returns when .ci/run did: building this program takes time, too.
func began() time.Time {
	at, err := strconv.ParseInt(os.Getenv("began"), 10, 64)
	if err != nil {
		return time.Now()
	}
	return time.Unix(at, 0)
}

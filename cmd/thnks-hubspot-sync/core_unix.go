//go:build unix

package main

import "syscall"

// withoutCore has the system write no image of this process's memory, in which tokens
// and keys are, to the disk. The unit says so too; this is for where there is none.
func withoutCore() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // anyone may lower it
}

//go:build !unix

package main

// withoutCore does nothing: there are no images of processes that a limit keeps off the
// disk.
func withoutCore() {}

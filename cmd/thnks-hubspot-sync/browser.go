package main

import (
	"io"
	"os"
	"runtime"

	"github.com/cli/browser"
)

// openPage opens an address in the user's browser and does not wait for it.
// Where there is none, the address that was printed has to do.
func openPage(address string) {
	browser.Stdout, browser.Stderr = io.Discard, io.Discard
	go func() { _ = browser.OpenURL(address) }()
}

// onDesktop reports whether someone sits at a screen of this machine, as its
// environment says: neither in CI nor at the other end of SSH.
func onDesktop(out io.Writer) bool {
	_, watched := terminal(out)
	return watched && hasDesktop(runtime.GOOS, os.Getenv)
}

func hasDesktop(system string, env func(string) string) bool {
	for _, elsewhere := range []string{"CI", "SSH_CONNECTION", "SSH_TTY"} {
		if env(elsewhere) != "" {
			return false
		}
	}
	switch system {
	case "darwin", "windows":
		return true
	}
	return env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != ""
}

package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminal returns w as a terminal, and whether it is one.
func terminal(w io.Writer) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// columns returns how wide a terminal is now; 0 when that cannot be found.
func columns(f *os.File) int {
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return w
}

package main

import (
	"net"
	"strings"
	"testing"
)

// TestListenAt: an address that cannot be had is named with its setting and a
// remedy, without the names of Go's functions.
func TestListenAt(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = listenAt("admin_listen", l.Addr().String())
	want := "admin_listen: " + l.Addr().String() + ": address already in use: choose "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want one that begins with %q", err, want)
	}
}

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

// TestNumbers: one is one, two are two.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		plural(1, "gift"):    "1 gift",
		plural(2, "gift"):    "2 gifts",
		plural(0, "gift"):    "0 gifts",
		plural(1234, "gift"): "1,234 gifts",
		people(1):            "1 person",
		people(2000):         "2,000 people",
		events(nil, map[string]string{"T-1": "sent"}):                                 "1 new, 0 status changes: T-1 sent",
		events(map[string]string{"T-1": "sent"}, map[string]string{"T-1": "expired"}): "0 new, 1 status change: T-1 sent → expired",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

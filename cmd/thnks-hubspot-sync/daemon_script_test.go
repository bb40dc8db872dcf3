package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"thnks-hubspot-sync/sync/admin"
)

// patience is how long a test waits for what must come some time.
const patience = time.Minute

// asked counts what freeAddress tried. Tests of other processes are likely to
// begin elsewhere.
var asked atomic.Uint32

func init() { asked.Store(rand.Uint32N(1 << 16)) }

// freeAddress returns a loopback address that was free a moment ago,
// and that it has not returned for long. Its port is below those that the system
// gives to connections (from 32768 on with Linux, 49152 elsewhere), as one of
// these could take it while no daemon has it.
func freeAddress() string {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+asked.Add(1)%20_000)
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
}

// shortDir is a folder for the length of a test. Unlike that of [testing.T.TempDir]
// its path is short enough for a socket wherever folders are made.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "t") // mode 0700
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// until asks again and again until it is answered yes, or fails.
func until(what string, yes func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waited %v, too long, until %s", patience, what)
		}
	}
	return nil
}

// await fails the test where something does not come.
func await(t testing.TB, what string, yes func() bool) {
	t.Helper()
	if err := until(what, yes); err != nil {
		t.Fatal(err)
	}
}

// synced PORTAL waits until a daemon runs and has synced the portal.
func synced(ts *testscript.TestScript, _ bool, args []string) {
	socket := filepath.Join(ts.MkAbs("state"), "admin.sock")
	ts.Check(until(args[0]+" is synced", func() bool {
		d, err := admin.Dial(socket)
		if err != nil {
			return false
		}
		all, err := d.Status(context.Background())
		for _, s := range all {
			if err == nil && s.Portal == args[0] && !s.LastSync.IsZero() && s.Doing == "" {
				return true
			}
		}
		return false
	}))
}

// answers waits until a daemon answers.
func answers(ts *testscript.TestScript, _ bool, _ []string) {
	socket := filepath.Join(ts.MkAbs("state"), "admin.sock")
	ts.Check(until("the daemon answers", func() bool {
		_, err := admin.Dial(socket)
		return err == nil
	}))
}

// private [-host=HOST] [-method=METHOD] STATUS PATH asks the private side. The
// status is a pattern; the answer becomes standard output.
func private(ts *testscript.TestScript, _ bool, args []string) {
	host, method := "", http.MethodGet
	for strings.HasPrefix(args[0], "-") {
		switch flag, value, _ := strings.Cut(args[0], "="); flag {
		case "-host":
			host = value
		case "-method":
			method = value
		}
		args = args[1:]
	}
	r, err := http.NewRequest(method, "http://"+ts.Getenv("ADMIN")+args[1], nil)
	ts.Check(err)
	if host != "" {
		r.Host = host
	}
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s", body)
	if !regexp.MustCompile("^(?:" + args[0] + ")$").MatchString(fmt.Sprint(resp.StatusCode)) {
		ts.Fatalf("%s %s answered %d: %s", method, args[1], resp.StatusCode, body)
	}
}

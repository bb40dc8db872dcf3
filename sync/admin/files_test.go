package admin

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/listen"
)

// copySize is that of a copy, more than the buffers of a connection hold.
const copySize = 4 << 20 // bytes

// copies are the files of a daemon with one portal.
type copies struct{ ended chan error } // gets how each copy ended

func (f copies) Backup(_ context.Context, _ string, w io.Writer) error {
	_, err := io.CopyN(w, rand.Reader, copySize)
	f.ended <- err
	return err
}

func (f copies) Compact(context.Context, string) (giftsync.Compaction, error) {
	return giftsync.Compaction{}, nil
}

// end returns how a copy has ended, which it does soon.
func (f copies) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("the copy goes on")
		return nil
	}
}

func startFiles(t *testing.T, adjust func(*server)) (daemon, copies) {
	t.Helper()
	f := copies{make(chan error, 10)}
	return start(t, fake{}, nil, func(s *server) { s.files = f; adjust(s) }), f
}

// stalledReader asks for a backup, and reads nothing of it after the header.
func stalledReader(t *testing.T, path string) *http.Response {
	t.Helper()
	return raw(t, path, "POST "+backupRoute+"?portal=acme HTTP/1.1\r\nHost: daemon\r\n\r\n")
}

// TestReaderOfABackupThatStops gets no more after a while: the copy ends, and with it
// what it holds of the state file.
func TestReaderOfABackupThatStops(t *testing.T) {
	t.Parallel()
	d, f := startFiles(t, func(s *server) { s.takeWithin = 100 * time.Millisecond })
	answer := stalledReader(t, d.path)
	if err := f.end(t); err == nil || !strings.Contains(err.Error(), "took nothing for 100ms") {
		t.Errorf("the copy ended with %v", err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err == nil {
		t.Error("the reader takes what it got for all of it")
	}
}

// TestBackupAtAReload: a copy that goes on when the daemon reads its configuration anew
// ends soon, however long its reader may take, and a short one is not cut off.
func TestBackupAtAReload(t *testing.T) {
	t.Parallel()
	life, end := context.WithCancel(t.Context())
	d, f := startFiles(t, func(s *server) { s.life = life })
	stalledReader(t, d.path)
	end()
	if err := f.end(t); err == nil {
		t.Error("the copy is whole")
	}
}

// TestShortBackupAtAReload: a reader that pauses while the daemon begins to read its
// configuration anew still gets all. It asks through a gate, as the daemon has it, with
// which its request ends too.
func TestShortBackupAtAReload(t *testing.T) {
	t.Parallel()
	life, end := context.WithCancel(t.Context())
	var gate listen.Gate
	_, f := startFiles(t, func(s *server) {
		s.life = life
		gate.Open(life, s.handler())
	})
	path := socketPath(t)
	l := mustListen(t, path)
	served := make(chan error, 1)
	go func() { served <- serve(t.Context(), l, &gate, time.Second, nil) }()
	t.Cleanup(func() { <-served }) // the test's context has ended
	answer := stalledReader(t, path)
	end()
	time.Sleep(100 * time.Millisecond)
	n, err := io.Copy(io.Discard, answer.Body)
	if err != nil || n != copySize {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := f.end(t); err != nil {
		t.Error(err)
	}
}

// TestSlowBackup: a reader that pauses, each time for less than it may, gets all, and the
// connection is good for another request.
func TestSlowBackup(t *testing.T) {
	t.Parallel()
	d, f := startFiles(t, func(s *server) { s.takeWithin = 2 * time.Second })
	c := mustDial(t, d.path)
	for range 2 {
		var got slowReader
		if err := c.Backup(t.Context(), "acme", &got); err != nil {
			t.Fatal(err)
		}
		if err := <-f.ended; err != nil || got.bytes != copySize {
			t.Errorf("%d bytes, %v", got.bytes, err)
		}
	}
}

// A slowReader pauses now and then.
type slowReader struct{ bytes, pieces int }

func (r *slowReader) Write(p []byte) (int, error) {
	if r.pieces++; r.pieces%20 == 1 {
		time.Sleep(5 * time.Millisecond)
	}
	r.bytes += len(p)
	return len(p), nil
}

package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneration: sending is off after everything that brings back an older state
// file, and on after everything else.
func TestGeneration(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(t *testing.T, path, beside string)
		off     string // part of the reason
	}{
		"nothing": {func(*testing.T, string, string) {}, ""},
		"many openings": {func(t *testing.T, path, _ string) {
			for range 5 {
				s, _ := openForSending(t, path)
				s.Close()
			}
		}, ""},
		"sends": {func(t *testing.T, path, _ string) {
			s, _ := openForSending(t, path)
			defer s.Close()
			for n := range 5 {
				addSend(t, s, aSend(fmt.Sprint(n)))
				move(t, s, fmt.Sprint(n), SendSending)
				move(t, s, fmt.Sprint(n), SendSent)
			}
		}, ""},
		"the file beside cannot be written for a while": {func(t *testing.T, path, beside string) {
			s := openAt(t, path)
			free := obstruct(t, beside)
			for range 3 {
				if _, err := s.OpenSending(noon); err == nil {
					t.Error("opened for sending, and nothing was counted")
				}
			}
			s.Close()
			free()
		}, ""},
		"intents that cannot be counted for a while": {func(t *testing.T, path, beside string) {
			s, _ := openForSending(t, path)
			defer s.Close()
			addSend(t, s, aSend("r"))
			free := beginUncounted(t, s, beside, 3)
			free()
		}, ""},
		"a backup of the time when nothing could be counted": {func(t *testing.T, path, beside string) {
			s, _ := openForSending(t, path)
			addSend(t, s, aSend("r"))
			free := beginUncounted(t, s, beside, 3)
			check(t, s.copyTo(path+".old"))
			free()
			move(t, s, "r", SendSending)
			s.Close()
			copyFile(t, path+".old", path)
		}, "restored from a backup"},
		"a backup, and then what it had taken the place of":                 {backAndForth(60, 0), "state file"},
		"a backup, and what it had taken the place of, with as many counts": {backAndForth(6, 4), "state file"},
		"an older file beside after a while in which it could not be written": {func(t *testing.T, path, beside string) {
			copyFile(t, beside, beside+".old")
			s, _ := openForSending(t, path)
			s.Close()
			s = openAt(t, path)
			free := obstruct(t, beside)
			if _, err := s.OpenSending(noon); err == nil {
				t.Error("opened for sending, and nothing was counted")
			}
			s.Close()
			free()
			for range 2 {
				s, _ = openForSending(t, path)
				s.Close()
			}
			copyFile(t, beside+".old", beside)
		}, "older than the state file"},
		"a backup restored after a send": {func(t *testing.T, path, _ string) {
			s, _ := openForSending(t, path)
			addSend(t, s, aSend("r"))
			s.Close()
			copyFile(t, path, path+".old")
			s, _ = openForSending(t, path)
			move(t, s, "r", SendSending)
			s.Close()
			copyFile(t, path+".old", path)
		}, "restored from a backup"},
		"a backup made under a process that goes on": {func(t *testing.T, path, _ string) {
			s, _ := openForSending(t, path)
			addSend(t, s, aSend("r"))
			if err := s.copyTo(path + ".old"); err != nil {
				t.Fatal(err)
			}
			move(t, s, "r", SendSending)
			s.Close()
			copyFile(t, path+".old", path)
		}, "restored from a backup"},
		"both restored": {func(t *testing.T, path, beside string) {
			copyFile(t, path, path+".old")
			copyFile(t, beside, beside+".old")
			s, _ := openForSending(t, path)
			s.Close()
			copyFile(t, path+".old", path)
			copyFile(t, beside+".old", beside)
		}, ""}, // cannot be noticed
		"the file beside lost": {func(t *testing.T, _, beside string) { os.Remove(beside) }, "missing"},
		"the file beside empty": {func(t *testing.T, _, beside string) {
			if err := os.WriteFile(beside, nil, fileMode); err != nil {
				t.Fatal(err)
			}
		}, "a new one"},
		"the file beside restored": {func(t *testing.T, path, beside string) {
			copyFile(t, beside, beside+".old")
			for range 2 {
				s, _ := openForSending(t, path)
				s.Close()
			}
			copyFile(t, beside+".old", beside)
		}, "older than the state file"},
		"the state file lost": {func(t *testing.T, path, _ string) { os.Remove(path) }, "a new one"},
		"a crash before the file beside is written": {func(t *testing.T, path, beside string) {
			copyFile(t, beside, beside+".old")
			s, _ := openForSending(t, path)
			s.Close()
			copyFile(t, beside+".old", beside)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			beside := strings.TrimSuffix(path, ".db") + ".sends"
			s, first := openForSending(t, path)
			s.Close()
			if first.Off != "" {
				t.Fatalf("off at first: %s", first.Off)
			}
			c.happens(t, path, beside)
			for n := range 2 { // it stays so
				s, sending := openForSending(t, path)
				if (sending.Off == "") != (c.off == "") || !strings.Contains(sending.Off, c.off) {
					t.Errorf("opened %d times: off because %q, want %q", n+1, sending.Off, c.off)
				}
				addSend(t, s, aSend(fmt.Sprint("new", n)))
				e, _, _ := s.Send(fmt.Sprint("new", n))
				e.State = SendSending
				if err := s.ChangeSend(SendScheduled, e, nil); errors.Is(err, ErrSendingOff) != (c.off != "") {
					t.Errorf("opened %d times: sending: %v", n+1, err)
				}
				s.Close()
			}
		})
	}
}

// backAndForth has a time in which so many intents cannot be counted, then puts back a
// backup from before it, which sends after some openings, and then the file whose place
// the backup had taken. That does not know what the backup has sent.
func backAndForth(uncounted, openings int) func(t *testing.T, path, beside string) {
	return func(t *testing.T, path, beside string) {
		s, _ := openForSending(t, path)
		addSend(t, s, aSend("r"))
		check(t, s.copyTo(path+".old"))
		free := beginUncounted(t, s, beside, uncounted)
		free()
		s.Close()
		copyFile(t, path, path+".aside")
		copyFile(t, path+".old", path)
		for range openings {
			s, _ = openForSending(t, path)
			s.Close()
		}
		s, sending := openForSending(t, path)
		if sending.Off != "" {
			t.Errorf("off because %q although nothing was sent since the backup", sending.Off)
		}
		move(t, s, "r", SendSending)
		move(t, s, "r", SendSent)
		s.Close()
		copyFile(t, path+".aside", path)
	}
}

// beginUncounted begins the send r so many times while the file beside the state file
// cannot be written, and takes it back each time, until free is called.
func beginUncounted(t *testing.T, s *Store, beside string, times int) (free func()) {
	t.Helper()
	e, _, _ := s.Send("r")
	begun := e
	begun.State = SendSending
	free = obstruct(t, beside)
	for range times {
		if err := s.ChangeSend(SendScheduled, begun, nil); !errors.Is(err, ErrSendNotCounted) {
			t.Errorf("begun: %v", err)
		}
		check(t, s.ChangeSend(SendSending, e, nil))
	}
	return free
}

// obstruct keeps the file beside the state file from being written, until free is called.
func obstruct(t *testing.T, beside string) (free func()) {
	t.Helper()
	obstacle := filepath.Join(filepath.Dir(beside), "."+filepath.Base(beside)+".new")
	check(t, os.Mkdir(obstacle, dirMode))
	return func() { check(t, os.Remove(obstacle)) }
}

// TestFirstOpeningNotCounted: a new ledger that cannot be counted for a while, at
// whichever of its two writes, sends once it can; nothing that waits is unknown by that.
func TestFirstOpeningNotCounted(t *testing.T) {
	path := statePath(t)
	beside := strings.TrimSuffix(path, ".db") + ".sends"
	s := openAt(t, path)
	held := aSend("held")
	held.State = SendHeld
	addSend(t, s, held, aSend("due"))
	for range 2 {
		free := obstruct(t, beside)
		for range 3 {
			if _, err := s.OpenSending(noon); err == nil {
				t.Error("opened for sending, and nothing was counted")
			}
		}
		free()
		s.Close() // the process ends
		s = openAt(t, path)
	}
	check(t, s.writeGeneration(generation{})) // and dies between the two
	s.Close()
	s, sending := openForSending(t, path)
	if sending.Off != "" {
		t.Errorf("off because %q", sending.Off)
	}
	for id, want := range map[string]SendState{"held": SendHeld, "due": SendScheduled} {
		if e, _, _ := s.Send(id); e.State != want {
			t.Errorf("%s is %s", id, e.State)
		}
	}
}

// TestSwappedWithItsCounter: a process that meets an older state file and an older
// counter of sends, which fit each other, in the place of those that it has sent with
// sends nothing more.
func TestSwappedWithItsCounter(t *testing.T) {
	for name, swap := range map[string]struct {
		do  func(t *testing.T, path, beside string)
		off bool
	}{
		"nothing": {func(*testing.T, string, string) {}, false},
		"by an older": {func(t *testing.T, path, beside string) {
			copyFile(t, path+".old", path)
			copyFile(t, beside+".old", beside)
		}, true},
		"by nothing":     {func(t *testing.T, path, beside string) { os.Remove(path); os.Remove(beside) }, true},
		"by another's":   {func(t *testing.T, path, beside string) { copyOther(t, path, beside) }, true},
		"its counter":    {func(t *testing.T, _, beside string) { copyFile(t, beside+".old", beside) }, true},
		"counter's gone": {func(t *testing.T, _, beside string) { os.Remove(beside) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := statePath(t)
			beside := strings.TrimSuffix(path, ".db") + ".sends"
			s, _ := openForSending(t, path)
			s.Close()
			copyFile(t, path, path+".old")
			copyFile(t, beside, beside+".old")
			s, _ = openForSending(t, path)
			for n := range 3 {
				addSend(t, s, aSend(fmt.Sprint("sent", n)))
				move(t, s, fmt.Sprint("sent", n), SendSending)
				move(t, s, fmt.Sprint("sent", n), SendSent)
			}
			mark := s.SendMark()
			s.Close()

			swap.do(t, path, beside)
			s, err := Open(path, Options{Create: true})
			check(t, err)
			defer s.Close()
			s.Succeed(mark)
			if doubted, err := s.SendsDoubted(); err != nil || doubted != swap.off {
				t.Errorf("doubted: %v, %v", doubted, err)
			}
			if sending, err := s.OpenSending(noon); err != nil || (sending.Off != "") != swap.off {
				t.Errorf("off: %q, %v", sending.Off, err)
			}
		})
	}
}

// copyOther puts the files of a portal that has sent nothing in the place of others.
func copyOther(t *testing.T, path, beside string) {
	t.Helper()
	other := statePath(t)
	for range 6 {
		s, _ := openForSending(t, other)
		s.Close()
	}
	copyFile(t, other, path)
	copyFile(t, strings.TrimSuffix(other, ".db")+".sends", beside)
}

// TestFileBesideNotWritten: where the file beside cannot get its name, that is an error.
func TestFileBesideNotWritten(t *testing.T) {
	path := statePath(t)
	s, _ := openForSending(t, path)
	beside := strings.TrimSuffix(path, ".db") + ".sends"
	check(t, os.Remove(beside))
	check(t, os.Mkdir(beside, dirMode))
	if err := s.writeGeneration(generation{}); err == nil {
		t.Error("a directory stands in its place, and it was written")
	}
}

package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// The test binary also acts as other processes: with these variables set it runs
// the named child and exits.
const (
	envChild = "STORE_TEST_CHILD" // what to do
	envPath  = "STORE_TEST_PATH"  // state file
)

func TestMain(m *testing.M) {
	if play, ok := children[os.Getenv(envChild)]; ok {
		if err := play(os.Getenv(envPath)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	syncDir = func(dir string) error {
		synced.Store(dir, true)
		return fsyncDir(dir)
	}
	os.Exit(m.Run())
}

// children are the processes that the test binary can act as.
var children = map[string]func(path string) error{
	"commit": commitForEver,
	"hold":   holdFile,
}

// child prepares the test binary to run as a child on a state file.
func child(t *testing.T, part, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envChild+"="+part, envPath+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// commitForEver makes numbered commits and prints the number of each when it is
// acknowledged. Each one writes a gift of its own, changes one that all share,
// and changes every other bucket.
func commitForEver(path string) error {
	s, err := Open(path, Options{Create: true})
	if err != nil {
		return err
	}
	last, err := s.Meta("n")
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(string(last))
	for {
		n++
		if err := s.Commit(numbered(n)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func numbered(n int) Commit {
	text := strconv.Itoa(n)
	own := typicalGift(rand.New(rand.NewPCG(1, uint64(n))), n)
	shared := plan.Stored{ObjectID: "9" + text, Gift: plan.Gift{ID: "shared", Name: text}}
	if n%2 == 0 {
		shared.Orphan = plan.NoContact
	}
	return Commit{
		Gifts:       []plan.Stored{own, shared},
		Quarantine:  []Quarantined{{Key: "q" + text, Reason: text}},
		Healed:      []string{"q" + strconv.Itoa(n-1)},
		Audit:       []AuditEntry{{Run: text}},
		Checkpoints: map[string]Checkpoint{"run": {Cursor: text}},
		Meta:        map[string][]byte{"n": []byte(text)},
	}
}

// holds returns how the store is damaged or differs from the model.
func holds(s *Store, m *model) error {
	if err := s.Check(context.Background()); err != nil {
		return err
	}
	got, err := read(s)
	if err == nil && got.fingerprint() != m.fingerprint() {
		err = fmt.Errorf("the store holds other things than the %d commits that it took", len(m.audit))
	}
	return err
}

// killSeed is the seed of the moments of the kills: THNKS_KILL_SEED, or a new one
// every time. With one seed the same moments are drawn, but a real process may
// have come further by then.
func killSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("THNKS_KILL_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("THNKS_KILL_SEED: %v", err)
		}
	}
	t.Logf("THNKS_KILL_SEED=%d", seed)
	return seed
}

// TestKill kills a process in the middle of its commits, again and again, and
// checks every commit that it acknowledged. See killSeed.
func TestKill(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	r := rand.New(rand.NewPCG(killSeed(t), 1))
	acked, m, applied := 0, newModel(), 0
	for range 20 {
		cmd := child(t, "commit", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Kill it after some acknowledgements, while it works on the next.
		lines := bufio.NewScanner(out)
		enough := acked + 1 + r.IntN(8)
		for lines.Scan() {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(lines.Text())
			}
			if acked = n; acked >= enough {
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it had still said
			acked, _ = strconv.Atoi(lines.Text())
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}

		s := openAt(t, path)
		last, err := s.Meta("n")
		if err != nil {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(last))
		if n != acked && n != acked+1 {
			t.Fatalf("commit %d was acknowledged, and the file stands at %d", acked, n)
		}
		for ; applied < n; applied++ {
			m.commit(numbered(applied + 1))
		}
		if err := errors.Join(holds(s, m), s.Close()); err != nil {
			t.Fatal(err)
		}
		acked = n
	}
}

// holdFile opens the file, says so, and holds it until standard input ends.
func holdFile(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Println("open")
	_, err = bufio.NewReader(os.Stdin).ReadByte()
	if err != nil && err.Error() != "EOF" {
		return err
	}
	return nil
}

func TestLocked(t *testing.T) {
	path := statePath(t)
	s := openAt(t, path)
	s.Close()
	cmd := child(t, "hold", path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatal(line, err)
	}

	_, err = Open(path, Options{LockWait: 100 * time.Millisecond})
	var held *LockedError
	if !errors.As(err, &held) {
		t.Fatalf("Open of a held file: %v", err)
	}
	if held.PID != cmd.Process.Pid || held.Since.Before(start.Truncate(time.Second)) || held.Since.After(time.Now()) {
		t.Errorf("held by %d since %v; want %d since %v", held.PID, held.Since, cmd.Process.Pid, start)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("process %d", cmd.Process.Pid)) || !strings.Contains(err.Error(), path) {
		t.Errorf("message: %v", err)
	}

	// The holder's file may be missing or unreadable.
	if err := os.WriteFile(holderPath(path), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, Options{LockWait: 100 * time.Millisecond})
	if !errors.As(err, &held) || held.PID != 0 || !strings.Contains(err.Error(), "another process") {
		t.Errorf("Open of a file held by an unknown process: %v", err)
	}

	// It waits until the holder exits.
	opened := make(chan error, 1)
	go func() {
		s, err := Open(path, Options{LockWait: 30 * time.Second})
		if err == nil {
			err = errors.Join(s.Check(context.Background()), s.Close())
		}
		opened <- err
	}()
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("holder: %v", err)
	}
	if err := <-opened; err != nil {
		t.Errorf("Open after the holder's end: %v", err)
	}
	if _, err := os.Stat(holderPath(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the holder's word is still there: %v", err)
	}
}

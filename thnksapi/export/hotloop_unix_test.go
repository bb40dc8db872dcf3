//go:build unix

package export

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What a test may take until it opens a file, reads a page or tries another value. The
// largest take a tenth of it, and a quarter with the race detector. What counts is the
// time of processors, so that a loaded machine changes nothing.
const (
	mostComputing = 2 * time.Second
	mostMemory    = 1 << 30 // bytes on the heap
)

// hotLoop names a variable of the environment with what a test may compute at most:
// set, TestHotLoop is one.
const hotLoop = "THNKS_HOT_LOOP"

func TestMain(m *testing.M) {
	most := mostComputing
	if text := os.Getenv(hotLoop); text != "" {
		var err error
		if most, err = time.ParseDuration(text); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	set := func(name, unset string) bool { return flag.Lookup(name).Value.String() != unset }
	// A process that has others fuzz, and benchmarks, compute as long as they are told.
	if !set("test.bench", "") && (!set("test.fuzz", "") || set("test.fuzzworker", "false")) {
		go watch(most)
	}
	os.Exit(m.Run())
}

// alive tells the watch that a test goes on: it tries the next value, or reads the
// next page.
func alive() { lives.Store(true) }

var lives atomic.Bool

// watch ends the process, with the name of the test and where it is, when one
// computes without end or gathers without end. It would otherwise go on until all
// tests are out of time, or the machine is out of memory.
func watch(most time.Duration) {
	began := make(map[string]time.Duration) // by test
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for range time.Tick(100 * time.Millisecond) {
		now := computed()
		names, stacks := running()
		if lives.Swap(false) {
			clear(began)
		}
		maps.DeleteFunc(began, func(name string, _ time.Duration) bool { return !slices.Contains(names, name) })
		metrics.Read(heap)
		held := heap[0].Value.Uint64()
		for _, name := range names {
			if _, known := began[name]; !known {
				began[name] = now
			}
			if took := now - began[name]; took > most || held > mostMemory {
				fmt.Fprintf(os.Stderr, "--- FAIL: %s: a hot loop: it has computed for %v and holds %d MiB\n%s", name, took, held>>20, stacks)
				os.Exit(1)
			}
		}
	}
}

var testFrame = regexp.MustCompile(`(?m)^\S*/export\.((?:Test|Fuzz)\w+)`)

// running returns the tests that run, those that wait for their turn excepted, and
// the stacks of all goroutines.
func running() (names []string, stacks string) {
	buf := make([]byte, 1<<18)
	stacks = string(buf[:runtime.Stack(buf, true)])
	for goroutine := range strings.SplitSeq(stacks, "\n\n") {
		if strings.Contains(goroutine, "testing.(*T).Parallel(") {
			continue
		}
		for _, frame := range testFrame.FindAllStringSubmatch(goroutine, -1) {
			if frame[1] != "TestMain" && !slices.Contains(names, frame[1]) {
				names = append(names, frame[1])
			}
		}
	}
	return names, stacks
}

// computed is how long the processors have worked for this process.
func computed() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// What the loops of TestHotLoop work on.
var (
	spun     uint64
	gathered []byte
)

// TestHotLoop has processes of their own loop for ever, computing or gathering: they
// end soon and name the test.
func TestHotLoop(t *testing.T) {
	const computing, gathering = "300ms", "1h"
	switch os.Getenv(hotLoop) {
	case computing:
		for {
			spun++
		}
	case gathering:
		for {
			gathered = append(gathered, "some text"...)
		}
	}
	for most, want := range map[string]string{
		computing: `--- FAIL: TestHotLoop: a hot loop: it has computed for \S+ and holds \d+ MiB\n`,
		gathering: `--- FAIL: TestHotLoop: a hot loop: it has computed for \S+ and holds [1-9]\d\d\d MiB\n`,
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHotLoop$", "-test.timeout=5m")
		cmd.Env = append(os.Environ(), hotLoop+"="+most)
		out, err := cmd.CombinedOutput()
		if err == nil || !regexp.MustCompile(want).Match(out) {
			t.Errorf("%v, and it does not say %s:\n%s", err, want, out)
		}
	}
}

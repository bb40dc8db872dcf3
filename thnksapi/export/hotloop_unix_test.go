//go:build unix

package export

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// mostComputing is how long the tests may compute while one call reads a file. The
// largest file of a test takes a tenth of it.
const mostComputing = 30 * time.Second

// ends makes a call and, if it computes without end, panics with the test's name: it
// would otherwise go on until all tests are out of time. What counts is the time of
// processors, so that a loaded machine changes nothing.
func ends(t testing.TB, call func()) {
	ended := make(chan struct{})
	defer close(ended)
	began := computed()
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-time.After(100 * time.Millisecond):
				if took := computed() - began; took > mostComputing {
					panic(fmt.Sprintf("%s: a hot loop: it has computed for %v", t.Name(), took))
				}
			}
		}
	}()
	call()
}

// computed is how long the processors have worked for this process.
func computed() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

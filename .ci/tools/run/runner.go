package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// The exit status of a run that a signal ended.
const interrupted = 130

// In a step's command, run calls this program. It is a function, as a PATH that differs
// from run to run would have the go command forget what it tested.
const prelude = "run() { \"$run\" \"$@\"; }\n"

// A runner runs steps one after the other and notes how they ended.
type runner struct {
	goesOn bool          // after a step that failed
	limit  time.Duration // of the whole run; a longer one is told. 0: none
	out    *os.File      // and no pipe to it, which what a step leaves behind would hold open
	err    *os.File
	stop   <-chan os.Signal
	began  time.Time

	took    []string // a line of the table each
	failed  []string
	stopped bool // by a signal
	status  int  // the exit status
}

// interrupts returns what receives the signals that end a run. One that was started to
// outlive its terminal does.
func interrupts() <-chan os.Signal {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(stop, syscall.SIGHUP)
	}
	return stop
}

// runAll runs the steps up to the first that fails or, where the runner goes on, all.
func (r *runner) runAll(steps []step) {
	for _, s := range steps {
		began := time.Now()
		fmt.Fprintf(r.out, "\n== %s\n", s.name)
		status := r.run(s)
		took := seconds(time.Since(began))
		r.took = append(r.took, fmt.Sprintf("%-12s %7d", s.name, took))
		fmt.Fprintf(r.out, "-- %s: %d s\n", s.name, took)
		switch {
		case r.stopped:
			r.failed = append(r.failed, s.name+", interrupted")
			r.status = interrupted
			return
		case status == 0:
		case r.goesOn:
			r.failed = append(r.failed, s.name)
			r.status = 1
		default:
			r.failed = append(r.failed, s.name)
			r.status = status
			return
		}
	}
}

// run runs a step in a process group of its own, which it ends when a signal arrives,
// and returns the exit status.
func (r *runner) run(s step) int {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", prelude+s.command)
	cmd.Stdout, cmd.Stderr = r.out, r.err
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(r.out, err)
		return 127
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state says it
		close(ended)
	}()
	select {
	case <-ended:
	case <-r.stop:
		r.stopped = true
		end(cmd.Process.Pid, ended)
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// end asks all processes of a group to end, and kills those that do not in a while. Then
// none writes any more where the run clears up.
func end(group int, ended <-chan struct{}) {
	_ = syscall.Kill(-group, syscall.SIGTERM)
	if !gone(group, 5*time.Second) {
		_ = syscall.Kill(-group, syscall.SIGKILL)
		gone(group, time.Second)
	}
	<-ended
}

// gone waits until no process of a group is left, and tells whether that is so.
func gone(group int, within time.Duration) bool {
	for until := time.Now().Add(within); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if syscall.Kill(-group, 0) != nil {
			return true
		}
	}
	return false
}

// summarize prints the time of each step, and how the run ended.
func (r *runner) summarize() {
	total := time.Since(r.began)
	fmt.Fprintf(r.out, "\n%-12s %s\n", "step", "seconds")
	for _, line := range r.took {
		fmt.Fprintln(r.out, line)
	}
	fmt.Fprintf(r.out, "%-12s %7d\n", "total", seconds(total))
	if r.limit > 0 && total > r.limit {
		fmt.Fprintf(r.out, "that is longer than the %.0f minutes it should take\n", r.limit.Minutes())
	}
	if len(r.failed) == 0 {
		fmt.Fprintln(r.out, "ok")
		return
	}
	fmt.Fprintln(r.out, "FAILED:", strings.Join(r.failed, " "))
}

func seconds(d time.Duration) int { return int(d.Seconds()) }
